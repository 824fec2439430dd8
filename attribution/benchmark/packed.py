"""The packed form of a results file: a small copy to send on, compressed."""

import gzip
import io
import json
import sqlite3
import zlib

GZIP = b"\x1f\x8b"
"""How a packed file begins."""


def packed(connection: sqlite3.Connection, thumbnails: bool = True) -> bytes:
    """A small copy of the file, compressed. It lacks the folder of the photos; it keeps the `thumbnails` or not.

    Curves are rounded to four places, areas are not.
    """
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    with copy:
        copy.execute("UPDATE photos SET folder = ''" + ("" if thumbnails else ", thumbnail = x''"))
        for place, curve in copy.execute("SELECT rowid, curve FROM areas").fetchall():
            short = json.dumps([round(y, 4) for y in json.loads(curve)])
            copy.execute("UPDATE areas SET curve = ? WHERE rowid = ?", (short, place))
    copy.execute("VACUUM")
    return gzip.compress(copy.serialize(), mtime=0)


def unpacked(data: bytes, most: int) -> bytes:
    """The bytes of the results file; of one that is larger than `most`, the first `most` + 1.

    Raises ValueError for a packed file that is damaged.
    """
    if not data.startswith(GZIP):
        return data
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(data)).read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise ValueError("this packed results file is damaged; pack it again") from None
