"""The precomputed default experiment, shown before torch is loaded. Must not import torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import skimage.data

from dashboard.charts.lines import Line, Titles
from dashboard.stage.viewer import PHOTO, Labelled, Labels

FILE = Path(__file__).parents[2] / "assets" / "example.npz"
MAP = "map"


@dataclass(frozen=True)
class Example:
    """Signed maps (H, W) by method, curves by metric and method; `about` has the setting, versions and all texts."""

    maps: Mapping[str, np.ndarray]
    curves: Mapping[str, Mapping[str, list[float]]]
    about: Mapping[str, Any]

    def photo(self) -> Labelled:
        """The photo, cropped like the input of the model. The file does not contain the photo."""
        side, cut = self.about["resize"], self.about["size"]
        image = PIL.Image.fromarray(skimage.data.cat())
        short = min(image.size)
        image = image.resize((side * image.width // short, side * image.height // short), PIL.Image.Resampling.BICUBIC)
        left, top = round((image.width - cut) / 2), round((image.height - cut) / 2)
        pixels = np.asarray(image.crop((left, top, left + cut, top + cut)))
        return Labels(*PHOTO, self.about["prediction"], self.about["photo"]), pixels

    def labelled(self) -> list[Labelled]:
        """Each map with its labels."""
        labelled = []
        for method, about in self.about["methods"].items():
            status = f"precomputed · {about['points']} points"
            labelled.append((Labels(about["title"], about["gloss"], status, about["words"]), self.maps[method]))
        return labelled

    def lines(self, metric: str) -> list[Line]:
        """The curves of a metric as lines of a chart."""
        ticks = self.about["metrics"][metric]["ticks"]
        titles = self.about["titles"]
        curves = self.curves[metric].items()
        return [Line(method, titles[method], range(len(values)), values, ticks) for method, values in curves]

    def axes(self, metric: str) -> Titles:
        """The axes of a metric's chart."""
        return Titles(*self.about["metrics"][metric]["axes"])


@cache
def load() -> Example:
    """Reads the file."""
    with np.load(FILE) as held:
        about = json.loads(str(held["about"]))
        parts: dict[str, dict[str, Any]] = {}
        for name in held.files:
            kind, _, method = name.partition(":")
            if method:
                values = held[name].astype(np.float64)
                parts.setdefault(kind, {})[method] = values if kind == MAP else values.tolist()
    maps = {method: values * about["methods"][method]["unit"] for method, values in parts.pop(MAP).items()}
    return Example(maps, parts, about)
