"""The paths of an experiment, and the numbers of a complete path."""

import math

from attribution import METRICS
from attribution.studies.trace import Trace
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.words import gap as gap_words
from dashboard.work.path import Guided, Rug, Start, Straight
from dashboard.work.scheduler import View

Views = dict[str, View]
"""By baseline; the path of Guided IG and the samples of IDG have the two names below."""
GUIDED, RUG = "guided", "rug"
GAP = METRICS["completeness_gap"].label
"""The head of a column."""


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


def cut(trace: Trace, phi: float) -> float | None:
    """The alpha where Left-IG cuts a complete path. None if the score does not climb, or not far enough."""
    try:
        place = trace.cut(phi)
    except ValueError:
        return None
    return float(trace.alphas[place]) if place < trace.total else None


def saturated(trace: Trace, phi: float) -> dict[str, str]:
    """The share of a complete path's attribution after the cut, as columns of the table."""
    gap = gap_words((float(trace.sums[-1]) - trace.climb, trace.climb))
    try:
        place, (signed, absolute) = trace.cut(phi), trace.saturated(phi)
    except ValueError:
        none = dict.fromkeys(("Steps after the cut", "Share of the sum", "Share of the absolute sum"), "")
        return {"Left-IG cuts at α": "nowhere: the score falls", **none, GAP: gap}
    where = f"{trace.alphas[place]:.3g}" if place < trace.total else "nowhere: the score stays below φ"
    return {
        "Left-IG cuts at α": where,
        "Steps after the cut": f"{1 - place / trace.total:.0%}",
        "Share of the sum": "none" if math.isnan(signed) else f"{signed:.0%}",
        "Share of the absolute sum": "none" if math.isnan(absolute) else f"{absolute:.0%}",
        GAP: gap,
    }
