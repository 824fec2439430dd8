"""The results file: SQLite, one row a map and one an area under it, in the file before the next is begun."""

import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attribution.benchmark.cases import Case
from attribution.benchmark.measure import Measured
from attribution.benchmark.rows import Row, Setting, row_of
from attribution.types import Curve

FORMAT = 1
GZIP = b"\x1f\x8b"
MOST_BYTES = 1 << 30
NONE = "not a results file of this version; choose one that the benchmark has written"
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


class Results:
    """A results file, made where there is none. Raises ValueError for a file that is something else."""

    def __init__(self, file: Path) -> None:
        if not file.parent.is_dir():
            raise ValueError(f"{file}: there is no folder {file.parent}")
        try:
            self._connection = sqlite3.connect(file, timeout=30, isolation_level=None)
            with self._whole() as opened:  # two runs may begin at once: who comes second finds the tables
                if not opened.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for statement in filter(str.strip, SCHEMA.split(";")):
                        opened.execute(statement)
                    opened.execute(f"PRAGMA user_version = {FORMAT}")
        except sqlite3.Error as error:
            raise ValueError(f"{file} is not a results file, or cannot be written ({error}); name another") from None
        if not _sound(self._connection):
            raise ValueError(f"{file} is not a results file of this version; name another")
        self._connection.execute("PRAGMA foreign_keys = ON")

    @classmethod
    def read(cls, file: Path) -> "Results":
        """A results file that is there, packed or not, to be looked at."""
        if not file.is_file():
            raise ValueError(f"{file}: there is no such results file")
        try:
            with file.open("rb") as opened:
                if opened.read(len(GZIP)) == GZIP:
                    return cls.from_bytes(file.read_bytes())
            # By way of SQLite: a run may be writing, or have been killed while it did.
            made = cls.__new__(cls)
            made._connection = sqlite3.connect(":memory:", check_same_thread=False)
            with closing(sqlite3.connect(file, timeout=30)) as source:
                source.backup(made._connection)
        except sqlite3.Error:
            raise ValueError(f"{file}: {NONE}") from None
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        if not _sound(made._connection):
            raise ValueError(f"{file}: {NONE}")
        return made

    @classmethod
    def from_bytes(cls, data: bytes) -> "Results":
        """A results file that is in memory, to be looked at; `pack` makes smaller ones."""
        try:
            if data.startswith(GZIP):
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise ValueError("this packed results file is damaged; pack it again") from None
        if len(data) > MOST_BYTES:
            raise ValueError("this results file is larger than 1 GB; look at a part of it")
        made = cls.__new__(cls)
        made._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            made._connection.deserialize(data or b"nothing")
        except sqlite3.Error:
            raise ValueError(NONE) from None
        if not _sound(made._connection):
            raise ValueError(NONE)
        return made

    @contextmanager
    def _whole(self) -> Iterator[sqlite3.Connection]:
        """All of what is done within, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

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
        with self._whole():
            self._photo(name, digest, folder, error)

    def add(self, name: str, digest: str, folder: str, setting: Setting, found: Measured) -> None:
        """Writes what came out for one case of a photo: all of it, or nothing if the process ends meanwhile.

        A map that is there stays as it is: what comes later, an area or an error, is put beside it.
        """
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
        with self._whole() as opened:
            photo = self._photo(name, digest, folder, "")
            kept = [column for column in columns if column != "error"]
            updates = ", ".join(f"{c} = CASE WHEN maps.target < 0 THEN excluded.{c} ELSE maps.{c} END" for c in kept)
            opened.execute(
                f"INSERT INTO maps (photo, model, weights, method, knobs, base_seed, {', '.join(columns)}) "
                f"VALUES (?, ?, ?, ?, ?, ?, {', '.join('?' * len(columns))}) "
                f"ON CONFLICT DO UPDATE SET {updates}, error = excluded.error",
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
        query = """SELECT name, digest, folder, model, weights, base_seed, method, maps.knobs, seed, target, category,
            probability, gradients, computed, seconds, detail, metric, areas.knobs, area, curve, note
            FROM areas JOIN maps ON areas.map = maps.id JOIN photos ON maps.photo = photos.id
            ORDER BY name, digest, maps.id, metric"""
        try:
            return [row_of(values) for values in self._connection.execute(query)]
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"the results file holds what is no result ({error}); measure it again") from None


def _area(made: int, metric: Case, curve: Curve) -> tuple[Any, ...]:
    return made, metric.name, metric.text, curve.area, json.dumps([float(y) for y in curve.y]), curve.note


def _sound(connection: sqlite3.Connection) -> bool:
    """Whether it holds the tables of a results file and nothing else: a view would be run by who reads it."""
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return version == FORMAT and sorted(found) == [("table", name) for name in ("areas", "maps", "photos")]
    except sqlite3.Error:
        return False
