"""The texts of a picture. Must not import torch: precomputed maps are shown while it is being loaded."""

from dataclasses import dataclass

import numpy as np

PHOTO = ("Photo", "what the model sees")
"""The title and gloss of the photo."""


@dataclass(frozen=True)
class Labels:
    """Texts of a picture: title and gloss above it, status below it, its alt text `words`; the unit of its values."""

    title: str
    gloss: str
    status: str
    words: str
    measure: str = ""


Labelled = tuple[Labels, np.ndarray]
