"""The results file: SQLite, one row a map and one an area under it, in the file before the next is begun."""

import gzip
import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attribution.benchmark.cases import Case
from attribution.benchmark.measure import Measured
from attribution.types import Curve

FORMAT = 1
GZIP = b"\x1f\x8b"
SCHEMA = """
CREATE TABLE photos (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, folder TEXT NOT NULL, error TEXT NOT NULL,
    UNIQUE (name, digest));
CREATE TABLE maps (
    id INTEGER PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photos, model TEXT NOT NULL, weights TEXT NOT NULL,
    method TEXT NOT NULL, knobs TEXT NOT NULL, base_seed INTEGER NOT NULL, seed INTEGER NOT NULL,
    target INTEGER NOT NULL, category TEXT NOT NULL, probability REAL NOT NULL, gradients INTEGER NOT NULL,
    computed INTEGER NOT NULL, seconds REAL NOT NULL, detail TEXT NOT NULL, error TEXT NOT NULL,
    UNIQUE (photo, model, weights, method, knobs, base_seed));
CREATE TABLE areas (
    map INTEGER NOT NULL REFERENCES maps ON DELETE CASCADE, metric TEXT NOT NULL, knobs TEXT NOT NULL,
    area REAL NOT NULL, curve TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (map, metric, knobs));
"""


@dataclass(frozen=True)
class Row:
    """A map of a photo and one area under it, as it is in the file. `curve` has a value a step."""

    photo: str
    digest: str
    folder: str
    model: str
    weights: str
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


