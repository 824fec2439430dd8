"""The subject: a photo, the input made from it, the predictions of the model, and the explained class."""

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import PIL.Image
from torch import Tensor

from attribution.images import to_picture
from attribution.models import Model
from dashboard.experiment import words
from dashboard.experiment.words import Prediction
from dashboard.stage.labels import PHOTO, Labelled, Labels


@dataclass(frozen=True)
class Photo:
    """The user's own photo. Equal photos have equal digests. `data` are the bytes of its file, if any."""

    digest: str
    image: PIL.Image.Image
    data: bytes = b""


@dataclass(frozen=True)
class Subject:
    """A photo and a model. `image` is the fingerprint of the input x. `predictions` has all classes.

    `digest` is that of the photo. Photos with the same x can have another x each for another model, which sees more.
    """

    source: PIL.Image.Image
    x: Tensor
    image: str
    model: Model
    predictions: tuple[Prediction, ...]
    target: int
    digest: str = ""

    @property
    def predicted(self) -> Prediction:
        """The likeliest class."""
        return self.predictions[0]

    @cached_property
    def explained(self) -> Prediction:
        """The class that is explained."""
        return next(found for found in self.predictions if found[0] == self.target)

    @cached_property
    def photo(self) -> np.ndarray:
        """What the model sees, as bytes, (H, W, 3)."""
        return to_picture(self.model.pixels(self.x))

    @property
    def labelled(self) -> Labelled:
        """The photo with the prediction of the model, for the viewer."""
        status = words.prediction(self.predicted, self.explained)
        return Labels(*PHOTO, status, words.photo(self.predicted)), self.photo

    @cached_property
    def head(self) -> dict[str, Any]:
        """The labels and the size of the photo, for the stage."""
        labels, pixels = self.labelled
        return {**asdict(labels), "height": pixels.shape[0], "width": pixels.shape[1]}

    @property
    def version(self) -> Hashable:
        """Equal versions are the same picture."""
        return self.image, self.model.digest

    @property
    def pixels(self) -> int:
        """The number of pixels of a map."""
        height, width = self.x.shape[-2:]
        return int(height * width)

    @property
    def spread(self) -> float:
        """The largest minus the smallest value of the input, in model space."""
        return (self.x.max() - self.x.min()).item()

    @property
    def seen(self) -> float:
        """The share of the photo's area that the model sees: its middle."""
        if self.model.squash:
            return min(self.model.size / self.model.resize, 1.0) ** 2
        width, height = self.source.size
        side = min(width, height) * self.model.size / self.model.resize
        return min(side * side / (width * height), 1.0)
