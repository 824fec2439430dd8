"""The state of maps and curves as text: the status of a map, its row in the table, progress."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from attribution import METRICS, controls
from attribution.registry import measured_differences, measures
from dashboard.experiment.words import counted, gap, listed, settled
from dashboard.work.panel import CONTROL, PERTURBATION, VARIATION, Cell, CurveKey
from dashboard.work.scheduler import View

PENDING = "…"
PER_GRADIENT = 3
"""A gradient takes about as long as this many forward passes."""


def status(cell: Cell) -> str:
    """The state of a map."""
    if cell.instead_of is not None:
        return f"precomputed; here: {status(cell.instead_of)}"
    view, snapshot = cell.map, cell.snapshot
    if view.state == "failed":
        return f"failed: {view.error}"
    if snapshot is None:
        return "stopped before its first points" if view.state == "stopped" else "waiting for its turn"
    partial = snapshot.partial
    halves = settled(snapshot.agreement) + cell.panel.alone
    if partial.complete:
        points = counted(partial.total, "point")
        return f"complete{f': {points}' if cell.panel.cost.gradients else ''}{halves}"
    return f"{'stopped at' if view.state == 'stopped' else 'draft'} {partial.done}/{partial.total}{halves}"


def heading(name: str) -> str:
    """The column title of a measure. The arrow shows whether higher or lower is better."""
    measure = measures()[name]
    return f"{measure.label} {'↑' if measure.better == 'higher' else '↓'}"


def rows(cells: Sequence[Cell], metrics: Sequence[str]) -> list[dict[str, str]]:
    """The table: one row for each method."""
    sharing = Counter(cell.panel.points for cell in cells)
    return [row(cell, metrics, sharing[cell.panel.points] > 1) for cell in cells]


def row(cell: Cell, metrics: Sequence[str], shared: bool = False) -> dict[str, str]:
    """The row of a method, with finished areas only. `shared`: another method uses the same gradients."""
    snapshot = cell.snapshot
    areas = {name: _area(cell, name) for name in metrics}
    for name, (one, other) in measured_differences(dict.fromkeys(metrics)).items():
        areas[name] = _difference(cell, name, one, other)
    return {
        "Method": cell.panel.title,
        **{heading(name): text for name, text in areas.items()},
        METRICS["completeness_gap"].label: gap(snapshot.gap, cell.panel.output) if snapshot and snapshot.gap else "",
        "Gradients": f"{_points(cell)}{' shared' if shared else ''}",
        "Seconds": "precomputed" if cell.instead_of else f"{sum(view.seconds for view in cell.views):.1f}",
    }


def _area(cell: Cell, metric: str) -> str:
    view = cell.view(metric)
    if view is None:
        if cell.map.state == "failed":
            return ""
        # The random order has no map, so it has no curves that are computed from the map only.
        return "" if cell.panel.method == CONTROL and not METRICS[metric].scored else PENDING
    if view.state == "failed":
        return "failed"
    curve = view.snapshot
    if curve and view.state == "done":
        return controls.told(curve, METRICS[metric].digits) + (f" ({curve.note})" if curve.note else "")
    if curve and not view.live:
        return f"partial: {CurveKey(cell.panel, metric).share(curve):.0%}"
    return PENDING


def _difference(cell: Cell, name: str, one: str, other: str) -> str:
    """One area minus another, if both are complete. Where one of them cannot come, the difference says so too."""
    views = [cell.view(metric) for metric in (one, other)]
    if not all(view and view.state == "done" and view.snapshot for view in views):
        told = {_area(cell, metric) for metric in (one, other)}
        return next((words for words in ("failed", "") if words in told), PENDING)
    first, second = (view.snapshot.area for view in views if view)
    return f"{first - second:+.{measures()[name].digits}f}"


def errors(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Each error once, with the methods that have it."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.error:
            found.setdefault(cell.error, []).append(cell.panel.title)
    return found


def spent(cells: Sequence[Cell]) -> str:
    """How many gradients the maps on screen use, and which methods share them."""
    counts: dict[Hashable, int] = {}
    sharing: dict[Hashable, list[str]] = {}
    for cell in cells:
        if cell.panel.method != CONTROL:
            points = cell.panel.points
            counts[points] = max(counts.get(points, 0), _points(cell))
            sharing.setdefault(points, []).append(cell.panel.title)
    new = sum(cell.snapshot.partial.evaluations for cell in cells if cell.snapshot)
    together = [f" {listed(names)} share their points." for names in sharing.values() if len(names) > 1]
    random = {cell.panel.points: _points(cell) for cell in cells if cell.random and cell.random.state == "done"}
    again = f" Those of the random network use {counted(sum(random.values()), 'gradient')}." if random else ""
    return (
        f"These maps use {counted(sum(counts.values()), 'gradient')}; {new:,} of them were computed for this setting."
        f"{''.join(together)}{again}"
    )


def left(cells: Sequence[Cell], pixels: int) -> tuple[int, int]:
    """The remaining gradients and forward passes, if no more of them are stored already."""
    gradients: dict[Hashable, int] = {}
    passes = 0
    for cell in cells:
        points = cell.panel.points
        if cell.map.live:
            rest = _points(cell) - (cell.snapshot.partial.done if cell.snapshot else 0)
            gradients[points] = max(gradients.get(points, 0), rest)
            passes += 0 if cell.snapshot else cell.panel.cost.passes
        for key, view in cell.curves:
            if view.live:
                passes += round((1 - key.share(view.snapshot)) * key.cost(pixels).passes)
        if cell.random is not None and cell.random.live:
            again, rest = ("random", points), round((1 - glanced(cell.random)) * _points(cell))
            gradients[again] = max(gradients.get(again, 0), rest)
    return sum(gradients.values()), passes


def progress(cells: Sequence[Cell], pixels: int) -> tuple[float, str]:
    """The finished share of all work, and what is running."""
    done = total = 0.0
    under_way, last = [], []
    growing: dict[str, dict[str, float]] = {}
    for cell in cells:
        points, title = _points(cell), cell.panel.title
        if cell.random is not None:
            total += PER_GRADIENT * points
            done += PER_GRADIENT * points * glanced(cell.random)
            last += [title] if cell.random.live else []
        drawn = cell.snapshot.partial.done if cell.snapshot else 0
        total += PER_GRADIENT * points + sum(key.cost(pixels).passes for key, _ in cell.curves)
        done += PER_GRADIENT * drawn
        done += sum(key.share(view.snapshot) * key.cost(pixels).passes for key, view in cell.curves)
        if cell.map.live:
            under_way.append(f"{title} {drawn}/{points}")
            continue
        for key, view in cell.curves:
            if view.live:
                growing.setdefault(METRICS[key.metric].label, {})[title] = key.share(view.snapshot)
    under_way += [_growing(label, shares) for label, shares in growing.items()]
    if not under_way and last:
        under_way = [f"random network: {', '.join(last)}"]
    return min(done / total, 1.0) if total else 1.0, " · ".join(under_way)


def _growing(label: str, shares: Mapping[str, float]) -> str:
    """How far the curves of a metric are, by method: in one line, also if there are many."""
    mean, names = sum(shares.values()) / len(shares), list(shares)
    return f"{label} of {names[0] if len(names) == 1 else counted(len(names), 'curve')} {mean:.0%}"


def glanced(view: View) -> float:
    """The finished share of the map of the random network."""
    return view.snapshot.share if view.snapshot is not None else 0.0


def _points(cell: Cell) -> int:
    """The number of points of the map: exact once it has started, else the maximum."""
    most = cell.panel.cost.gradients
    if cell.map.state == "failed":
        return 0
    return min(most, cell.snapshot.partial.total) if cell.snapshot else most


def finished_area(cell: Cell, metric: str) -> float | None:
    """The area of a complete curve, else None."""
    view: View | None = cell.view(metric)
    return view.snapshot.area if view and view.state == "done" and view.snapshot else None


def both_areas(cell: Cell) -> tuple[float, float] | None:
    """AUPC and AUTVC, if both are complete."""
    aupc, autvc = finished_area(cell, PERTURBATION), finished_area(cell, VARIATION)
    return None if aupc is None or autvc is None or not cell.whole else (aupc, autvc)
