"""The stage: knobs, photo, maps, curves and scrubs in one component. Pictures come to it by socket, past the script.

The script gives it the knobs and the token of its session. It tells the script of knobs that were released, of clicks
that open something, and when the work needs one run of the script. What the script has not heard it is told
again: messages can be lost.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
SCRIPTS = (
    *("scale.js", "viewer.js", "glance.js", "words.js", "hands.js", "line.js"),
    *("help.js", "knobs.js", "curves.js", "figures.js", "scrubs.js", "stage.js"),
)


@dataclass(frozen=True)
class Option:
    """A choice of a knob: its value, its words, and a picture as a data URL."""

    value: str
    label: str
    picture: str = ""


@dataclass(frozen=True)
class Act:
    """A button below a knob, with a choice: it starts work that sets the knob. `idle` stands there at rest.

    The script is told {name: the value of the choice}, or {name: ""} when a person ends the work. The state of the
    board says how far it is: the choice, whether it is live, the share of the budget that is spent, and a text.
    """

    name: str
    label: str
    help: str
    options: Sequence[Option]
    idle: str


@dataclass(frozen=True)
class Knob:
    """A control of the stage, for a field of the experiment. `options` are choices; without them it is a number."""

    name: str
    letter: str
    label: str
    help: str
    value: Any
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    options: Sequence[Option] = ()
    enabled: bool = True
    unused: str = ""
    """Words: why it changes nothing on screen, so that it is dimmed. Empty if it does."""
    file: str = ""
    """The selector of a file input that a further button opens."""
    act: Act | None = None


@cache
def source() -> tuple[str, str]:
    """The script (several files joined) and the style of the component."""
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    styles = [(HERE / name).read_text(encoding="utf-8") for name in ("viewer.css", "stage.css")]
    # The component is part of the page, for Plotly, so its style is confined to it here.
    return "\n".join(scripts), f".stage {{{''.join(styles)}}}"


def show(page: str, token: str, knobs: Sequence[Knob], given: Mapping[str, Any], told: Callable[[], None]) -> None:
    """Shows the stage. `given` is told to the browser as it is; `told` is called when the stage tells the script
    something: values of knobs that were let go, or a click.

    The same `page` is the same element. What was told is `values(page)`; the last `number` among it that was heard is
    given as `heard`. `token` is the name of the session; without one no line is opened. With a text `asks`, the browser
    asks for one run of the script when the stage is on screen.
    """
    script, style = source()
    component = st.components.v2.component("attribution_stage", css=style, js=script, isolate_styles=False)
    usual = {"title": "", "flat": False, "stepped": "", "first": [], "asks": "", "heard": 0}
    data = {"token": token, "page": page, "base": base(), "knobs": [asdict(knob) for knob in knobs], **usual, **given}
    component(key=f"{page}-stage", data=data, on_release_change=told)


def base() -> str:
    """The path of the server, which begins and ends with a slash."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/" if path else "/"


def first(messages: Sequence[bytes]) -> list[str]:
    """Messages that the stage is given by the script, as text."""
    return [base64.b64encode(message).decode() for message in messages]


def values(page: str) -> dict[str, Any]:
    """What the stage of this page told the script, in the order in which it was told."""
    found = st.session_state[f"{page}-stage"].get("release")
    return dict(found) if isinstance(found, Mapping) else {}
