"""Integrated Decision Gradients: each gradient on the path is weighted by the slope of the score along the path.
Walker et al. 2023, arXiv:2305.20052.

The slope is the exact derivative along the path, which needs only the gradient; the paper uses finite differences. The
released sampler does not advance alpha at cells without samples, so later samples lie too close to the baseline.
`sampling="reference"` does the same, for comparison only.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from torch import Tensor

from attribution.engine.accumulate import accumulate
from attribution.engine.baselines import BASELINES, Baseline, make_baselines
from attribution.engine.plans import Walk, path_points
from attribution.engine.profile import step_by_step
from attribution.engine.score import ClassScore
from attribution.quadrature import RULES, node_count
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Batch, Image, Stepwise

Nodes = tuple[tuple[float, float], ...]


def _cost(knobs: Mapping[str, Any]) -> Cost:
    """Samples that follow the score need the scores of a coarse grid first, by forward passes."""
    steps = knobs["steps"]
    if knobs["sampling"] == "uniform":
        return Cost(node_count(knobs["rule"], steps), points=path_points(knobs, knobs["rule"]))
    return Cost(steps, min(knobs["cells"], steps) + 1)


@method(
    "IDG",
    gloss="gradients where the score climbs",
    paper="Walker et al. 2023, arXiv:2305.20052",
    cost=_cost,
    unit="f²",
    origin=lambda knobs: knobs["baseline"],
)
def idg(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the samples on the path (the trapezoid rule takes M + 1)"] = 50,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "mean",
    sampling: Annotated[
        str,
        Choice(("adaptive", "uniform", "reference")),
        "where the samples lie: more where the score changes, evenly, or as in the released code with its error",
    ] = "adaptive",
    cells: Annotated[
        int, Range(1, 500), "the cells of the coarse grid that adaptive sampling scores first, at most M"
    ] = 50,
    rule: Annotated[str, Choice(RULES), "uniform sampling only: where on each step the gradient is taken"] = "midpoint",
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of a noise baseline"] = 0,
) -> Stepwise:
    r"""$A = (x - b) \odot \sum_k w_k F'(\alpha_k) \nabla f_c(b + \alpha_k (x - b))$ with the path derivative
    $F'(\alpha) = \langle x - b, \nabla f_c(b + \alpha (x - b)) \rangle$. Unit: $f_c^2$.

    Adaptive: each cell gets M times its share of all $|\Delta F|$ as samples, at the midpoints of equal parts of it.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    nodes = yield from places(score, x, start, steps, sampling, cells, rule)
    delta = x - start.image

    def term(at: Batch) -> Tensor:
        slopes = (delta * at.gradients).sum(dim=(1, 2, 3), keepdim=True)
        return delta * slopes * at.gradients

    yield from accumulate(score, x, Walk(start, nodes), term)


def places(
    score: ClassScore, x: Image, start: Baseline, steps: int, sampling: str, cells: int, rule: str
) -> Generator[None, None, Nodes]:
    """Returns (alpha, weight) of each sample, in the order of alpha. Yields while the coarse grid is scored.

    At most `cells` + 1 forward passes; scores in the store are free.
    """
    if sampling == "uniform":
        return tuple(zip(*RULES[rule](steps), strict=True))
    cells = min(cells, steps)
    grid, find = {
        "adaptive": ([i / cells for i in range(cells + 1)], _adaptive),
        "reference": (list(np.linspace(0, 1, cells + 1)), _reference),
    }[sampling]
    return find((yield from step_by_step(score, x, start, grid)), steps)


@np.errstate(invalid="ignore")  # the difference of two infinite scores is NaN, without a warning
def _adaptive(scores: Sequence[float], steps: int) -> Nodes:
    """The midpoints of the equal parts of each cell."""
    cells = len(scores) - 1
    shares = allocate(np.abs(np.diff(scores)), steps)
    return tuple(
        ((i + (j + 0.5) / share) / cells, 1 / (cells * share)) for i, share in enumerate(shares) for j in range(share)
    )


def allocate(sizes: "np.ndarray", count: int) -> list[int]:
    """Splits `count` in proportion to `sizes` by the largest-remainder method; evenly if they are no proportions: all
    are zero, or one is not finite."""
    sizes = np.asarray(sizes, dtype=np.float64)
    if not 0 < sizes.sum() < np.inf:
        sizes = np.ones(len(sizes))
    ideal = count * sizes / sizes.sum()
    found = np.floor(ideal + 1e-9).astype(int)
    for i in np.argsort(-(ideal - found), kind="stable")[: count - found.sum()]:
        found[i] += 1
    return [int(share) for share in found]


@np.errstate(invalid="ignore")  # the difference of two infinite scores is NaN, without a warning
def _reference(scores: Sequence[float], steps: int) -> Nodes:
    """The released sampler: shares are slopes minus the least one; alpha does not advance at cells without samples."""
    slopes, cells = np.diff(scores), len(scores) - 1
    spread = slopes.max() - slopes.min()
    shares = (slopes - slopes.min()) / spread if 0 < spread < np.inf else np.ones(cells)
    ideal = steps * shares / shares.sum()
    counts = np.floor(ideal).astype(int)
    empty = [int(i) for i in np.argsort(-ideal, kind="stable") if counts[i] == 0]
    for i in empty[: max(0, steps - int(counts.sum()))]:
        counts[i] = 1
    found, place = [], 0.0
    for count in counts:
        if count:
            width = 1 / (cells * count)
            found += [(place + (j + 1) * width, width) for j in range(count)]
            place += 1 / cells
    return tuple((min(alpha, 1.0), weight) for alpha, weight in found)
