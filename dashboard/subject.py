"""The photo and the model: chosen, uploaded, downloaded, and put together as what is looked at."""

from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import PIL.Image
import streamlit as st
from torch import Tensor

from attribution import MODELS, load_image
from attribution.engine.baselines import fingerprint
from attribution.images import to_picture
from attribution.metrics.total_variation import levels
from attribution.models import Model, download
from dashboard import chosen, resources
from dashboard.example import PHOTO
from dashboard.experiment import GALLERY, NAMES, PINNED, UPLOAD, Experiment, gallery_photo
from dashboard.report import Prediction, prediction
from dashboard.report import photo as describe_photo
from dashboard.viewer import Labelled, Labels

MOST_MEGABYTES = 20
PREDICTED = -1
"""Stands for the likeliest class among the options of the class control."""


@dataclass(frozen=True)
class Subject:
    """What is looked at: a photo, as it came and as a model sees it, what the model says, and the class explained."""

    source: PIL.Image.Image
    x: Tensor
    image: str
    model: Model
    predictions: tuple[Prediction, ...]
    target: int

    @property
    def predicted(self) -> Prediction:
        return self.predictions[0]

    @cached_property
    def explained(self) -> Prediction:
        return next(found for found in self.predictions if found[0] == self.target)

    @cached_property
    def photo(self) -> np.ndarray:
        """As bytes, (H, W, 3)."""
        return to_picture(self.model.pixels(self.x))

    @property
    def labelled(self) -> Labelled:
        """The photo with what the model says of it, for the viewer."""
        said = prediction(self.predicted, self.explained).replace("**", "")
        return Labels(*PHOTO, said, describe_photo(self.predicted)), self.photo

    @property
    def sides(self) -> list[int]:
        """Of the levels that total variation is measured on."""
        return [height for height, _ in levels(*self.x.shape[-2:])]

    @property
    def spread(self) -> float:
        """From the darkest to the brightest value, in model space: what sigma is a fraction of."""
        return (self.x.max() - self.x.min()).item()


@dataclass(frozen=True)
class Upload:
    """A file that was handed in: a photo under its digest, or why it is none."""

    file: str
    digest: str = ""
    image: PIL.Image.Image | None = None
    error: str = ""


