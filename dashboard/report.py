"""What is said of the work in words and numbers: how far a map is, its row in the table, what it shows."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from attribution import MODELS
from attribution.heatmaps import reduce_channels
from attribution.registry import METRICS
from attribution.studies.convergence import ENOUGH, Convergence
from attribution.types import Curve
from dashboard.figures import TITLES
from dashboard.jobs import View
from dashboard.panels import CONTROL, FALL, REGIONS, Cell, Fall, Snapshot

GLOSS = {
    "integrated_gradients": "gradients along a path",
    "smoothgrad": "gradients of noisy copies",
    "smooth_taylor": "Taylor terms at noisy roots",
    "left_ig": "the path until it saturates",
    "right_ig": "the path once it saturates",
    "idg": "the path where the score climbs",
    "guided_ig": "a path of least resistance",
    "agi": "on the way to other classes",
    "ggig": "the greatest gradient met",
    "expected_gradients": "random places on many paths",
    "blur_ig": "from blurred to sharp",
    "gradient": "the slope here",
    "input_x_gradient": "the slope times the pixel",
    "lrp": "relevance, layer by layer",
}
PENDING = "…"
CURVES = {
    "perturbation": "AUPC",
    "insertion": "Insertion",
    "deletion": "Deletion",
    "abpc": "ABPC",
    "sic": "SIC",
    "aic": "AIC",
}
ARROWS = {name: "↑" if METRICS[name].better == "higher" else "↓" for name in CURVES}


Prediction = tuple[int, str, float, float]
"""Class index, category, probability, logit."""


def prediction(predicted: Prediction, explained: Prediction) -> str:
    """What the model says, and what is explained where that is another class."""
    _, category, probability, logit = predicted
    said = f"predicted: **{category}** · {probability:.1%} · logit {logit:.2f}"
    if explained != predicted:
        _, category, probability, logit = explained
        said += f"  \nexplained: **{category}** · {probability:.1%} · logit {logit:.2f}"
    return said


def photo(predicted: Prediction) -> str:
    """The photo, for those who cannot see it."""
    return f"The photo as the model sees it; it says {predicted[1]}"


def status(cell: Cell) -> str:
    """How far a map is."""
    if cell.instead_of is not None:
        return f"precomputed; here: {status(cell.instead_of)}"
    view, snapshot = cell.map, cell.snapshot
    if view.state == "failed":
        return f"failed: {view.error}"
    if snapshot is None:
        return "stopped before its first points" if view.state == "stopped" else "waiting for its turn"
    partial = snapshot.partial
    if partial.complete:
        return f"complete: {partial.total} points"
    return f"{'stopped at' if view.state == 'stopped' else 'draft'} {partial.done}/{partial.total}"


def rows(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """The table, a line for each method."""
    clouds = Counter(cell.panel.kind for cell in cells if cell.panel.cloudy)
    return [row(cell, clouds[cell.panel.kind] > 1) for cell in cells]


def row(cell: Cell, shared: bool = False) -> dict[str, str]:
    """The method's line; areas only once they are whole. `shared` gradients are another method's too."""
    snapshot = cell.snapshot
    areas = {f"{CURVES[fall.metric]} {ARROWS[fall.metric]}": _area(fall, view) for fall, view in cell.curves}
    control = cell.panel.method == CONTROL
    whole = snapshot is not None and snapshot.partial.complete
    return {
        "Method": TITLES[cell.panel.method],
        **areas,
        **_both(cell),
        "AUTVC ↓": "" if control else f"{snapshot.variation.area:.2f}" if snapshot and whole else PENDING,
        "Completeness gap": gap(snapshot.gap) if snapshot and snapshot.gap else "",
        "Gradients": f"{_points(cell)}{' shared' if shared else ''}",
        "Seconds": "precomputed" if cell.instead_of else f"{sum(view.seconds for view in cell.views):.1f}",
    }


def _area(fall: Fall, view: View) -> str:
    curve: Curve | None = view.snapshot
    if view.state == "failed":
        return "failed"
    if curve and view.state == "done":
        digits = 2 if fall.metric == FALL else 3
        return f"{curve.area:.{digits}f}" + (f" ({curve.note})" if curve.note else "")
    if curve and not view.live:
        steps = f"{len(curve.y) - 1}/{REGIONS} windows" if fall.metric == FALL else f"{fall.share(curve):.0%}"
        return f"partial: {steps}"
    return PENDING


def _both(cell: Cell) -> dict[str, str]:
    """What insertion is above deletion, where both are chosen."""
    found = {fall.metric: view for fall, view in cell.more if fall.metric in ("insertion", "deletion")}
    if len(found) < 2:
        return {}
    whole = all(view.state == "done" and view.snapshot for view in found.values())
    told = f"{found['insertion'].snapshot.area - found['deletion'].snapshot.area:+.3f}" if whole else PENDING
    return {"Ins. − del. ↑": told}


def errors(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """What failed, each once, with the methods that it failed for."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.error:
            found.setdefault(cell.error, []).append(TITLES[cell.panel.method])
    return found


def gap(gap: tuple[float, float]) -> str:
    missing, difference = gap
    share = f" ({abs(missing / difference):.1%})" if difference else ""
    return f"{missing:+.2f}{share}"


