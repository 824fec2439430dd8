"""The photo and the model: chosen, uploaded, downloaded, and put together as what is looked at."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import PIL.Image
import streamlit as st
from torch import Tensor

from attribution import MODELS, load_image
from attribution.baselines import fingerprint
from attribution.images import to_picture
from attribution.metrics.total_variation import levels
from attribution.models import Model, download
from dashboard import resources
from dashboard.experiment import GALLERY, UPLOAD, gallery_photo

MOST_MEGABYTES = 20
PREDICTED = -1
"""Stands for the likeliest class among the options of the class control."""

Prediction = tuple[int, str, float, float]


@dataclass(frozen=True)
class Subject:
    """What is looked at: a photo as a model sees it, and the class that is explained."""

    x: Tensor
    image: str
    model: Model
    explained: Prediction

    @property
    def target(self) -> int:
        return self.explained[0]

    @cached_property
    def photo(self) -> np.ndarray:
        """As bytes, (H, W, 3)."""
        return to_picture(self.model.pixels(self.x))

    @property
    def sides(self) -> list[int]:
        """Of the levels that total variation is measured on."""
        return [height for height, _ in levels(*self.x.shape[-2:])]

    @property
    def spread(self) -> float:
        """From the darkest to the brightest value, in model space: what sigma is a fraction of."""
        return (self.x.max() - self.x.min()).item()


def choose_photo() -> tuple[PIL.Image.Image, str]:
    """The photo, and a name for it that equal photos share."""
    state = st.session_state
    gallery = st.container()  # drawn last, shown first: a new upload changes what is chosen there
    uploaded = st.file_uploader(
        "or your own photo",
        type=["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
        max_upload_size=MOST_MEGABYTES,
        key="file",
        on_change=_show_upload,
        help="It stays in the memory of this server while you look at it, and is never written to disk.",
    )
    if uploaded is not None:
        _open_upload(uploaded.file_id, uploaded.getvalue())
    if state.get("upload_error"):
        st.error(state.upload_error, icon=":material/broken_image:")
    options = [*GALLERY, *([UPLOAD] if "upload" in state else [])]
    if state.img not in options:
        state.img = "cat"
    gallery.pills(
        "Photo",
        options,
        key="img",
        required=True,
        on_change=_forget_target,
        format_func=lambda name: "your photo" if name == UPLOAD else name,
    )
    if state.img == UPLOAD:
        digest, image = state.upload
        return image, digest
    return gallery_photo(state.img), state.img


def _show_upload() -> None:
    st.session_state.pop("upload_seen", None)


def _open_upload(file_id: str, data: bytes) -> None:
    """Reads an upload once, when it is new; one that cannot be read leaves the present photo where it is."""
    state = st.session_state
    if state.get("upload_seen") == file_id:
        return
    state.upload_seen = file_id
    try:
        image = load_image(data)
    except ValueError as error:
        state.upload_error = f"Your photo was not used: {error}."
        return
    state.upload_error = ""
    state.upload = (blake2b(data, digest_size=16).hexdigest(), image)
    state.img = UPLOAD
    _forget_target()


def _forget_target() -> None:
    """Another photo is explained by its own likeliest class."""
    st.session_state.cls = PREDICTED


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
    if not MODELS[name].file.exists() and not _downloaded(name):
        return resources.model(state.get("last_model", "efficientnet_lite0"))
    try:
        model = resources.model(name)
    except ValueError as error:
        st.error(f"{error}. Going on with the last model.", icon=":material/cloud_off:")
        return resources.model(state.get("last_model", "efficientnet_lite0"))
    state.last_model = name
    return model


def _downloaded(name: str) -> bool:
    """Asks for the weights; shows how far they are, or why they cannot be had."""
    view = resources.downloads().ask(resources.session(), "weights", name, lambda: download(name))
    if view.state == "failed":
        st.error(f"{view.error[0].upper()}{view.error[1:]}. Going on with the last model.", icon=":material/cloud_off:")
        st.button("Try the download again", on_click=lambda: resources.downloads().resume(resources.session()))
    elif view.live:
        _download_progress(name)
    return view.state == "done"


@st.fragment(run_every=0.5)
def _download_progress(name: str) -> None:
    view = resources.downloads().ask(resources.session(), "weights", name, lambda: download(name))
    if not view.live:
        st.rerun()
    share = view.snapshot or 0.0
    st.progress(share, f"Downloading {MODELS[name].title}: {share:.0%} of {MODELS[name].megabytes:.0f} MB")


def prepare(photo: PIL.Image.Image, name: str, model: Model) -> tuple[Tensor, str, tuple[Prediction, ...]]:
    """The input, its fingerprint and its predictions: found once for each photo and model."""
    key = (name, model.name, model.digest)
    if st.session_state.get("prepared_key") != key:
        x = model.prepare(photo)
        st.session_state.prepared = (x, fingerprint(x), tuple(model.predict(x, k=5)))
        st.session_state.prepared_key = key
    prepared: tuple[Tensor, str, tuple[Prediction, ...]] = st.session_state.prepared
    return prepared


def prediction(model: Model, x: Tensor, target: int) -> Prediction:
    """What the model says of one class, likely or not."""
    return next(found for found in model.predict(x, k=len(model.categories)) if found[0] == target)
