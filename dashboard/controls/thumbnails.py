"""Small pictures of the photos that can be chosen, as data URLs, and what stands on their buttons."""

import base64
import io
from functools import cache, lru_cache

import PIL.Image
import PIL.ImageOps

from attribution import load_image
from dashboard.controls import session
from dashboard.experiment.folder import FOLDER, Stamp
from dashboard.experiment.gallery import GALLERY, PINNED, UPLOAD, gallery_photo
from dashboard.experiment.words import escaped

SIDE = 96
"""Pixels: sharp at half the size on screens with small pixels."""
MOST = 1024
"""Pictures of photos of the folder that are kept, of some 4 KB each. Others are made again."""
OWN = {UPLOAD: "your photo", PINNED: "pinned photo"}


def offered() -> tuple[str, ...]:
    """The photos that are shown side by side: the gallery, the user's own, and a part of the folder."""
    own = (image for image in OWN if session.photo(image) is not None)
    return (*GALLERY, *own, *FOLDER.near(session.experiment().image))


def words(image: str) -> str:
    """The name of a photo."""
    return OWN.get(image, image)


def picture(image: str) -> str:
    """The picture of a photo; empty if it cannot be read."""
    if image in GALLERY:
        return _sample(image)
    if image in OWN:
        photo = session.photo(image)
        if photo is None:
            return ""
        return session.once(f"session-thumbnail-{image}", photo.digest, lambda: _small(photo.image))
    try:
        return _of_folder(image, FOLDER.stamp(image))
    except ValueError:
        return ""


def label(image: str) -> str:
    """The Markdown of its button: the picture, which has the name as its alternative text, or else the name."""
    name, shown = escaped(words(image)), picture(image)
    return f"![{name}]({shown})" if shown else name


@cache
def _sample(name: str) -> str:
    return _small(gallery_photo(name))


@lru_cache(maxsize=MOST)
def _of_folder(name: str, stamp: Stamp) -> str:
    """Cached for each version of the file, also that it cannot be read."""
    try:
        return _small(load_image(FOLDER.read(name), least=2 * SIDE))
    except ValueError:
        return ""


def _small(photo: PIL.Image.Image) -> str:
    made = io.BytesIO()
    PIL.ImageOps.fit(photo, (SIDE, SIDE)).save(made, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(made.getvalue()).decode()
