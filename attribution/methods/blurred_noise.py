"""Blobs at random places: a control that looks at no model and at no photo."""

import torch
from scipy.ndimage import gaussian_filter

from attribution.engine.plans import Seed
from attribution.engine.random_numbers import Purpose, normal
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
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
    seed: Seed = 0,
) -> Run:
    r"""$G_s * \epsilon$: normal noise under a Gaussian, s a 28th of the shorter side. No gradient."""
    height, width = x.shape[-2:]
    noise = normal(Purpose.BLOBS, seed, 0, (height, width)).double().numpy()
    blobs = torch.from_numpy(gaussian_filter(noise, min(height, width) / 28, mode="wrap"))
    yield Partial.of(blobs, x, score.target)
