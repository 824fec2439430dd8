"""How alike two maps are: ranks, structure, edges and the brightest pixels. And how spread out the values of a map are.

Maps are signed sums over channels, (h, w). All measures but `pearson` compare absolute values, because what a map shows
by default has no sign. Adebayo et al. 2018, arXiv:1810.03292, use the first three.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats
from skimage.feature import hog
from skimage.metrics import structural_similarity
from torch import Tensor

from attribution.heatmaps import blank, limits, rescale
from attribution.types import Heatmap, clear_of

WINDOW, CELL, CELLS = 11, 16, 3
"""Pixels: the window of SSIM (a Gaussian of 1.5 pixels), a cell of HOG, and its cells in a block, each way."""
SHARE = 0.1
"""The brightest pixels are this share of the map."""
BINS = 100
"""Of the histogram whose entropy is taken."""
LITTLE = 0.75
"""From this rank correlation on, a map counts as changed little."""


@dataclass(frozen=True)
class Alike:
    """A similarity. NaN where it is not defined; `why` says then why."""

    value: float
    why: str = ""

    @property
    def defined(self) -> bool:
        return not math.isnan(self.value)

    def __str__(self) -> str:
        return clear_of(LITTLE, self.value) if self.defined else f"not defined ({self.why})"


@dataclass(frozen=True)
class Finding:
    """What a check found about a method, in words. `flagged`: the map did not depend on what was changed."""

    flagged: bool
    words: str


def _nothing(why: str) -> Alike:
    return Alike(math.nan, why)


def spearman(one: Heatmap, other: Heatmap) -> Alike:
    """Spearman's rank correlation of the absolute values, from -1 to 1. Not defined if a map is blank."""
    flat = _flat(one.abs(), other.abs())
    if flat:
        return _nothing(flat)
    return Alike(float(stats.spearmanr(_array(one.abs()).ravel(), _array(other.abs()).ravel()).statistic))


def pearson(one: Heatmap, other: Heatmap) -> Alike:
    """Pearson's correlation of the signed values, from -1 to 1. Not defined if a map is blank."""
    flat = _flat(one, other)
    if flat:
        return _nothing(flat)
    return Alike(float(np.corrcoef(_array(one).ravel(), _array(other).ravel())[0, 1]))


def ssim(one: Heatmap, other: Heatmap) -> Alike:
    """The structural similarity of the maps as they are shown, in [0, 1], with Gaussian weights; at most 1.

    A blank map is shown as zeros, and is compared as such. Not defined for maps with a side below 11 pixels.
    """
    if min(one.shape) < WINDOW:
        return _nothing(f"a side of the map is shorter than {WINDOW} pixels")
    weights = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return Alike(float(structural_similarity(_shown(one), _shown(other), **weights)))


def edges(one: Heatmap, other: Heatmap) -> Alike:
    """Spearman's rank correlation of the histograms of oriented gradients (HOG) of the maps as they are shown.

    Cells of 16 x 16 pixels. Not defined if a map is blank or has a side below 48 pixels.
    """
    if min(one.shape) < CELL * CELLS:
        return _nothing(f"a side of the map is shorter than {CELL * CELLS} pixels")
    flat = _flat(one.abs(), other.abs())
    if flat:
        return _nothing(flat)
    cells = {"pixels_per_cell": (CELL, CELL), "cells_per_block": (CELLS, CELLS)}
    features = [hog(_shown(values), **cells) for values in (one, other)]
    if min(np.ptp(of_one) for of_one in features) == 0:
        return _nothing("a map has no edges")
    return Alike(float(stats.spearmanr(*features).statistic))


def top(one: Heatmap, other: Heatmap) -> Alike:
    """The overlap of the brightest 10 % of the pixels: those in both, divided by those in one or both, in [0, 1].

    Pixels that are equal count in reading order, and those with the lowest value of their map are not bright. Unrelated
    maps share about 0.05. Not defined if a map is blank.
    """
    flat = _flat(one.abs(), other.abs())
    if flat:
        return _nothing(flat)
    first, second = (_brightest(values.abs().flatten()) for values in (one, other))
    return Alike(len(first & second) / len(first | second))


def _brightest(values: Tensor) -> set[int]:
    count = min(max(1, round(SHARE * values.numel())), int((values > values.min()).sum()))
    return set(values.argsort(descending=True, stable=True)[:count].tolist())


@dataclass(frozen=True)
class Measure:
    """A similarity for tables and charts. 1 means that two maps are equal."""

    name: str
    title: str
    words: str
    of: Callable[[Heatmap, Heatmap], Alike]


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("spearman", "Rank correlation", "Spearman's rank correlation of the absolute values", spearman),
        Measure("ssim", "SSIM", "the structural similarity of the maps as they are shown", ssim),
        Measure("hog", "HOG", "the rank correlation of oriented edges (HOG) in cells of 16 x 16 pixels", edges),
        Measure("top", "Top 10 %", "the overlap of the 10 % brightest pixels", top),
    )
}


def alike(one: Heatmap, other: Heatmap) -> dict[str, Alike]:
    """All of `MEASURES`, by name."""
    return {name: measure.of(one, other) for name, measure in MEASURES.items()}


def entropy(values: Heatmap) -> float:
    """The entropy, nats, of the histogram of the absolute values: 100 equal bins from the lowest to the highest.

    0 for a blank map, at most log 100. It is high if the values are spread evenly.
    """
    if blank(values.abs()):
        return 0.0
    counts, _ = np.histogram(_array(values.abs()), bins=BINS)
    return float(stats.entropy(counts))


def rise(before: float, after: float) -> Alike:
    """(after - before) / before: how much the entropy rose. Not defined if it was 0."""
    return Alike((after - before) / before) if before else _nothing("the first map is blank: its entropy is 0")


def _flat(*maps: Heatmap) -> str:
    return next(filter(None, map(blank, maps)), "")


def _array(values: Heatmap) -> np.ndarray:
    return values.cpu().double().numpy()


def _shown(values: Heatmap) -> np.ndarray:
    """The map as it is drawn by default: absolute, clipped at the 99th percentile, from 0 to 1."""
    raw = values.cpu().double().abs()
    return rescale(raw, limits(raw)).numpy()
