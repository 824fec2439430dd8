"""The scores, gradients and attributions along a path, in the order of alpha.

`trace` follows the straight path of Integrated Gradients (Sundararajan et al. 2017, arXiv:1703.01365). Gradients still
add up after the score saturates (Miglani et al. 2020, arXiv:2010.12697); `saturated` gives their share. `detour`
follows the path of Guided IG (Kapishnikov et al. 2021, arXiv:2106.09788).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.accumulate import visit
from attribution.engine.baselines import Baseline
from attribution.engine.plans import Walk
from attribution.engine.profile import nodes
from attribution.engine.score import ClassScore, logits
from attribution.methods import guided_ig, left_ig
from attribution.types import Image, Images

FRAMES = 50
"""The maximum number of nodes whose maps a trace keeps. It keeps the numbers of all nodes."""

Numbers = Float[np.ndarray, " n"]
Frame = Float[Tensor, "h w"]
"""A signed sum over channels in single precision, on the CPU."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The straight path so far: n of its `total` nodes, in the order of alpha. Scores are logits.

    `slopes` are F'(alpha) = <x - b, gradient>; `sizes` are the Euclidean norms of the gradients. `steps` describes what
    each node adds to the attribution: its sum (weight times slope), and the sum of its absolute values. `frames` are
    the indices of the nodes whose `gradients` and `maps` (the attribution so far) are kept. `places` are the alphas
    of all nodes whose maps are kept in the end.
    """

    baseline: Image
    ends: Sequence[float]
    chances: Sequence[float]
    """`ends` and `chances` are the score and the probability at the baseline and at the image."""
    total: int
    places: tuple[float, ...]
    alphas: Numbers
    scores: Numbers
    probabilities: Numbers
    slopes: Numbers
    sizes: Numbers
    steps: Float[np.ndarray, "n 2"]
    frames: tuple[int, ...]
    gradients: tuple[Frame, ...]
    maps: tuple[Frame, ...]

    @property
    def complete(self) -> bool:
        return len(self.alphas) == self.total

    @property
    def climb(self) -> float:
        """f(x) - f(b), the sum of a complete attribution."""
        return self.ends[1] - self.ends[0]

    @property
    def sums(self) -> Numbers:
        """The sum of the attribution after each node."""
        return self.steps[:, 0].cumsum()

    def cut(self, phi: float) -> int:
        """The number of nodes of Left-IG: those before the score exceeds f(b) + phi (f(x) - f(b)).

        Raises ValueError if the score falls from the baseline to the image, or is not finite at one of them.
        """
        low, high = self.ends
        return left_ig.before(self.scores, low, high, phi)

    def saturated(self, phi: float) -> tuple[float, float]:
        """The share of the nodes after the cut in two totals: the sum of what all nodes add, and the absolute sum.

        The absolute sum adds the absolute values of every node, so signs do not cancel along the path. NaN if a total
        is 0. Raises ValueError as `cut` does.
        """
        whole, late = self.steps.sum(axis=0), self.steps[self.cut(phi) :].sum(axis=0)
        signed, absolute = (float(a / b) if b else float("nan") for a, b in zip(late, whole, strict=True))
        return signed, absolute


def kept(count: int) -> list[int]:
    """The indices of the nodes, out of `count`, whose maps are kept, with the first and the last one."""
    return sorted(set(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int).tolist()))


def trace(score: ClassScore, x: Image, baseline: Baseline, steps: int, rule: str = "right") -> Iterator[Trace]:
    """Follows the straight path from `baseline` to x at the nodes of Integrated Gradients; yields the path so far.

    It shares its points with Integrated Gradients through the store of `score`, whose output must be the logit. It also
    takes 2 forward passes, one per node, and those of the rule "adaptive". Raises ValueError for a gradient that is not
    finite.
    """
    alphas, weights = nodes(score, x, baseline, rule, steps)
    path = Walk(baseline, tuple(zip(alphas, weights, strict=True)), in_order=True)
    ends, chances = _logits_and_probabilities(score, torch.stack([baseline.image, x]))
    framed, delta = kept(len(path)), x - baseline.image
    places = tuple(float(alphas[k]) for k in framed)
    numbers: list[tuple[float, ...]] = []
    frames: list[int] = []
    gradients: list[Frame] = []
    maps: list[Frame] = []
    total = torch.zeros(x.shape[-2:], dtype=torch.float64, device="cpu")
    for batch, _ in visit(score, x, path):
        _, found = _logits_and_probabilities(score, batch.points)
        for k, value, chance, gradient in zip(batch.indices, batch.values, found, batch.gradients, strict=True):
            if not gradient.isfinite().all():
                raise ValueError(f"the gradient holds NaN or infinity at α = {alphas[k]:.3g}")
            term = (delta * gradient).cpu().double()
            total = total + weights[k] * term.sum(0)
            size = gradient.cpu().double().norm().item()
            added = weights[k] * term.sum().item(), abs(weights[k]) * term.abs().sum().item()
            numbers.append((alphas[k], value.item(), chance, term.sum().item(), size, *added))
            if k in framed:
                frames.append(k)
                gradients.append(gradient.sum(0).cpu().float())
                maps.append(total.float())
        table = np.array(numbers)
        yield Trace(
            baseline.image, ends, chances, len(path), places, table[:, 0], table[:, 1], table[:, 2], table[:, 3],
            table[:, 4], table[:, 5:], tuple(frames), tuple(gradients), tuple(maps),
        )  # fmt: skip


def _logits_and_probabilities(score: ClassScore, points: Images) -> tuple[list[float], list[float]]:
    """The logit and the probability of the class at each point."""
    found = torch.cat(list(logits(score.model, points))).cpu().double()
    return found[:, score.target].tolist(), found.softmax(1)[:, score.target].tolist()


@dataclass(frozen=True, eq=False)
class Detour:
    """The path of Guided IG so far. alpha is the share of the L1 distance from baseline to image that is covered.

    `scores` are logits. `distances` are L1 distances from the straight path at the same alpha, as a share of the L1
    distance from baseline to image.
    """

    total: int
    alphas: Numbers
    scores: Numbers
    distances: Numbers


def detour(
    score: ClassScore, x: Image, baseline: Baseline, steps: int, fraction: float, max_dist: float
) -> Iterator[Detour]:
    """Follows Guided IG's path from `baseline` to x; yields the path so far.

    The output of `score` must be the logit. One gradient per step, and one forward pass at the end. Raises ValueError
    for a gradient that is not finite.
    """
    whole = (x - baseline.image).abs().sum().item()

    def distance(point: Tensor, alpha: float) -> float:
        straight = torch.lerp(baseline.image.to(point), x.to(point), alpha)
        return (point - straight).abs().sum().item() / whole if whole else 0.0

    numbers: list[tuple[float, float, float]] = []
    for t, step in enumerate(guided_ig.walk(score, x, baseline.image, steps, fraction, max_dist)):
        numbers.append((t / steps, step.score, distance(step.before, t / steps)))
        if t + 1 == steps:
            numbers.append((1.0, score.values(x[None]).item(), 0.0))
        yield Detour(steps, *np.array(numbers).T)
