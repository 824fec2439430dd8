"""The controls of the one experiment that all pages look at, and what each of them costs."""

from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import numpy as np
import PIL.Image
import streamlit as st
from torch import Tensor

from attribution import MODELS, load_image
from attribution.baselines import BASELINES, fingerprint, make_baselines
from attribution.images import to_picture
from attribution.metrics.total_variation import levels
from attribution.models import CATEGORIES, Model, download
from dashboard import resources
from dashboard.experiment import (
    DRAWS,
    GALLERY,
    NAMES,
    PAPER,
    PATCHES,
    SAMPLES,
    SEED,
    SIGMA,
    STEPS,
    UPLOAD,
    Experiment,
    gallery_photo,
)

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


def session() -> str:
    """A name for this browser session that no other has."""
    if "session" not in st.session_state:
        st.session_state.session = uuid4().hex
    return str(st.session_state.session)


def draw() -> tuple[Experiment, Subject]:
    """Draws the controls; returns the experiment that they say and its subject, and writes it to the URL."""
    state = st.session_state
    if "sigma" not in state:
        _write(Experiment.from_query(st.query_params.to_dict()))
    with st.sidebar:
        photo, name = _image()
        model = _model()
        x, image, predictions = _prepared(photo, name, model)
        target = _target(predictions)
        subject = Subject(x, image, model, predictions[0] if target is None else _prediction(model, x, target))
        _noise(subject)
        _path(subject)
        _evaluation()
        experiment = _read(target)
        _cost(experiment, model)
    _write_url(experiment)
    return experiment, subject


def _write(experiment: Experiment) -> None:
    for field in fields(Experiment):
        value = getattr(experiment, field.name)
        st.session_state[NAMES[field.name]] = PREDICTED if field.name == "target" and value is None else value


def _read(target: int | None) -> Experiment:
    values: dict[str, Any] = {f.name: st.session_state[NAMES[f.name]] for f in fields(Experiment)}
    return Experiment(**{**values, "target": target})


def _write_url(experiment: Experiment) -> None:
    query = experiment.to_query()
    if experiment.image == UPLOAD:
        query.pop(NAMES["image"])
    others = {key: value for key, value in st.query_params.to_dict().items() if key not in NAMES.values()}
    if st.query_params.to_dict() != {**others, **query}:
        st.query_params.from_dict({**others, **query})


def _image() -> tuple[PIL.Image.Image, str]:
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


def _model() -> Model:
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
    view = resources.downloads().ask(session(), "weights", name, lambda: download(name))
    if view.state == "failed":
        st.error(f"{view.error[0].upper()}{view.error[1:]}. Going on with the last model.", icon=":material/cloud_off:")
        st.button("Try the download again", on_click=lambda: resources.downloads().resume(session()))
    elif view.live:
        _download_progress(name)
    return view.state == "done"


@st.fragment(run_every=0.5)
def _download_progress(name: str) -> None:
    view = resources.downloads().ask(session(), "weights", name, lambda: download(name))
    if not view.live:
        st.rerun()
    share = view.snapshot or 0.0
    st.progress(share, f"Downloading {MODELS[name].title}: {share:.0%} of {MODELS[name].megabytes:.0f} MB")


def _prepared(photo: PIL.Image.Image, name: str, model: Model) -> tuple[Tensor, str, tuple[Prediction, ...]]:
    """The input, its fingerprint and its predictions: found once for each photo and model."""
    key = (name, model.name, model.digest)
    if st.session_state.get("prepared_key") != key:
        x = model.prepare(photo)
        st.session_state.prepared = (x, fingerprint(x), tuple(model.predict(x, k=5)))
        st.session_state.prepared_key = key
    prepared: tuple[Tensor, str, tuple[Prediction, ...]] = st.session_state.prepared
    return prepared


def _prediction(model: Model, x: Tensor, target: int) -> Prediction:
    """What the model says of one class, likely or not."""
    return next(found for found in model.predict(x, k=len(model.categories)) if found[0] == target)


