"""Maps as pictures: shared or separate colour scales, absolute or signed, alone or over the photo."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from attribution.heatmaps import COLOURS, DIVERGING, Limits, colour, limits, overlay, reduce_channels, rescale

PALETTES = {"colours": COLOURS, "diverging": DIVERGING}
"""The colours of the linked viewer."""
ABSOLUTE, SIGNED = "absolute", "signed"


@dataclass(frozen=True)
class Display:
    """How maps are shown; nothing here costs a gradient. `opacity` 0 shows the map alone, without the photo."""

    kind: str = ABSOLUTE
    colours: str = "inferno"
    shared: bool = False
    opacity: float = 0.0
    dark: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawn map (H, W, 3), and the value, in units of f_c, that has the last colour of the scale."""

    pixels: np.ndarray
    top: float


def draw(
    maps: Mapping[str, Tensor], photo: np.ndarray, display: Display, units: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Picture]:
    """Draws each attribution (3, H, W) with the same display. Only maps of the same unit share a scale."""
    raws = {name: reduce_channels(attribution, display.kind) for name, attribution in maps.items()}
    scales = {name: limits(raw, display.kind) for name, raw in raws.items()}
    if display.shared:
        alike = {name: [scales[other] for other in raws if units.get(other) == units.get(name)] for name in raws}
        scales = {name: _merge(some) for name, some in alike.items()}
    return {
        name: Picture(_picture(rescale(raw, scales[name]), photo, display), scales[name][1])
        for name, raw in raws.items()
    }


def alone(values: np.ndarray) -> Picture:
    """A map (H, W) without the photo, in the usual display."""
    return draw({"": from_map(values)}, np.zeros(0), Display())[""]


def _merge(scales: list[Limits]) -> Limits:
    return (min(low for low, _ in scales), max(high for _, high in scales)) if scales else (0.0, 0.0)


def _coloured(values: Tensor, display: Display) -> np.ndarray:
    if display.kind == SIGNED:
        return colour((values + 1) / 2, DIVERGING["on_dark" if display.dark else "on_light"])
    return colour(values, COLOURS[display.colours])


def _picture(values: Tensor, photo: np.ndarray, display: Display) -> np.ndarray:
    coloured = _coloured(values, display)
    if not display.opacity:
        return coloured
    # The square root raises low values: most of a map is far below its maximum, and would be invisible over a photo.
    return overlay(coloured, values.abs().sqrt(), photo, display.opacity)


def signed(attribution: Tensor) -> np.ndarray:
    """The map (H, W) for the linked viewer: signed sums over the channels."""
    return reduce_channels(attribution, SIGNED).numpy()


def from_map(values: np.ndarray) -> Tensor:
    """A map (H, W) as an attribution with one channel."""
    return torch.from_numpy(values)[None]


def data_url(picture: np.ndarray) -> str:
    """The picture as a lossless data URL: the browser needs no further request."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def scale_bar(display: Display, width: int = 256) -> np.ndarray:
    """The colour scale from the lowest to the highest value, (8, width, 3)."""
    low = -1.0 if display.kind == SIGNED else 0.0
    return _coloured(torch.linspace(low, 1, width, dtype=torch.float64, device="cpu").expand(8, -1), display)
