"""Does a map follow the model while its weights get noise? Rahman et al. 2022, arXiv:2206.05903, the paper of GGIG.

Each floating-point entry of the state but running statistics gets noise of t % of its own standard deviation. All
methods see the same perturbed networks. The network is perturbed as it is used, with folded batch-norms.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attribution.engine.score import ClassScore
from attribution.engine.store import Store
from attribution.engine.weights import has_numbers, perturbed
from attribution.explain import Chosen, together
from attribution.models import Model
from attribution.similarity import LITTLE, Alike, Finding
from attribution.studies.compared import begun, beside, summed
from attribution.types import Heatmap, Partial, clear_of

LEVELS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.13, 0.22, 0.36, 0.6, 1.0)
"""The noise, as a share of each entry's standard deviation: 1 to 100 %, at nearly equal ratios."""
GONE = 0.1
"""The score has fallen if at most this share of it is left."""


@dataclass(frozen=True, eq=False)
class Level:
    """One perturbed network. `score` is the probability of the class over that of the model, at most 1; NaN if the
    network has no finite one.

    `maps` are signed sums over channels, (h, w), by label; `alike` compares them with those of the model, by measure.
    """

    share: float
    seed: int
    score: float
    maps: Mapping[str, Heatmap]
    alike: Mapping[str, Mapping[str, Alike]]
    failed: Mapping[str, str]


@dataclass(frozen=True)
class Band:
    """The mean over the seeds so far, with the lowest and the highest value."""

    share: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Perturbed:
    """The levels so far: all levels of the first seed, then those of the next. `original` are the maps of the model."""

    target: int
    methods: tuple[str, ...]
    shares: tuple[float, ...]
    seeds: int
    original: Mapping[str, Heatmap]
    failed: Mapping[str, str]
    levels: tuple[Level, ...]

    @property
    def done(self) -> int:
        """The number of maps so far."""
        return sum(len(one.failed) + len(one.alike) for one in self.levels) + len(self.original) + len(self.failed)

    @property
    def total(self) -> int:
        """The number of maps of all levels and seeds, and of the model."""
        return (1 + len(self.shares) * self.seeds) * len(self.methods)

    def scores(self) -> list[Band]:
        """The probability, as a share of the model's, at each level, of the networks that have a finite one."""
        known = [one for one in self.levels if not math.isnan(one.score)]
        return self._bands({share: [one.score for one in known if one.share == share] for share in self.shares})

    def curve(self, label: str, measure: str = "spearman") -> list[Band]:
        """The similarity to the map of the model at each level, where it is defined."""
        found: dict[float, list[float]] = {share: [] for share in self.shares}
        for one in self.levels:
            if label in one.alike and one.alike[label][measure].defined:
                found[one.share].append(one.alike[label][measure].value)
        return self._bands(found)

    def _bands(self, found: Mapping[float, list[float]]) -> list[Band]:
        kept = {share: values for share, values in found.items() if values}
        return [Band(share, sum(v) / len(v), min(v), max(v)) for share, v in kept.items()]

    def verdict(self, label: str) -> Finding | None:
        """What the rank correlation says about a method. None before its last level."""
        if label in self.failed:
            return Finding(False, f"cannot be told: {self.failed[label]}")
        if self.done < self.total:
            return None
        found = self._told(label)
        lost = sum(math.isnan(one.score) for one in self.levels)
        if not lost:
            return found
        words = f"{lost} of {len(self.levels)} networks with noise have no finite score and are left out"
        return replace(found, words=f"{found.words}; {words}")

    def _told(self, label: str) -> Finding:
        """What is said of all levels together."""
        if not self.scores():
            return Finding(False, "cannot be told")
        found = {band.share: band.mean for band in self.curve(label)}
        gone = next((band for band in self.scores() if band.mean <= GONE), None)
        if gone is None:
            least = min(band.mean for band in self.scores())
            return Finding(False, f"cannot be told: the probability kept {least:.0%} of its value, whatever the noise")
        if gone.share not in found:
            return Finding(False, f"cannot be told: with {gone.share:.0%} noise the similarity is not defined")
        value, said = found[gone.share], clear_of(LITTLE, found[gone.share])
        words = f"the probability kept {gone.mean:.0%} of its value with {gone.share:.0%} noise"
        if value >= LITTLE:
            return Finding(True, f"changed little when {words} (rank correlation {said})")
        return Finding(False, f"changed when {words} (rank correlation {said})")


def model_perturbation(
    model: Model,
    x: Tensor,
    methods: Mapping[str, Chosen],
    target: int | None = None,
    *,
    shares: tuple[float, ...] = LEVELS,
    seeds: int = 3,
    seed: int = 0,
    output: str = "logit",
    store: Store | None = None,
) -> Iterator[Perturbed]:
    """Yields the levels after each batch of points; those of the first seed keep their maps. `methods` are by label.

    `target` is the class throughout (default: the most likely one of the model). `shares` are those of the standard
    deviation, `seeds` how often each is drawn, `seed` the first. Levels of one seed have the same noise in other sizes.
    Raises ValueError for shares that are not above 0, for a model without weights, and for a class whose probability is
    0, because no share of it can be left.
    """
    if not shares or min(shares) <= 0 or seeds < 1 or seed < 0 or not methods:
        raise ValueError(f"shares={shares}, seeds={seeds}: use shares above 0, at least one seed, and a method")
    if not any(map(has_numbers, model.module.state_dict().values())):
        raise ValueError(f"{model.name} has no weights that could be perturbed; choose another model")
    x, chosen = begun(model, x, target, output)
    whole = _probability(model, x, chosen)
    if not whole > 0:
        raise ValueError(f"the probability of class {chosen} is {whole:g}: no share of it can be left; use another one")
    so_far = Perturbed(chosen, tuple(methods), tuple(shares), seeds, {}, {}, ())
    for label, found in together(model, x, methods, chosen, store, output=output):
        if found is not None:
            so_far = _with_original(so_far, label, found)
        yield so_far
    for draw in range(seed, seed + seeds):
        for share in shares:
            there = model.with_weights(perturbed(model.module, share, draw), f"perturbed {share} {draw}")
            left = _probability(there, x, chosen) / whole
            level = Level(share, draw, min(1.0, left) if math.isfinite(left) else math.nan, {}, {}, {})
            for label, found in together(there, x, methods, chosen, output=output):
                if found is not None:
                    level = _with_map(level, label, found, so_far.original, kept=draw == seed)
                yield replace(so_far, levels=(*so_far.levels, level))
            so_far = replace(so_far, levels=(*so_far.levels, level))


def _probability(model: Model, x: Tensor, target: int) -> float:
    with torch.no_grad():
        return ClassScore(model, target, "probability").values(x[None]).item()


def _with_original(so_far: Perturbed, label: str, found: Partial | ValueError) -> Perturbed:
    """The levels with one map of the model itself more; without a map, with the reason."""
    try:
        return replace(so_far, original={**so_far.original, label: summed(found)})
    except ValueError as error:
        return replace(so_far, failed={**so_far.failed, label: str(error)})


def _with_map(
    level: Level, label: str, found: Partial | ValueError, original: Mapping[str, Heatmap], kept: bool
) -> Level:
    """The level with one map more, and its similarity to the map of the model; without a map, with the reason."""
    try:
        made, similar = beside(found, label, original)
    except ValueError as error:
        return replace(level, failed={**level.failed, label: str(error)})
    maps = {**level.maps, label: made} if kept else {}
    return replace(level, maps=maps, alike={**level.alike, label: similar})
