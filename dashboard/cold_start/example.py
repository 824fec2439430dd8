"""The precomputed first experiment, shown before torch is loaded. Must not import torch."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import PIL.Image

from dashboard.charts.lines import Line, Titles
from dashboard.charts.looks import style
from dashboard.experiment.gallery import GALLERY
from dashboard.live.frames import map_message, pack
from dashboard.place import ASSETS
from dashboard.stage.labels import PHOTO

FILE = ASSETS / "example.npz"
MAP, RANDOM = "map", "random_order"


@dataclass(frozen=True)
class Example:
    """Signed maps (H, W) by method, curves by metric and method; `about` has the setting, versions and all texts."""

    maps: Mapping[str, np.ndarray]
    curves: Mapping[str, Mapping[str, list[float]]]
    about: Mapping[str, Any]

    def photo(self) -> np.ndarray:
        """The photo, bytes (H, W, 3), cropped like the input of the model. The file does not contain the photo."""
        side, cut = self.about["resize"], self.about["size"]
        image = PIL.Image.fromarray(GALLERY[self.about["setting"]["image"]]())
        short = min(image.size)
        image = image.resize((side * image.width // short, side * image.height // short), PIL.Image.Resampling.BICUBIC)
        left, top = round((image.width - cut) / 2), round((image.height - cut) / 2)
        return np.asarray(image.crop((left, top, left + cut, top + cut)))

    def messages(self) -> list[bytes]:
        """What the stage shows, as the live page would send it."""
        return [
            self._layout(),
            pack({"part": "photo"}, self.photo().tobytes()),
            *self._maps(),
            *self._curves(),
            self._state(),
        ]

    def _layout(self) -> bytes:
        about = self.about
        title, gloss = PHOTO
        photo = {"title": title, "gloss": gloss, "status": about["prediction"], "words": about["photo"]}
        tiles = [{"name": name, "title": one["title"], "gloss": one["gloss"]} for name, one in about["methods"].items()]
        charts = [
            {"name": name, **{key: one[key] for key in ("title", "label", "reading", "note")}, "axes": self._axes(name)}
            for name, one in about["metrics"].items()
        ]
        lines = {name: [title, *style(name)] for name, title in about["titles"].items()}
        size = {"height": about["size"], "width": about["size"]}
        head = {
            "part": "layout",
            "photo": photo | size,
            "tiles": tiles,
            "charts": charts,
            "lines": lines,
            "control": "",
        }
        return pack(head)

    def _axes(self, metric: str) -> dict[str, Any]:
        return dict(zip(("x", "y", "x_range", "y_range"), self.about["metrics"][metric]["axes"], strict=True))

    def _maps(self) -> Iterator[bytes]:
        for name, about in self.about["methods"].items():
            done = {"done": about["points"], "total": about["points"]}
            yield map_message(name, self.maps[name], **done, words=about["words"], measure=about["measure"])

    def _curves(self) -> Iterator[bytes]:
        for metric, curves in self.curves.items():
            ticks = list(self.about["metrics"][metric]["ticks"])
            for name, y in curves.items():
                head = {"part": "curve", "metric": metric, "name": name, "x": list(range(len(y))), "y": y}
                yield pack({**head, "ticks": ticks, "done": True, **self.band(metric, name)})

    def band(self, metric: str, name: str) -> dict[str, list[float]]:
        """The ends of the band of a curve, `low` and `high`; empty for a curve without a band."""
        ends: dict[str, list[float]] = self.about["bands"].get(metric, {}) if name == RANDOM else {}
        return {end: ends[end] for end in ("low", "high") if ends}

    def _state(self) -> bytes:
        status = {name: f"precomputed · {about['points']} points" for name, about in self.about["methods"].items()}
        text = "precomputed example: the model is being loaded"
        state = {"part": "state", "draft": True, "state": "live", "share": 0.0, "text": text, "status": status}
        return pack({**state, "old": [], "errors": []})

    def lines(self, metric: str) -> list[Line]:
        """The curves of a metric as lines of a chart."""
        ticks = self.about["metrics"][metric]["ticks"]
        titles = self.about["titles"]
        curves = self.curves[metric].items()
        return [
            Line(method, titles[method], range(len(values)), values, ticks, **self.band(metric, method))
            for method, values in curves
        ]

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
