"""One glance on Compare: above each map the same map of a network in which all layers are random."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from dashboard.controls.address import query_of
from dashboard.experiment.declarations import RANDOM
from dashboard.experiment.experiment import Experiment
from dashboard.live.frames import map_message
from dashboard.live.hub import Part
from dashboard.pages import page_at
from dashboard.work.glance import Glanced
from dashboard.work.panel import CONTROL, Cell, Panel

PAGE = page_at("sanity")
LATER = "computed after the curves"


def wanted(experiment: Experiment, panel: Panel) -> bool:
    """Whether a map has one."""
    return experiment.random == "on" and panel.method != CONTROL


def of(cell: Cell) -> Glanced | None:
    """What was found, once all of it is there."""
    found: Glanced | None = cell.random.snapshot if cell.random is not None else None
    return found if cell.random is not None and cell.random.state == "done" else None


def link(experiment: Experiment) -> str:
    """The address of the page of all sanity checks, below the path of the server: the same photo and methods."""
    query = urlencode(query_of(experiment, PAGE.name))
    return f"{PAGE.name}?{query}" if query else PAGE.name


def checks(experiment: Experiment) -> dict[str, Any]:
    """What the stage must know of the switch, and of the page of all checks."""
    help_ = RANDOM.help + " It costs as many gradients as the maps."
    return {"page": link(experiment), "on": experiment.random == "on", "help": help_}


def words(cell: Cell) -> str:
    """What the glance says, in a careful sentence. Sanity says the same of the same maps."""
    found = of(cell)
    if found is None:
        failed = cell.random.error if cell.random is not None else ""
        return f"The map of the random network failed: {failed}" if failed else LATER
    if found.finding is None:
        return f"There is no map of the random network: {found.why}"
    return found.finding.words


def flagged(cell: Cell) -> bool:
    """Whether the map stayed much as it was."""
    found = of(cell)
    return found is not None and found.finding is not None and found.finding.flagged


def told(cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """By method, what the stage shows of the glance, and how far it is."""
    return {cell.panel.method: _told(cell) for cell in cells if cell.random is not None}


def _told(cell: Cell) -> dict[str, Any]:
    found = of(cell)
    shown = found is not None and found.heat is not None
    number = str(found.alike) if found and found.alike and found.alike.defined else ""
    if not shown and words(cell) != LATER:
        number = "none"  # so that nobody waits for it
    return {"there": shown, "said": words(cell), "flagged": flagged(cell), "number": number}


def parts(cells: Sequence[Cell]) -> list[Part]:
    """The maps of the random network."""
    return [_part(cell.panel.method, found) for cell in cells if (found := of(cell)) and found.heat is not None]


def _part(method: str, found: Glanced) -> Part:
    assert found.heat is not None
    return Part(f"random {method}", found, partial(map_message, method, found.heat, part="random"))
