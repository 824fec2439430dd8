"""The results file, in SQLite: photos, their maps, and the areas of the maps.

Each map is written before the next one begins.
"""

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attribution.benchmark.cases import ADAPTIVE, CONTROL, Case
from attribution.benchmark.measure import Measured, orders_said
from attribution.benchmark.packed import GZIP, packed, unpacked
from attribution.benchmark.rows import Row, Setting, row_of
from attribution.benchmark.schema import (
    DONE,
    FIND_MAP,
    FIND_PHOTO,
    FORGET,
    FORGET_INFINITE,
    OUTPUTS,
    PUT_AREA,
    PUT_LABEL,
    PUT_MAP,
    PUT_PHOTO,
    ROWS,
    SEARCHED,
    SEARCHES,
    TABLE,
    THUMBNAILS,
    create,
    sound,
    upgrade,
)
from attribution.benchmark.thumbnails import accepted
from attribution.commands import to_write
from attribution.types import Curve

MOST_BYTES = 1 << 30
NONE = "not a results file of this version; choose one that the benchmark has written"


class Results:
    """A results file to write to. It is made if there is none; one of an older format is upgraded.

    Raises ValueError for a file that is something else or cannot be written.
    """

    def __init__(self, file: Path) -> None:
        to_write(file)
        try:
            self._connection = sqlite3.connect(file, timeout=30, isolation_level=None)
            with self._whole() as opened:  # two runs may start at once: the second one finds the tables
                create(opened)
                if sound(opened):
                    upgrade(opened)
        except sqlite3.Error as error:
            raise ValueError(
                f"{file} is not a results file, or cannot be written ({error}); choose another file"
            ) from None
        if not sound(self._connection):
            raise ValueError(f"{file} is not a results file of this version; choose another file")
        self._connection.execute("PRAGMA foreign_keys = ON")

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Opens a results file, packed or not, to read it. Raises ValueError when it cannot be read."""
        if not file.is_file():
            raise ValueError(f"{file}: there is no such results file")
        try:
            with file.open("rb") as opened:
                if opened.read(len(GZIP)) == GZIP:
                    return cls.from_bytes(file.read_bytes())
            # SQLite makes the copy: a run may be writing to the file, or may have been killed while it wrote.
            made = cls.__new__(cls)
            made._connection = sqlite3.connect(":memory:", check_same_thread=False)
            with closing(sqlite3.connect(file, timeout=30)) as source:
                source.backup(made._connection)
        except sqlite3.Error:
            raise ValueError(f"{file}: {NONE}") from None
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        made._check(f"{file}: {NONE}")
        return made

    @classmethod
    def from_bytes(cls, data: bytes) -> "Results":
        """Opens the bytes of a results file, packed or not, to read it. Raises ValueError when they cannot be read."""
        data = unpacked(data, MOST_BYTES)
        if len(data) > MOST_BYTES:
            raise ValueError("this results file is larger than 1 GB; it is too large to be opened here")
        made = cls.__new__(cls)
        made._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            made._connection.deserialize(data or b"nothing")
        except sqlite3.Error:
            raise ValueError(NONE) from None
        made._check(NONE)
        return made

    def _check(self, error: str) -> None:
        """Upgrades the copy in memory, so that all queries find their columns. Another file is a ValueError."""
        try:
            if not sound(self._connection):
                raise ValueError(error)
            upgrade(self._connection)
        except sqlite3.Error:
            raise ValueError(error) from None

    @contextmanager
    def _whole(self) -> Iterator[sqlite3.Connection]:
        """A transaction: when the block raises an error, none of its changes are kept."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def pack(self, thumbnails: bool = True) -> bytes:
        """A small copy of the file, compressed, to send on."""
        return packed(self._connection, thumbnails)

    def close(self) -> None:
        self._connection.close()

    def done(self, setting: Setting) -> dict[tuple[str, str], set[tuple[str, str, str, str]]]:
        """The areas in the file: by (photo, digest), a set of (method, knobs, metric, knobs of the metric).

        Those of the random order are left out if they are of another number of orders, as in files of 0.1.
        """
        found: dict[tuple[str, str], set[tuple[str, str, str, str]]] = {}
        wanted = setting.columns | {"control": CONTROL, "orders": f"{orders_said()}%"}
        for name, digest, *rest in self._connection.execute(DONE, wanted):
            found.setdefault((name, digest), set()).add(tuple(rest))
        return found

    def searched(self, setting: Setting) -> dict[tuple[str, str], dict[str, float]]:
        """The sigmas that adaptive noising found: by (photo, digest), and by the text of its knobs.

        An earlier version kept a sigma whose search found no finite area: such a photo is searched again.
        """
        found: dict[tuple[str, str], dict[str, float]] = {}
        wanted = setting.columns | {"search": ADAPTIVE}
        for name, digest, knobs, detail in self._connection.execute(SEARCHED, wanted):
            known = json.loads(detail)
            sigma, area = known.get("sigma"), known.get("search_area")
            if isinstance(sigma, float) and isinstance(area, float) and math.isfinite(area):
                found.setdefault((name, digest), {})[knobs] = sigma
        return found

    def patches(self, model: str, seed: int) -> int | None:
        """P of the searches of adaptive noising with this model and this seed; None if there are none, or several."""
        wanted = {"model": model, "base_seed": seed, "search": ADAPTIVE}
        found = {json.loads(knobs).get("draws") for (knobs,) in self._connection.execute(SEARCHES, wanted)}
        return found.pop() if len(found) == 1 else None

    def outputs(self) -> set[str]:
        """The scores that were explained and measured: one, or none in a new file."""
        return {output for (output,) in self._connection.execute(OUTPUTS)}

    def begin(self, folder: str, labels: Mapping[tuple[str, str], int]) -> None:
        """Before a run over a folder: writes the class of each photo that the file holds, by its name and digest.

        What the file says of photos that could not be opened is deleted, and infinite areas are: it tries again.
        """
        with self._whole() as opened:
            opened.execute(FORGET, {"folder": folder})
            opened.execute(FORGET_INFINITE)
            values = [{"name": name, "digest": digest, "label": label} for (name, digest), label in labels.items()]
            opened.executemany(PUT_LABEL, values)

    def _photo(self, name: str, digest: str, folder: str, error: str, thumbnail: bytes = b"", label: int = -1) -> int:
        values: dict[str, Any] = {"name": name, "digest": digest, "folder": folder, "error": error}
        values |= {"thumbnail": thumbnail, "label": label}
        self._connection.execute(PUT_PHOTO, values)
        (found,) = self._connection.execute(FIND_PHOTO, values).fetchone()
        return int(found)

    def fail(self, name: str, digest: str, folder: str, error: str) -> None:
        """Records a photo that cannot be measured, and the reason."""
        with self._whole():
            self._photo(name, digest, folder, error)

    def add(self, name: str, digest: str, folder: str, setting: Setting, found: Measured, label: int = -1) -> None:
        """Writes the result of one case of a photo, in one transaction.

        A map that the file already holds keeps its values; areas and the error are added, or written anew.
        """
        with self._whole() as opened:
            photo = self._photo(name, digest, folder, "", found.thumbnail, label)
            values = {"photo": photo, **_map(setting, found)}
            opened.execute(PUT_MAP, values)
            (made,) = opened.execute(FIND_MAP, values).fetchone()
            areas = [{"map": made, **_area(metric, curve)} for metric, curve in found.curves.items()]
            opened.executemany(PUT_AREA, areas)

    def errors(self) -> list[tuple[str, str, str]]:
        """What could not be measured: (photo, method and knobs, error). The second is empty if the photo failed."""
        query = """SELECT name, '', error FROM photos WHERE error != '' UNION ALL
            SELECT name, method || ' ' || knobs, maps.error FROM maps JOIN photos ON photo = photos.id
            WHERE maps.error != '' ORDER BY 1, 2"""
        return list(self._connection.execute(query))

    def rows(self) -> list[Row]:
        """All rows, by photo and then in the order in which maps were first written. A bad value is a ValueError."""
        try:
            return [row_of(values) for values in self._connection.execute(ROWS)]
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"the results file holds a value that is no result ({error}); measure it again") from None

    def thumbnails(self) -> dict[str, bytes]:
        """By digest: a small picture of the photo as the model sees it, a JPEG of at most 96 pixels a side.

        Every photo of the file has an entry. It is empty bytes when there is no picture: in a file of format 1, for a
        photo that could not be read, and when the stored bytes are more than 64 KB or another kind of picture. Raises
        ValueError for a damaged file.
        """
        found: dict[str, bytes] = {}
        try:
            for digest, data in self._connection.execute(THUMBNAILS):
                found[digest] = found.get(digest) or accepted(data)
        except sqlite3.Error as error:
            raise ValueError(f"the thumbnails of the results file cannot be read ({error})") from None
        return found


def _map(setting: Setting, found: Measured) -> dict[str, Any]:
    """The values of a map's columns. `Measured` has a field for each column that is no key."""
    values = setting.columns | {"method": found.case.name, "knobs": found.case.text}
    for column in TABLE["maps"]:
        if not column.key:
            value = getattr(found, column.name)
            values[column.name] = json.dumps(dict(value)) if column.json else value
    return values


def _area(metric: Case, curve: Curve) -> dict[str, Any]:
    """The values of an area's columns."""
    values = json.dumps([float(y) for y in curve.y])
    return {"metric": metric.name, "knobs": metric.text, "area": curve.area, "curve": values, "note": curve.note}
