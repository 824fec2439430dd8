"""Control maps, which know nothing of the model. A method that does not beat them has not found what the model uses.

A random order is a weak control: photographers put what matters in the centre, and objects have edges.
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, sobel

from attribution.engine.random_numbers import Purpose, normal, uniform
from attribution.types import Heatmap, Image

RANDOM = "random_order"
RANDOM_TITLE = "Random order"


def random_order(height: int, width: int, seed: int = 0) -> Heatmap:
    """A map of uniform noise, (height, width): a random ranking of the pixels."""
    return uniform(Purpose.ORDER, seed, 0, (height, width))


def centre(height: int, width: int) -> Heatmap:
    """A Gaussian around the centre, (height, width). Its standard deviation is a quarter of the shorter side."""
    spread = min(height, width) / 4
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    return torch.exp(-(rows[:, None].square() + columns.square()) / (2 * spread**2))


def blurred_noise(height: int, width: int, seed: int = 0) -> Heatmap:
    """Standard normal noise under a Gaussian, (height, width): blobs at random places, about as smooth as many maps.

    The standard deviation of the Gaussian is a 28th of the shorter side.
    """
    noise = normal(Purpose.BLOBS, seed, 0, (height, width)).double().numpy()
    return torch.from_numpy(gaussian_filter(noise, min(height, width) / 28, mode="wrap"))


def edges(pixels: Image) -> Heatmap:
    """The length of the gradient of the grey photo by Sobel's filter, (h, w). `pixels` are (3, h, w) in [0, 1]."""
    grey = np.tensordot([0.299, 0.587, 0.114], pixels.cpu().double().numpy(), 1)
    return torch.from_numpy(np.hypot(sobel(grey, 0), sobel(grey, 1)))
