"""A folder of photos beside the gallery. Its photos are named when the server starts, and read when asked for.

Only names that were found at the start can be asked for, so a link cannot reach another file. Must not import torch.
"""

import csv
import io
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboard.experiment.gallery import GALLERY

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
LABELS = "labels.csv"
MOST_PHOTOS = 5_000
"""A larger folder is refused: the list of names goes to every browser."""
MOST_FILES = 100_000
"""The search for photos ends there: somebody named a whole disk."""
MOST_BYTES = 64 * 1024 * 1024
"""Of a photo."""
MOST_LABELS = 4 * 1024 * 1024
"""Bytes of labels.csv."""
NEAR = 12
"""The photos that are shown at once."""
GONE = "it is not in the folder any more"

Stamp = tuple[str, int, int]


class Folder:
    """The photos of a folder and its subfolders, by their paths in it. Until one is opened there are none."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.labels: Mapping[str, str] = {}
        self._root, self._known = Path(), frozenset[str]()

    def open(self, path: Path) -> None:
        """Lists the photos by name. Raises ValueError, in one line, if the folder cannot be used."""
        try:
            self._open(path)
        except OSError as error:
            where = error.filename or path
            raise ValueError(
                f"--photos {path}: {where} cannot be read ({error.strerror}); allow it or move it"
            ) from None

    def _open(self, path: Path) -> None:
        if not path.is_dir():
            raise ValueError(f"--photos {path}: there is no such folder; give a folder with photos")
        root = path.resolve()
        files = list(_files(path, root))
        names = sorted(name for name in files if name.lower().endswith(SUFFIXES) and _inside(root, name))
        if len(names) > MOST_PHOTOS:
            raise ValueError(
                f"--photos {path}: it has {len(names):,} photos, and at most {MOST_PHOTOS:,} are shown; "
                "give one of its subfolders, or a folder with fewer"
            )
        if not names:
            among = f"none of its {len(files):,} files is a photo" if files else "the folder is empty"
            raise ValueError(f"--photos {path}: {among}; use JPEG, PNG, WebP, GIF, BMP or TIFF")
        labels = _labels(root, frozenset(names)) if LABELS in files else {}
        self.names, self.labels, self._root, self._known = tuple(names), labels, root, frozenset(names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def read(self, name: str) -> bytes:
        """The bytes of a photo. Raises ValueError if it has gone or changed to something that is none."""
        self.stamp(name)
        try:
            with (self._root / name).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise ValueError(f"it cannot be read ({error.strerror})") from None
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 2**20} MB; save it smaller")
        return data

    def stamp(self, name: str) -> Stamp:
        """The path of a photo, when it was changed, its bytes: another stamp is another photo. Raises like `read`."""
        if name not in self or not _inside(self._root, name):
            raise ValueError(GONE)
        try:
            about = (self._root / name).stat()
        except OSError:  # between two lines
            raise ValueError(GONE) from None
        return str(self._root / name), about.st_mtime_ns, about.st_size

    def near(self, name: str) -> tuple[str, ...]:
        """The photos shown together with this one: a part of the folder, or else its beginning."""
        first = self.names.index(name) // NEAR * NEAR if name in self else 0
        return self.names[first : first + NEAR]

    def label(self, name: str, categories: Sequence[str]) -> str:
        """What labels.csv says of a photo, a class by its name; empty if it says nothing."""
        said = self.labels.get(name, "")
        return categories[int(said)] if said.isdecimal() and int(said) < len(categories) else said


def _files(path: Path, root: Path) -> Iterator[str]:
    """The files below a folder, as paths in it. Links to other folders are not followed.

    Says which of its subfolders cannot be read. Raises OSError if that is the folder itself.
    """

    def unread(error: OSError) -> None:
        if error.filename == str(root):
            raise error
        told = f"dashboard: --photos: {error.filename} cannot be read ({error.strerror}); its photos are left out"
        print(told, file=sys.stderr)

    seen = 0
    for folder, below, names in os.walk(root, onerror=unread):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                raise ValueError(
                    f"--photos {path}: it has more than {MOST_FILES:,} files; give a folder with the photos alone"
                )
            found = (Path(folder) / name).relative_to(root).as_posix()
            if not name.startswith(".") and found.isprintable():  # other names cannot stand in a link
                yield found


def _inside(root: Path, name: str) -> bool:
    """Whether the name is a file in the folder. A link in the folder to a file outside is none."""
    try:
        file = (root / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # gone, or a link to itself
        return False
    return file.is_file() and file.is_relative_to(root)


def _labels(root: Path, names: Collection[str]) -> dict[str, str]:
    """Photo -> class. The first column of the file is the photo, the second the class: its index or its name."""
    if not _inside(root, LABELS):
        return {}
    with (root / LABELS).open("rb") as file:
        data = file.read(MOST_LABELS + 1)
    if len(data) > MOST_LABELS:
        raise ValueError(f"{root / LABELS}: it has more than {MOST_LABELS // 2**20} MB; shorten it or remove it")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{root / LABELS}: it is no CSV file in UTF-8 ({error}); mend it or remove it") from None
    return {row[0].strip(): " ".join(row[1].split())[:80] for row in rows if len(row) > 1 and row[0].strip() in names}


FOLDER = Folder()
"""The folder of this server."""


def known(image: str) -> bool:
    """Whether a link can restore the photo on this server."""
    return image in GALLERY or image in FOLDER


def read_photo(text: str, default: Any) -> Any:
    """The photo of a link."""
    return text if known(text) else default
