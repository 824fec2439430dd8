"""The work of the Path page: straight paths, the path of Guided IG, and the samples of IDG."""

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
    """The two ends of a path. `image` is the fingerprint of the input; `seed` is the seed of a noise baseline."""

    image: str
    model: str
    target: int
    baseline: str
    seed: int


@dataclass(frozen=True)
class Straight:
    """The path of Integrated Gradients. Equal keys are the same work."""

    start: Start
    steps: int
    rule: str
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Rug:
    """The samples of IDG on the path, with its method settings."""

    start: Start
    steps: int
    sampling: str
    cells: int
    rule: str
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class Guided:
    """The path of Guided IG, with its method settings."""

    start: Start
    steps: int
    fraction: float
    max_dist: float
    rank: ClassVar[int] = 1
    """The straight paths run first: they are faster."""


def straight_work(key: Straight, model: Model, x: Tensor, store: Store) -> Iterator[Trace]:
    """The path so far, step by step."""
    yield from trace(*_begin(key.start, model, x, store), key.steps, key.rule)


def rug_work(key: Rug, model: Model, x: Tensor, store: Store) -> Iterator[tuple[float, ...] | None]:
    """The alphas of the samples. Needs only forward passes; None while there are more to come."""
    found = yield from idg.places(*_begin(key.start, model, x, store), key.steps, key.sampling, key.cells, key.rule)
    yield tuple(alpha for alpha, _ in found)


def guided_work(key: Guided, model: Model, x: Tensor, store: Store) -> Iterator[Detour]:
    """The path so far, step by step. A chunk is one gradient, because each gradient needs the previous one."""
    yield from detour(*_begin(key.start, model, x, store), key.steps, key.fraction, key.max_dist)


def _begin(begin: Start, model: Model, x: Tensor, store: Store) -> tuple[ClassScore, Tensor, Baseline]:
    (baseline,) = make_baselines(model, x, begin.baseline, 1, begin.seed)
    return score_of(model, x, begin.target, "logit", store), x, baseline
