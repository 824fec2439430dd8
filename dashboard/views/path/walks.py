"""The paths of an experiment, and the numbers of a complete path."""

import math
from collections.abc import Sequence
from typing import Any

from attribution import METRICS
from attribution.studies.trace import Trace
from dashboard.charts.looks import baseline_name
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.words import gap as gap_words
from dashboard.work.path import Guided, Rug, Start, Straight
from dashboard.work.scheduler import View

Views = dict[str, View]
"""By baseline; the path of Guided IG and the samples of IDG have the two names below."""
GUIDED, RUG = "guided", "rug"
GAP = METRICS["completeness_gap"].label
SETTINGS = {
    "idg": ("steps", "sampling", "cells", "rule"),
    "guided_ig": ("steps", "fraction", "max_dist"),
    "left_ig": ("phi",),
}
"""The settings of single methods that the page uses. The baseline is that of the experiment for all of them."""
CUT = "Left-IG cuts at α"
AFTER = ("Steps after the cut", "Share of the sum", "Share of the absolute sum")
"""Heads of columns."""


def start(experiment: Experiment, image: str, model: str, target: int, baseline: str) -> Start:
    return Start(image, model, target, baseline, experiment.seed if baseline == "uniform" else 0)


def straight(experiment: Experiment, begin: Start) -> Straight:
    return Straight(begin, experiment.steps, experiment.rule)


def rug(experiment: Experiment, begin: Start) -> Rug:
    return Rug(begin, **_settings(experiment, "idg"))


def guided(experiment: Experiment, begin: Start) -> Guided:
    return Guided(begin, **_settings(experiment, "guided_ig"))


def _settings(experiment: Experiment, method: str) -> dict[str, Any]:
    knobs = experiment.every_knob(method)
    return {name: knobs[name] for name in SETTINGS[method]}


def cut(trace: Trace, phi: float) -> float | None:
    """The alpha where Left-IG cuts a complete path. None if the score does not climb, or not far enough."""
    try:
        place = trace.cut(phi)
    except ValueError:
        return None
    return float(trace.alphas[place]) if place < trace.total else None


def said(trace: Trace, node: int) -> str:
    """The numbers at a node of the path, in one line."""
    climbed = (
        f", {(trace.scores[node] - trace.ends[0]) / trace.climb:.0%} of the climb" if 0 < trace.climb < math.inf else ""
    )
    return (
        f"α = {trace.alphas[node]:.3g} · logit {trace.scores[node]:.2f}{climbed} · probability "
        f"{trace.probabilities[node]:.1%} · F′ {trace.slopes[node]:.2f} · ‖∇f‖ {trace.sizes[node]:.3g} · sum so far "
        f"{trace.sums[node]:.2f} of {trace.climb:.2f}"
    )


def rows(baseline: str, trace: Trace, phis: Sequence[float]) -> list[dict[str, str]]:
    """For each phi, the row of a path in the table of what comes after Left-IG's cut."""
    ends = {"From": baseline_name(baseline), "f(b)": f"{trace.ends[0]:z.2f}", "f(x)": f"{trace.ends[1]:z.2f}"}
    if not trace.complete:
        return [{**ends, **dict.fromkeys((CUT, *AFTER, GAP), "…")}] * len(phis)
    return [{**ends, **saturated(trace, phi)} for phi in phis]


def saturated(trace: Trace, phi: float) -> dict[str, str]:
    """The share of a complete path's attribution after the cut, as columns of the table."""
    gap = gap_words((float(trace.sums[-1]) - trace.climb, trace.climb))
    try:
        place, (signed, absolute) = trace.cut(phi), trace.saturated(phi)
    except ValueError:
        why = "the score falls" if trace.climb < 0 else "a score is not finite"
        return {CUT: f"nowhere: {why}", **dict.fromkeys(AFTER, ""), GAP: gap}
    where = f"{trace.alphas[place]:.3g}" if place < trace.total else "nowhere: the score stays below φ"
    shares = ("none" if math.isnan(share) else f"{share:.0%}" for share in (1 - place / trace.total, signed, absolute))
    return {CUT: where, **dict(zip(AFTER, shares, strict=True)), GAP: gap}
