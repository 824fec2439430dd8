"""Until settled: buttons under R start it, Compare shows it, and at its end it sets R."""

from dataclasses import replace

import streamlit as st

from attribution import METHODS
from attribution.agreement import ENOUGH, SIDES
from attribution.registry import Range
from dashboard.controls import resources, session
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.work.panel import Panel
from dashboard.work.settle import Settle

CHOSEN, SETTLE, TAKEN = "control-settle-side", "control-settle", "control-settle-taken"
SLOT = "settle"


def most() -> int:
    """The largest R of the control: the budget."""
    allowed = FIELDS["samples"].allowed
    assert isinstance(allowed, Range)
    return int(allowed.high)


def at(side: int) -> str:
    """Where halves are compared, in words."""
    return f"at {side} px" if side else "pixel by pixel"


def buttons() -> None:
    """The buttons under R. Each starts it at one size of the maps."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for side in (*SIDES[::-1], 0):
            st.button(
                f"Until settled {at(side)}",
                key=f"control-settle-{side}",
                on_click=_start,
                args=(side,),
                help=f"Draws samples until two halves of them agree by {ENOUGH:g} {at(side)}, for the compared methods "
                f"that R turns: at most {most()} gradients. Compare shows how far it is, and you can end it there. "
                "At the end it sets R.",
            )


def _start(side: int) -> None:
    close()
    st.session_state[CHOSEN] = side


def panels(experiment: Experiment, subject: Subject) -> tuple[Panel, ...]:
    """The maps that R turns, without their R."""
    found = []
    for method in experiment.methods:
        if method in COMPARED and METHODS[method].term is not None:
            panel = experiment.panel(method, subject.image, subject.model.name, subject.target)
            found.append(replace(panel, knobs=tuple(knob for knob in panel.knobs if knob[0] != "samples")))
    return tuple(found)


def current(experiment: Experiment, subject: Subject) -> Settle | None:
    """What was started, if anything. Another photo, model, class, method or setting of the maps ends it; R does not."""
    side = st.session_state.get(CHOSEN)
    if side is None:
        return None
    wanted = Settle(panels(experiment, subject), side, most())
    if not wanted.panels or st.session_state.setdefault(SETTLE, wanted) != wanted:
        close()
        return None
    return wanted


def take(settle: Settle, samples: int) -> None:
    """Sets the R that was found; only once."""
    if st.session_state.get(TAKEN) != settle:
        st.session_state[TAKEN] = settle
        session.change(samples=samples)


def close() -> None:
    """Forgets it."""
    resources.scheduler().leave(session.name(), SLOT)
    for name in (CHOSEN, SETTLE, TAKEN):
        st.session_state.pop(name, None)
