"""Choices that are not numbers: patches, classes, curves."""

from attribution import MODELS
from attribution.registry import curves

PATCHES = {"quick": 10, "paper": 50}
"""P, the noise patches tried in each region of the perturbation curve."""
PAPER = {"sigma": 0.5, "samples": 150, "steps": 50, "baseline": "black", "rule": "right", "evaluation": "paper"}
"""The settings of the SmoothTaylor paper's tables."""
SWITCH = ("on", "off")
PREDICTED = -1
"""The option of the class control for the likeliest class."""
DIGITS = 6
"""A class in a link has at most so many digits: no model has more classes."""


def read_class(text: str, default: int | None) -> int | None:
    """The index of a class, in plain digits; whether the model has it, `class_of` says."""
    plain = text.isascii() and text.isdigit() and len(text) <= DIGITS
    return int(text) if plain and text == str(int(text)) else default


def class_of(model: str, target: int | None) -> int | None:
    """The class if the model has it, else None. A model that is not on the list has every class."""
    if target is None or model not in MODELS:
        return target
    return target if 0 <= target < len(MODELS[model].categories) else None


def class_name(model: str, target: int | None) -> str:
    """What a model on the list calls a class; None is the likeliest."""
    return "likeliest" if target is None else MODELS[model].categories[target]


def same_classes(model: str, other: str) -> bool:
    """Whether two models have the same classes. A model that is not on the list has those of any other."""
    return model not in MODELS or other not in MODELS or MODELS[model].categories == MODELS[other].categories


def further() -> tuple[str, ...]:
    """The curves that can be added to the standard ones."""
    return tuple(name for name, metric in curves().items() if not metric.standard)


def read_curves(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in further() if name in text.split(","))
