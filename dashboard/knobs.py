"""Knobs: which of them sliders turn for several methods, and which a method has to itself; as text and back."""

from collections.abc import Mapping
from typing import Any

from attribution import METHODS
from attribution.registry import Choice, Range

COMPARED = ("integrated_gradients", "smoothgrad", "smooth_taylor")
"""What is compared until the reader says otherwise; these three turn by the sliders of all."""
SHARED = ("sigma", "samples", "steps", "baseline", "draws", "rule")
BASELINE_NAMES = {"mean": "mean colour", "uniform": "uniform noise"}
"""Those whose own names say too little."""
MOST_METHODS = 8
"""Maps side by side."""

Own = tuple[tuple[str, str, Any], ...]
"""(method, knob, value) of what is not the default, for knobs that one method has to itself."""


def allowed(method: str, knob: str) -> Range:
    """The range that a method declares for its knob."""
    found = METHODS[method].knobs[knob].allowed
    assert isinstance(found, Range)
    return found


SIGMA = allowed("smooth_taylor", "sigma")
SAMPLES = allowed("smooth_taylor", "samples")
STEPS = allowed("integrated_gradients", "steps")
DRAWS = allowed("integrated_gradients", "draws")
SEED = allowed("smooth_taylor", "seed")


def shared(method: str, knob: str) -> bool:
    """Whether a method's knob is turned by a slider for several."""
    return method in COMPARED and knob in SHARED and knob in METHODS[method].knobs


def own_knobs(method: str) -> list[str]:
    """The knobs that a method has to itself."""
    return [name for name in METHODS[method].knobs if name != "seed" and not shared(method, name)]


def own_of(values: Mapping[tuple[str, str], Any]) -> Own:
    """What of the values, by (method, knob), is not the default."""
    found = ((m, k, value) for (m, k), value in values.items() if value != METHODS[m].knobs[k].default)
    return tuple(sorted(found, key=lambda one: one[:2]))


def plain(value: Any) -> str:
    """A field as it stands in a link."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ",".join(f"{method}.{knob}:{plain(held)}" for method, knob, held in value)
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_methods(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name for name in text.split(",") if name in METHODS))
    return found[:MOST_METHODS] or default


def read_own(text: str, default: Own) -> Own:
    found = {}
    for piece in filter(None, text.split(",")):
        place, _, told = piece.partition(":")
        method, _, name = place.partition(".")
        if method not in METHODS or name not in own_knobs(method):
            continue
        knob = METHODS[method].knobs[name]
        try:
            value = (
                told == "True" if knob.type is bool else told if isinstance(knob.allowed, Choice) else knob.type(told)
            )
            found[method, name] = knob.check(method, value)
        except ValueError:
            continue
    return own_of(found)
