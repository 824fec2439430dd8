"""Which methods are compared, and the knobs that a method has to itself; as text of a link and back."""

from collections.abc import Mapping
from typing import Any

from attribution import METHODS
from attribution.registry import Choice
from dashboard.experiment.fields import SHARED

COMPARED = ("integrated_gradients", "smoothgrad", "smooth_taylor")
"""The methods that are compared by default. The shared controls turn the knobs of these three."""
NO_METHODS = "none"
"""Stands in a link where every method was cleared."""

Own = tuple[tuple[str, str, Any], ...]
"""(method, knob, value) of what is not the default, for knobs that one method has to itself."""


def shared(method: str, knob: str) -> bool:
    """Whether a shared control turns this method's knob."""
    return method in COMPARED and knob in SHARED and knob in METHODS[method].knobs


def own_knobs(method: str) -> list[str]:
    """The knobs that a method has to itself."""
    return [name for name in METHODS[method].knobs if name != "seed" and not shared(method, name)]


def own_of(values: Mapping[tuple[str, str], Any]) -> Own:
    """What of the values, by (method, knob), is not the default."""
    found = ((m, k, value) for (m, k), value in values.items() if value != METHODS[m].knobs[k].default)
    return tuple(sorted(found, key=lambda one: one[:2]))


def plain(value: Any) -> str:
    """A field's value as it stands in a link."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ",".join(f"{method}.{knob}:{plain(held)}" for method, knob, held in value)
    if isinstance(value, tuple):
        return ",".join(value) or NO_METHODS
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_methods(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The methods of a link that exist, each once; none where the link says so."""
    if text == NO_METHODS:
        return ()
    return tuple(dict.fromkeys(name for name in text.split(",") if name in METHODS)) or default


def read_own(text: str, default: Own) -> Own:
    """The own knobs of a link that exist and have a value that is allowed."""
    found = {}
    for piece in filter(None, text.split(",")):
        place, _, written = piece.partition(":")
        method, _, name = place.partition(".")
        if method not in METHODS or name not in own_knobs(method):
            continue
        knob = METHODS[method].knobs[name]
        is_name = isinstance(knob.allowed, Choice)
        try:
            value = written == "True" if knob.type is bool else written if is_name else knob.type(written)
            found[method, name] = knob.check(method, value)
        except ValueError:
            continue
    return own_of(found)
