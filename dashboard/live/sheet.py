"""Boards that a worker fills, and what they show: maps, charts that are drawn here, and scrubs.

A scrub is a slider that the browser answers by itself, from what it has received.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from dashboard.live.frames import pack
from dashboard.live.hub import Board, Look, Part, Values

STATE = "state"
"""The part that says how far the work is."""
AWAY = 600.0
"""Seconds that work goes on for a page that cannot ask for it, until it is loaded again."""


class Worker(Protocol):
    """What a board needs of the scheduler, besides its answers."""

    def attend(self, session: str, here: bool) -> None: ...

    def hold(self, session: str, seconds: float) -> None: ...

    def stop(self, session: str) -> None: ...

    def resume(self, session: str) -> None: ...


@dataclass(frozen=True)
class Worked(ABC):
    """A board of a session that a worker fills. It has no knobs."""

    jobs: Worker
    session: str

    @abstractmethod
    def look(self) -> Look: ...

    def turned(self, values: Values) -> Board:
        raise ValueError("this page has no knobs")

    def attend(self, here: bool) -> None:
        self.jobs.attend(self.session, here)

    def hold(self) -> None:
        """Its page cannot ask for its work again: it goes on for a while all the same."""
        self.jobs.hold(self.session, AWAY)

    def press(self, button: str) -> None:
        act = {"stop": self.jobs.stop, "resume": self.jobs.resume}.get(button)
        if act is not None:
            act(self.session)

    def near(self) -> None:  # noqa: B027 (a page without knobs has nothing to do)
        """A hand is at a knob."""


@dataclass(frozen=True)
class Tile:
    """The place of a map. A map of this name is shown in it. `status` stands below it as long as nothing else does."""

    name: str
    title: str
    gloss: str = ""
    status: str = ""


@dataclass(frozen=True)
class Scrub:
    """A slider over values, which stand for positions `at`. A tile shows the last of its maps up to that position.

    `said` is a sentence for each value, `tables` a table, `mix` the share of the photo in a mixture with the picture
    beneath. `shown` is the value of what a tile shows: an earlier one while later maps are still to come. Each is empty
    if there is none.
    """

    name: str
    letter: str
    label: str
    help: str
    values: tuple[str, ...]
    at: tuple[float, ...]
    start: int
    said: tuple[str, ...] = ()
    tables: tuple[Sequence[Mapping[str, str]], ...] = ()
    caption: str = ""
    note: str = ""
    mix: tuple[float, ...] = ()
    shown: tuple[str, ...] = ()
    below: bool = False
    """Whether it stands below the charts."""

    @classmethod
    def over(cls, numbers: Sequence[int], name: str, letter: str, label: str, help: str) -> "Scrub":
        """A slider over numbers that grow with the work. At first it is at the last one."""
        at = tuple(map(float, numbers))
        return cls(name, letter, label, help, tuple(map(str, numbers)), at, len(numbers) - 1)


@dataclass(frozen=True)
class Mark:
    """A vertical line in a chart, at one x for each value of a scrub. None: no line. Empty: where the mixture is."""

    scrub: str
    x: tuple[float | None, ...]
    colour: str
    dash: str = "solid"
    text: str = ""


class Drawn(Protocol):
    """A figure of Plotly."""

    def to_json(self) -> str: ...


@dataclass(frozen=True)
class Chart:
    """A chart that is drawn here. `opens` names what a click on a point tells the script; "" tells it nothing."""

    name: str
    title: str
    gloss: str = ""
    note: str = ""
    help: str = ""
    words: str = ""
    height: int = 0
    opens: str = ""


def part(name: str, head: Mapping[str, Any]) -> Part:
    """A part without bytes. Its message is its version."""
    message = pack(head)
    return Part(name, message, lambda: message)


def layout(
    photo: Mapping[str, Any], tiles: Sequence[Tile], figures: Sequence[str], scrubs: Sequence[str] = (), **more: Any
) -> Part:
    """What there is, in order: the photo with its labels and size, tiles, and the names of figures and scrubs."""
    head = {"part": "layout", "photo": photo, "tiles": [asdict(tile) for tile in tiles]}
    return part("layout", {**head, "figures": list(figures), "scrubs": list(scrubs), **more})


def picture(name: str, version: Any, draw: Callable[[], np.ndarray]) -> Part:
    """Bytes (H, W, 3): the "photo", or the picture "beneath" it."""
    return Part(name, version, lambda: pack({"part": name}, np.ascontiguousarray(draw(), np.uint8).tobytes()))


def chart(about: Chart, version: Any, draw: Callable[[], Drawn], marks: Sequence[Mark] = ()) -> Part:
    """A chart. It is drawn when it is sent."""
    head = {"part": "figure", **asdict(about), "marks": [asdict(mark) for mark in marks]}
    return Part(
        f"figure {about.name}",
        (version, about, tuple(marks)),
        lambda: pack({**head, "figure": json.loads(draw().to_json())}),
    )


def scrub(one: Scrub) -> Part:
    return part(f"scrub {one.name}", {"part": "scrub", **asdict(one)})


def state(state: str, share: float, text: str, **more: Any) -> Part:
    """How far the work is. `more`: the `status` of tiles, `old` tiles, `errors`, `lines` (title, text), and `rerun`.

    When the text `rerun` changes, the browser asks for one run of the script.
    """
    empty = {"draft": False, "status": {}, "old": [], "errors": [], "lines": [], "rerun": ""}
    return part(STATE, {**empty, "part": STATE, "state": state, "share": round(share, 3), "text": text, **more})
