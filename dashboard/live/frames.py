"""Messages to the browser: four bytes with the length of the head, the head as JSON, and bytes."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def pack(head: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """A message. `head["part"]` says which part of the page it is."""
    text = json.dumps(head, ensure_ascii=False, allow_nan=False).encode()
    return b"".join([struct.pack("<I", len(text)), text, payload])


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """The head and the bytes of a message."""
    (length,) = struct.unpack_from("<I", message)
    head: dict[str, Any] = json.loads(message[4 : 4 + length])
    return head, message[4 + length :]


def map_message(name: str, values: ArrayLike, **head: Any) -> bytes:
    """The message of a map (H, W): float16, divided by its largest absolute value, its `unit`."""
    exact = np.asarray(values, np.float32)  # as pins are kept
    unit = float(np.abs(exact).max()) or 1.0
    return pack({"part": "map", "name": name, "unit": unit, **head}, (exact / unit).astype("<f2").tobytes())
