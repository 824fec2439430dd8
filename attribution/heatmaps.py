"""A signed attribution (3, H, W) -> a heatmap (H, W) -> colours -> an overlay on the photo."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from attribution.types import Heatmap

NOT_FINITE = "the attribution holds NaN or infinity: the model's gradient overflowed at some point"
KINDS = {
    "absolute": "|sum over channels|, clipped at the 99th percentile, min-max; as in the SmoothTaylor paper",
    "sum_of_absolutes": "sum over channels of |.|, clipped at the 99th percentile, min-max; as in PAIR's saliency",
    "signed": "sum over channels, clipped at the 99th percentile of its absolute value, scaled to [-1, 1]",
    "mass": "|sum over channels|, divided by the value below which 98 % of the total lies; as in captum",
}
Limits = tuple[float, float]


def heatmap(attribution: Tensor | np.ndarray, kind: str = "absolute", percentile: float | None = None) -> Heatmap:
    """The heatmap for display, (h, w): in [0, 1], or in [-1, 1] if signed. A constant map gives zeros.

    `attribution` is (c, h, w), a tensor or an array of NumPy. `percentile` sets where values are clipped (default 99;
    98 for "mass"). Raises ValueError for an unknown kind, a wrong shape or percentile, or values that are not finite.
    """
    raw = reduce_channels(attribution, kind)
    return rescale(raw, limits(raw, kind, percentile))


def check_finite(values: Tensor) -> Tensor:
    """The values of a map. Raises ValueError if one is not finite."""
    if not values.isfinite().all():
        raise ValueError(NOT_FINITE)
    return values


def as_tensor(attribution: object) -> Tensor:
    """A map as a tensor. Raises ValueError for what is neither a tensor nor an array of numbers."""
    if isinstance(attribution, np.ndarray) and attribution.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(attribution, dtype=np.float64))
    if isinstance(attribution, Tensor):
        return attribution
    raise ValueError(
        f"the map is a {type(attribution).__name__}; give a tensor or an array, such as .attribution of a result"
    )


def reduce_channels(attribution: Tensor | np.ndarray, kind: str = "absolute") -> Heatmap:
    """One unscaled value per pixel, (h, w), float64 on the CPU. Raises ValueError as `heatmap` does."""
    attribution = as_tensor(attribution)
    if attribution.ndim != 3:
        raise ValueError(f"the attribution has shape {tuple(attribution.shape)}; use (channels, height, width)")
    if kind not in KINDS:
        raise ValueError(f"heatmap kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    values = check_finite(attribution).detach().cpu().double()
    if kind == "sum_of_absolutes":
        return values.abs().sum(0)
    return values.sum(0) if kind == "signed" else values.sum(0).abs()


def limits(raw: Heatmap, kind: str = "absolute", percentile: float | None = None) -> Limits:
    """The values at the two ends of the colour scale. Merge the limits of several maps to give them one scale."""
    if percentile is not None and not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile} must be from 0 to 100")
    low, high = raw.min().item(), raw.max().item()
    if _equal(low, high):
        return 0.0, 0.0
    if kind == "mass":
        ordered = raw.flatten().sort().values
        mass = ordered.cumsum(0)
        reached = mass >= mass[-1] * ((98.0 if percentile is None else percentile) / 100)
        return 0.0, ordered[reached][0].item()
    top = 99.0 if percentile is None else percentile
    if kind == "signed":
        span = percentile_of(raw.abs(), top) or raw.abs().max().item()
        return -span, span
    clipped = percentile_of(raw, top)
    # So few pixels differ from the others that the percentile is not one of them: they would not be seen.
    return low, high if _equal(low, clipped) else clipped


def _equal(low: float, high: float) -> bool:
    """Smoothing a constant map leaves rounding errors; scaling would make them visible."""
    return high - low <= 1e-12 * max(abs(low), abs(high))


def blank(raw: Heatmap) -> str:
    """The note for every measure of a constant map; empty for other maps."""
    constant = _equal(raw.min().item(), raw.max().item())
    return "the map is blank: it puts no pixel before another" if constant else ""


def percentile_of(values: Tensor, percent: float) -> float:
    """The percentile, with linear interpolation between ranks."""
    return float(np.percentile(values.numpy(), percent))


def rescale(raw: Heatmap, ends: Limits) -> Heatmap:
    """Scales linearly to [0, 1], or to [-1, 1] if the low end is negative, and clips. Equal ends give zeros."""
    low, high = ends
    if _equal(low, high):
        return torch.zeros_like(raw)
    if low < 0:
        return (raw / high).clamp(-1, 1)
    return ((raw - low) / (high - low)).clamp(0, 1)


# Anchor colours at equal steps, interpolated linearly.
COLOURS: dict[str, tuple[str, ...]] = {
    "inferno": (
        *("#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60"),
        *("#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4"),
    ),
    "viridis": (
        *("#440154", "#482878", "#3e4989", "#31688e", "#26828e"),
        *("#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"),
    ),
    "grey": ("#000000", "#ffffff"),
}
DIVERGING: dict[str, tuple[str, ...]] = {
    # Blue below zero, orange above: safe for common colour blindness. Zero has the background colour of the page.
    "on_light": ("#08306b", "#2171b5", "#9ecae1", "#ffffff", "#fdae6b", "#d94801", "#7f2704"),
    "on_dark": ("#5ec8ff", "#2a8fd6", "#1b4f80", "#0e1117", "#8a3d0c", "#e0701a", "#ffb000"),
}


SHADES = 511


def colour(values: Heatmap, anchors: Sequence[str]) -> UInt8[np.ndarray, "h w 3"]:
    """Converts a heatmap in [0, 1] to colours, uint8. Convert a signed heatmap v first, by (v + 1) / 2."""
    rgb = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, SHADES)
    table = np.stack([np.interp(at, np.arange(len(anchors)), rgb[:, c]) for c in range(3)], axis=-1)
    return table.round().astype(np.uint8)[(values.numpy() * (SHADES - 1)).round().astype(np.intp)]


def overlay(
    coloured: UInt8[np.ndarray, "h w 3"],
    strength: Float[Tensor, "h w"],
    photo: UInt8[np.ndarray, "h w 3"],
    opacity: float,
) -> UInt8[np.ndarray, "h w 3"]:
    """Blends the colours over the photo in grey. The opacity of a pixel is `opacity` times its strength in [0, 1]."""
    grey = (photo @ np.array([0.299, 0.587, 0.114]))[..., None].repeat(3, axis=-1)
    alpha = opacity * strength.numpy()[..., None]
    mixed: np.ndarray = alpha * coloured + (1 - alpha) * grey
    return mixed.round().clip(0, 255).astype(np.uint8)
