"""Plans: the points to evaluate, by index and independent of the batch size, each with its key in the store."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Protocol, runtime_checkable

import torch

from attribution.engine.baselines import Baseline
from attribution.engine.random_numbers import Purpose, normal_soon
from attribution.engine.store import Store
from attribution.quadrature import Rule
from attribution.registry import Cost, Range
from attribution.types import Image, Images

REMEMBERED = 500
"""The points of a noise cloud that are remembered one by one, and the distance of the milestones after them."""


@runtime_checkable
class Plan(Protocol):
    """Points in the order of evaluation. The first ones are usually spread out: a partial result is a good preview."""

    def __len__(self) -> int: ...

    def key(self, k: int) -> Hashable:
        """Identifies point k: plans with a common point use the same key for it. None: it is not to be remembered."""
        ...

    def weight(self, k: int) -> float:
        """The weight of point k in the sum. The weights of a mean sum to 1."""
        ...

    def points(self, x: Image, indices: Sequence[int]) -> Images: ...


@dataclass(frozen=True)
class Here:
    """The image itself."""

    def __len__(self) -> int:
        return 1

    def key(self, k: int) -> Hashable:
        return "here"

    def weight(self, k: int) -> float:
        return 1.0

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        return x[None]


Sigma = Annotated[float, Range(0.0, 2.0), "σ, the noise scale: the std of the noise in model space, absolute"]
Seed = Annotated[int, Range(0, 2**31 - 1), "the random seed of the noise"]
Antithetic = Annotated[bool, "antithetic sampling: use each draw of the noise with both signs, ±ε"]
"""The knobs of every mean over a `NoiseCloud`, besides the number of samples."""


@dataclass(frozen=True)
class NoiseCloud:
    """x + sigma * eps_k, k = 0..samples-1, with eps_k from N(0, 1).

    eps_k depends only on (seed, k). So a larger cloud contains the smaller ones, and all sigmas share the same eps_k.
    An antithetic cloud uses each eps twice, as +eps and as -eps. The store keeps each eps for other methods and sigmas.
    """

    sigma: float
    seed: int
    samples: int
    antithetic: bool = False
    store: Store | None = field(default=None, compare=False, repr=False)
    purpose: Purpose = Purpose.ROOTS
    _ahead: "dict[int, Future[Image]]" = field(default_factory=dict, init=False, compare=False, repr=False)
    """The draws that other threads are making."""

    def _draw(self, k: int) -> tuple[int, int]:
        return (k // 2, 1 - 2 * (k % 2)) if self.antithetic else (k, 1)

    @property
    def group(self) -> int:
        """How many points in a row are one independent draw."""
        return 2 if self.antithetic else 1

    def __len__(self) -> int:
        return self.samples

    def key(self, k: int) -> Hashable:
        return ("cloud", self.sigma, self.seed, *self._draw(k)) if k < REMEMBERED else None

    def weight(self, k: int) -> float:
        return 1 / self.samples

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        draws = [self._draw(k) for k in indices]
        eps = self._noise(x, {draw for draw, _ in draws})
        self._look_ahead(x, max(indices) + 1, len(indices))
        found = torch.stack([eps[draw] if sign == 1 else -eps[draw] for draw, sign in draws])
        return found.mul_(self.sigma).add_(x)

    def _noise(self, x: Image, draws: Iterable[int]) -> dict[int, Image]:
        """eps of each of the draws, of the type and on the device of x."""
        held = {draw: self._held(x, draw) for draw in draws}
        begun = {draw: self._begin(x, draw) for draw, eps in held.items() if eps is None}
        for draw, future in begun.items():
            held[draw] = eps = future.result().to(x)
            self._ahead.pop(draw, None)
            if self.store is not None and draw < REMEMBERED:
                self.store.put(self._noise_key(x, draw), eps)
        return {draw: eps for draw, eps in held.items() if eps is not None}

    def _look_ahead(self, x: Image, first: int, count: int) -> None:
        """Begins the draws of the next points, so that they are made while the network computes."""
        for draw in {self._draw(k)[0] for k in range(first, min(first + count, self.samples))}:
            if self._held(x, draw) is None:
                self._begin(x, draw)

    def _begin(self, x: Image, draw: int) -> "Future[Image]":
        if draw not in self._ahead:
            self._ahead[draw] = normal_soon(self.purpose, self.seed, draw, tuple(x.shape))
        return self._ahead[draw]

    def _held(self, x: Image, draw: int) -> Image | None:
        found = None if self.store is None else self.store.get(self._noise_key(x, draw))
        return None if found is None else found[0]

    def _noise_key(self, x: Image, draw: int) -> Hashable:
        return ("noise", self.purpose, self.seed, draw, tuple(x.shape), x.dtype, str(x.device))


def coarse_to_fine(count: int) -> list[int]:
    """0..count-1 in van der Corput order, base 2: every prefix is spread over the whole range."""
    bits = max(1, (count - 1).bit_length())
    return sorted(range(count), key=lambda k: int(f"{k:0{bits}b}"[::-1], 2))


def path_key(baseline: Baseline, alpha: float) -> Hashable:
    """The key of the point at `alpha` of a straight path. All plans use it, so they share points."""
    return ("path", baseline.key, alpha)


@dataclass(frozen=True)
class Walk:
    """Points b + alpha * (x - b) of a straight path. `nodes` are (alpha, weight), used coarse to fine or in order.

    The keys are those of StraightPath, so the two share points.
    """

    baseline: Baseline
    nodes: tuple[tuple[float, float], ...]
    in_order: bool = False

    @cached_property
    def _order(self) -> Sequence[int]:
        return range(len(self.nodes)) if self.in_order else coarse_to_fine(len(self.nodes))

    def _node(self, k: int) -> tuple[float, float]:
        return self.nodes[self._order[k]]

    def __len__(self) -> int:
        return len(self.nodes)

    def key(self, k: int) -> Hashable:
        return path_key(self.baseline, self._node(k)[0])

    def weight(self, k: int) -> float:
        return self._node(k)[1]

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        return torch.stack([torch.lerp(self.baseline.image, x, self._node(k)[0]) for k in indices])


@dataclass(frozen=True)
class StraightPath:
    """Points b + alpha * (x - b): baseline after baseline, and for each baseline the alphas coarse to fine.

    `rules` are the nodes and weights for each baseline, equally many for all. Keys contain alpha, so nested grids share
    points: with the right rule, M = 100 contains all points of M = 50.
    """

    baselines: tuple[Baseline, ...]
    rules: tuple[Rule, ...]

    @cached_property
    def _order(self) -> list[int]:
        return coarse_to_fine(len(self.rules[0][0]))

    def _locate(self, k: int) -> tuple[Baseline, float, float]:
        draw, place = divmod(k, len(self._order))
        nodes, weights = self.rules[draw]
        return self.baselines[draw], nodes[self._order[place]], weights[self._order[place]]

    def __len__(self) -> int:
        return len(self.baselines) * len(self._order)

    def key(self, k: int) -> Hashable:
        baseline, alpha, _ = self._locate(k)
        return path_key(baseline, alpha)

    def weight(self, k: int) -> float:
        return self._locate(k)[2] / len(self.baselines)

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        located = [self._locate(k) for k in indices]
        return torch.stack([torch.lerp(b.image, x, alpha) for b, alpha, _ in located])

    def displacements(self, x: Image, indices: Sequence[int]) -> Images:
        """x - b, with the baseline b of each point."""
        return torch.stack([x - self._locate(k)[0].image for k in indices])


def cloud_cost(knobs: Mapping[str, Any]) -> Cost:
    """The cost of a mean over a NoiseCloud: one gradient per sample. Methods with the same cloud share points."""
    return Cost(knobs["samples"], points=("cloud", knobs["sigma"], knobs["seed"], knobs["antithetic"]))


def path_points(knobs: Mapping[str, Any], rule: str) -> Hashable:
    """`Cost.points` of a straight path: equal for methods on the same path and grid. None for a tensor as baseline."""
    baseline = knobs["baseline"]
    if not isinstance(baseline, str):
        return None
    return ("path", baseline, knobs["seed"] if baseline == "uniform" else 0, rule, knobs["steps"])
