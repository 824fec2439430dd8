"""An equal budget: knobs with which each method takes the given number of gradients, or slightly fewer."""

from typing import Any

from attribution import METHODS
from attribution.registry import Range
from dashboard.experiment.experiment import Experiment


def equal_budget(experiment: Experiment, gradients: int) -> Experiment:
    """The experiment in which no method takes more than `gradients`; a method of one gradient stays as it is.

    If a method takes more even at the lowest value of its knob, it gets that value.
    """
    for method in experiment.methods:
        knob = spending_knob(method, experiment.every_knob(method))
        if knob:
            value = largest(method, experiment.every_knob(method), knob, gradients)
            experiment = experiment.turned(method, knob, value)
    return experiment


def fewer() -> str:
    """Which methods can use fewer gradients, and why."""
    return " ".join(f"{one.title} can use fewer: {one.fewer}." for one in METHODS.values() if one.fewer)


def spending_knob(method: str, knobs: dict[str, Any]) -> str:
    """The first integer knob that increases the cost of the method; empty if there is none."""
    for name, knob in METHODS[method].knobs.items():
        if name == "seed" or knob.type is not int or not isinstance(knob.allowed, Range):
            continue
        least, most = (_gradients(method, knobs, name, int(end)) for end in (knob.allowed.low, knob.allowed.high))
        if least < most:
            return name
    return ""


def largest(method: str, knobs: dict[str, Any], knob: str, gradients: int) -> int:
    """The largest value of the knob whose cost is within `gradients`, by bisection; else the lowest value."""
    allowed = METHODS[method].knobs[knob].allowed
    assert isinstance(allowed, Range)
    low, high = int(allowed.low), int(allowed.high)
    while low < high:
        middle = (low + high + 1) // 2
        if _gradients(method, knobs, knob, middle) <= gradients:
            low = middle
        else:
            high = middle - 1
    return low


def _gradients(method: str, knobs: dict[str, Any], knob: str, value: int) -> int:
    return METHODS[method].cost({**knobs, knob: value}).gradients