def spent(cells: Sequence[Cell]) -> str:
    """What the maps on screen cost in gradients."""
    counts: dict[Any, int] = {}
    for cell in cells:
        if cell.panel.method != CONTROL:
            counts[cell.panel.kind] = max(counts.get(cell.panel.kind, 0), _points(cell))
    new = sum(cell.snapshot.partial.evaluations for cell in cells if cell.snapshot)
    both = {"smoothgrad", "smooth_taylor"} <= {cell.panel.method for cell in cells}
    return (
        f"{sum(counts.values())} gradients make these maps, {new} of them computed for this setting."
        f"{' SmoothGrad and SmoothTaylor look at the same points.' if both else ''}"
    )


def verdict(cells: Sequence[Cell], metric: str = FALL) -> str:
    """How the finished curves stand against the random order, best first."""
    areas = {}
    for cell in cells:
        for fall, view in cell.curves:
            if fall.metric == metric and view.snapshot and view.state == "done":
                areas[cell.panel.method] = view.snapshot.area
    control = areas.pop(CONTROL, None)
    if control is None or not areas:
        return "The areas follow when the curves are whole."
    higher, digits = METRICS[metric].better == "higher", 2 if metric == FALL else 3
    ordered = sorted(areas.items(), key=lambda item: item[1], reverse=higher)
    told = [f"{TITLES[method]} {area:.{digits}f}" for method, area in ordered]
    better = [method for method, area in areas.items() if (area > control if higher else area < control)]
    found = "all are" if len(better) == len(areas) else f"{len(better)} of {len(areas)} are" if better else "none is"
    side = "above" if higher else "below"
    return f"{CURVES[metric]}: {', '.join(told)}; a random order {control:.{digits}f}: {found} {side} it on this photo."


def variations(cells: Sequence[Cell]) -> str:
    areas = {c.panel.method: c.snapshot.variation.area for c in cells if c.snapshot and c.snapshot.partial.complete}
    told = [f"{TITLES[method]} {area:.2f}" for method, area in sorted(areas.items(), key=lambda item: item[1])]
    return f"AUTVC, smoothest first: {', '.join(told)}." if told else "The areas follow when the maps are whole."


def left(cells: Sequence[Cell]) -> tuple[int, int]:
    """The gradients and the forward passes still to come, if no more is remembered than was so far."""
    gradients: dict[Any, int] = {}
    passes = 0
    for cell in cells:
        kind = cell.panel.kind
        if cell.map.live:
            rest = _points(cell) - (cell.snapshot.partial.done if cell.snapshot else 0)
            gradients[kind] = max(gradients.get(kind, 0), rest)
        for fall, view in cell.curves:
            if view.live:
                passes += round((1 - fall.share(view.snapshot)) * fall.passes)
    return sum(gradients.values()), passes


def progress(cells: Sequence[Cell]) -> tuple[float, str]:
    """The share of all work that is done, a gradient counting as three forward passes, and what is under way."""
    done = total = 0.0
    under_way = []
    for cell in cells:
        points, name = _points(cell), TITLES[cell.panel.method]
        drawn = cell.snapshot.partial.done if cell.snapshot else 0
        total += 3 * points + sum(fall.passes for fall, _ in cell.curves)
        done += 3 * drawn + sum(fall.share(view.snapshot) * fall.passes for fall, view in cell.curves)
        if cell.map.live:
            under_way.append(f"{name} {drawn}/{points}")
            continue
        for fall, view in cell.curves:
            if view.live:
                under_way.append(f"{CURVES[fall.metric]} of {name} {fall.share(view.snapshot):.0%}")
    return min(done / total, 1.0) if total else 1.0, " · ".join(under_way)


def _points(cell: Cell) -> int:
    """How many points the map is made of: as it says itself, or at most."""
    most = cell.panel.points
    return min(most, cell.snapshot.partial.total) if cell.snapshot else most


def describe(method: str, snapshot: Snapshot) -> str:
    """What the map says, for those who cannot see it."""
    raw = reduce_channels(snapshot.partial.attribution)
    if not raw.any():
        return f"{TITLES[method]}: a blank map"
    quadrants = {
        f"{vertical} {horizontal}": part.sum().item() / raw.sum().item()
        for vertical, half in zip(("top", "bottom"), torch.tensor_split(raw, 2, dim=0), strict=True)
        for horizontal, part in zip(("left", "right"), torch.tensor_split(half, 2, dim=1), strict=True)
    }
    place, share = max(quadrants.items(), key=lambda item: item[1])
    return f"{TITLES[method]}: {share:.0%} of the attribution lies in the {place} quarter"


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def provenance(model: str, device: str) -> str:
    """What made the numbers."""
    return f"{MODELS[model].title} · {device} · float32 · torch {torch.__version__}"


def doubt(found: Convergence | None, samples: int) -> str:
    """Whether R is enough, in one line."""
    if found is None:
        return "waiting for its first draws"
    agreement = found.agreement[-1]
    if found.done < found.total:
        return f"draft: {found.done} of {found.total} draws"
    if math.isnan(agreement):
        return f"R = {samples} is too few to tell: no two halves, or a map that is blank"
    if found.settled:
        return f"R = {samples} is enough here: the halves agree ({agreement:.2f}) from r = {found.settled} on"
    told = f"R = {samples} is not enough here: its halves of {samples // 2} agree at {agreement:.2f} only"
    if found.needed is None:
        return f"{told}, no better than by chance"
    return f"{told}; {ENOUGH} would take about {found.needed:,} draws"
