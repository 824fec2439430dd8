"""The methods beside a swept one in its charts: which are usual, and those of a link. No Streamlit."""

from attribution import METHODS
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import NO_METHODS
from dashboard.views.sweep.sweep import Sweep
from dashboard.work.panel import Panel

MOST = 6
"""The maximum number of methods beside a sweep: a chart with more lines is hard to read."""
Chosen = tuple[str, ...] | None
"""The methods that a person chose; None: the usual ones."""


def usual(sweep: Sweep, experiment: Experiment) -> tuple[str, ...]:
    """The controls that need no gradient besides those of the swept method, at any place."""
    swept = {place: sweep.panel(experiment, place) for place in sweep.places}

    def free(name: str) -> bool:
        return all(_is_free(sweep.panel(experiment, place, name), panel) for place, panel in swept.items())

    controls = (name for name, method in METHODS.items() if method.control and name != sweep.method)
    return tuple(filter(free, controls))[:MOST]


def _is_free(other: Panel, panel: Panel) -> bool:
    needed = other.cost.gradients
    return not needed or (other.points == panel.points and needed <= panel.cost.gradients)


def shown(sweep: Sweep, experiment: Experiment, chosen: Chosen) -> tuple[str, ...]:
    """The methods beside the swept one, which is none of them."""
    names = usual(sweep, experiment) if chosen is None else chosen
    return tuple(name for name in names if name != sweep.method)


def chosen(names: tuple[str, ...], sweep: Sweep, experiment: Experiment) -> Chosen:
    """The choice of these methods. Whoever takes the usual ones chooses nothing."""
    return None if set(names) == set(usual(sweep, experiment)) else names


def text(chosen: Chosen) -> str:
    """A choice in a link; empty for the usual ones."""
    return "" if chosen is None else ",".join(chosen) or NO_METHODS


def read(text: str) -> tuple[Chosen, str]:
    """The choice of a link, and in words why some of its names are not used; empty if all of them are."""
    if text == NO_METHODS:
        return (), ""
    names = list(dict.fromkeys(filter(None, text.split(","))))
    found = tuple(name for name in names if name in METHODS)
    wrong = ", ".join(name for name in names if name not in METHODS)
    words = [f"there is no method {wrong[:80]}"] if wrong else []
    words += [f"at most {MOST} can be shown"] if len(found) > MOST else []
    return found[:MOST] or None, "; ".join(words)
