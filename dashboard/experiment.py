"""One experiment: image, model, class and knobs, as one frozen object <-> the URL. What a URL says is clamped."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import PIL.Image
import skimage.data

from attribution import METHODS, MODELS
from attribution.engine.baselines import BASELINES
from attribution.models import CATEGORIES
from attribution.quadrature import RULES
from attribution.registry import METRICS, Range
from dashboard.knobs import (
    COMPARED,
    DRAWS,
    SAMPLES,
    SEED,
    SIGMA,
    STEPS,
    Own,
    own_of,
    plain,
    read_methods,
    read_own,
    shared,
)
from dashboard.panels import CONTROL, FURTHER, REGIONS, Panel, passes

GALLERY: dict[str, Callable[[], np.ndarray]] = {
    "cat": skimage.data.cat,
    "coffee": skimage.data.coffee,
    "camera": skimage.data.camera,
    "motorcycle": lambda: skimage.data.stereo_motorcycle()[0],
    "astronaut": skimage.data.astronaut,
    "rocket": skimage.data.rocket,
}
"""Sample photos that come with scikit-image, read when asked for."""

UPLOAD, PINNED = "upload", "pinned"
"""Photos that are not of the gallery: handed in, or kept with a pin."""
PATCHES = {"quick": 10, "paper": 50}
"""P, the noise patches tried in each window of the perturbation curve."""


def gallery_photo(name: str) -> PIL.Image.Image:
    return PIL.Image.fromarray(GALLERY[name]()).convert("RGB")


@dataclass(frozen=True)
class Experiment:
    """What is explained and how. `target` None is the likeliest class; sigma is absolute in model space."""

    image: str = "cat"
    model: str = "efficientnet_lite0"
    target: int | None = None
    sigma: float = 0.5
    samples: int = 150
    steps: int = 50
    baseline: str = "black"
    draws: int = 5
    rule: str = "right"
    seed: int = 0
    evaluation: str = "quick"
    methods: tuple[str, ...] = COMPARED
    own: Own = ()
    curves: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Experiment":
        """The experiment that a URL asks for: out of range is clamped, and what makes no sense is the default."""
        default = cls()
        values = {
            field.name: FIELDS[field.name].read(query[NAMES[field.name]], getattr(default, field.name))
            for field in fields(cls)
            if NAMES[field.name] in query
        }
        return cls(**values)

    def unlike(self, other: "Experiment") -> dict[str, str]:
        """What differs from another experiment, by the field's own letter or name."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != getattr(other, field.name):
                found[FIELDS[field.name].letter] = "likeliest" if value is None else said(field.name, value)
        return found

    @property
    def own_photo(self) -> bool:
        """Whether the photo is the reader's, which a link cannot bring back."""
        return self.image not in GALLERY

    def to_query(self) -> dict[str, str]:
        """What differs from the default, under short names; a photo that is not of the gallery is left out."""
        default = Experiment()
        return {
            NAMES[field.name]: plain(value)
            for field in fields(self)
            if (value := getattr(self, field.name)) != getattr(default, field.name)
            and not (field.name == "image" and self.own_photo)
        }

    @property
    def patches(self) -> int:
        return PATCHES[self.evaluation]

    @property
    def starts(self) -> int:
        """How many baselines Integrated Gradients walks from."""
        return self.draws if self.baseline == "uniform" else 1

    def knobs(self, method: str) -> dict[str, Any]:
        """The knobs of a method: those of the sliders for the three, its own for all, and the seed of all."""
        given: dict[str, Any] = {
            "sigma": self.sigma,
            "samples": self.samples,
            "steps": self.steps,
            "baseline": self.baseline,
            "draws": self.starts,
            "rule": self.rule,
        }
        declared = METHODS[method].knobs
        found = {name: given[name] for name in declared if shared(method, name)}
        found |= {name: value for of, name, value in self.own if of == method}
        if "seed" in declared:
            # Only noise has a seed: another one must not start a noiseless method again.
            random = "samples" in declared or found.get("baseline") == "uniform"
            found["seed"] = self.seed if random else 0
        return found

    def every_knob(self, method: str) -> dict[str, Any]:
        """The knobs of a method, those at their defaults included."""
        return {name: knob.default for name, knob in METHODS[method].knobs.items()} | self.knobs(method)

    def turned(self, method: str, knob: str, value: Any) -> "Experiment":
        """The experiment with another value of a method's knob."""
        if knob == "seed" or shared(method, knob):
            return replace(self, **{knob: value})
        own = {(of, name): held for of, name, held in self.own} | {(method, knob): value}
        return replace(self, own=own_of(own))

    def panels(self, image: str, model: str, target: int) -> tuple[Panel, ...]:
        """What Compare shows: a panel for each method, and the random order that they are held against."""
        methods = [Panel(m, image, model, target, tuple(self.knobs(m).items())) for m in self.methods]
        return (*methods, Panel(CONTROL, image, model, target))

    @property
    def gradients(self) -> int:
        """How many gradients it takes at most, when nothing is remembered: methods of one cloud share theirs."""
        counts: dict[Any, int] = {}
        for panel in self.panels("", self.model, 0)[:-1]:
            counts[panel.kind] = max(counts.get(panel.kind, 0), panel.points)
        return sum(counts.values())

    @property
    def forward_passes(self) -> int:
        """For the curves and the completeness gap."""
        panels = len(self.methods) + 1
        each = 1 + REGIONS * self.patches + sum(passes(name, MODELS[self.model].size) for name in self.curves)
        return panels * each + 1 + self.starts