class Results:
    """A results file, made where there is none. Raises ValueError for a file that is something else."""

    def __init__(self, file: Path) -> None:
        if not file.parent.is_dir():
            raise ValueError(f"{file}: there is no folder {file.parent}")
        self._connection = sqlite3.connect(file, timeout=30)
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            raise ValueError(f"{file} is not a results file; name another") from None
        if not tables:
            with self._connection as opened:
                opened.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT};")
        elif version != FORMAT:
            raise ValueError(f"{file} is not a results file of this version; name another")
        self._connection.execute("PRAGMA foreign_keys = ON")

    @classmethod
    def read(cls, file: Path) -> "Results":
        """A results file that is there, packed or not, to be looked at."""
        if not file.is_file():
            raise ValueError(f"{file}: there is no such results file")
        try:
            return cls.from_bytes(file.read_bytes())
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    @classmethod
    def from_bytes(cls, data: bytes) -> "Results":
        """A results file that is in memory, to be looked at; `pack` makes smaller ones."""
        try:
            data = gzip.decompress(data) if data.startswith(GZIP) else data
        except (OSError, EOFError, zlib.error):
            raise ValueError("this packed results file is damaged; pack it again") from None
        made = cls.__new__(cls)
        made._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            made._connection.deserialize(data or b"nothing")
            (version,) = made._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError:
            version = None
        if version != FORMAT:
            raise ValueError("not a results file of this version; choose one that the benchmark has written")
        return made

    def pack(self) -> bytes:
        """The file, small, without what says where the photos were; curves to four places, areas as they are."""
        copy = sqlite3.connect(":memory:")
        self._connection.backup(copy)
        with copy:
            copy.execute("UPDATE photos SET folder = ''")
            for place, curve in copy.execute("SELECT rowid, curve FROM areas").fetchall():
                short = json.dumps([round(y, 4) for y in json.loads(curve)])
                copy.execute("UPDATE areas SET curve = ? WHERE rowid = ?", (short, place))
        copy.execute("VACUUM")
        return gzip.compress(copy.serialize(), mtime=0)

    def close(self) -> None:
        self._connection.close()

    def done(self, setting: Setting) -> dict[tuple[str, str], set[tuple[str, str, str, str]]]:
        """By (photo, digest): (method, knobs, metric, metric's knobs) of every area that is there."""
        found: dict[tuple[str, str], set[tuple[str, str, str, str]]] = {}
        query = """SELECT name, digest, method, maps.knobs, metric, areas.knobs
            FROM areas JOIN maps ON areas.map = maps.id JOIN photos ON maps.photo = photos.id
            WHERE model = ? AND weights = ? AND base_seed = ?"""
        for name, digest, *rest in self._connection.execute(query, (setting.model, setting.weights, setting.seed)):
            found.setdefault((name, digest), set()).add(tuple(rest))
        return found

    def _photo(self, name: str, digest: str, folder: str, error: str) -> int:
        self._connection.execute(
            "INSERT INTO photos (name, digest, folder, error) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET folder = excluded.folder, error = excluded.error",
            (name, digest, folder, error),
        )
        query = "SELECT id FROM photos WHERE name = ? AND digest = ?"
        (found,) = self._connection.execute(query, (name, digest)).fetchone()
        return int(found)

    def fail(self, name: str, digest: str, folder: str, error: str) -> None:
        """Records a photo that cannot be measured, and why."""
        with self._connection:
            self._photo(name, digest, folder, error)

    def add(self, name: str, digest: str, folder: str, setting: Setting, found: Measured) -> None:
        """Writes what came out for one case of a photo: all of it, or nothing if the process ends meanwhile."""
        place = (setting.model, setting.weights, found.case.name, found.case.text, setting.seed)
        columns = {
            "seed": found.seed,
            "target": found.target,
            "category": found.category,
            "probability": found.probability,
            "gradients": found.gradients,
            "computed": found.computed,
            "seconds": found.seconds,
            "detail": json.dumps(dict(found.detail)),
            "error": found.error,
        }
        with self._connection as opened:
            photo = self._photo(name, digest, folder, "")
            updates = ", ".join(f"{column} = excluded.{column}" for column in columns)
            opened.execute(
                f"INSERT INTO maps (photo, model, weights, method, knobs, base_seed, {', '.join(columns)}) "
                f"VALUES (?, ?, ?, ?, ?, ?, {', '.join('?' * len(columns))}) ON CONFLICT DO UPDATE SET {updates}",
                (photo, *place, *columns.values()),
            )
            where = "photo = ? AND model = ? AND weights = ? AND method = ? AND knobs = ? AND base_seed = ?"
            (made,) = opened.execute(f"SELECT id FROM maps WHERE {where}", (photo, *place)).fetchone()
            opened.executemany(
                "INSERT OR IGNORE INTO areas (map, metric, knobs, area, curve, note) VALUES (?, ?, ?, ?, ?, ?)",
                [_area(made, metric, curve) for metric, curve in found.curves.items()],
            )

    def errors(self) -> list[tuple[str, str, str]]:
        """(photo, method and knobs if one is to blame, error)."""
        query = """SELECT name, '', error FROM photos WHERE error != '' UNION ALL
            SELECT name, method || ' ' || knobs, maps.error FROM maps JOIN photos ON photo = photos.id
            WHERE maps.error != '' ORDER BY 1, 2"""
        return list(self._connection.execute(query))

    def rows(self) -> list[Row]:
        """Everything measured, photo by photo, in the order in which cases were first written."""
        query = """SELECT name, digest, folder, model, weights, method, maps.knobs, seed, target, category, probability,
            gradients, computed, seconds, detail, metric, areas.knobs, area, curve, note
            FROM areas JOIN maps ON areas.map = maps.id JOIN photos ON maps.photo = photos.id
            ORDER BY name, digest, maps.id, metric"""
        return [_row(values) for values in self._connection.execute(query)]


def _area(made: int, metric: Case, curve: Curve) -> tuple[Any, ...]:
    return made, metric.name, metric.text, curve.area, json.dumps([float(y) for y in curve.y]), curve.note


def _row(values: Sequence[Any]) -> Row:
    found = dict(zip(Row.__dataclass_fields__, values, strict=True))
    for name in ("knobs", "detail", "metric_knobs"):
        found[name] = json.loads(found[name])
    found["curve"] = np.array(json.loads(found["curve"]), dtype=np.float64)
    return Row(**found)
