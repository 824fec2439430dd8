"""How the maps of several methods answer the same small changes of the image: infidelity and max-sensitivity of each.
Yeh et al. 2019, arXiv:1901.09392.

Infidelity multiplies the change of each value by the map's value there, so the map must be per unit of the image (unit
f/x). An attribution that is a product with x - b is divided by x - b first. Others, such as those of SmoothTaylor and
LRP, are no product with one b, and are taken as they are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from attribution.engine.baselines import make_baselines
from attribution.engine.score import ClassScore
from attribution.engine.store import Store
from attribution.explain import Chosen, together
from attribution.heatmaps import blank, check_finite
from attribution.models import Model
from attribution.registry import METHODS
from attribution.similarity import Alike
from attribution.studies.compared import begun
from attribution.studies.robustness import (
    COUNT,
    NOISE,
    RADIUS,
    REPEATS,
    change_of,
    check,
    error_of,
    nearby,
    normals,
    per_unit,
    product,
)
from attribution.types import Image, Partial

FIGURES = {
    "infidelity_share": "Infidelity, scaled, as a share of that of a map of zeros",
    "infidelity_scaled": "Infidelity, the map scaled by the factor with which it predicts best",
    "infidelity": "Infidelity, the map as it is",
    "infidelity_blank": "Infidelity of a map of zeros",
    "max_sensitivity": "Max-sensitivity, as a share of the size of the map",
}
"""What `robustness` measures of each method. All but the first and the last are in units of the score, squared."""
UNCHANGED = "the score does not change"
UNSCORED = "the score of the image or of a changed one is NaN or infinite"
TOGETHER = 10
"""Changed images that are scored before the next result is there."""


@dataclass(frozen=True)
class Changes:
    """The changes of the image, in model space: one unit is a standard deviation of the pixels that the model was
    trained on.

    Infidelity takes `count` changes, whose values are from N(0, noise^2); max-sensitivity takes `repeats`, whose values
    are uniform in ±`radius`.
    """

    noise: float = NOISE
    count: int = COUNT
    radius: float = RADIUS
    repeats: int = REPEATS


@dataclass(frozen=True, eq=False)
class Robustness:
    """What is known so far. `figures` are those of `FIGURES`, by method and name; max-sensitivity is the largest of the
    `drawn` changes so far. `failed` says why a method has no (further) map, `blank` that the one of the image is blank.
    """

    target: int
    methods: tuple[str, ...]
    changes: Changes
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    drawn: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    blank: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """The number of maps so far. A method that failed has no further ones to make."""
        one = 1 + self.changes.repeats
        return sum(one if label in self.failed else 1 + k for label, k in self.drawn.items())

    @property
    def total(self) -> int:
        """The number of maps: of the image, and of each change of max-sensitivity."""
        return (1 + self.changes.repeats) * len(self.methods)

    def value(self, label: str, name: str) -> Alike:
        """A figure of a method. Not defined where there is none yet, or where the method failed. Of a blank map,
        max-sensitivity is not either: the map has no size that a change could be a share of."""
        known = self.figures.get(label, {})
        if name == "infidelity_share" and label in self.figures:
            whole = known["infidelity_blank"]
            return _told(known["infidelity_scaled"] / whole) if whole else Alike(math.nan, UNCHANGED)
        if name == "max_sensitivity" and label in self.blank:
            return Alike(math.nan, self.blank[label])
        if name in known and not (name == "max_sensitivity" and label in self.failed):
            return _told(known[name])
        return Alike(math.nan, self.failed.get(label, "not computed yet"))


def _told(found: float) -> Alike:
    return Alike(found) if math.isfinite(found) else Alike(math.nan, UNSCORED)


def robustness(
    model: Model,
    x: Tensor,
    methods: Mapping[str, Chosen],
    target: int | None = None,
    *,
    output: str = "logit",
    changes: Changes | None = None,
    seed: int = 0,
    store: Store | None = None,
) -> Iterator[Robustness]:
    """Yields the figures after each batch of points. `methods` are by label; those of one image share their points.

    The class (default: the most likely one) and the noise of each method, which is that of its own seed, are the same
    for all changed images. A method that explains one score alone is measured by that score. `seed` is that of the
    changes; the maps of the image itself use `store`. Raises ValueError for changes that cannot be, and as `stream`
    does.
    """
    changes = Changes() if changes is None else changes
    check(changes.noise, changes.count)
    check(changes.radius, changes.repeats)
    x, chosen = begun(model, x, target, output)
    run = together(model, x, methods, chosen, store, output=output)  # an error before anything is computed
    so_far = Robustness(chosen, tuple(methods), changes)
    drops: dict[str, list[float]] = {}
    for one in dict.fromkeys(METHODS[name].output or output for name, _ in methods.values()):
        for part in _drops(ClassScore(model, chosen, one), x, changes, seed):
            drops.setdefault(one, []).extend(part)
            yield so_far
    first: dict[str, Tensor] = {}
    for label, found in run:
        if found is not None:
            name, knobs = methods[label]
            true = drops[METHODS[name].output or output]
            so_far, first[label] = _of_the_image(so_far, label, found, x, _origin(model, x, name, knobs), true, seed)
        yield so_far
    for k in range(changes.repeats):
        left = {label: one for label, one in methods.items() if label not in so_far.failed}
        near = x + nearby(x, changes.radius, seed, k)
        for label, found in together(model, near, left, chosen, Store(), output=output):
            if found is not None:
                so_far = _of_a_change(so_far, label, found, first[label])
            yield so_far


def _of_the_image(
    so_far: Robustness,
    label: str,
    found: Partial | ValueError,
    x: Image,
    origin: Image | None,
    true: Sequence[float],
    seed: int,
) -> tuple[Robustness, Tensor]:
    """With the infidelity of one method more, and its map."""
    so_far = replace(so_far, drawn={**so_far.drawn, label: 0})
    try:
        attribution = _attribution(found)
        weights = per_unit(x, attribution, origin)
    except ValueError as error:
        return replace(so_far, failed={**so_far.failed, label: str(error)}), torch.empty(0, device="cpu")
    changes = so_far.changes
    predicted = [product(one, weights) for one in normals(x, changes.noise, changes.count, seed)]
    errors = {
        "infidelity_scaled": error_of(predicted, true, scaled=True),
        "infidelity": error_of(predicted, true, scaled=False),
        "infidelity_blank": sum(t * t for t in true) / len(true),
    }
    note = blank(attribution.sum(0))
    flat = {**so_far.blank, label: note} if note else so_far.blank
    return replace(so_far, figures={**so_far.figures, label: errors}, blank=flat), attribution


def _of_a_change(so_far: Robustness, label: str, found: Partial | ValueError, first: Tensor) -> Robustness:
    """With the map of one changed image more."""
    try:
        change = change_of(_attribution(found), first)
    except ValueError as error:
        return replace(so_far, failed={**so_far.failed, label: f"for a changed image: {error}"})
    known = so_far.figures[label]
    largest = {**known, "max_sensitivity": max(change, known.get("max_sensitivity", 0.0))}
    drawn = {**so_far.drawn, label: so_far.drawn[label] + 1}
    return replace(so_far, figures={**so_far.figures, label: largest}, drawn=drawn)


def _attribution(found: Partial | ValueError) -> Tensor:
    """(c, h, w), float64 on the CPU. Raises the error that is there instead, and ValueError if it is not finite."""
    if isinstance(found, ValueError):
        raise found
    return check_finite(found.attribution).detach().cpu().double()


def _origin(model: Model, x: Image, name: str, knobs: Mapping[str, Any]) -> Image | None:
    """The b of an attribution that is a product with x - b: of several baselines, their mean."""
    every = METHODS[name].complete(knobs)
    kind = METHODS[name].origin(every)
    if kind is None:
        return None
    starts = make_baselines(model, x, kind, every.get("draws", 1), every.get("seed", 0))
    return torch.stack([start.image for start in starts]).mean(0)


def _drops(score: ClassScore, x: Image, changes: Changes, seed: int) -> Iterator[list[float]]:
    """f(x) - f(x - I) for each change I of infidelity, some at a time."""
    start = score.values(x[None]).cpu().double().item()
    every = normals(x, changes.noise, changes.count, seed)
    while some := list(islice(every, TOGETHER)):
        found = score.values(torch.stack([x - change.to(x) for change in some])).cpu().double()
        yield (start - found).tolist()