def _number(limits: Range) -> Callable[[str, Any], Any]:
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


def _name(names: Any) -> Callable[[str, Any], Any]:
    return lambda text, default: text if text in names else default


def _target(text: str, default: int | None) -> int | None:
    return int(text) if text in CLASSES else default


def _curves(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in FURTHER if name in text.split(","))


CLASSES = frozenset(map(str, range(len(CATEGORIES))))


def said(name: str, value: Any) -> str:
    """The value of a field, as a reader knows it."""
    if name == "model":
        return MODELS[value].title
    if name == "target":
        return str(CATEGORIES[value])
    if name == "evaluation":
        return str(PATCHES[value])
    if name == "methods":
        return ", ".join(METHODS[method].title for method in value)
    if name == "curves":
        return ", ".join(METRICS[curve].label for curve in value) or "AUPC alone"
    if name == "own":
        return plain(value) or "the defaults"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Field:
    """How a field is called in the URL, in links that people keep, and by its letter; and how it is read."""

    url: str
    letter: str
    read: Callable[[str, Any], Any]


FIELDS = {
    "image": Field("img", "photo", _name(GALLERY)),
    "model": Field("model", "model", _name(MODELS)),
    "target": Field("cls", "class", _target),
    "sigma": Field("sigma", "σ", _number(SIGMA)),
    "samples": Field("r", "R", _number(SAMPLES)),
    "steps": Field("m", "M", _number(STEPS)),
    "baseline": Field("base", "baseline", _name(BASELINES)),
    "draws": Field("n", "N", _number(DRAWS)),
    "rule": Field("rule", "rule", _name(RULES)),
    "seed": Field("seed", "seed", _number(SEED)),
    "evaluation": Field("eval", "P", _name(PATCHES)),
    "methods": Field("methods", "methods", read_methods),
    "own": Field("own", "own knobs", read_own),
    "curves": Field("curves", "curves", _curves),
}
NAMES = {name: field.url for name, field in FIELDS.items()}
"""Each field's name in the URL."""

PAPER = {"sigma": 0.5, "samples": 150, "steps": 50, "baseline": "black", "rule": "right", "evaluation": "paper"}
"""The settings of the SmoothTaylor paper's tables."""
