"""Does a map depend on the class that is explained? It is compared with the map of another class of the same photo."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from attribution.engine.store import Store
from attribution.explain import Chosen, explain, score_of, together
from attribution.models import Model
from attribution.registry import METHODS, entry
from attribution.similarity import LITTLE, Alike, Finding, pearson, spearman
from attribution.studies.compared import begun, summed
from attribution.types import Heatmap, Image, Partial

SQUARES = ("f²", "(f/x)²")
"""Units of maps that are squares of the score or of its gradients: the negative of a score has the same map."""
OTHERS = {"second": "the likeliest class but this one", "least": "the least likely class"}


@dataclass(frozen=True, eq=False)
class Contrast:
    """The maps of two classes so far, signed sums over channels, (h, w), by label. `failed` says why there is none.

    `absolute` is Spearman's rank correlation of the absolute values, `signed` Pearson's correlation with signs.
    `gradients`: of a method whose unit is one of `SQUARES`, Pearson's correlation of the gradients of the two scores.
    """

    target: int
    other: int
    methods: tuple[str, ...]
    maps: Mapping[str, Heatmap]
    others: Mapping[str, Heatmap]
    absolute: Mapping[str, Alike]
    signed: Mapping[str, Alike]
    gradients: Mapping[str, Alike]
    failed: Mapping[str, str]

    @property
    def done(self) -> int:
        """The number of methods that are compared so far."""
        return len(self.absolute.keys() | self.failed.keys())

    @property
    def total(self) -> int:
        """The number of methods."""
        return len(self.methods)

    def verdict(self, label: str) -> Finding | None:
        """What the correlations say about a method. None before it has both maps."""
        if label in self.failed:
            return Finding(False, f"cannot be told: {self.failed[label]}")
        if label not in self.absolute:
            return None
        absolute, signed = self.absolute[label], self.signed[label]
        if not absolute.defined:
            return Finding(False, f"cannot be told: the similarity is {absolute}")
        if signed.value <= -LITTLE:  # as with two classes, where one score is the opposite of the other
            turned = f"the map of the other class is this one with its signs turned ({signed})"
            return Finding(False, f"cannot be told: {turned}")
        little = absolute.value >= LITTLE
        if little and label in self.gradients and not self.gradients[label].value > -LITTLE:
            same = "opposite scores have the same map by this method, and these two may be opposite"
            return Finding(False, f"cannot be told: {same} (correlation of their gradients {self.gradients[label]})")
        words = (
            f"changed {'little ' if little else ''}for another class: rank correlation {absolute}, with signs {signed}"
        )
        return Finding(little, words)


def other_class(
    model: Model,
    x: Tensor,
    methods: Mapping[str, Chosen],
    target: int | None = None,
    *,
    other: str | int = "second",
    output: str = "logit",
    store: Store | None = None,
) -> Iterator[Contrast]:
    """Yields the comparison after each batch of points. `methods` are by label; they share the points of each class.

    `target` is the explained class (default: the most likely one), `other` is one of `OTHERS` or the index of a class,
    `output` the score that is explained, "logit" or "probability". Raises ValueError for an unknown method, knob or
    class, before anything is computed, and if both classes are the same.
    """
    for name, knobs in methods.values():
        entry(METHODS, name).check(knobs)
    x, chosen = begun(model, x, target, output)
    beside = score_of(model, x, _index(model, x, chosen, other), output, None).target
    if beside == chosen:
        raise ValueError(f"class {chosen} is the explained class itself; choose another one")
    store = Store() if store is None else store
    so_far = Contrast(chosen, beside, tuple(methods), {}, {}, {}, {}, {}, {})
    for label, one in methods.items():
        if _squares(*one):
            alike = _gradients(model, x, (chosen, beside), METHODS[one[0]].output or output, store)
            so_far = replace(so_far, gradients={**so_far.gradients, label: alike})
        for at in (chosen, beside):
            for _, found in together(model, x, {label: one}, at, store, output=output):
                if found is not None:
                    so_far = _with_map(so_far, label, found, at)
                yield so_far


def _squares(name: str, knobs: Mapping[str, Any]) -> bool:
    method = entry(METHODS, name)
    return method.units(method.complete(knobs)) in SQUARES


def _gradients(model: Model, x: Image, classes: tuple[int, int], output: str, store: Store) -> Alike:
    """Pearson's correlation of the gradients of two scores at the image, with signs."""
    try:
        return pearson(*(summed(explain(model, x, "gradient", at, output=output, store=store)) for at in classes))
    except ValueError as error:
        return Alike(math.nan, str(error))


def _with_map(contrast: Contrast, label: str, found: Partial | ValueError, target: int) -> Contrast:
    """The comparison with one map more; with both of a method, how alike they are; without a map, the reason."""
    try:
        made = summed(found)
    except ValueError as error:
        return replace(contrast, failed={**contrast.failed, label: str(error)})
    if target == contrast.target:
        return replace(contrast, maps={**contrast.maps, label: made})
    others = {**contrast.others, label: made}
    if label not in contrast.maps:
        return replace(contrast, others=others)
    first = contrast.maps[label]
    absolute = {**contrast.absolute, label: spearman(first, made)}
    return replace(contrast, others=others, absolute=absolute, signed={**contrast.signed, label: pearson(first, made)})


def _index(model: Model, x: Tensor, target: int, other: str | int) -> int:
    if not isinstance(other, str):
        return other
    if other not in OTHERS:
        raise ValueError(f"class {other!r} is unknown; use {', '.join(OTHERS)} or the index of a class")
    order = [index for index, *_ in model.predict(x, k=len(model.categories)) if index != target]
    if not order:
        raise ValueError(f"{model.name} has one class only; there is no other")
    return order[0] if other == "second" else order[-1]
