"""The columns of a results file, each declared once, and the rows that are read from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

import numpy as np

from attribution.benchmark.cases import ADAPTIVE


@dataclass(frozen=True)
class Column:
    """How a results file stores one value.

    `table`, `name` and `type` are those of SQL. The `key` columns of a table identify one entry of it, together with
    the entry that it belongs to: a map belongs to a photo, an area to a map. `json` columns hold JSON text: an object
    or a list of numbers. `csv` columns are printed by `report.rows`. `since` is the first format that has the column;
    when an older file is upgraded, its entries get `default`, an SQL literal.
    """

    table: Literal["photos", "maps", "areas"]
    name: str
    type: Literal["TEXT", "INTEGER", "REAL", "BLOB"]
    key: bool = False
    json: Literal["", "object", "numbers"] = ""
    csv: bool = True
    since: int = 1
    default: str = ""


@dataclass(frozen=True)
class Row:
    """One area of one map of a photo. Each field is declared with its column; the CSV has this order.

    `curve` has one value per step. `seconds` are the time of the map and of its metrics. `target` is the likeliest
    class, which is explained; `output` is the score of it that is explained and measured. `label` is the class that
    somebody gave the photo, or -1. New fields go last.
    """

    photo: Annotated[str, Column("photos", "name", "TEXT", key=True)]
    digest: Annotated[str, Column("photos", "digest", "TEXT", key=True)]
    folder: Annotated[str, Column("photos", "folder", "TEXT", csv=False)]
    model: Annotated[str, Column("maps", "model", "TEXT", key=True)]
    weights: Annotated[str, Column("maps", "weights", "TEXT", key=True)]
    target: Annotated[int, Column("maps", "target", "INTEGER")]
    category: Annotated[str, Column("maps", "category", "TEXT")]
    probability: Annotated[float, Column("maps", "probability", "REAL")]
    method: Annotated[str, Column("maps", "method", "TEXT", key=True)]
    knobs: Annotated[Mapping[str, Any], Column("maps", "knobs", "TEXT", key=True, json="object")]
    base_seed: Annotated[int, Column("maps", "base_seed", "INTEGER", key=True)]
    seed: Annotated[int, Column("maps", "seed", "INTEGER")]
    gradients: Annotated[int, Column("maps", "gradients", "INTEGER")]
    computed: Annotated[int, Column("maps", "computed", "INTEGER")]
    seconds: Annotated[float, Column("maps", "seconds", "REAL")]
    detail: Annotated[Mapping[str, Any], Column("maps", "detail", "TEXT", json="object")]
    metric: Annotated[str, Column("areas", "metric", "TEXT", key=True)]
    metric_knobs: Annotated[Mapping[str, Any], Column("areas", "knobs", "TEXT", key=True, json="object")]
    area: Annotated[float, Column("areas", "area", "REAL")]
    curve: Annotated[np.ndarray, Column("areas", "curve", "TEXT", json="numbers", csv=False)]
    note: Annotated[str, Column("areas", "note", "TEXT")]
    output: Annotated[str, Column("maps", "output", "TEXT", since=3, default="'logit'")] = "logit"
    label: Annotated[int, Column("photos", "label", "INTEGER", since=3, default="-1")] = -1


ROW: Mapping[str, Column] = {
    field: get_args(hint)[1] for field, hint in get_type_hints(Row, include_extras=True).items()
}
"""The column of each field of `Row`."""
KINDS = {"TEXT": (str,), "INTEGER": (int,), "REAL": (int, float), "BLOB": (bytes,)}
"""The types that values of a column can have when they are read."""
SEARCH = {"sigma", "search_area", "evaluations"}
"""What `detail` tells of a search of adaptive noising. All values of `detail` are numbers."""
PLAIN = (str, int, float)
"""The types of the values of knobs, truth values among them: such values can be compared and told."""
COLUMNS = (
    *ROW.values(),
    Column("photos", "error", "TEXT"),
    Column("photos", "thumbnail", "BLOB", since=2, default="x''"),
    Column("maps", "error", "TEXT"),
)
"""All columns: those of `Row`, and those that no row shows."""


@dataclass(frozen=True)
class Setting:
    """What all rows of a run share: the model, the digest of its weights, and the seed that photos' seeds come from.

    All rows of a file share the output, the score that is explained and measured.
    """

    model: str
    weights: str
    seed: int
    output: str = "logit"

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a map that all rows of the run have the same value in."""
        return {"model": self.model, "weights": self.weights, "base_seed": self.seed}


def row_of(values: Sequence[Any]) -> Row:
    """A row from the values of its columns, in the order of `ROW`.

    Raises ValueError, TypeError or AttributeError when a value does not fit its column.
    """
    found = dict(zip(ROW, values, strict=True))
    for field, column in ROW.items():
        if not isinstance(found[field], KINDS[column.type]):
            raise ValueError(f"{field} is {found[field]!r:.40}")
        if column.json == "object":
            found[field] = dict(json.loads(found[field]).items())
            kinds = (int, float) if field == "detail" else PLAIN
            if not all(isinstance(value, kinds) for value in found[field].values()):
                raise ValueError(f"{field} is {found[field]!r:.40}")
        elif column.json == "numbers":
            found[field] = np.array(json.loads(found[field]), dtype=np.float64).reshape(-1)
    if found["method"] == ADAPTIVE and not set(found["detail"]) >= SEARCH:
        raise ValueError(f"detail is {found['detail']!r:.40}")
    found["area"] = float(found["area"])
    if not (np.isfinite(found["area"]) and np.isfinite(found["curve"]).all()):
        raise ValueError(f"an area of {found['photo']} is not finite")
    return Row(**found)