def _target(predictions: tuple[Prediction, ...]) -> int | None:
    likely = {index: f"{name} · {probability:.1%}" for index, name, probability, _ in predictions}
    rest = [index for index in range(len(CATEGORIES)) if index not in likely]
    chosen = st.selectbox(
        "Class to explain",
        [PREDICTED, *likely, *rest],
        key="cls",
        format_func=lambda i: f"likeliest: {predictions[0][1]}" if i == PREDICTED else likely.get(i, CATEGORIES[i]),
        help="The five likeliest come first; type to search all 1,000. Another class costs all gradients anew.",
    )
    return None if chosen == PREDICTED else int(chosen)


def _noise(subject: Subject) -> None:
    st.subheader("Noise · SmoothGrad, SmoothTaylor", anchor=False)
    sigma = st.slider(
        "σ, the standard deviation of the noise",
        SIGMA.low,
        SIGMA.high,
        step=0.01,
        key="sigma",
        help="Absolute, in the model's own units (after mean and std). Another σ costs R gradients; the random numbers "
        "stay the same, so what changes on screen is σ and not luck.",
    )
    st.caption(
        f"= {sigma / subject.spread:.1%} of this photo's range of values" if subject.spread else "the photo is flat"
    )
    st.slider(
        "R, noisy copies (roots)",
        int(SAMPLES.low),
        int(SAMPLES.high),
        key="r",
        help="One gradient each, shared by SmoothGrad and SmoothTaylor. More cost only the difference, fewer nothing.",
    )


def _path(subject: Subject) -> None:
    state = st.session_state
    st.subheader("Path · Integrated Gradients", anchor=False)
    st.slider(
        "M, steps on the path",
        int(STEPS.low),
        int(STEPS.high),
        key="m",
        help="One gradient each (times N for noise). Twice as many cost only the difference.",
    )
    choice, preview = st.columns([3, 1], vertical_alignment="bottom")
    kind = choice.selectbox(
        "Baseline",
        list(BASELINES),
        key="base",
        format_func=lambda name: {"mean": "mean colour", "uniform": "uniform noise"}.get(name, name),
        help="Where the path starts: an image that shows nothing. Another one costs M gradients.",
    )
    first = make_baselines(subject.model, subject.x, kind, 1, state.seed)[0]
    preview.image(to_picture(subject.model.pixels(first.image)), width="stretch", alt=f"The baseline: {kind}")
    st.slider(
        "N, noise baselines averaged",
        int(DRAWS.low),
        int(DRAWS.high),
        key="n",
        disabled=kind != "uniform",
        help="For uniform noise alone: N paths of M gradients each.",
    )


def _evaluation() -> None:
    st.subheader("Measurement", anchor=False)
    st.segmented_control(
        "Patches tried in each window, P",
        list(PATCHES),
        key="eval",
        required=True,
        format_func=lambda name: f"{name} ({PATCHES[name]})",
        help="For the perturbation curves: 30 windows of P forward passes for each method. No gradients.",
    )
    st.number_input(
        "Seed",
        int(SEED.low),
        int(SEED.high),
        key="seed",
        help="Of the noise and of the noise baselines. The same seed gives the same maps, everywhere.",
    )
    st.button(
        "Paper settings",
        on_click=lambda: st.session_state.update({NAMES[name]: value for name, value in PAPER.items()}),
        help="σ 0.5, R 150, M 50, black baseline, P 50: those of the SmoothTaylor paper.",
        width="stretch",
    )


def _cost(experiment: Experiment, model: Model) -> None:
    gradient, forward = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    text = f"**{experiment.gradients:,} gradients** and {experiment.forward_passes:,} forward passes"
    if gradient is None or forward is None:
        st.caption(f"{text}. How long that takes here is known after the first batch.")
    else:
        seconds = gradient * experiment.gradients + forward * experiment.forward_passes
        st.caption(f"{text}: at most about **{_duration(seconds)}** on this {model.device.type.upper()}.")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
