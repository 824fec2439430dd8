"""The photo: from the gallery, from the folder of this server, from the user, or from a pin."""

from hashlib import blake2b

import PIL.Image
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from attribution import load_image
from attribution.engine.baselines import fingerprint
from attribution.models import Model
from dashboard.controls import session, thumbnails
from dashboard.experiment.choices import same_classes
from dashboard.experiment.folder import FOLDER, SUFFIXES
from dashboard.experiment.gallery import GALLERY, UPLOAD, gallery_photo
from dashboard.experiment.subject import Photo, Subject
from dashboard.experiment.words import Prediction, counted, escaped

MOST_MEGABYTES = 20
FILE, READ, ERROR = "control-file", "session-file-read", "session-file-error"
"""The uploader; the last file that was read, with whether it was used; and why a photo could not be used."""
SEARCH, FOLDER_PHOTO = "control-folder", "session-folder-photo"
"""The search in the folder, and its photo that is shown."""


def choose() -> tuple[PIL.Image.Image, str]:
    """The photo and its name. Equal photos have equal names."""
    gallery = st.container()  # shown first but drawn last: an upload changes the choice in it
    uploaded = st.file_uploader(
        "or your own photo",
        type=[suffix.lstrip(".") for suffix in SUFFIXES],
        max_upload_size=MOST_MEGABYTES,
        key=FILE,
        on_change=_taken_away,
        help="The server keeps it in memory while you use it, and for at most one hour afterwards, so that a reload "
        "does not lose it. It is never written to disk.",
    )
    file, used = _last_file()
    if uploaded is not None and uploaded.file_id != file:
        st.session_state[READ] = (uploaded.file_id, _read(uploaded.getvalue()))
    elif uploaded is None and not used:  # it is not in the box any more: its error is no longer news
        st.session_state.pop(ERROR, None)
        del st.session_state[READ]
    if uploaded is None and session.photo(UPLOAD) is not None:  # after a reload, or after a page without this box
        st.button("Remove your photo", key="control-photo-remove", on_click=session.hold_photo, args=(UPLOAD, None))
    photo = _chosen()
    labels = {image: thumbnails.label(image) for image in thumbnails.offered()}
    gallery.pills(
        "Photo",
        list(labels),
        default=session.shown("image"),
        key=session.place("image"),
        required=True,
        on_change=_another,
        format_func=lambda image: labels.get(image, image),
    )
    if FOLDER.names:
        _search(gallery)
    trouble()
    return photo.image, photo.digest


def _chosen() -> Photo:
    """The chosen photo. If it cannot be read, this is said, and the one before it is chosen, or else the cat."""
    image, before = session.experiment().image, session.before()
    try:
        return _opened(image)
    except ValueError as error:
        st.session_state[ERROR] = f"{escaped(image)} was not used: {error}."
    if before is not None and before.image != image:
        try:
            photo = _opened(before.image)
        except ValueError:  # it has gone in the meantime
            pass
        else:
            session.change(image=before.image, target=before.target)
            return photo
    session.change(image="cat", target=None)
    return _opened("cat")


def _opened(image: str) -> Photo:
    if image in GALLERY:
        return Photo(image, gallery_photo(image))
    if image in FOLDER:
        return session.once(FOLDER_PHOTO, FOLDER.stamp(image), lambda: _photo(FOLDER.read(image), keep=False))
    own = session.photo(image) if image in thumbnails.OWN else None
    if own is None:
        session.change(image="cat", target=None)
        return _opened("cat")
    return own


def _photo(data: bytes, keep: bool = True) -> Photo:
    return Photo(blake2b(data, digest_size=16).hexdigest(), load_image(data), data if keep else b"")


def _search(where: DeltaGenerator) -> None:
    """A box to find a photo of the folder by its name."""
    image = session.experiment().image
    shown = image if image in FOLDER else None
    where.selectbox(
        f"Search the folder: {counted(len(FOLDER.names), 'photo')}",
        FOLDER.names,
        None if shown is None else FOLDER.names.index(shown),
        key=session.show(SEARCH, shown),
        placeholder="a name",
        on_change=_found,
        help="The folder was given when the server was started. Everybody who opens this page can see its photos.",
    )


def _found() -> None:
    image = session.value(SEARCH)
    if image is not None:
        another(image)


def trouble() -> None:
    """Says why the last upload could not be used, or that the photo of the link is not here, if so."""
    if error := st.session_state.get(ERROR):
        st.error(error, icon=":material/broken_image:")
    if missing := session.missing_photo():
        st.info(missing, icon=":material/image:")


def _last_file() -> tuple[str, bool]:
    """The last file that was read, and whether it was used."""
    found: tuple[str, bool] = st.session_state.get(READ, ("", True))
    return found


def _read(data: bytes) -> bool:
    """Reads an upload and shows it. If it cannot be read, an error is shown and the present photo stays."""
    try:
        photo = _photo(data)
    except ValueError as error:
        st.session_state[ERROR] = f"Your file was not used: {error}."
        return False
    st.session_state.pop(ERROR, None)
    session.hold_photo(UPLOAD, photo)
    session.change(image=UPLOAD, target=None)
    return True


def _taken_away() -> None:
    """The user removed the file: removes its photo too. A file that was not used gave none."""
    _, used = _last_file()
    if st.session_state[FILE] is None and used:
        session.hold_photo(UPLOAD, None)


def _another() -> None:
    another(session.value("control-image"))


def another(image: str) -> None:
    """Another photo: explains its likeliest class. What was said of a photo before is no longer news."""
    session.change(image=image, target=None)
    session.miss_photo("")
    st.session_state.pop(ERROR, None)


def subject_of(photo: PIL.Image.Image, name: str, model: Model) -> Subject:
    """The photo as the model sees it, with predictions. Computed once for each photo and model."""

    def found() -> tuple[Tensor, str, tuple[Prediction, ...]]:
        x = model.prepare(photo)
        return x, fingerprint(x), tuple(model.predict(x, k=len(model.categories)))

    x, image, predictions = session.once("session-prepared", (name, model.name, model.digest), found)
    experiment = session.experiment()
    # The model may be shown instead of the chosen one, with other classes.
    target = experiment.target if same_classes(experiment.model, model.name) else None
    return Subject(photo, x, image, model, predictions, predictions[0][0] if target is None else target, name)


def cut(subject: Subject, where: DeltaGenerator) -> None:
    """Shows how much of the photo the model sees."""
    width, height = subject.source.size
    if width == height or not subject.model.squash:
        seen = f"The model sees the square in the middle: {subject.seen:.0%} of the photo."
    elif subject.seen < 1:
        seen = f"It is squeezed to a square, and the model sees the middle of that: {subject.seen:.0%} of the photo."
    else:
        seen = "It is squeezed to a square, and the model sees all of it."
    where.caption(f"{width} x {height} pixels. {seen}")
    if label := FOLDER.label(session.experiment().image, subject.model.categories):
        where.caption(f"labels.csv says: {escaped(label)}")
