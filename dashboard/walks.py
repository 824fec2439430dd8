"""What the Path page computes: straight paths, and Guided IG's beside one. Knows no Streamlit."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from attribution.baselines import make_baselines
from attribution.explain import score_of
from attribution.methods import idg
from attribution.models import Model
from attribution.store import Store
from attribution.trace import Detour, Trace, detour, trace
from dashboard import report
from dashboard.experiment import Experiment

Place = tuple[str, str, int]
"""The fingerprint of the input, the model, and the class."""


@dataclass(frozen=True)
class Straight:
    """One straight path; equal ones are the same work. `image` is the fingerprint of the input."""

    image: str
    model: str
    target: int
    baseline: str
    seed: int
    steps: int
    rule: str
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Rug:
    """Where IDG spends its samples on the path, by its own knobs."""

    image: str
    model: str
    target: int
    baseline: str
    seed: int
    steps: int
    sampling: str
    cells: int
    rule: str
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class Guided:
    """Guided IG's path."""

    image: str
    model: str
    target: int
    baseline: str
    seed: int
    steps: int
    fraction: float
    max_dist: float
    rank: ClassVar[int] = 1
    """The straight ones go first: they are quicker."""


def straight(experiment: Experiment, place: Place, baseline: str) -> Straight:
    """The path that Integrated Gradients takes in this experiment, from one baseline."""
    return Straight(*place, baseline, _seed(experiment, baseline), experiment.steps, experiment.rule)


def rug(experiment: Experiment, place: Place) -> Rug:
    """IDG's samples on the path from the experiment's baseline."""
    knobs = experiment.every_knob("idg")
    own = (knobs["steps"], knobs["sampling"], knobs["cells"], knobs["rule"])
    return Rug(*place, experiment.baseline, _seed(experiment, experiment.baseline), *own)


def guided(experiment: Experiment, place: Place) -> Guided:
    """Guided IG's path, by its own knobs, from the baseline of the straight one."""
    knobs: Mapping[str, Any] = experiment.every_knob("guided_ig")
    own = (knobs["steps"], knobs["fraction"], knobs["max_dist"])
    return Guided(*place, experiment.baseline, _seed(experiment, experiment.baseline), *own)


def _seed(experiment: Experiment, baseline: str) -> int:
    return experiment.seed if baseline == "uniform" else 0


def straight_work(key: Straight, model: Model, x: Tensor, store: Store) -> Iterator[Trace]:
    """The path while it is walked."""
    score = score_of(model, x, key.target, "logit", store)
    (start,) = make_baselines(model, x, key.baseline, 1, key.seed)
    yield from trace(score, x, start, key.steps, key.rule)


def rug_work(key: Rug, model: Model, x: Tensor, store: Store) -> Iterator[tuple[float, ...]]:
    """The samples' alphas; forward passes alone."""
    score = score_of(model, x, key.target, "logit", store)
    (start,) = make_baselines(model, x, key.baseline, 1, key.seed)
    found = idg.places(score, x, start, key.steps, key.sampling, key.cells, key.rule)
    yield tuple(alpha for alpha, _ in found)


def guided_work(key: Guided, model: Model, x: Tensor, store: Store) -> Iterator[Detour]:
    """The same of Guided IG; a chunk is a gradient, since each waits for the one before it."""
    score = score_of(model, x, key.target, "logit", store)
    (start,) = make_baselines(model, x, key.baseline, 1, key.seed)
    yield from detour(score, x, start, key.steps, key.fraction, key.max_dist)


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
