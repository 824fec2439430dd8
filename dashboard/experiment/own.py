"""The compared methods and their own knobs (method settings); as text of a link and back."""

from collections.abc import Mapping
from typing import Any

from attribution import METHODS
from attribution.registry import Choice
from dashboard.experiment.fields import SHARED

COMPARED = ("integrated_gradients", "smoothgrad", "smooth_taylor")
"""The methods that are compared by default. The shared controls set their knobs."""
NO_METHODS = "none"
"""In a link: no method is chosen."""

Own = tuple[tuple[str, str, Any], ...]
"""(method, knob, value) for own knobs that are not at their default."""


def sharing() -> tuple[str, ...]:
    """The methods whose knobs all shared controls set: σ and R are those of every mean over noise."""
    nulls = (METHODS[method].null for method in COMPARED if METHODS[method].null)
    return (*COMPARED, *nulls, *(name for name, method in METHODS.items() if method.term is not None))


def shared(method: str, knob: str) -> bool:
    """Whether a shared control sets this knob of the method: also of the one that its range is taken from."""
    if knob not in SHARED or (method not in sharing() and method != SHARED[knob].of):
        return False
    return knob in METHODS[method].knobs


def own_knobs(method: str) -> list[str]:
    """The knobs of a method that no shared control sets."""
    return [name for name in METHODS[method].knobs if name != "seed" and not shared(method, name)]


def own_of(values: Mapping[tuple[str, str], Any]) -> Own:
    """The values, by (method, knob), that are not the default."""
    found = ((m, k, value) for (m, k), value in values.items() if value != METHODS[m].knobs[k].default)
    return tuple(sorted(found, key=lambda one: one[:2]))


def plain(value: Any) -> str:
    """The value of a field as text in a link."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ",".join(f"{method}.{knob}:{plain(held)}" for method, knob, held in value)
    if isinstance(value, tuple):
        return ",".join(value) or NO_METHODS
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def read_methods(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The valid methods of a link, without duplicates; none if the link says so."""
    if text == NO_METHODS:
        return ()
    return tuple(dict.fromkeys(name for name in text.split(",") if name in METHODS)) or default


def read_own(text: str, default: Own) -> Own:
    """The own knobs of a link that exist and have an allowed value."""
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
