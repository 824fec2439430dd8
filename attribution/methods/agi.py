"""Adversarial Gradient Integration: gradients along paths from the image to other classes. Pan et al. 2021,
doi:10.24963/ijcai.2021/396.

In the released code every step starts at the image, so the path stays within one step of the image and counts similar
moves many times. `anchor="image"` does the same, for comparison only.
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
    gloss="paths to other classes",
    paper="Pan et al. 2021, doi:10.24963/ijcai.2021/396",
    cost=lambda knobs: Cost(2 * knobs["classes"] * knobs["steps"], 1),
    fewer="it stops when it reaches a class",
    output="probability",
)
def agi(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 100), "the maximum number of steps towards each class"] = 20,
    classes: Annotated[int, Range(1, 100), "k, the classes, spread evenly over all; the explained one is skipped"] = 20,
    epsilon: Annotated[float, Range(0.001, 1.0), "ε, the step size of a pixel, as a share of the colour range"] = 0.05,
    anchor: Annotated[str, Choice(("path", "image")), "the start of a step: the last point, or the image"] = "path",
) -> Run:
    r"""$A = -\sum_t \sum_j (x_t^{j+1} - x_t^j) \odot \nabla p_c(x_t^j)$ over other classes t, where $x_t^{j+1}$ is
    $x_t^j$ moved by $\epsilon\,\mathrm{sign} \nabla p_t(x_t^j)$ in pixel space, until t is the most likely class.

    Unit: probability, for both outputs of the score. Two gradients per step and class; they are not stored. A class
    that is the most likely one already at x adds nothing.
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
