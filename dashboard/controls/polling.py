"""Parts of a page that are drawn again and again while work is running."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec
from uuid import uuid4

import streamlit as st

SCRIPT = Path(__file__).with_suffix(".js")
Given = ParamSpec("Given")


@cache
def _source() -> str:
    return SCRIPT.read_text(encoding="utf-8")


def draw(key: str, every: float | None, show: Callable[Given, None], *args: Given.args, **kwargs: Given.kwargs) -> None:
    """Draws a part with `show`, and again after so many seconds. Draws it once if `every` is None.

    `key` is for the invisible component that asks for the updates. `st.fragment(run_every=...)` would also ask after a
    click on a link to another page, and Streamlit answers such a late question with an empty page.
    """
    run = uuid4().hex

    def update() -> None:
        show(*args, **kwargs)
        if every is not None:
            asks = st.components.v2.component("attribution_polling", js=_source(), isolate_styles=False)
            with st.container(key=f"{key}-place"):
                asks(
                    key=key,
                    data={"key": key, "every": 1000 * every, "run": run, "update": uuid4().hex},
                    on_update_change=lambda: None,
                )

    st.fragment(update)()
