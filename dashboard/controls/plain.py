"""A board as plain images, charts and tables of Streamlit. A button shows what has come since."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.charts.styles import BARE
from dashboard.controls import progress
from dashboard.live.frames import unpack
from dashboard.live.sheet import STATE, Worked
from dashboard.stage import pictures

Heard = tuple[dict[str, Any], bytes]


def show(page: str, board: Worked) -> None:
    """Draws what the board shows now. Its work goes on for a while, until the page is run again."""
    board.hold()
    heard = [unpack(part.make()) for part in board.look().parts]
    of: dict[str, list[Heard]] = {}
    for head, payload in heard:
        of.setdefault(head["part"], []).append((head, payload))
    layout, state = of["layout"][0][0], of[STATE][0][0]
    for error in state["errors"]:
        st.error(error, icon=":material/error:")
    progress.show(state["state"], state["share"], state["text"], board.look)
    scrubs = {head["name"]: head for head, _ in of.get("scrub", ())}
    at = {name: _slider(page, scrub) for name, scrub in scrubs.items()}
    beneath = of["beneath"][0][1] if "beneath" in of else b""
    _photo_and_maps(layout, of["photo"][0][1], beneath, of.get("map", ()), scrubs, at)
    for title, text in state["lines"]:
        st.markdown(f"**{title}** · {text}")
    for name, scrub in scrubs.items():
        if scrub["said"]:
            st.markdown(scrub["said"][at[name]])
    columns = st.grid(2, min_column_width=320, gap="medium")
    for head, _ in of.get("figure", ()):
        with columns.container():
            _chart(head, scrubs, at)
    for name, scrub in scrubs.items():
        if scrub["tables"]:
            st.table(scrub["tables"][at[name]], hide_index=True, alt=scrub["caption"])
            st.caption(scrub["note"])


def _slider(page: str, scrub: Mapping[str, Any]) -> int:
    """The index of the chosen value."""
    values: list[str] = scrub["values"]
    if len(values) == 1:
        return 0
    label, key = scrub["label"], f"control-plain-{page}-{scrub['name']}-{len(values)}"
    chosen = st.select_slider(label, values, values[scrub["start"]], key=key, help=scrub["help"])
    return values.index(chosen)


def _photo_and_maps(
    layout: Mapping[str, Any],
    photo: bytes,
    beneath: bytes,
    maps: Iterable[Heard],
    scrubs: Mapping[str, Any],
    at: Mapping[str, int],
) -> None:
    about = layout["photo"]
    shape = (about["height"], about["width"])
    pixels = np.frombuffer(photo, np.uint8).reshape(*shape, 3)
    if beneath:
        share = scrubs[about["mix"]]["mix"][at[about["mix"]]]
        pixels = (share * pixels + (1 - share) * np.frombuffer(beneath, np.uint8).reshape(*shape, 3)).astype(np.uint8)
    reached = {name: scrub["at"][at[name]] for name, scrub in scrubs.items()}
    shown = {tile["name"]: _last(tile["name"], maps, reached) for tile in layout["tiles"]}
    there = {name: found for name, found in shown.items() if found is not None}
    values = {name: _values(head, payload, shape) for name, (head, payload) in there.items()}
    drawn = pictures.draw({n: pictures.from_map(v) for n, v in values.items()}, pixels, pictures.Display())
    grid = st.grid(4, min_column_width=150)
    with grid.container():
        st.markdown(f"**{about['title']}**  \n:small[{about['gloss']}]")
        st.image(pictures.data_url(pixels), width="stretch", alt=about["words"])
        st.caption(about["status"])
    for tile in layout["tiles"]:
        with grid.container():
            st.markdown(f"**{tile['title']}**  \n:small[{tile['gloss']}]")
            if tile["name"] not in drawn:
                st.caption("not computed yet")
                continue
            head, _ = there[tile["name"]]
            st.image(pictures.data_url(drawn[tile["name"]].pixels), width="stretch", alt=head["words"])
            st.caption(head["status"])


def _last(name: str, maps: Iterable[Heard], reached: Mapping[str, float]) -> Heard | None:
    """The map of this name; of several, the last one up to where its scrub is, or else the first."""
    found = sorted((heard for heard in maps if heard[0]["name"] == name), key=lambda heard: heard[0].get("at", 0))
    within = [heard for heard in found if "at" not in heard[0] or heard[0]["at"] <= reached[heard[0]["scrub"]] + 1e-9]
    return next(iter([*within[-1:], *found]), None)


def _values(head: Mapping[str, Any], payload: bytes, shape: tuple[int, int]) -> np.ndarray:
    values: np.ndarray = np.frombuffer(payload, "<f2").astype(np.float32).reshape(shape) * head["unit"]
    return values


def _chart(head: Mapping[str, Any], scrubs: Mapping[str, Any], at: Mapping[str, int]) -> None:
    figure = go.Figure(head["figure"])
    for mark in head["marks"]:
        x = (mark["x"] or scrubs[mark["scrub"]]["mix"])[at[mark["scrub"]]]
        if x is not None:
            text = {"annotation_text": mark["text"]} if mark["text"] else {}
            figure.add_vline(x, line={"color": mark["colour"], "dash": mark["dash"], "width": 1}, **text)
    st.markdown(f"**{head['title']}** · {head['gloss']}", help=head["help"] or None)
    st.plotly_chart(figure, key=f"control-plain-{head['name']}", config=BARE, alt=head["words"])
    if head["note"]:
        st.caption(head["note"])
