"""What the curves say, in a sentence. A difference that is no larger than its noise is "not told apart". Areas are not
ordered if their noise is not known, and an area with a note, as that of a blank map, is not compared."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from attribution import METRICS
from attribution.controls import Band, told
from attribution.metrics.perturbation import ALONE
from dashboard.experiment.words import counted
from dashboard.work.panel import CONTROL, PERTURBATION, Cell

Areas = Mapping[str, float]
"""Areas by the title of their method."""
UNKNOWN = " How far chance moves these values on one photo is not known, so they are not ordered."


def verdict(cells: Sequence[Cell], metric: str) -> str:
    """The areas of the finished curves, compared with random orders and with each other. Best first, if noise is known:
    otherwise as the maps stand on the page."""
    entry, (areas, control, noted) = METRICS[metric], _finished(cells, metric)
    if not areas or (control is None and entry.scored):
        return f"Areas are shown when the {'curves' if entry.scored else 'maps'} are complete."
    compared = {title: area for title, area in areas.items() if title not in noted}
    order = list(areas) if noted or _noise(control, metric) is None else _ordered(areas, metric)
    listed = ", ".join(f"{title} {areas[title]:.{entry.digits}f}" for title in order)
    if control is None:
        return f"{entry.label}: {listed}.{_not_compared(noted)}{UNKNOWN if len(compared) > 1 else ''}"
    orders = f"{counted(len(control.areas), 'random order')} {told(control, entry.digits)}"
    if not compared:
        return f"{entry.label}: {listed}; {orders}.{_not_compared(noted)}"
    better = _better(compared, control, metric)
    found = "all are" if len(better) == len(areas) else f"{len(better)} of {len(areas)} are" if better else "none is"
    side = "above" if entry.better == "higher" else "below"
    said = f"{entry.label}: {listed}; {orders}: {found} clearly {side} them on this photo."
    return said + alike(compared, control, metric) + _not_compared(noted)


def headline(cells: Sequence[Cell]) -> str:
    """What the perturbation curves say, in a few words."""
    areas, control, noted = _finished(cells, PERTURBATION)
    if control is None or not areas or len(areas) < sum(cell.panel.method != CONTROL for cell in cells):
        return ""
    areas = {title: area for title, area in areas.items() if title not in noted}
    if not areas:
        return f"On this photo no {METRICS[PERTURBATION].label} is compared.{_not_compared(noted)}"
    better, label = _better(areas, control, PERTURBATION), METRICS[PERTURBATION].label
    orders = f"{label} than random orders ({told(control, 1)})"
    unsure = [title for title in areas if not abs(areas[title] - control.area) > control.reach]
    listed = ", ".join(f"{title} {areas[title]:.1f}" for title in better)
    first = f"{listed} {'has' if len(better) == 1 else 'have'} a lower {orders}"
    said = [f"On this photo {first}." if better else f"On this photo no map has a clearly lower {orders}."]
    if better and unsure:
        said.append(f"{_joined(unsure)} {'is' if len(unsure) == 1 else 'are'} not told apart from them.")
    alikes = alike({title: areas[title] for title in better}, control, PERTURBATION)
    return " ".join(said) + alikes + _not_compared(noted)


def _not_compared(noted: Mapping[str, str]) -> str:
    """Which maps are not compared, and why."""
    reasons = {note: [title for title, why in noted.items() if why == note] for note in noted.values()}
    return "".join(f" Not compared: {_joined(titles)} ({note})." for note, titles in reasons.items())


def alike(areas: Areas, control: Band, metric: str) -> str:
    """Which maps, next to each other in the order of their areas, are not told apart; empty if there are none. Small
    steps can add up: the first and the last may be told apart. Where noise is not known: that it is not."""
    noise = _noise(control, metric)
    if noise is None:
        return UNKNOWN if len(areas) > 1 else ""
    order = _ordered(areas, metric)
    pairs = [(a, b) for a, b in pairwise(order) if not abs(areas[a] - areas[b]) > noise]
    if not pairs:
        return ""
    if len(pairs) == len(areas) - 1 > 1:
        first, last = order[0], order[-1]
        if abs(areas[first] - areas[last]) > noise:
            return f" In the order of their areas, neighbours are not told apart; {first} and {last} are."
        return " Their order says nothing: none is told apart from another."
    return f" Not told apart: {'; '.join(f'{a} and {b}' for a, b in pairs)}."


def _noise(control: Band | None, metric: str) -> float | None:
    """How far the areas of two maps must be apart, to be told apart. None if this is not known.

    Each random order has another seed of the metric, if it has one: then their spread holds the chance in the metric.
    Otherwise an area is exact, but its map may be chance: another seed of a method gives another map.
    """
    if control is None or math.isnan(control.noise) or "seed" not in METRICS[metric].knobs:
        return None
    return control.noise


def _finished(cells: Sequence[Cell], metric: str) -> tuple[dict[str, float], Band | None, dict[str, str]]:
    """The areas of the complete curves of maps, the band of the random orders, once it is complete, and the notes of
    curves, which say why an area is not compared. One that holds for all maps is the note of each without another."""
    areas, control, noted = {}, None, {}
    for cell in cells:
        view = cell.view(metric)
        if view is None or view.state != "done" or not view.snapshot:
            continue
        if cell.panel.method == CONTROL:
            control = view.snapshot
        else:
            areas[cell.panel.title] = view.snapshot.area
            if view.snapshot.note:
                noted[cell.panel.title] = view.snapshot.note
    shared = _shared(control, noted.values())
    return areas, control, {title: noted.get(title, shared) for title in areas} if shared else noted


def _shared(control: Band | None, noted: Iterable[str]) -> str:
    """A note that holds for all maps: that of the random orders, with which they are compared, or what the note of a
    map says of the score of the photo."""
    if control is not None and control.note:
        return control.note
    said = (part for note in noted for part in note.split("; "))
    return next((part for part in said if part.endswith(ALONE)), "")


def _ordered(areas: Areas, metric: str) -> list[str]:
    """The titles, best first."""
    return sorted(areas, key=lambda title: areas[title], reverse=METRICS[metric].better == "higher")


def _better(areas: Areas, control: Band, metric: str) -> list[str]:
    """The titles of the areas that are better than random orders by more than their noise, best first."""
    sign = 1 if METRICS[metric].better == "higher" else -1
    return [title for title in _ordered(areas, metric) if sign * (areas[title] - control.area) > control.reach]


def _joined(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
