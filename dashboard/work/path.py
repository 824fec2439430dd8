"""Paths as work: straight ones, Guided IG's beside one, and where IDG samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from attribution import Store
from attribution.engine.baselines import Baseline, make_baselines
from attribution.engine.score import ClassScore
from attribution.explain import score_of
from attribution.methods import idg
from attribution.models import Model
from attribution.studies.trace import Detour, Trace, detour, trace


@dataclass(frozen=True)
class Start:
    """Where a path begins, and to where: `image` is the fingerprint of the input; the seed is of a noise baseline."""

    image: str
    model: str
    target: int
    baseline: str
    seed: int


@dataclass(frozen=True)
class Straight:
    """The path of Integrated Gradients; equal ones are the same work."""

    start: Start
    steps: int
    rule: str
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Rug:
    """Where IDG samples the path, by its own knobs."""

    start: Start
    steps: int
    sampling: str
    cells: int
    rule: str
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class Guided:
    """The path of Guided IG, by its own knobs."""

    start: Start
    steps: int
    fraction: float
    max_dist: float
    rank: ClassVar[int] = 1
    """The straight paths go first: they are quicker."""


def straight_work(key: Straight, model: Model, x: Tensor, store: Store) -> Iterator[Trace]:
    """The path while it is walked."""
    yield from trace(*_begin(key.start, model, x, store), key.steps, key.rule)


def rug_work(key: Rug, model: Model, x: Tensor, store: Store) -> Iterator[tuple[float, ...]]:
    """The samples' alphas; forward passes alone."""
    found = idg.places(*_begin(key.start, model, x, store), key.steps, key.sampling, key.cells, key.rule)
    yield tuple(alpha for alpha, _ in found)


def guided_work(key: Guided, model: Model, x: Tensor, store: Store) -> Iterator[Detour]:
    """The path while it is walked; a chunk is a gradient, since each gradient needs the one before it."""
    yield from detour(*_begin(key.start, model, x, store), key.steps, key.fraction, key.max_dist)


def _begin(begin: Start, model: Model, x: Tensor, store: Store) -> tuple[ClassScore, Tensor, Baseline]:
    (baseline,) = make_baselines(model, x, begin.baseline, 1, begin.seed)
    return score_of(model, x, begin.target, "logit", store), x, baseline
