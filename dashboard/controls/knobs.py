"""The knobs of the stage: the fields of the experiment that are turned most, and how they are turned."""

from functools import partial
from typing import Any

import streamlit as st
import torch

from attribution.engine.baselines import BASELINES, CONSTANT, make_baselines
from attribution.images import to_picture
from attribution.registry import Range
from dashboard.charts.looks import baseline_name
from dashboard.controls import resources, session, settle, thumbnails
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.fields import Control
from dashboard.experiment.folder import FOLDER
from dashboard.experiment.knobs import KNOBS
from dashboard.experiment.own import shared
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import capital
from dashboard.pages import COMPARE
from dashboard.stage.pictures import data_url
from dashboard.stage.stage import Knob, Option

SIDE = 48
"""The side of the picture of a choice, pixels."""
UPLOADER = "[data-testid=stFileUploaderDropzoneInput]"
"""Streamlit's file input, which is in the sidebar."""


def on_stage(page: str) -> bool:
    """Whether the page has the knobs, so that the sidebar does not repeat them."""
    return page in ("", COMPARE.name) and st.query_params.get("viewer") != "static"


def knobs(subject: Subject) -> list[Knob]:
    """The photos, and the knobs with their present values as the experiment declares them."""
    return [_photos(), *(_knob(name, subject) for name in KNOBS)]


def _photos() -> Knob:
    help_ = "Sample photos, or your own: + opens it. The server keeps it in memory only."
    if FOLDER.names:
        help_ += " Further photos of the folder are found by name, in the sidebar."
    options = [Option(image, thumbnails.words(image), thumbnails.picture(image)) for image in thumbnails.offered()]
    return Knob("image", "Photo", "", help_, session.experiment().image, options=options, file=UPLOADER)


def explained(how: Control) -> str:
    """The help of a control, then what a change costs, which stands in its label elsewhere."""
    cost = how.label.partition(" · ")[2]
    return f"{how.help} {capital(cost)}." if cost else how.help


def unused(experiment: Experiment, name: str) -> str:
    """Why a knob changes none of the compared maps, in words; empty if it does."""
    return "" if any(shared(method, name) for method in experiment.methods) else "No method on screen uses it."


def _knob(name: str, subject: Subject) -> Knob:
    field, value = FIELDS[name], getattr(session.experiment(), name)
    how, allowed = field.control, field.allowed
    assert how is not None
    letter, _, label = how.label.partition(" · ")[0].partition(", ")
    said: dict[str, Any] = {"letter": letter, "label": label, "help": explained(how)}
    said["enabled"], said["unused"] = how.enabled(session.experiment()), unused(session.experiment(), name)
    if name == "samples":
        said["act"] = settle.act(session.experiment(), subject)
    if isinstance(allowed, Range):
        return Knob(name, value=value, low=allowed.low, high=allowed.high, step=how.step or 1.0, **said)
    return Knob(name, value=value, options=_baselines(subject), **said)


def _baselines(subject: Subject) -> tuple[Option, ...]:
    seed, key = session.experiment().seed, (subject.image, subject.model.digest)

    def made() -> tuple[Option, ...]:
        return tuple(Option(kind, baseline_name(kind), picture(kind)) for kind in BASELINES)

    def picture(kind: str) -> str:
        drawn = seed if kind not in CONSTANT else None
        make = partial(_baseline, subject, kind, seed)
        # The session alone keeps what may show its own photo.
        return make() if session.experiment().own_photo else resources.picture_once((kind, drawn, *key), make)

    return session.once("session-thumbnails", (*key, seed), made)


def _baseline(subject: Subject, kind: str, seed: int) -> str:
    image = make_baselines(subject.model, subject.x, kind, 1, seed)[0].image
    small = torch.nn.functional.interpolate(subject.model.pixels(image)[None], (SIDE, SIDE), mode="area")[0]
    return data_url(to_picture(small))
