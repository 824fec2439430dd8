"""Noise: how sure are SmoothGrad and SmoothTaylor of their maps, and is R enough here?"""

from functools import partial

import streamlit as st

from attribution.studies.convergence import ENOUGH, Convergence, checkpoints
from dashboard import figures, pictures, progress, report, resources, sidebar, viewer
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.panels import Doubt, doubt_work
from dashboard.subject import Subject

POLL = 0.5
METHODS = ("smoothgrad", "smooth_taylor")


def ask(experiment: Experiment, subject: Subject, both: bool) -> dict[Doubt, View]:
    """How far each method is, and with both signs of every draw where that is wanted."""
    jobs, known = resources.scheduler(), (subject.model, subject.x, resources.store())
    found = {}
    for panel in experiment.panels(subject.image, subject.model.name, subject.target):
        if panel.method not in METHODS:
            continue
        for antithetic in (False, True) if both else (False,):
            doubt = Doubt(panel, antithetic)
            slot = f"{panel.method} doubt {antithetic}"
            found[doubt] = jobs.ask(resources.session(), slot, doubt, partial(doubt_work, doubt, *known))
    return found


def maps(subject: Subject, found: dict[Doubt, View], draws: int) -> None:
    """For each method the map after some draws, and its standard error."""
    shown, errors = [], []
    for doubt, view in found.items():
        held: Convergence | None = view.snapshot
        if held is None:
            continue
        at = max(k for k, count in enumerate(held.counts) if count <= max(draws, held.counts[0]))
        name = title(doubt)
        after = f"after {held.counts[at]} of {held.total} draws"
        words = f"{name} {after}"
        shown.append((viewer.Labels(name, "its mean so far", after, words), held.maps[at].double().numpy()))
        if not held.error.isnan().any():
            gloss = "standard error at each pixel"
            of = f"of the mean of {held.done} draws"
            labels = viewer.Labels(f"error of {name}", gloss, of, f"{name}: {gloss}")
            errors.append((labels, held.error.double().numpy()))
    viewer.show("noise", subject.labelled, [*shown, *errors], pictures.PALETTES)


def title(doubt: Doubt) -> str:
    return figures.TITLES[doubt.panel.method] + (" ±ε" if doubt.antithetic else "")


def show(experiment: Experiment, subject: Subject, both: bool, polling: bool) -> None:
    found = ask(experiment, subject, both)
    live = any(view.live for view in found.values())
    if polling != live:
        st.rerun()
    counts = checkpoints(experiment.samples)
    draws = counts[-1]
    if len(counts) > 1:
        draws = st.select_slider(
            "r, how many of the R draws are in the maps",
            counts,
            value=counts[-1],
            key=f"draws-{experiment.samples}",
            help="From remembered evaluations: nothing is computed anew.",
        )
    maps(subject, found, draws)
    for doubt, view in found.items():
        if view.state == "failed":
            st.error(f"{title(doubt)}: {view.error}", icon=":material/error:")
    told(found)
    for doubt, view in found.items():
        st.markdown(f"**{title(doubt)}** · {report.doubt(view.snapshot, experiment.samples)}")
    lines = {
        (doubt.panel.method, doubt.antithetic): (view.snapshot.counts, view.snapshot.agreement)
        for doubt, view in found.items()
        if view.snapshot
    }
    st.plotly_chart(
        figures.agreement(lines, experiment.samples, ENOUGH),
        key="agreement",
        config=figures.CONFIG,
        alt="The rank correlation of the two halves of the draws against their number",
    )
    st.caption(
        "The draws are split in two halves, and each half gives a map of its own; where the two rank the pixels alike "
        f"(Spearman's correlation above {ENOUGH}), more draws would change little. With ±ε every draw of the noise is "
        "taken with both signs, so what is linear in the noise cancels: the same number of gradients, of half as "
        "many draws. Agreement says that a map is settled, not that it is right."
    )


def told(found: dict[Doubt, View]) -> None:
    """How many draws there are."""
    done = sum(view.snapshot.done for view in found.values() if view.snapshot)
    total = sum(dict(doubt.panel.knobs)["samples"] for doubt in found)
    state = progress.state(found.values())
    said = {
        progress.LIVE: f"{done} of {total} draws",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "ended: not every draw could be computed",
        progress.DONE: "complete",
    }
    progress.show(state, done / total, said[state])


st.markdown("#### How sure is this map?")
experiment, subject = sidebar.present()
both = st.toggle(
    "beside them, every draw with both signs (±ε)",
    value=True,
    key="both",
    help="Half of these points are known already; the other half costs R / 2 gradients.",
)
live = any(view.live for view in ask(experiment, subject, both).values())
st.fragment(show, run_every=POLL if live else None)(experiment, subject, both, live)
