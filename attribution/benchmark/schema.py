"""The SQL of a results file, made from the columns that `rows` declares."""

import sqlite3

from attribution.benchmark.rows import COLUMNS, ROW, Column
from attribution.benchmark.thumbnails import MOST_BYTES

FORMAT = 3
"""The format that is written. Format 1 has no thumbnails; formats 1 and 2 have no output and no labels. They are read,
and a run that opens such a file upgrades it."""
PARENT = {"photos": (), "maps": ("photo",), "areas": ("map",)}
"""For each table, the column that names the entry of another table that its entries belong to."""
TABLE = {
    table: sorted((column for column in COLUMNS if column.table == table), key=lambda column: column.since)
    for table in PARENT
}
"""The columns of each table, without its id and its parent. New ones are last."""
KEYS = {table: [*parent, *(column.name for column in TABLE[table] if column.key)] for table, parent in PARENT.items()}
"""The names of the columns that identify one entry of each table."""


def _declared(column: Column) -> str:
    return f"{column.name} {column.type} NOT NULL" + (f" DEFAULT {column.default}" if column.default else "")


def _columns(table: str) -> str:
    return ", ".join(map(_declared, TABLE[table]))


def _insert(table: str) -> str:
    names = [*PARENT[table], *(column.name for column in TABLE[table])]
    return f"INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


def _find(table: str) -> str:
    return f"SELECT id FROM {table} WHERE {' AND '.join(f'{name} = :{name}' for name in KEYS[table])}"


def _select(*fields: str) -> str:
    """These fields of `Row`, for every area of the file."""
    places = ", ".join(f"{ROW[field].table}.{ROW[field].name}" for field in fields)
    return f"SELECT {places} FROM areas JOIN maps ON areas.map = maps.id JOIN photos ON maps.photo = photos.id"


CREATE = (
    f"CREATE TABLE photos (id INTEGER PRIMARY KEY, {_columns('photos')}, UNIQUE ({', '.join(KEYS['photos'])}))",
    f"CREATE TABLE maps (id INTEGER PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photos, {_columns('maps')}, "
    f"UNIQUE ({', '.join(KEYS['maps'])}))",
    f"CREATE TABLE areas (map INTEGER NOT NULL REFERENCES maps ON DELETE CASCADE, {_columns('areas')}, "
    f"PRIMARY KEY ({', '.join(KEYS['areas'])}))",
)
# The statements below take the values of columns by name. A map that has been measured keeps its values: a later run
# can add an area to it, or an error. A photo keeps its first thumbnail.
MEASURED = [column.name for column in TABLE["maps"] if not column.key and column.name != "error"]
KEPT = ", ".join(f"{name} = CASE WHEN maps.target < 0 THEN excluded.{name} ELSE maps.{name} END" for name in MEASURED)
PUT_PHOTO = (
    f"INSERT {_insert('photos')} ON CONFLICT DO UPDATE SET folder = excluded.folder, error = excluded.error, "
    "label = CASE WHEN excluded.label >= 0 THEN excluded.label ELSE photos.label END, "
    "thumbnail = CASE WHEN photos.thumbnail = x'' THEN excluded.thumbnail ELSE photos.thumbnail END"
)
PUT_MAP = f"INSERT {_insert('maps')} ON CONFLICT DO UPDATE SET {KEPT}, error = excluded.error"
PUT_LABEL = "UPDATE photos SET label = :label WHERE name = :name AND digest = :digest"
# Photos that could not be opened have no digest. A packed file has no folder. Earlier versions wrote infinite areas.
FORGET = "DELETE FROM photos WHERE digest = '' AND folder IN ('', :folder)"
FORGET_INFINITE = "DELETE FROM areas WHERE abs(area) = 9e999"
OUTPUTS = "SELECT DISTINCT output FROM maps"
# An area is measured when the file lacks it, or holds it for another number of random orders.
PUT_AREA = (
    f"INSERT {_insert('areas')} "
    "ON CONFLICT DO UPDATE SET area = excluded.area, curve = excluded.curve, note = excluded.note"
)
FIND_PHOTO, FIND_MAP = _find("photos"), _find("maps")
ROWS = f"{_select(*ROW)} ORDER BY photos.name, photos.digest, maps.id, areas.metric"
OF_RUN = " WHERE maps.model = :model AND maps.weights = :weights AND maps.base_seed = :base_seed"
DONE = (
    _select("photo", "digest", "method", "knobs", "metric", "metric_knobs")
    + OF_RUN
    + " AND (maps.method != :control OR areas.note LIKE :orders)"
)
SEARCHED = _select("photo", "digest", "knobs", "detail") + OF_RUN + " AND maps.method = :search"
SEARCHES = (
    "SELECT DISTINCT knobs FROM maps "
    "WHERE model = :model AND base_seed = :base_seed AND method = :search AND target >= 0"
)
SMALL = f"typeof(thumbnail) = 'blob' AND length(thumbnail) <= {MOST_BYTES}"
THUMBNAILS = f"SELECT digest, CASE WHEN {SMALL} THEN thumbnail ELSE x'' END FROM photos WHERE digest != '' ORDER BY id"


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables in an empty file; any other file stays as it is."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    for statement in CREATE:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def upgrade(connection: sqlite3.Connection) -> None:
    """Adds the columns that a results file of an older format lacks."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == FORMAT:
        return
    for column in COLUMNS:
        if column.since > version:
            connection.execute(f"ALTER TABLE {column.table} ADD COLUMN {_declared(column)}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def sound(connection: sqlite3.Connection) -> bool:
    """Whether the file holds the tables of a results file and nothing else: SQLite would run a view or a trigger."""
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    except sqlite3.Error:
        return False
    return 1 <= version <= FORMAT and sorted(found) == [("table", name) for name in sorted(PARENT)]
