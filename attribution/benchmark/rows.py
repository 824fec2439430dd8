"""What a results file holds, as it is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """A map of a photo and one area under it, as it is in the file. `curve` has a value a step."""

    photo: str
    digest: str
    folder: str
    model: str
    weights: str
    base_seed: int
    method: str
    knobs: Mapping[str, Any]
    seed: int
    target: int
    category: str
    probability: float
    gradients: int
    computed: int
    seconds: float
    detail: Mapping[str, Any]
    metric: str
    metric_knobs: Mapping[str, Any]
    area: float
    curve: np.ndarray
    note: str


@dataclass(frozen=True)
class Setting:
    """What all rows of a run have in common: the model, its weights, and the seed that each photo's comes from."""

    model: str
    weights: str
    seed: int


def row_of(values: Sequence[Any]) -> Row:
    """A row as the file has it. Raises ValueError, TypeError or AttributeError for what is no result."""
    found = dict(zip(Row.__dataclass_fields__, values, strict=True))
    for name in ("knobs", "detail", "metric_knobs"):
        found[name] = dict(json.loads(found[name]).items())
    found["curve"] = np.array(json.loads(found["curve"]), dtype=np.float64).reshape(-1)
    found["area"] = float(found["area"])
    if not (np.isfinite(found["area"]) and np.isfinite(found["curve"]).all()):
        raise ValueError(f"an area of {found['photo']} is not finite")
    return Row(**found)
