"""The declaration of a field of the experiment: its name in the URL, letter, range, texts and control.

A field is declared once, in `experiment.py`; the words of its control are in `declarations.py`. The URL, the sidebar,
the pins and the sweeps use the declaration.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from attribution import METHODS
from attribution.registry import Choice, Range

Value = TypeVar("Value")
Reader = Callable[[str, Any], Any]
"""(text of the URL, default) -> the value. Invalid text gives the default."""


@dataclass(frozen=True)
class Control:
    """How the sidebar shows a field. `kind` is "slider", "number", "select", "segmented" or "pills".

    `group` is its heading. `words` gives the text of an option. `enabled`: the field has an effect in an experiment; if
    not, the control is disabled.
    """

    kind: str
    group: str
    label: str
    help: str
    step: float | None = None
    words: Callable[[Any], str] = str
    enabled: Callable[[Any], bool] = lambda experiment: True


@dataclass(frozen=True)
class Field:
    """A field of the experiment. `url` is its name in links and must not change; `letter` is its short name.

    `allowed` is its range or its names. `usual` are the first values of a sweep. `control` is None if the sidebar has
    special code for this field. `to_widget` and `from_widget` convert between the value of the field and of its
    control. `of` is the method that declares the range of a shared field.
    """

    url: str
    letter: str
    read: Reader
    say: Callable[[Any], str] = str
    allowed: Range | Choice | None = None
    usual: tuple[Any, ...] = ()
    control: Control | None = None
    to_widget: Callable[[Any], Any] = lambda value: value
    from_widget: Callable[[Any], Any] = lambda value: value
    of: str = ""


SHARED: dict[str, Field] = {}
"""The fields that set a knob of several methods, by the name of the knob."""


def declared(default: Value, how: Field) -> Value:
    """A field with its default, for the class body of a dataclass."""
    return field(default=default, metadata={"field": how})


def shared(
    default: Value,
    of: tuple[str, str],
    url: str,
    letter: str,
    control: Control,
    usual: tuple[Any, ...] = (),
    most: float | None = None,
) -> Value:
    """A field that sets a knob of several methods. `of` is (method, knob): this method declares its range, and follows.

    `most`: the control ends there, because on a longer slider small values could not be set.
    """
    method, knob = of
    allowed = METHODS[method].knobs[knob].allowed
    assert allowed is not None
    if most is not None:
        assert isinstance(allowed, Range)
        allowed = Range(allowed.low, most)
    read = number(allowed) if isinstance(allowed, Range) else one_of(allowed.names)
    SHARED[knob] = Field(url, letter, read, say_number, allowed, usual, control, of=method)
    return declared(default, SHARED[knob])


def number(limits: Range) -> Reader:
    """Reads a number and clamps it to the range."""

    def read(text: str, default: Any) -> Any:
        try:
            value = float(text)
        except ValueError:
            return default
        if math.isnan(value):
            return default
        value = min(max(value, limits.low), limits.high)
        return round(value, 4) if isinstance(default, float) else int(value)

    return read


def same(value: Any, text: str) -> bool:
    """Whether a value is the one that a text of a URL asks for, in whatever spelling."""
    if isinstance(value, tuple):
        return {name for name in text.split(",") if name} <= {*value, *(() if value else ("none",))}
    if isinstance(value, str) or value is None:
        return text == value
    try:
        return math.isclose(float(text), value, abs_tol=1e-4)
    except ValueError:
        return False


def one_of(names: Collection[str] | Mapping[str, Any]) -> Reader:
    """Reads one of the names."""
    return lambda text, default: text if text in names else default


def say_number(value: Any) -> str:
    """A number or a name as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)
