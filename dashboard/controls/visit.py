"""Restores the user's photo and the pins after a reload. A token in the browser's tab identifies them.

The JavaScript part also keeps the browser history clean, one entry for each change. And it tells other components when
they may ask the server.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from attribution import load_image
from dashboard.controls import pins, resources, session
from dashboard.controls.components import invisible
from dashboard.controls.pins import Pin
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import PINNED, UPLOAD
from dashboard.experiment.subject import Photo
from dashboard.pages import COMPARE, PAGES

KEY, TOKEN = "control-visit", "session-token"


@dataclass(frozen=True)
class Held:
    """The state of a tab: its experiment, the files of its own photos (by UPLOAD or PINNED), and its pins."""

    experiment: Experiment
    files: dict[str, tuple[str, bytes]]
    pins: tuple[Pin, ...]

    @property
    def size(self) -> int:
        """The size in bytes: maps, and what there is of photos and their files, each once. A pixel takes four bytes."""
        maps = sum(values.nbytes for pin in self.pins for _, values in pin.maps)
        photos = [pin.photo for pin in self.pins if pin.photo]
        pixels = {id(photo.image): 4 * photo.image.width * photo.image.height for photo in photos}
        every_file = (*(photo.data for photo in photos), *(data for _, data in self.files.values()))
        files = {id(data): len(data) for data in every_file}
        return maps + sum(pixels.values()) + sum(files.values())


@st.fragment
def mount(page: str, run: str) -> None:
    """The invisible component in the browser. It is a fragment, so its messages do not rerun the page.

    `page` is the URL path of the page, and `run` a new name for each run of the whole page.
    """
    pages = [one.name for one in PAGES if one is not COMPARE]
    data = {"known": TOKEN in st.session_state, "page": page, "pages": pages, "run": run}
    result = invisible(__file__)(key=KEY, data=data, on_token_change=lambda: None)
    given: Any = result.token
    if TOKEN not in st.session_state and isinstance(given, str) and re.fullmatch("[0-9a-f]{32}", given):
        found = bring_back(given)
        st.session_state[TOKEN] = given  # after it: from then on, what this session has is kept in its place
        if found:
            st.rerun()


def keep() -> None:
    """Saves what a reload would lose, under the token of the tab."""
    token = st.session_state.get(TOKEN)
    if token is None:
        return
    photos = ((image, session.photo(image)) for image in (UPLOAD, PINNED))
    files = {image: (photo.digest, photo.data) for image, photo in photos if photo is not None and photo.data}
    held = Held(session.experiment(), files, tuple(pins.pinned()))
    resources.kept().put(token, held, held.size)


def bring_back(token: str) -> bool:
    """Restores the state of the tab before a reload. True if there was any.

    A run that is interrupted here is followed by one that tries again. With pins there is nothing left to do, so they
    come last.
    """
    held: Held | None = resources.kept().get(token)
    if held is None or not (held.files or held.pins) or pins.pinned():
        return False
    for image, (digest, data) in held.files.items():
        if session.photo(image) is None:
            session.hold_photo(image, Photo(digest, load_image(data), data))
    own = held.experiment.image
    if own in held.files and session.experiment() == replace(held.experiment, image=Experiment().image):
        session.change(image=own)
    pins.hold(list(held.pins))
    return True
