"""The default experiment as it was computed beforehand: on screen before torch is loaded, which this must not do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import skimage.data

from dashboard.viewer import Labelled, Labels

FILE = Path(__file__).parents[1] / "assets" / "example.npz"
PHOTO = ("Photo", "what the model sees")


@dataclass(frozen=True)
class Example:
    """Maps (H, W), signed; curves; and in `about` the setting, versions, what is predicted and what is said."""

    maps: Mapping[str, np.ndarray]
    falls: Mapping[str, list[float]]
    variations: Mapping[str, list[float]]
    about: Mapping[str, Any]

    def photo(self) -> Labelled:
        """The photo, cut as the model's input is; the file holds no photo."""
        side, cut = self.about["resize"], self.about["size"]
        image = PIL.Image.fromarray(skimage.data.cat())
        short = min(image.size)
        image = image.resize((side * image.width // short, side * image.height // short), PIL.Image.Resampling.BICUBIC)
        left, top = round((image.width - cut) / 2), round((image.height - cut) / 2)
        pixels = np.asarray(image.crop((left, top, left + cut, top + cut)))
        return Labels(*PHOTO, self.about["prediction"], self.about["photo"]), pixels

    def labelled(self) -> list[Labelled]:
        """Each map with what is said of it."""
        labelled = []
        for method, said in self.about["methods"].items():
            status = f"precomputed · {said['points']} points"
            labelled.append((Labels(said["title"], said["gloss"], status, said["words"]), self.maps[method]))
        return labelled


@cache
def load() -> Example:
    """What the file holds."""
    with np.load(FILE) as held:
        about = json.loads(str(held["about"]))
        parts: dict[str, dict[str, Any]] = {"map": {}, "fall": {}, "variation": {}}
        for name in held.files:
            kind, _, method = name.partition(":")
            if method:
                parts[kind][method] = held[name].astype(np.float64) if kind == "map" else held[name].tolist()
    maps = {method: values * about["methods"][method]["unit"] for method, values in parts["map"].items()}
    return Example(maps, parts["fall"], parts["variation"], about)
