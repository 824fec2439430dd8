"""Adaptive noising: the sigma that suits one image, by search. Goh et al. 2021, arXiv:2004.10484, Algorithm 1.

The stop rule is that of the released code: the fourth worsening in a row ends the search, where the paper's text would
allow a fifth. Both move on from the last area even when it got worse, so the search can swing until its steps run out.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from attribution.engine.store import Store
from attribution.explain import one_channel, score_of
from attribution.methods.smooth_taylor import smooth_taylor
from attribution.metrics.perturbation import perturbation
from attribution.metrics.total_variation import total_variation
from attribution.models import Model
from attribution.types import Curve, Partial

OBJECTIVES = ("autvc", "aupc")
SMALLEST, LARGEST = 1e-4, 2.0
"""Without noise SmoothTaylor is blank, and a blank map has no variation: sigma 0 would win and say nothing."""

FRESH = 1_000_003
"""Added to the seed for draws that the search has not seen."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the search. `accepted`: the search went on from it; `rate`: the step that led to it.

    `best_sigma` and `best_area` are of the best accepted trial so far. A `remembered` trial cost nothing.
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
    """The sigma found, its area in the search, and its area on draws that the search has not seen.

    A search keeps the luckiest of its areas: only the fresh one can be compared with that of another sigma.
    """

    sigma: float
    area: float
    fresh_area: float
    trials: tuple[Trial, ...]


Evaluate = Callable[[float, int], Generator[Any, None, float]]
"""The area at a sigma, on draws that are numbered; what it yields on the way is passed on."""


class _Scores:
    """The areas that a search has asked for, by sigma; on common draws none is asked for twice."""

    def __init__(self, evaluate: Evaluate, common: bool) -> None:
        self.evaluate, self.common = evaluate, common
        self.known: dict[float, float] = {}
        self.number = 0

    def at(self, sigma: float) -> Generator[Any, None, tuple[float, bool]]:
        """The area, and whether it was remembered."""
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
    r"""Walks from `start` to a sigma of less area: to $\sigma + \alpha$ if that is no worse, else $|\sigma - \alpha|$.

    `rate` is alpha, the step; `decay` is gamma, what it shrinks by when things get worse; `patience` worsenings in a
    row are forgiven. With `common` draws every sigma is scored on the same ones, and none is evaluated twice. Yields a
    Trial for each evaluation, between what `evaluate` yields. Raises ValueError for a start that is not positive.
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
        if found > present:
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
    draws: int = 50,
    seed: int = 0,
    store: Store | None = None,
    **search: Any,
) -> Iterator[Partial | Curve | Trial | Outcome]:
    """Finds the sigma at which the SmoothTaylor map of x is smoothest ("autvc") or makes the score fall most ("aupc").

    Starts at the mean of |x| in model space. Yields the maps and curves as they grow, a Trial for each sigma, and at
    last the Outcome. `draws` are the patches of the perturbation curve; `search` are the knobs of `search_sigma`.
    Raises ValueError for an unknown objective, and as `stream` does.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective={objective!r} is unknown; use one of {', '.join(OBJECTIVES)}")
    score, x = score_of(model, x, target, "logit", store), x.detach().to(model.device)

    def evaluate(sigma: float, number: int) -> Generator[Any, None, float]:
        last = x[0]
        for partial in smooth_taylor(score, x, sigma=sigma, samples=samples, seed=seed + number):
            last = one_channel(partial.attribution, x)
            yield partial
        if objective == "autvc":
            return float(total_variation(last).area)
        for curve in perturbation(score, x, last, draws=draws, seed=seed + number):
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
