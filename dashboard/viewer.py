"""Maps as pictures: one colour scale for all or one for each, signed or not, alone or over the photo."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import PIL.Image
from torch import Tensor

from attribution.heatmaps import COLOURS, DIVERGING, Limits, colour, limits, overlay, reduce_channels, rescale

ABSOLUTE, SIGNED = "absolute", "signed"


@dataclass(frozen=True)
class Display:
    """How maps are shown; nothing here costs a gradient. `opacity` 0 shows the map alone, without the photo."""

    kind: str = ABSOLUTE
    colours: str = "inferno"
    shared: bool = False
    opacity: float = 0.0
    dark: bool = False


def draw(maps: Mapping[str, Tensor], photo: np.ndarray, display: Display) -> dict[str, np.ndarray]:
    """Each attribution (3, H, W) as a picture (H, W, 3), by the same display."""
    raws = {name: reduce_channels(attribution, display.kind) for name, attribution in maps.items()}
    scales = {name: limits(raw, display.kind) for name, raw in raws.items()}
    if display.shared:
        scales = dict.fromkeys(scales, _merge(list(scales.values())))
    return {name: _picture(rescale(raw, scales[name]), photo, display) for name, raw in raws.items()}


def _merge(scales: list[Limits]) -> Limits:
    return (min(low for low, _ in scales), max(high for _, high in scales)) if scales else (0.0, 0.0)


def _picture(values: Tensor, photo: np.ndarray, display: Display) -> np.ndarray:
    if display.kind == SIGNED:
        coloured = colour((values + 1) / 2, DIVERGING["on_dark" if display.dark else "on_light"])
    else:
        coloured = colour(values, COLOURS[display.colours])
    if not display.opacity:
        return coloured
    # The square root lifts the middle: most of a map is far below its top, and would be invisible over a photo.
    return overlay(coloured, values.abs().sqrt(), photo, display.opacity)


def png(picture: np.ndarray) -> bytes:
    """The picture as PNG, quickly rather than tightly."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
