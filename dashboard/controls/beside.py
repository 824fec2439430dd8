"""Work beside the maps that a button starts, and that sets a knob at its end: what a session keeps of it.

Compare shows it. What is started is a choice at first, and then the work that was made of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from dashboard.controls import resources, session

Work = TypeVar("Work")


@dataclass(frozen=True)
class Beside:
    """One kind of such work. `slot` is its place in the scheduler, and in the keys of the session."""

    slot: str

    def start(self, choice: Any) -> None:
        """Starts it anew."""
        self.close()
        st.session_state[self._key("choice")] = choice

    @property
    def choice(self) -> Any:
        """What was started, or None."""
        return st.session_state.get(self._key("choice"))

    def held(self, wanted: Work, same: Callable[[Work, Work], bool]) -> Work | None:
        """The work that was started: `wanted` at first. It ends when it is not the `same` as what is wanted."""
        found: Work = st.session_state.setdefault(self._key("work"), wanted)
        if same(found, wanted):
            return found
        self.close()
        return None

    def take(self, work: Any, **values: Any) -> None:
        """Sets the knob that was found; only once."""
        if st.session_state.get(self._key("taken")) != work:
            st.session_state[self._key("taken")] = work
            session.change(**values)

    def close(self) -> None:
        """Forgets it."""
        resources.scheduler().leave(session.name(), self.slot)
        for name in ("choice", "work", "taken"):
            st.session_state.pop(self._key(name), None)

    def buttons(self, choices: Mapping[Any, tuple[str, str]]) -> None:
        """A button for each choice, with its label and help."""
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            for choice, (label, words) in choices.items():
                key = f"control-{self.slot}-{choice}"
                st.button(label, key=key, on_click=self.start, args=(choice,), help=words)

    def _key(self, name: str) -> str:
        return f"control-{self.slot}-{name}"
