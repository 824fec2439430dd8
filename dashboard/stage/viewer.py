"""The linked viewer: photo and maps in one canvas component. All that changes how they look happens in the browser.

Needs no torch, so that maps which were computed before can be on screen while it is still being loaded.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

HERE = Path(__file__).parent
PHOTO = ("Photo", "what the model sees")
"""Title and gloss of the photo."""


@dataclass(frozen=True)
class Labels:
    """What stands over and under a picture, and what it shows in words."""

    title: str
    gloss: str
    status: str
    words: str
    old: bool = False
    """Of a setting before the present one."""


@cache
def source() -> tuple[str, str]:
    """The component's script, of files that read as one, and its style."""
    names = ("scale.js", "viewer.js", "words.js", "hands.js")
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(scripts), (HERE / "viewer.css").read_text(encoding="utf-8")


Labelled = tuple[Labels, np.ndarray]
Palettes = Mapping[str, Mapping[str, Sequence[str]]]
"""The anchors of each colour map: "colours" for sizes, "diverging" for signs on a light or a dark page."""


def show(key: str, photo: Labelled, maps: Sequence[Labelled], palettes: Palettes) -> None:
    """The photo, bytes (H, W, 3), and signed maps (H, W). Viewers of one key keep what the reader has set."""
    script, style = source()
    component = st.components.v2.component("attribution_viewer", css=style, js=script)
    component(key=key, data=pack(photo, maps, palettes))


def pack(photo: Labelled, maps: Sequence[Labelled], palettes: Palettes) -> bytes:
    """The length of the head in four bytes, the head as JSON, the photo's bytes, each map in float16 of its largest."""
    labels, pixels = photo
    units = [float(np.abs(values).max()) or 1.0 for _, values in maps]
    head: dict[str, Any] = {
        "photo": {**asdict(labels), "height": pixels.shape[0], "width": pixels.shape[1]},
        "maps": [{**asdict(said), "unit": unit} for (said, _), unit in zip(maps, units, strict=True)],
        **palettes,
    }
    text = json.dumps(head).encode()
    halves = [(values / unit).astype("<f2").tobytes() for (_, values), unit in zip(maps, units, strict=True)]
    return b"".join([struct.pack("<I", len(text)), text, np.ascontiguousarray(pixels, np.uint8).tobytes(), *halves])
