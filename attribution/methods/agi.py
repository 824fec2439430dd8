"""Adversarial Gradient Integration: what the class loses on the way to other classes. Pan et al. 2021,
doi:10.24963/ijcai.2021/396.

The released code begins every step at the image itself, so that it stays within one step of it and credits the same
move again and again: `anchor="image"` does the same, for comparison alone.
"""

from typing import Annotated

import torch

from attribution.engine.devices import sum_dtype
from attribution.engine.score import ClassScore, logits
from attribution.images import denormalise, normalise
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run


@method(
    "AGI",
    gloss="on the way to other classes",
    paper="Pan et al. 2021, doi:10.24963/ijcai.2021/396",
    cost=lambda knobs: Cost(2 * knobs["classes"] * knobs["steps"], 1),
)
def agi(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 100), "the most steps towards each class"] = 20,
    classes: Annotated[int, Range(1, 100), "k, how many classes, spread evenly over all; its own is left out"] = 20,
    epsilon: Annotated[float, Range(0.001, 1.0), "ε, how far a pixel moves in a step, of the range of colours"] = 0.05,
    anchor: Annotated[str, Choice(("path", "image")), "what a step goes on from: where it is, or as released"] = "path",
) -> Run:
    r"""$A = -\sum_t \sum_j (x_t^{j+1} - x_t^j) \odot \nabla p_c(x_t^j)$ over other classes t, where $x_t^{j+1}$ is
    $x_t^j$ moved by $\epsilon\,\mathrm{sign} \nabla p_t(x_t^j)$ in pixel space, until t is the likeliest class.

    In units of probability, whatever the score's output is. Two gradients a step and class; none is remembered. A class
    that the image is of already adds nothing.
    """
    count = next(logits(score.model, x[None])).shape[1]
    others = {i * count // classes for i in range(classes)} - {score.target}
    goals = torch.tensor(sorted(others), dtype=torch.int64, device=x.device)
    probability = ClassScore(score.model, score.target, "probability")
    mean, std = score.model.mean, score.model.std
    present = x.expand(len(goals), *x.shape).clone()
    total = torch.zeros_like(x, dtype=sum_dtype(x.device))
    walking = torch.arange(len(goals), device=x.device)
    done = 0
    if not others:
        yield Partial(torch.zeros_like(x), 0, 0, 0, score.target)
        return
    for step in range(steps):
        _, uphill, winners = score.gradients_toward(present[walking], goals[walking])
        done += len(walking)
        going = winners != goals[walking]
        walking, uphill = walking[going], uphill[going]
        if len(walking):
            at = present[walking]
            _, falls = probability.gradients(at)
            done += len(walking)
            origin = at if anchor == "path" else x.expand_as(at)
            pixels = (denormalise(origin, mean, std) + epsilon * uphill.sign()).clamp(0, 1)
            moved = normalise(pixels, mean, std)
            total = total - ((moved - origin) * falls).sum(0)
            present[walking] = moved
        left = 2 * len(walking) * (steps - 1 - step)
        yield Partial(total.to(x.dtype), done, done + left, done, score.target)
        if not left:
            return
