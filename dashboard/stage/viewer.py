"""The linked viewer: photo and maps in one canvas component. Display settings are applied in the browser.

Does not import torch, so that precomputed maps can be shown while torch is being loaded.
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
"""The title and gloss of the photo."""


@dataclass(frozen=True)
class Labels:
    """Texts of a picture: title and gloss above it, status below it, and its alt text `words`."""

    title: str
    gloss: str
    status: str
    words: str
    old: bool = False
    """Whether the map belongs to a previous setting."""


@cache
def source() -> tuple[str, str]:
    """The script (several files joined) and the style of the component."""
    names = ("scale.js", "viewer.js", "words.js", "hands.js", "alone.js")
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(scripts), (HERE / "viewer.css").read_text(encoding="utf-8")


Labelled = tuple[Labels, np.ndarray]
Palettes = Mapping[str, Mapping[str, Sequence[str]]]
"""Anchors of colour maps: "colours" for absolute values, "diverging" for signed ones on light or dark pages."""


def show(key: str, photo: Labelled, maps: Sequence[Labelled], palettes: Palettes) -> None:
    """Shows the photo, bytes (H, W, 3), and signed maps (H, W). A viewer keeps its settings by page: `key`."""
    script, style = source()
    component = st.components.v2.component("attribution_viewer", css=style, js=script)
    component(key=f"{key}-viewer", data=pack(photo, maps, palettes))


def pack(photo: Labelled, maps: Sequence[Labelled], palettes: Palettes) -> bytes:
    """Four bytes: length of the head; the head as JSON; the photo; each map in float16, divided by its maximum."""
    labels, pixels = photo
    maps = [(said, np.asarray(values, np.float32)) for said, values in maps]  # as pins are kept
    units = [float(np.abs(values).max()) or 1.0 for _, values in maps]
    head: dict[str, Any] = {
        "photo": {**asdict(labels), "height": pixels.shape[0], "width": pixels.shape[1]},
        "maps": [{**asdict(said), "unit": unit} for (said, _), unit in zip(maps, units, strict=True)],
        **palettes,
    }
    text = json.dumps(head).encode()
    halves = [(values / unit).astype("<f2").tobytes() for (_, values), unit in zip(maps, units, strict=True)]
    return b"".join([struct.pack("<I", len(text)), text, np.ascontiguousarray(pixels, np.uint8).tobytes(), *halves])
