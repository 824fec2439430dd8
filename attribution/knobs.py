"""Knobs: the keyword-only parameters of a method or metric, with their type, default, range and meaning."""

import inspect
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import torch


@dataclass(frozen=True)
class Range:
    """The allowed numbers of a knob, both ends included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"from {_plain(self.low)} to {_plain(self.high)}"


@dataclass(frozen=True)
class Choice:
    """The allowed names of a knob."""

    names: tuple[str, ...]

    def __init__(self, names: Iterable[str]) -> None:
        object.__setattr__(self, "names", tuple(names))


@dataclass(frozen=True)
class Knob:
    """One keyword of a method or metric: its type, default, allowed values, and meaning with its unit."""

    name: str
    type: Any
    default: Any
    allowed: Range | Choice | None
    help: str

    @property
    def letter(self) -> str:
        """The letter of the formula, which the help begins with; the name where there is none."""
        letter = self.help.partition(",")[0]
        return letter if len(letter) == 1 else self.name

    def setting(self, value: Any) -> str:
        """A value with the letter, or the name, of this knob: R=150, form=mean."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return f"{self.letter}={value:g}" if number else f"{self.name}={value}"

    def check(self, owner: str, value: Any) -> Any:
        """Returns the value, converted to the knob's type. Raises ValueError, in one line, if it is not allowed."""
        if isinstance(self.allowed, Choice):
            if isinstance(value, str) and value not in self.allowed.names:
                names = ", ".join(self.allowed.names)
                raise ValueError(f"{owner}: {self.name}={value!r} is unknown; use one of {names}")
            if not isinstance(value, self.type):
                names = ", ".join(self.allowed.names)
                raise ValueError(f"{owner}: {self.name} is of type {type(value).__name__}; use one of {names}")
            return value
        if self.type is bool:
            if not isinstance(value, bool):
                raise ValueError(f"{owner}: {self.name}={value!r} must be True or False")
            return value
        return self._number(owner, value)

    def _number(self, owner: str, value: Any) -> Any:
        try:
            number = self.type(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        allowed = self.allowed if isinstance(self.allowed, Range) else Range(-math.inf, math.inf)
        if isinstance(value, (bool, str)) or not allowed.low <= number <= allowed.high or number != value:
            kind = "a whole number" if self.type is int else "a number"
            raise ValueError(f"{owner}: {self.name}={value!r} must be {kind} {allowed}")
        return number


def whole(value: Any) -> int | None:
    """The value as an int if it is a whole number, also one of NumPy or torch. None for others, True and False."""
    if isinstance(value, bool) or getattr(value, "dtype", None) is torch.bool:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _plain(limit: float) -> str:
    return str(int(limit)) if limit == limit // 1 and math.isfinite(limit) else f"{limit:g}"


def read_knobs(function: Callable[..., Any]) -> dict[str, Knob]:
    """The keyword-only parameters of a function, each `Annotated[type, Range(...) or Choice(...), "help"]`."""
    hints = get_type_hints(function, include_extras=True)
    knobs = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        hint, *notes = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        allowed = next((n for n in notes if isinstance(n, (Range, Choice))), None)
        help_text = next((n for n in notes if isinstance(n, str)), "")
        knobs[name] = Knob(name, hint, parameter.default, allowed, help_text)
    return knobs
