"""Integrated Gradients: gradients along a straight path from a baseline. Sundararajan et al. 2017, arXiv:1703.01365."""

from collections.abc import Mapping
from typing import Annotated, Any

from torch import Tensor

from attribution.engine.accumulate import accumulate
from attribution.engine.baselines import BASELINES, Draws, make_baselines
from attribution.engine.plans import StraightPath, path_points
from attribution.engine.profile import LOOKS, nodes
from attribution.engine.score import ClassScore
from attribution.quadrature import ADAPTIVE, RULES, node_count
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Stepwise


def _cost(knobs: Mapping[str, Any]) -> Cost:
    paths, rule = knobs["draws"] if knobs["baseline"] == "uniform" else 1, knobs["rule"]
    gradients = paths * node_count(rule, knobs["steps"])
    if rule == ADAPTIVE:  # its nodes depend on all settings
        return Cost(gradients, paths * (LOOKS + 1))
    return Cost(gradients, points=path_points(knobs, rule))


@method(
    "Integrated Gradients",
    gloss="gradients along a path",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    cost=_cost,
    sums_up=True,
    origin=lambda knobs: knobs["baseline"],
)
def integrated_gradients(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the steps on the path from the baseline to the image"] = 50,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "black",
    draws: Draws = 1,
    rule: Annotated[str, Choice((*RULES, ADAPTIVE)), "where on each step the gradient is taken"] = "right",
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of the noise baselines"] = 0,
) -> Stepwise:
    r"""The mean over N baselines of $A = (x - b) \odot \sum_k w_k \nabla f_c(b + \alpha_k (x - b))$.

    N gradients per node. `draws` (N) and `seed` affect only the baseline "uniform". The rule "adaptive" puts more nodes
    where the score changes: it takes a first look by forward passes.
    """
    starts = make_baselines(score.model, x, baseline, draws, seed)
    rules = []
    for start in starts:
        rules.append(nodes(score, x, start, rule, steps))
        if rule == ADAPTIVE:  # so that nobody must wait for the looks at all paths
            yield None
    path = StraightPath(starts, tuple(rules))
    draw = len(path) // len(starts) if len(starts) > 1 else 0  # several noise baselines are as many independent draws
    yield from accumulate(score, x, path, lambda at: path.displacements(x, at.indices) * at.gradients, group=draw)
