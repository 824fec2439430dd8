"""What is said about a panel in words and numbers: its status, its row in the table, its description for the blind."""

from collections.abc import Mapping

import torch

from attribution import MODELS
from attribution.heatmaps import reduce_channels
from dashboard.figures import TITLES
from dashboard.jobs import View
from dashboard.panels import CONTROL, REGIONS, Panel, Snapshot

GLOSS = {
    "integrated_gradients": "gradients along a path",
    "smoothgrad": "gradients of noisy copies",
    "smooth_taylor": "Taylor terms at noisy roots",
}
PENDING = "…"


def status(view: View) -> str:
    """How far a map is."""
    snapshot: Snapshot | None = view.snapshot
    partial = snapshot.partial if snapshot else None
    if view.state == "failed":
        return f"failed: {view.error}"
    if partial is None:
        return "stopped before its first points" if view.state == "stopped" else "waiting for its turn"
    if partial.complete:
        return f"complete: {partial.total} points"
    return f"{'stopped at' if view.state == 'stopped' else 'draft'} {partial.done}/{partial.total}"


def row(panel: Panel, view: View, snapshot: Snapshot | None) -> dict[str, str]:
    """The panel's line in the table; areas only once they are whole."""
    snapshot = snapshot or Snapshot()
    partial, fall, gap = snapshot.partial, snapshot.fall, snapshot.gap
    whole = partial is not None and partial.complete
    aupc = PENDING
    if fall and view.state == "done":
        aupc = f"{fall.area:.2f}" + (f" ({fall.note})" if fall.note else "")
    elif fall and not view.live:
        aupc = f"partial: {len(fall.y) - 1}/{REGIONS} windows"
    if panel.method == CONTROL:
        return _row(panel, aupc, "", "", "0", view)
    autvc = f"{snapshot.variation.area:.2f}" if snapshot.variation and whole else PENDING
    gradients = f"{partial.total} ({partial.evaluations} new)" if partial else PENDING
    return _row(panel, aupc, autvc, _gap(gap) if gap else "", gradients, view)


def _row(panel: Panel, aupc: str, autvc: str, gap: str, gradients: str, view: View) -> dict[str, str]:
    return {
        "Method": TITLES[panel.method],
        "AUPC ↓": aupc,
        "AUTVC ↓": autvc,
        "Completeness gap": gap,
        "Gradients": gradients,
        "Seconds": f"{view.seconds:.1f}",
    }


def _gap(gap: tuple[float, float]) -> str:
    missing, difference = gap
    share = f" ({abs(missing / difference):.1%})" if difference else ""
    return f"{missing:+.2f}{share}"


def progress(panels: Mapping[Panel, View]) -> tuple[float, str]:
    """The share of all work that is done, a gradient counting as three forward passes, and what is under way."""
    done = total = 0.0
    under_way = []
    for panel, view in panels.items():
        points = _points(panel)
        snapshot: Snapshot = view.snapshot or Snapshot()
        partial, fall = snapshot.partial, snapshot.fall
        windows = len(fall.y) - 1 if fall else 0
        total += 3 * points + REGIONS * panel.patches
        done += 3 * (partial.done if partial else 0) + windows * panel.patches
        if not view.live:
            continue
        if points and not (partial and partial.complete):
            under_way.append(f"{TITLES[panel.method]} {partial.done if partial else 0}/{points}")
        else:
            under_way.append(f"curve of {TITLES[panel.method]} {windows}/{REGIONS}")
    return min(done / total, 1.0) if total else 1.0, " · ".join(under_way)


def _points(panel: Panel) -> int:
    knobs = dict(panel.knobs)
    return int(knobs.get("samples", 0) or knobs.get("steps", 0) * knobs.get("draws", 1))


def describe(panel: Panel, snapshot: Snapshot) -> str:
    """What the map says, for those who cannot see it."""
    assert snapshot.partial is not None
    raw = reduce_channels(snapshot.partial.attribution)
    if not raw.any():
        return f"{TITLES[panel.method]}: a blank map"
    quadrants = {
        f"{vertical} {horizontal}": part.sum().item() / raw.sum().item()
        for vertical, half in zip(("top", "bottom"), torch.tensor_split(raw, 2, dim=0), strict=True)
        for horizontal, part in zip(("left", "right"), torch.tensor_split(half, 2, dim=1), strict=True)
    }
    place, share = max(quadrants.items(), key=lambda item: item[1])
    return f"{TITLES[panel.method]}: {share:.0%} of the attribution lies in the {place} quarter"


def provenance(model: str, device: str) -> str:
    """What made the numbers."""
    return f"{MODELS[model].title} · {device} · float32 · torch {torch.__version__}"
