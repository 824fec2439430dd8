"""The linked viewer in a cell of Jupyter: `show(model, x, smooth, taylor)`. No server is needed."""

import base64
import html
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attribution.images import to_picture
from attribution.models import Model
from attribution.notebook import Explained, check_results
from attribution.types import Image
from dashboard.experiment import words
from dashboard.live.frames import map_message, unpack
from dashboard.stage import pictures, stage
from dashboard.stage.labels import PHOTO, Labels

SCRIPTS = ("scale.js", "viewer.js", "glance.js", "words.js", "hands.js")
"""Those of the stage that the viewer needs."""
HIGH = 560
"""The usual height of the frame, pixels."""


@dataclass(frozen=True)
class Cell:
    """What Jupyter shows: a frame that cannot reach the notebook around it. `page` is its HTML."""

    page: str
    height: int

    def _repr_html_(self) -> str:
        frame = f'sandbox="allow-scripts" width="100%" height="{self.height}" style="border:0" title="Photo and maps"'
        return f'<iframe {frame} srcdoc="{html.escape(self.page)}"></iframe>'


def show(model: Model, x: Image, *maps: Explained, height: int = HIGH) -> Cell:
    """The photo x, (c, h, w) in model space, and its maps in one viewer: zoom, cross-hair, box, colours and scales.

    Raises ValueError if there is no map, for what is no result of `explain`, and for a map that has not the size of x.
    """
    check_results("show", maps)
    for one in maps:
        if one.attribution.shape[-2:] != x.shape[-2:]:
            sizes = [" x ".join(map(str, tensor.shape[-2:])) for tensor in (one.attribution, x)]
            raise ValueError(
                f"show: the map of {one.title} has {sizes[0]} pixels, and x has {sizes[1]}; give its own x"
            )
    photo = to_picture(model.pixels(x))
    likeliest = model.predict(x, k=1)[0]
    status = words.prediction(likeliest, likeliest)
    said = Labels(*PHOTO, status, words.photo(likeliest))
    size = {"height": photo.shape[0], "width": photo.shape[1]}
    shown = {**asdict(said), **size, "bytes": base64.b64encode(photo.tobytes()).decode()}
    given = {"photo": shown, "maps": [_map(one) for one in maps], **pictures.PALETTES}
    # Nothing in the data may end its element: a category could hold such a word.
    data = json.dumps(given).replace("<", "\\u003c")
    script, style = _source()
    parts = f'<script id="given" type="application/json">{data}</script><script>{script}</script>'
    return Cell(f"<!doctype html><meta charset=utf-8><style>{style}</style><body>{parts}", height)


def _map(one: Explained) -> dict[str, Any]:
    """A map as the viewer is given it."""
    head, payload = unpack(map_message(one.title, pictures.signed(one.attribution)))
    said = Labels(one.title, one.category, one.status, words.describe(one.title, one.attribution), one.unit)
    return {**asdict(said), "unit": head["unit"], "bytes": base64.b64encode(payload).decode()}


@cache
def _source() -> tuple[str, str]:
    """The script and the style."""
    files = [*(stage.HERE / name for name in SCRIPTS), Path(__file__).with_suffix(".js")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files), (stage.HERE / "viewer.css").read_text("utf-8")
