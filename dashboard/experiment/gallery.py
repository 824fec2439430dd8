"""The sample photos of scikit-image, and the names of the user's own photos."""

from collections.abc import Callable
from functools import cache

import numpy as np
import PIL.Image
import skimage.data

GALLERY: dict[str, Callable[[], np.ndarray]] = {
    "cat": skimage.data.cat,
    "coffee": skimage.data.coffee,
    "camera": skimage.data.camera,
    "motorcycle": lambda: skimage.data.stereo_motorcycle()[0],
    "astronaut": skimage.data.astronaut,
    "rocket": skimage.data.rocket,
}
UPLOAD, PINNED = "upload", "pinned"
"""The user's own photo, and the photo of a pin."""


@cache
def gallery_photo(name: str) -> PIL.Image.Image:
    """The sample photo of that name, RGB. It is decoded once, and the same for all: not to be changed."""
    return PIL.Image.fromarray(GALLERY[name]()).convert("RGB")
