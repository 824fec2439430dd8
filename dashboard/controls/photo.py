"""The photo: from the gallery, from the user, or from a pin."""

from hashlib import blake2b

import PIL.Image
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from attribution import load_image
from attribution.engine.baselines import fingerprint
from attribution.models import Model
from dashboard.controls import session
from dashboard.experiment.gallery import GALLERY, PINNED, UPLOAD, gallery_photo
from dashboard.experiment.subject import Photo, Subject
from dashboard.experiment.words import Prediction

MOST_MEGABYTES = 20
FILE, READ, ERROR = "control-file", "session-file-read", "session-file-error"
"""The uploader, the last file that was read, and why it could not be used."""


def choose() -> tuple[PIL.Image.Image, str]:
    """The photo and its name. Equal photos have equal names."""
    gallery = st.container()  # shown first but drawn last: an upload changes the choice in it
    uploaded = st.file_uploader(
        "or your own photo",
        type=["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
        max_upload_size=MOST_MEGABYTES,
        key=FILE,
        on_change=_taken_away,
        help="The server keeps it in memory while you use it, and for at most one hour afterwards, so that a reload "
        "does not lose it. It is never written to disk.",
    )
    if uploaded is not None and st.session_state.get(READ) != uploaded.file_id:
        _read(uploaded.getvalue())
        st.session_state[READ] = uploaded.file_id
    own = {image: session.photo(image) for image in (UPLOAD, PINNED)}
    options = [*GALLERY, *(name for name, photo in own.items() if photo is not None)]
    if session.experiment().image not in options:
        session.change(image="cat")
    gallery.pills(
        "Photo",
        options,
        default=session.shown("image"),
        key=session.place("image"),
        required=True,
        on_change=_another,
        format_func=lambda name: {UPLOAD: "your photo", PINNED: "pinned photo"}.get(name, name),
    )
    trouble()
    if session.photo_is_missing():
        st.info("Your own photo is not in this session any more. Upload it again below.", icon=":material/image:")
    chosen = own.get(session.experiment().image)
    if chosen is not None:
        return chosen.image, chosen.digest
    return gallery_photo(session.experiment().image), session.experiment().image


def trouble() -> None:
    """Says why the last upload could not be used, if so."""
    if error := st.session_state.get(ERROR):
        st.error(error, icon=":material/broken_image:")


def _read(data: bytes) -> None:
    """Reads an upload and shows it. If it cannot be read, an error is shown and the present photo stays."""
    try:
        photo = Photo(blake2b(data, digest_size=16).hexdigest(), load_image(data), data)
    except ValueError as error:
        st.session_state[ERROR] = f"Your file was not used: {error}."
        return
    st.session_state.pop(ERROR, None)
    session.hold_photo(UPLOAD, photo)
    session.change(image=UPLOAD, target=None)


def _taken_away() -> None:
    """The user removed the file: removes its photo too. If the file was not a photo, removes only its error."""
    if st.session_state[FILE] is None and not st.session_state.pop(ERROR, None):
        session.hold_photo(UPLOAD, None)


def _another() -> None:
    """The photo changed: explains its likeliest class, and removes the error of a failed upload."""
    session.take("image")
    session.change(target=None)
    st.session_state.pop(ERROR, None)


def subject_of(photo: PIL.Image.Image, name: str, model: Model) -> Subject:
    """The photo as the model sees it, with predictions. Computed once for each photo and model."""

    def found() -> tuple[Tensor, str, tuple[Prediction, ...]]:
        x = model.prepare(photo)
        return x, fingerprint(x), tuple(model.predict(x, k=len(model.categories)))

    x, image, predictions = session.once("session-prepared", (name, model.name, model.digest), found)
    target = session.experiment().target
    return Subject(photo, x, image, model, predictions, predictions[0][0] if target is None else target)


def cut(subject: Subject, where: DeltaGenerator) -> None:
    """Shows how much of the photo the model sees."""
    width, height = subject.source.size
    where.caption(
        f"{width} x {height} pixels. The model sees the square in the middle: {subject.seen:.0%} of the photo."
    )
