"""The score along a straight path, F(alpha) = f_c(b + alpha (x - b)): from the store, or by forward passes only."""

from collections.abc import Generator, Iterator, Sequence

import torch

from attribution.engine.baselines import Baseline
from attribution.engine.plans import path_key
from attribution.engine.score import ClassScore
from attribution.quadrature import ADAPTIVE, RULES, Rule, climbing
from attribution.types import Image

AT_ONCE = 32
LOOKS = 16
"""The parts of the path whose ends the rule "adaptive" scores first, by forward passes."""


def nodes(score: ClassScore, x: Image, baseline: Baseline, rule: str, steps: int) -> Rule:
    """Nodes and weights of a rule on the path from `baseline` to x. The rule "adaptive" costs LOOKS + 1 passes."""
    if rule != ADAPTIVE:
        return RULES[rule](steps)
    return climbing(list(scores_along(score, x, baseline, [k / LOOKS for k in range(LOOKS + 1)])), steps)


def scores_along(score: ClassScore, x: Image, baseline: Baseline, alphas: Sequence[float]) -> Iterator[float]:
    """Yields F at each alpha, in order. It evaluates in batches: stopping early wastes at most one batch."""
    store, owner = score.store, None if score.store is None else score.key(x)
    for start in range(0, len(alphas), AT_ONCE):
        some = alphas[start : start + AT_ONCE]
        known = {a: p for a in some if store is not None and (p := store.get((owner, path_key(baseline, a))))}
        missing = [a for a in some if a not in known]
        found = {a: value.item() for a, (value, _) in known.items()}
        if missing:
            values = score.values(torch.stack([torch.lerp(baseline.image, x, a) for a in missing]))
            found |= dict(zip(missing, values.cpu().double().tolist(), strict=True))
        yield from (found[a] for a in some)


def step_by_step(
    score: ClassScore, x: Image, baseline: Baseline, alphas: Sequence[float], most: float | None = None
) -> Generator[None, None, list[float]]:
    """Returns F at all alphas, or at those before the first where it is not at most `most`.

    Yields after each full batch, so that nobody must wait for all of them.
    """
    found: list[float] = []
    for value in scores_along(score, x, baseline, alphas):
        if most is not None and not value <= most:
            break
        found.append(value)
        if len(found) % AT_ONCE == 0:
            yield
    return found