def choose_photo() -> tuple[PIL.Image.Image, str]:
    """The photo, and a name for it that equal photos share."""
    state = st.session_state
    gallery = st.container()  # drawn last, shown first: a new upload changes what is chosen there
    uploaded = st.file_uploader(
        "or your own photo",
        type=["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
        max_upload_size=MOST_MEGABYTES,
        key="file",
        help="It stays in the memory of this server while you look at it, and is never written to disk.",
    )
    upload = None if uploaded is None else _open(uploaded.file_id, uploaded.getvalue())
    if upload is None:
        state.pop("upload", None)
    pinned: Upload | None = state.get("pinned_photo")
    options = [*GALLERY, *([UPLOAD] if upload and upload.image else []), *([PINNED] if pinned else [])]
    if state.img not in options:
        state.img = "cat"
    gallery.pills(
        "Photo",
        options,
        key="img",
        required=True,
        on_change=_another_photo,
        format_func=lambda name: {UPLOAD: "your photo", PINNED: "pinned photo"}.get(name, name),
    )
    if upload and upload.error and state.get("dismissed") != upload.file:
        st.error(upload.error, icon=":material/broken_image:")
    if upload and upload.image and state.img == UPLOAD:
        return upload.image, upload.digest
    if pinned and pinned.image and state.img == PINNED:
        return pinned.image, pinned.digest
    return gallery_photo(state.img), state.img


def _open(file: str, data: bytes) -> Upload:
    """Reads an upload once and shows it; one that cannot be read leaves the present photo where it is.

    A run of the page can end between any two changes of its state: each of them can be made again by the next run.
    """
    state = st.session_state
    upload: Upload | None = state.get("upload")
    if upload is None or upload.file != file:
        try:
            upload = Upload(file, blake2b(data, digest_size=16).hexdigest(), load_image(data))
        except ValueError as error:
            upload = Upload(file, error=f"Your file was not used: {error}.")
        state.upload = upload
    if upload.image and state.get("shown_upload") != file:
        state.img = UPLOAD
        state.cls = PREDICTED
        state.shown_upload = file
    return upload


def _another_photo() -> None:
    """Another photo is explained by its own likeliest class, and an upload that failed is no longer news."""
    st.session_state.cls = PREDICTED
    if upload := st.session_state.get("upload"):
        st.session_state.dismissed = upload.file


def choose_model() -> Model:
    """The chosen model, or the last one that could be loaded while the chosen one cannot be."""
    state = st.session_state
    name = st.selectbox(
        "Model",
        list(MODELS),
        key="model",
        format_func=lambda name: MODELS[name].title,
        help="The first is part of the installation. The weights of the others are downloaded when first chosen.",
    )
    if MODELS[name].file.exists() or _downloaded(name):
        try:
            model = resources.model(name)
        except ValueError as error:
            _unusable(name, f"{error}.")
        else:
            state.last_model = name
            return model
    return resources.model(_last_model())


def _last_model() -> str:
    return str(st.session_state.get("last_model", "efficientnet_lite0"))


def _unusable(name: str, why: str) -> None:
    """One line, and a way back; nothing that was on screen is lost."""
    last = MODELS[_last_model()].title
    st.error(f"{why[0].upper()}{why[1:]} Still showing {last}.", icon=":material/cloud_off:")
    with st.container(horizontal=True):
        st.button("Try again", on_click=lambda: resources.downloads().resume(resources.session()))
        st.button(f"Back to {last}", on_click=lambda: st.session_state.update(model=_last_model()))


def _downloaded(name: str) -> bool:
    """Asks for the weights; shows how far they are, or why they cannot be had."""
    view = resources.downloads().ask(resources.session(), "weights", name, lambda: download(name))
    if view.state == "failed":
        file = MODELS[name].file
        _unusable(name, f"the weights of {MODELS[name].title} are missing: `{file.name}` belongs in `{file.parent}`.")
        with st.expander("Why, and what to do"):
            st.caption(f"{view.error[0].upper()}{view.error[1:]}.")
            st.code(MODELS[name].url, language=None, wrap_lines=True)
            st.code(str(file), language=None, wrap_lines=True)
    elif view.live:
        st.caption(f"Meanwhile {MODELS[_last_model()].title} is shown.")
        _download_progress(name)
    return view.state == "done"


@st.fragment(run_every=0.5)
def _download_progress(name: str) -> None:
    view = resources.downloads().ask(resources.session(), "weights", name, lambda: download(name))
    if not view.live:
        st.rerun()
    share = view.snapshot or 0.0
    st.progress(share, f"Downloading {MODELS[name].title}: {share:.0%} of {MODELS[name].megabytes:.0f} MB")


Prepared = tuple[Tensor, str, tuple[Prediction, ...]]


def prepare(photo: PIL.Image.Image, name: str, model: Model) -> Prepared:
    """The input, its fingerprint and its predictions: found once for each photo and model."""

    def found() -> Prepared:
        x = model.prepare(photo)
        return x, fingerprint(x), tuple(model.predict(x, k=len(model.categories)))

    return resources.once("prepared", (name, model.name, model.digest), found)


def write(experiment: Experiment) -> None:
    """Sets the controls, which must not have been drawn yet in this run: at its start, or in a callback."""
    for field in fields(Experiment):
        value: Any = getattr(experiment, field.name)
        if field.name == "target" and value is None:
            value = PREDICTED
        st.session_state[NAMES[field.name]] = list(value) if field.name in ("methods", "curves") else value
    chosen.forget()
