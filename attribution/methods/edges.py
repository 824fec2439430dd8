"""The edges of the photo: a control that looks at no model. Adebayo et al. 2018, arXiv:1810.03292, compare with it."""

import numpy as np
import torch
from scipy.ndimage import sobel

from attribution.engine.score import ClassScore
from attribution.images import denormalise, grey
from attribution.registry import Cost, method
from attribution.types import Image, Partial, Run


@method(
    "Edges",
    gloss="edges of the photo",
    paper="Adebayo et al. 2018, arXiv:1810.03292",
    cost=lambda knobs: Cost(),
    control=True,
    unit="edges",
)
def edges(score: ClassScore, x: Image) -> Run:
    r"""$\sqrt{s_x^2 + s_y^2}$, the length of the grey photo's gradient by Sobel's filter. No gradient of the score."""
    photo = grey(denormalise(x, score.model.mean, score.model.std).cpu().double()).numpy()
    yield Partial.of(torch.from_numpy(np.hypot(sobel(photo, 0), sobel(photo, 1))), x, score.target)
