"""Choices that are not numbers: patches, classes, curves."""

from attribution.models import CATEGORIES
from attribution.registry import curves

PATCHES = {"quick": 10, "paper": 50}
"""P, the noise patches tried in each region of the perturbation curve."""
PAPER = {"sigma": 0.5, "samples": 150, "steps": 50, "baseline": "black", "rule": "right", "evaluation": "paper"}
"""The settings of the SmoothTaylor paper's tables."""
PREDICTED = -1
"""The option of the class control for the likeliest class."""
CLASSES = frozenset(map(str, range(len(CATEGORIES))))


def further() -> tuple[str, ...]:
    """The curves that can be added to the standard ones."""
    return tuple(name for name, metric in curves().items() if not metric.standard)


def read_curves(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in further() if name in text.split(","))
