"""What the Path page computes: straight paths, and Guided IG's beside one. Knows no Streamlit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from attribution.engine.baselines import Baseline, make_baselines
from attribution.engine.score import ClassScore
from attribution.engine.store import Store
from attribution.explain import score_of
from attribution.methods import idg
from attribution.models import Model
from attribution.studies.trace import Detour, Trace, detour, trace
from dashboard import report
from dashboard.experiment import Experiment


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
    """The path that Integrated Gradients takes; equal ones are the same work."""

    start: Start
    steps: int
    rule: str
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Rug:
    """Where IDG spends its samples on the path, by its own knobs."""

    start: Start
    steps: int
    sampling: str
    cells: int
    rule: str
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class Guided:
    """The path that Guided IG takes, by its own knobs."""

    start: Start
    steps: int
    fraction: float
    max_dist: float
    rank: ClassVar[int] = 1
    """The straight ones go first: they are quicker."""


def start(experiment: Experiment, image: str, model: str, target: int, baseline: str) -> Start:
    return Start(image, model, target, baseline, experiment.seed if baseline == "uniform" else 0)


def straight(experiment: Experiment, begin: Start) -> Straight:
    return Straight(begin, experiment.steps, experiment.rule)


def rug(experiment: Experiment, begin: Start) -> Rug:
    knobs = experiment.every_knob("idg")
    return Rug(begin, knobs["steps"], knobs["sampling"], knobs["cells"], knobs["rule"])


def guided(experiment: Experiment, begin: Start) -> Guided:
    knobs = experiment.every_knob("guided_ig")
    return Guided(begin, knobs["steps"], knobs["fraction"], knobs["max_dist"])


def _begin(begin: Start, model: Model, x: Tensor, store: Store) -> tuple[ClassScore, Tensor, Baseline]:
    (baseline,) = make_baselines(model, x, begin.baseline, 1, begin.seed)
    return score_of(model, x, begin.target, "logit", store), x, baseline


def straight_work(key: Straight, model: Model, x: Tensor, store: Store) -> Iterator[Trace]:
    """The path while it is walked."""
    yield from trace(*_begin(key.start, model, x, store), key.steps, key.rule)


def rug_work(key: Rug, model: Model, x: Tensor, store: Store) -> Iterator[tuple[float, ...]]:
    """The samples' alphas; forward passes alone."""
    found = idg.places(*_begin(key.start, model, x, store), key.steps, key.sampling, key.cells, key.rule)
    yield tuple(alpha for alpha, _ in found)


def guided_work(key: Guided, model: Model, x: Tensor, store: Store) -> Iterator[Detour]:
    """The path while it is walked; a chunk is a gradient, since each waits for the one before it."""
    yield from detour(*_begin(key.start, model, x, store), key.steps, key.fraction, key.max_dist)


def cut(trace: Trace, phi: float) -> float | None:
    """Where Left-IG cuts a whole path; None where the score does not climb, or never so far."""
    try:
        place = trace.cut(phi)
    except ValueError:
        return None
    return float(trace.alphas[place]) if place < trace.total else None


def saturated(trace: Trace, phi: float) -> dict[str, str]:
    """What of a whole path's attribution comes from after the cut; the columns of its row."""
    gap = report.gap((float(trace.sums[-1]) - trace.climb, trace.climb))
    try:
        place, (signed, absolute) = trace.cut(phi), trace.saturated(phi)
    except ValueError:
        none = dict.fromkeys(("of the steps after it", "of the sum", "of the size"), "")
        return {"Left-IG cuts at α": "nowhere: the score falls", **none, "Completeness gap": gap}
    where = f"{trace.alphas[place]:.3g}" if place < trace.total else "nowhere: it never comes so far"
    return {
        "Left-IG cuts at α": where,
        "of the steps after it": f"{1 - place / trace.total:.0%}",
        "of the sum": "none" if math.isnan(signed) else f"{signed:.0%}",
        "of the size": "none" if math.isnan(absolute) else f"{absolute:.0%}",
        "Completeness gap": gap,
    }
