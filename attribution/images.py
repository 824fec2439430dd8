"""Opens photos safely, rotates and crops them; converts pixel space [0, 1] <-> model space (after mean and std)."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import PIL.ExifTags
import PIL.Image
import torch
import torchvision.transforms.v2.functional as transforms
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode

from attribution.types import Heatmap, Image, Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Other formats are rare for photos, and some are unsafe: an interpreter would run an EPS file."""

SMALLEST_SIDE = 16
MOST_PIXELS = 64_000_000
MOST_STRETCH = 40

TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""
ORIENTED = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
"""Where Pillow keeps data that name an orientation."""


@runtime_checkable
class Readable(Protocol):
    """An open binary file."""

    def read(self) -> bytes: ...


def load_image(source: str | Path | bytes | Readable, least: int | None = None) -> PIL.Image.Image:
    """Opens a photo from a path, bytes or an open binary file, as RGB.

    The EXIF rotation is applied, the background of transparent pixels is white, and an animation gives its first frame.
    `least`, for thumbnails: a JPEG is decoded at a fraction of its size, with at least so many pixels a side.
    Raises ValueError, in one line, if it is not a usable photo.
    """
    name = str(source) if isinstance(source, (str, Path)) else "the file"
    try:
        data = _read(source)
    except OSError as error:
        raise ValueError(f"cannot read {name}: {error.strerror or error}; check the path") from None
    if not data and isinstance(source, Readable):
        raise ValueError("the file has no bytes left: it is empty, or was read to its end; call .seek(0) on it first")
    if not data:
        raise ValueError(f"{name} is empty (0 bytes); choose another file")
    image = _open(name, data)
    _check_size(name, *image.size)
    if least is not None:
        image.draft(None, (least, least))
    try:
        image.load()
        return _to_rgb(_upright(image))
    except Exception as error:  # decoders raise many types of errors for corrupt bytes
        raise ValueError(f"{name} is damaged ({_one_line(error)}); save it again or choose another") from None


def _upright(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image, turned as its EXIF says. EXIF that cannot be read turns nothing: the pixels are sound.

    `PIL.ImageOps.exif_transpose` also writes the EXIF anew, which fails where a camera wrote a tag with another type.
    """
    try:
        turn = TURNS.get(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))
    except Exception:  # the reader raises many types of errors
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    for told in ORIENTED:  # or who opens it again would turn it again
        turned.info.pop(told, None)
    return turned


def _read(source: object) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, Path)):
        return Path(source).read_bytes()
    if isinstance(source, io.TextIOBase):
        raise ValueError('the file is open as text; open it in binary mode, with "rb"')
    if not isinstance(source, Readable):
        raise ValueError(f"an image cannot be read from a {type(source).__name__}; give a path, bytes or an open file")
    return source.read()


def _open(name: str, data: bytes) -> PIL.Image.Image:
    try:
        return PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.Image.DecompressionBombError:
        raise ValueError(f"{name} has too many pixels; at most {MOST_PIXELS // 10**6} million are read") from None
    except Exception:  # UnidentifiedImageError, or a decoder error in the header
        raise ValueError(f"{name} is not an image that can be read; use JPEG, PNG, WebP, GIF, BMP or TIFF") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _check_size(name: str, width: int, height: int) -> None:
    if min(width, height) < SMALLEST_SIDE:
        raise ValueError(f"{name} is {width}x{height} pixels; each side must have at least {SMALLEST_SIDE}")
    if width * height > MOST_PIXELS:
        raise ValueError(f"{name} is {width}x{height}; at most {MOST_PIXELS // 10**6} million pixels are read")
    if max(width, height) > MOST_STRETCH * min(width, height):
        raise ValueError(f"{name} is {width}x{height}; crop it to at most {MOST_STRETCH} times as long as wide")


def _to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Numbers above 255: Pillow would clip them to white instead of scaling.
        values = np.array(image, dtype=np.float32)
        if not np.isfinite(values).all():
            raise ValueError("it holds NaN or infinity")
        top = _white(image.mode, float(values.max()))
        values.clip(0, top, out=values)
        values *= 255 / top
        image = PIL.Image.fromarray(values.round(out=values).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")  # `convert` would copy up to 200 MB


def _white(mode: str, highest: float) -> float:
    """The number that is white, where pixels are numbers: the end of their scale, or else the highest of them.

    Where the mode does not tell the scale, the highest number does. Floating-point numbers go from 0 to 255 if it is
    nearer to 255 than to 1, as a ratio.
    """
    if mode.startswith("I"):
        return 255.0 if mode == "I" and highest <= 255 else 65535.0
    return 255.0 if math.sqrt(255) < highest <= 255 else max(highest, 1.0)


def to_pixels(
    image: PIL.Image.Image, size: int, resize: int, interpolation: InterpolationMode, squash: bool = False
) -> Image:
    """Resizes the short side, or with `squash` both, to `resize` and crops the centre: (3, size, size) in [0, 1].

    Raises ValueError for what is no PIL image.
    """
    if not isinstance(image, PIL.Image.Image):
        raise ValueError(f"a photo must be a PIL image, and this is a {type(image).__name__}; open it with load_image")
    sides = [resize, resize] if squash else [resize]
    resized = transforms.resize(_to_rgb(image), sides, interpolation=interpolation)
    cropped = transforms.center_crop(resized, [size, size])
    return torch.from_numpy(np.array(cropped)).permute(2, 0, 1).float() / 255


def in_channels(pixels: Image, count: int) -> Float[Tensor, "count h w"]:
    """A photo, (3, H, W) in [0, 1], for a network with so many input channels.

    1: grey. 3: as it is. 4: with an opaque alpha channel. Raises ValueError for other numbers.
    """
    if count == 1:
        return grey(pixels)[None]
    if count == 3:
        return pixels
    if count == 4:
        return torch.cat([pixels, torch.ones_like(pixels[:1])])
    raise ValueError(
        f"a photo cannot fill {count} channels; make the input yourself: a float32 tensor (channels, H, W)"
    )


def grey(pixels: Image) -> Heatmap:
    """The grey values of (channels, H, W): the luma of red, green and blue; of 1 or 2 channels, their mean."""
    if len(pixels) < 3:
        return pixels.mean(0)
    luma: Tensor = torch.tensordot(pixels.new_tensor((0.299, 0.587, 0.114)), pixels[:3], 1)
    return luma


def to_bytes(pixels: Image) -> np.ndarray:
    """(channels, H, W) in [0, 1] -> (H, W, channels) uint8."""
    return (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def to_picture(pixels: Image) -> np.ndarray:
    """(channels, H, W) in [0, 1] -> (H, W, 3) uint8: the first three channels; with fewer, grey."""
    shown = pixels[:3] if len(pixels) >= 3 else grey(pixels).expand(3, -1, -1)
    return to_bytes(shown)


def normalise(pixels: Pixels, mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Pixel space to model space."""
    return (pixels - _per_channel(mean, pixels)) / _per_channel(std, pixels)


def denormalise(points: Pixels, mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Model space to pixel space."""
    return points * _per_channel(std, points) + _per_channel(mean, points)


def _per_channel(values: Sequence[float], like: Tensor) -> Tensor:
    return like.new_tensor(values)[:, None, None]
