"""Adaptive noising: a search for the best sigma of one image. Goh et al. 2021, arXiv:2004.10484, Algorithm 1.

The stop rule is that of the released code: the fourth worsening in a row ends the search. By the paper's text, the
fifth would end it. Both continue from the last sigma even if its area is worse, so the search can oscillate until no
iterations are left.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from attribution.engine.store import Store
from attribution.explain import one_channel, score_of
from attribution.methods.smooth_taylor import smooth_taylor
from attribution.metrics.perturbation import Patches, perturbation
from attribution.metrics.total_variation import total_variation
from attribution.models import Model
from attribution.registry import METHODS, METRICS
from attribution.types import Curve, Partial

OBJECTIVES = ("autvc", "aupc")
SMALLEST, LARGEST = 1e-4, 2.0
"""The range of sigma. With sigma = 0 the SmoothTaylor map is blank, and a blank map has the lowest AUTVC."""

FRESH = 1_000_003
"""Added to the seed to get draws that the search does not use."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the search. `accepted`: the search continues from it; `rate`: the step size that led to it.

    `best_sigma` and `best_area` are those of the best accepted trial so far. `remembered`: the area was known already.
    """

    number: int
    sigma: float
    area: float
    accepted: bool
    rate: float
    best_sigma: float
    best_area: float
    remembered: bool = False


@dataclass(frozen=True)
class Outcome:
    """The sigma found, its area in the search, and its area on fresh draws, which the search did not use.

    The search keeps the lowest of many random areas, so `area` is too low on average. Compare only `fresh_area` with
    the area of another sigma.
    """

    sigma: float
    area: float
    fresh_area: float
    trials: tuple[Trial, ...]


Evaluate = Callable[[float, int], Generator[Any, None, float]]
"""(sigma, number of the draws) -> area; the search yields the partial results too."""


class _Scores:
    """The areas that a search has evaluated, by sigma. With common draws no sigma is evaluated twice."""

    def __init__(self, evaluate: Evaluate, common: bool) -> None:
        self.evaluate, self.common = evaluate, common
        self.known: dict[float, float] = {}
        self.number = 0

    def at(self, sigma: float) -> Generator[Any, None, tuple[float, bool]]:
        """The area at sigma, and whether it was known already."""
        self.number += 1
        if self.common and sigma in self.known:
            return self.known[sigma], True
        self.known[sigma] = yield from self.evaluate(sigma, 0 if self.common else self.number - 1)
        return self.known[sigma], False


def search_sigma(
    evaluate: Evaluate,
    start: float,
    *,
    rate: float = 0.1,
    decay: float = 0.9,
    iterations: int = 20,
    patience: int = 3,
    common: bool = True,
) -> Iterator[Any]:
    r"""Searches for a sigma with a lower area. Each step goes to $\sigma + \alpha$ if that area is no worse, otherwise
    to $|\sigma - \alpha|$, and so does a step from the largest sigma.

    `rate` is alpha, the step size. `decay` is gamma: each worsening multiplies alpha by it. After `patience` worsenings
    in a row, the next one ends the search. With `common`, all sigmas use the same draws, and none is evaluated twice.
    Yields a Trial for each evaluation, and what `evaluate` yields. Raises ValueError if `start` is not positive.
    """
    if not start > 0:
        raise ValueError(f"the search cannot start at sigma={start}: the image is zero everywhere")
    scores = _Scores(evaluate, common)
    sigma = _within(start)
    present, free = yield from scores.at(sigma)
    best_sigma, best_area, worsenings = sigma, present, 0
    yield Trial(scores.number, sigma, present, True, rate, best_sigma, best_area, free)
    for _ in range(iterations):
        tried = _within(sigma + rate)
        found, free = yield from scores.at(tried)
        if found > present or tried == sigma:  # at the largest sigma there is no step up, only one down
            yield Trial(scores.number, tried, found, False, rate, best_sigma, best_area, free)
            tried = _within(abs(sigma - rate))
            found, free = yield from scores.at(tried)
        sigma, step = tried, rate
        worse = found > present
        ended = worse and worsenings == patience
        if worse:
            rate, worsenings = decay * rate, worsenings + 1
        else:
            worsenings = 0
            if found < best_area:
                best_sigma, best_area = sigma, found
        yield Trial(scores.number, sigma, found, True, step, best_sigma, best_area, free)
        if ended:
            return
        present = found


def _within(sigma: float) -> float:
    return min(max(round(sigma, 12), SMALLEST), LARGEST)


def adaptive_noising(
    model: Model,
    x: Tensor,
    target: int | None = None,
    *,
    objective: str = "autvc",
    samples: int = 150,
    draws: Patches = 50,
    seed: int = 0,
    output: str = "logit",
    store: Store | None = None,
    **search: Any,
) -> Iterator[Partial | Curve | Trial | Outcome]:
    """Searches for the sigma whose SmoothTaylor map of x has the lowest AUTVC ("autvc") or AUPC ("aupc").

    It starts at the mean of |x| in model space. Yields partial maps and curves, a Trial for each evaluation, and the
    Outcome at the end. `draws` is P of the perturbation curve; `output` is the score that is explained and measured;
    `search` are arguments of `search_sigma`. Raises ValueError for an unknown objective, for samples, draws or a seed
    that cannot be, and as `stream` does.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective={objective!r} is unknown; use one of {', '.join(OBJECTIVES)}")
    budget = METHODS["smooth_taylor"].check({"samples": samples, "seed": seed})
    patches = METRICS["perturbation"].check({"draws": draws, "seed": seed})
    score, x = score_of(model, x, target, output, store), x.detach().to(model.device)

    def evaluate(sigma: float, number: int) -> Generator[Any, None, float]:
        last = x[0]
        for partial in smooth_taylor(score, x, sigma=sigma, **{**budget, "seed": seed + number}):
            last = one_channel(partial.attribution, x)
            yield partial
        if objective == "autvc":
            return float(total_variation(last).area)
        for curve in perturbation(score, x, last, **{**patches, "seed": seed + number}):
            yield curve
        return float(curve.area)

    trials: list[Trial] = []
    for found in search_sigma(evaluate, x.abs().mean().item(), **search):
        if isinstance(found, Trial):
            trials.append(found)
        yield found
    best = trials[-1]
    fresh = yield from evaluate(best.best_sigma, FRESH)
    yield Outcome(best.best_sigma, best.best_area, fresh, tuple(trials))
