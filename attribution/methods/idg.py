"""Integrated Decision Gradients: a gradient on the path counts as much as the score climbs there.
Walker et al. 2023, arXiv:2305.20052.

How much it climbs is the derivative along the path, exact and free with the gradient; the paper takes differences. The
released sampler loses its place at cells that get no sample, so that all later ones slide towards the baseline:
`sampling="reference"` loses it in the same way, for comparison alone.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from torch import Tensor

from attribution.engine.accumulate import accumulate
from attribution.engine.baselines import BASELINES, Baseline, make_baselines
from attribution.engine.plans import Walk, path_points
from attribution.engine.profile import scores_along
from attribution.engine.score import ClassScore
from attribution.quadrature import RULES, node_count
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Batch, Image, Run

Nodes = tuple[tuple[float, float], ...]


def _cost(knobs: Mapping[str, Any]) -> Cost:
    """Samples that follow the score need a first look along the path, by forward passes."""
    steps = knobs["steps"]
    if knobs["sampling"] == "uniform":
        return Cost(node_count(knobs["rule"], steps), points=path_points(knobs, knobs["rule"]))
    return Cost(steps, min(knobs["cells"], steps) + 1)


@method(
    "IDG",
    gloss="the path where the score climbs",
    paper="Walker et al. 2023, arXiv:2305.20052",
    cost=_cost,
)
def idg(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the gradients taken on the path"] = 50,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "mean",
    sampling: Annotated[
        str,
        Choice(("adaptive", "uniform", "reference")),
        "where: as the score climbs, evenly, or with the released slip",
    ] = "adaptive",
    cells: Annotated[
        int, Range(1, 500), "the parts of the path that a first look with forward passes tells apart, M at most"
    ] = 50,
    rule: Annotated[str, Choice(RULES), "of uniform sampling: where on each step the gradient is taken"] = "midpoint",
    seed: Annotated[int, Range(0, 2**31 - 1), "of a noise baseline"] = 0,
) -> Run:
    r"""$A = (x - b) \odot \sum_k w_k F'(\alpha_k) \nabla f_c(b + \alpha_k (x - b))$ with the path derivative
    $F'(\alpha) = \langle x - b, \nabla f_c(b + \alpha (x - b)) \rangle$; in units of $f_c^2$.

    Adaptive: as many of the M samples fall into a cell as its share of all $|\Delta F|$, at the midpoints of its parts.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    nodes = places(score, x, start, steps, sampling, cells, rule)
    far = x - start.image

    def term(at: Batch) -> Tensor:
        climb = (far * at.gradients).sum(dim=(1, 2, 3), keepdim=True)
        return far * climb * at.gradients

    yield from accumulate(score, x, Walk(start, nodes), term)


def places(score: ClassScore, x: Image, start: Baseline, steps: int, sampling: str, cells: int, rule: str) -> Nodes:
    """(alpha, weight) of each sample, in order."""
    if sampling == "uniform":
        return tuple(zip(*RULES[rule](steps), strict=True))
    find = {"adaptive": _adaptive, "reference": _reference}[sampling]
    return find(score, x, start, steps, min(cells, steps))


def _adaptive(score: ClassScore, x: Image, start: Baseline, steps: int, cells: int) -> Nodes:
    """Midpoints of the parts that each cell is cut into; cells + 1 forward passes where nothing is remembered."""
    scores = list(scores_along(score, x, start, [i / cells for i in range(cells + 1)]))
    shares = allocate(np.abs(np.diff(scores)), steps)
    return tuple(
        ((i + (j + 0.5) / share) / cells, 1 / (cells * share)) for i, share in enumerate(shares) for j in range(share)
    )


def allocate(sizes: "np.ndarray", count: int) -> list[int]:
    """`count` shared out in proportion to `sizes` by largest remainders, evenly where all are zero."""
    sizes = np.asarray(sizes, dtype=np.float64)
    if not sizes.sum() > 0:
        sizes = np.ones(len(sizes))
    ideal = count * sizes / sizes.sum()
    found = np.floor(ideal + 1e-9).astype(int)
    for i in np.argsort(-(ideal - found), kind="stable")[: count - found.sum()]:
        found[i] += 1
    return [int(share) for share in found]


def _reference(score: ClassScore, x: Image, start: Baseline, steps: int, cells: int) -> Nodes:
    """The released sampler: shares from the least slope up, and a place that stands still at cells without samples."""
    scores = np.array(list(scores_along(score, x, start, list(np.linspace(0, 1, cells + 1)))))
    slopes = np.diff(scores)
    spread = slopes.max() - slopes.min()
    shares = (slopes - slopes.min()) / spread if spread > 0 else np.ones(cells)
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
