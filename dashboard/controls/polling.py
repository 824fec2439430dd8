"""Parts of a page that are drawn again and again while work is running."""

from collections.abc import Callable
from typing import ParamSpec
from uuid import uuid4

import streamlit as st

from dashboard.controls.components import invisible

Given = ParamSpec("Given")


def draw(key: str, every: float | None, show: Callable[Given, None], *args: Given.args, **kwargs: Given.kwargs) -> None:
    """Draws a part with `show`, and again after so many seconds. Draws it once if `every` is None.

    An invisible component with this key asks for the updates. `st.fragment(run_every=...)` would also ask after a click
    on a link to another page, and Streamlit answers such a late question with an empty page.
    """

    def update() -> None:
        show(*args, **kwargs)
        if every is not None:
            with st.container(key=f"{key}-place"):
                invisible(__file__)(
                    key=key,
                    data={"every": 1000 * every, "update": uuid4().hex},
                    on_update_change=lambda: None,
                )

    st.fragment(update)()
