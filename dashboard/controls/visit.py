"""What a reload keeps: the own photo and the pins, found again by a token that the browser's tab holds.

The browser's part also keeps the history clean: one entry for one change.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from attribution import load_image
from dashboard.controls import pins, resources, session
from dashboard.controls.pins import Pin
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import PINNED, UPLOAD
from dashboard.experiment.subject import Photo

SCRIPT = Path(__file__).with_suffix(".js")
KEY, TOKEN = "control-visit", "session-token"


@dataclass(frozen=True)
class Held:
    """What a tab has: its experiment, the files of its own photos by their place, and its pins."""

    experiment: Experiment
    files: dict[str, tuple[str, bytes]]
    pins: tuple[Pin, ...]

    @property
    def size(self) -> int:
        """In bytes; photos of pins count as they are in memory."""
        maps = sum(values.nbytes for pin in self.pins for _, values in pin.maps)
        photos = {pin.photo.digest: pin.photo for pin in self.pins if pin.photo}.values()
        pixels = sum(3 * photo.image.width * photo.image.height for photo in photos)
        return maps + pixels + sum(len(data) for _, data in self.files.values())


@cache
def _source() -> str:
    return SCRIPT.read_text(encoding="utf-8")


@st.fragment
def mount() -> None:
    """The part in the browser, of no size. In a fragment: its messages run nothing else, and cut no run off."""
    component = st.components.v2.component("attribution_visit", js=_source(), isolate_styles=False)
    with st.container(key="control-visit-place"):
        result = component(key=KEY, data={"known": TOKEN in st.session_state}, on_token_change=lambda: None)
    given: Any = result.token
    if TOKEN not in st.session_state and isinstance(given, str) and re.fullmatch("[0-9a-f]{32}", given):
        st.session_state[TOKEN] = given
        if bring_back(given):
            st.rerun()


def keep() -> None:
    """Keeps what a reload would lose, under the tab's token."""
    token = st.session_state.get(TOKEN)
    if token is None:
        return
    photos = ((image, session.photo(image)) for image in (UPLOAD, PINNED))
    files = {image: (photo.digest, photo.data) for image, photo in photos if photo is not None and photo.data}
    held = Held(session.experiment(), files, tuple(pins.pinned()))
    resources.kept().put(token, held, held.size)


def bring_back(token: str) -> bool:
    """Puts back what the tab had before a reload; whether there was anything."""
    held: Held | None = resources.kept().get(token)
    if held is None or not (held.files or held.pins) or pins.pinned():
        return False
    for image, (digest, data) in held.files.items():
        if session.photo(image) is None:
            session.hold_photo(image, Photo(digest, load_image(data), data))
    pins.hold(list(held.pins))
    own = held.experiment.image
    if own in held.files and session.experiment() == replace(held.experiment, image=Experiment().image):
        session.change(image=own)
    return True
