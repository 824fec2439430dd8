"""Blobs at random places: a control that looks at no model and at no photo."""

from typing import Annotated

from attribution import controls
from attribution.engine.score import ClassScore
from attribution.registry import Cost, Range, method
from attribution.types import Image, Partial, Run


@method(
    "Blurred noise",
    gloss="blobs at random places",
    paper="a control",
    cost=lambda knobs: Cost(),
    control=True,
    unit="blurred noise",
)
def blurred_noise(
    score: ClassScore,
    x: Image,
    *,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of the noise"] = 0,
) -> Run:
    r"""$G_s * \epsilon$: normal noise under a Gaussian, s a 28th of the shorter side. No gradient."""
    found = controls.blurred_noise(x.shape[-2], x.shape[-1], seed)
    yield Partial.of(found, x, score.target)
