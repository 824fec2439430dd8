"""A path looked at closely: what a path method meets on its way, step by step, in the order of alpha.

Straight: the path of Integrated Gradients (Sundararajan et al. 2017, arXiv:1703.01365). Where its score is flat, the
gradients still add up (Miglani et al. 2020, arXiv:2010.12697): `saturated` tells how much. Beside it, the path that
Guided IG takes (Kapishnikov et al. 2021, arXiv:2106.09788).
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
from attribution.engine.score import ClassScore, logits
from attribution.methods import guided_ig, left_ig
from attribution.quadrature import RULES
from attribution.types import Image, Images

FRAMES = 50
"""The most maps of one trace that are kept; numbers are kept of every node."""

Numbers = Float[np.ndarray, " n"]
Frame = Float[Tensor, "h w"]
"""A signed sum over channels in half precision, on the CPU: to be looked at."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A straight path as far as it was walked. Scores are logits; n nodes, in the order of alpha.

    `slopes` are F'(alpha) = <x - b, gradient>, `sizes` the gradient's Euclidean norm, `steps` what each node adds to
    the attribution: its sum, which is its weight times the slope, and its sum of absolute values. `frames` are the
    nodes that maps are kept of: the gradient there and the map so far.
    """

    baseline: Image
    ends: Sequence[float]
    chances: Sequence[float]
    """The score, and the probability, at the baseline and at the image."""
    total: int
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
        """f(x) - f(b): what a complete attribution sums to."""
        return self.ends[1] - self.ends[0]

    @property
    def sums(self) -> Numbers:
        """The sum of the attribution after each node."""
        return self.steps[:, 0].cumsum()

    def cut(self, phi: float) -> int:
        """How many nodes come before the score has climbed `phi` of its way: those of Left-IG.

        Raises ValueError when the score falls from the baseline to the image.
        """
        low, high = self.ends
        return left_ig.before(self.scores, low, high, phi)

    def saturated(self, phi: float) -> tuple[float, float]:
        """The share of the nodes after the cut in the sum of the attribution, and in its size.

        The size is the sum of all absolute values that the nodes add: signs that cancel along the path do not hide it.
        NaN where there is nothing to share. Raises ValueError as `cut` does.
        """
        whole, late = self.steps.sum(axis=0), self.steps[self.cut(phi) :].sum(axis=0)
        signed, absolute = (float(a / b) if b else float("nan") for a, b in zip(late, whole, strict=True))
        return signed, absolute


def kept(count: int) -> list[int]:
    """The nodes, of so many, that maps are kept of: the first and the last among them."""
    return sorted(set(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int).tolist()))


def trace(score: ClassScore, x: Image, baseline: Baseline, steps: int, rule: str = "right") -> Iterator[Trace]:
    """The straight path from `baseline` to x, at the nodes of Integrated Gradients, while it is walked.

    The same points as those of the method, remembered for both; besides, 2 forward passes and one for each node.
    Raises ValueError for a gradient that is no number.
    """
    alphas, weights = RULES[rule](steps)
    path = Walk(baseline, tuple(zip(alphas, weights, strict=True)), in_order=True)
    ends, chances = _said(score, torch.stack([baseline.image, x]))
    framed, far = set(kept(len(path))), x - baseline.image
    numbers: list[tuple[float, ...]] = []
    frames: list[int] = []
    gradients: list[Frame] = []
    maps: list[Frame] = []
    total = torch.zeros(x.shape[-2:], dtype=torch.float64)
    for batch, _ in visit(score, x, path):
        _, odds = _said(score, batch.points)
        for k, value, chance, gradient in zip(batch.indices, batch.values, odds, batch.gradients, strict=True):
            if not gradient.isfinite().all():
                raise ValueError(f"the gradient holds NaN or infinity at α = {alphas[k]:.3g}")
            term = (far * gradient).cpu().double()
            total = total + weights[k] * term.sum(0)
            size = gradient.cpu().double().norm().item()
            added = weights[k] * term.sum().item(), abs(weights[k]) * term.abs().sum().item()
            numbers.append((alphas[k], value.item(), chance, term.sum().item(), size, *added))
            if k in framed:
                frames.append(k)
                gradients.append(gradient.sum(0).cpu().half())
                maps.append(total.half())
        found = np.array(numbers)
        yield Trace(
            baseline.image, ends, chances, len(path), found[:, 0], found[:, 1], found[:, 2], found[:, 3], found[:, 4],
            found[:, 5:], tuple(frames), tuple(gradients), tuple(maps),
        )  # fmt: skip


def _said(score: ClassScore, points: Images) -> tuple[list[float], list[float]]:
    """The logit and the probability at each point."""
    found = torch.cat(list(logits(score.model, points))).cpu().double()
    return found[:, score.target].tolist(), found.softmax(1)[:, score.target].tolist()


@dataclass(frozen=True, eq=False)
class Detour:
    """Guided IG's path as far as it was walked: at share alpha of the way, by the sum of absolute differences.

    `scores` are logits; `distances` from the straight path at the same alpha, as a share of the whole way.
    """

    total: int
    alphas: Numbers
    scores: Numbers
    distances: Numbers


def detour(
    score: ClassScore, x: Image, baseline: Baseline, steps: int, fraction: float, max_dist: float
) -> Iterator[Detour]:
    """Guided IG's path from `baseline` to x, while it is walked: a gradient a step, and one forward pass at the end."""
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
