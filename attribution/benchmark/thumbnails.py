"""A small picture of a photo, as the model sees it. The results file stores it."""

import io

import PIL.Image

from attribution.images import to_picture
from attribution.models import Model
from attribution.types import Image

SIDE = 96
"""The longest side of a thumbnail, pixels."""
MOST_BYTES = 64 * 1024
"""Larger ones are not read. Those that are made here have about 3 KB, and always less than 32 KB."""
QUALITY = 80


def thumbnail(model: Model, x: Image) -> bytes:
    """A JPEG of x, (c, h, w) in model space: at most `SIDE` pixels a side. Empty when it cannot be made."""
    try:
        picture = PIL.Image.fromarray(to_picture(model.pixels(x)))
        picture.thumbnail((SIDE, SIDE))
        made = io.BytesIO()
        picture.save(made, "JPEG", quality=QUALITY)
    except Exception:  # the picture is an extra: no row of the photo may fail for it
        return b""
    return made.getvalue()


def accepted(data: bytes) -> bytes:
    """The data if it is a JPEG of at most `SIDE` pixels a side, else nothing. Reads its header and decodes no pixel.

    Anybody can send a results file, and a JPEG of a few KB can decode to gigabytes.
    """
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            return data if max(picture.size) <= SIDE else b""
    except Exception:  # a broken header can raise many errors
        return b""
