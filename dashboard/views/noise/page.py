"""Noise: how certain a mean over noise samples is, and whether R is enough here."""

import math
from functools import partial

import streamlit as st

from attribution.studies.convergence import ENOUGH, Convergence, checkpoints, noisy_methods
from dashboard.charts.noise import Agreement, agreement
from dashboard.charts.styles import CONFIG
from dashboard.controls import polling, progress, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted
from dashboard.stage import pictures, viewer
from dashboard.work.noise import Doubt, doubt_work
from dashboard.work.scheduler import View

POLL = 0.5
BOTH = "noise-both"


def methods(experiment: Experiment) -> tuple[str, ...]:
    """The compared methods that average over noise. If there are none, the default methods that do."""
    noisy = noisy_methods()
    found = tuple(method for method in experiment.methods if method in noisy)
    return found or tuple(method for method in COMPARED if method in noisy)


def ask(experiment: Experiment, subject: Subject, both: bool) -> dict[Doubt, View]:
    """Requests the work of each method, with antithetic sampling too if `both`; returns its state."""
    jobs, known = resources.scheduler(), (subject.model, subject.x, resources.store())
    found = {}
    for method in methods(experiment):
        panel = experiment.panel(method, subject.image, subject.model.name, subject.target)
        for antithetic in (False, True) if both else (False,):
            doubt = Doubt(panel, antithetic)
            slot = f"{panel.method} doubt {antithetic}"
            found[doubt] = jobs.ask(session.name(), slot, doubt, partial(doubt_work, doubt, *known))
    return found


def maps(subject: Subject, found: dict[Doubt, View], draws: int) -> None:
    """Shows for each method the map after `draws` samples, and its standard error."""
    shown, errors = [], []
    for doubt, view in found.items():
        held: Convergence | None = view.snapshot
        if held is None:
            continue
        at = max(k for k, count in enumerate(held.counts) if count <= max(draws, held.counts[0]))
        after = f"after {held.counts[at]} of {counted(held.total, 'sample')}"
        labels = viewer.Labels(doubt.title, "the mean so far", after, f"{doubt.title} {after}")
        shown.append((labels, held.maps[at].double().numpy()))
        if not held.error.isnan().any():
            gloss = "standard error at each pixel"
            of = f"of the mean of {counted(held.done, 'sample')}"
            labels = viewer.Labels(f"error of {doubt.title}", gloss, of, f"{doubt.title}: {gloss}")
            errors.append((labels, held.error.double().numpy()))
    viewer.show("noise", subject.labelled, [*shown, *errors], pictures.PALETTES)


def show(experiment: Experiment, subject: Subject, both: bool, polling: bool) -> None:
    found = ask(experiment, subject, both)
    live = any(view.live for view in found.values())
    if polling != live:
        st.rerun()
    counts = checkpoints(experiment.samples)
    draws = counts[-1]
    if len(counts) > 1:
        draws = st.select_slider(
            "r, how many of the R samples are in the maps",
            counts,
            value=counts[-1],
            key=f"noise-draws-{experiment.samples}",
            help="R samples: R noisy copies of the photo, one gradient each. Nothing is recomputed.",
        )
    maps(subject, found, draws)
    for doubt, view in found.items():
        if view.state == "failed":
            st.error(f"{doubt.title}: {view.error}", icon=":material/error:")
    how_far(found)
    for doubt, view in found.items():
        st.markdown(f"**{doubt.title}** · {verdict(view.snapshot, experiment.samples)}")
    lines = [
        Agreement(doubt.panel.method, doubt.title, doubt.antithetic, view.snapshot.counts, view.snapshot.agreement)
        for doubt, view in found.items()
        if view.snapshot
    ]
    st.plotly_chart(
        agreement(lines, experiment.samples, ENOUGH),
        key="noise-agreement",
        config=CONFIG,
        alt="The rank correlation of two halves of the samples against the number of samples",
    )
    st.caption(
        "The samples are split into two halves, and each half gives a map. If Spearman's rank correlation of the two "
        f"maps is above {ENOUGH}, more samples would change little. Antithetic sampling (±ε) uses each noise draw with "
        "both signs: R gradients from R / 2 draws, and terms that are linear in the noise cancel. Agreement shows "
        "that a map has converged. It does not show that the map is right."
    )


def how_far(found: dict[Doubt, View]) -> None:
    """Shows how many samples are computed."""
    done = sum(view.snapshot.done for view in found.values() if view.snapshot)
    total = sum(doubt.samples for doubt in found)
    state = progress.state(found.values())
    words = {
        progress.LIVE: f"{done} of {counted(total, 'sample')}",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "failed: not all samples could be computed",
        progress.DONE: "complete",
    }
    progress.show(state, done / total, words[state])


def verdict(found: Convergence | None, samples: int) -> str:
    """Whether R is enough, in one line."""
    if found is None:
        return "waiting for its first samples"
    agreement = found.agreement[-1]
    if found.done < found.total:
        return f"draft: {found.done} of {counted(found.total, 'sample')}"
    if math.isnan(agreement):
        return f"R = {samples} is too few to tell: there are no two halves, or a map is blank"
    if found.settled:
        return f"R = {samples} is enough here: the halves agree ({agreement:.2f}), from r = {found.settled} on"
    words = f"R = {samples} is not enough here: the halves of {samples // 2} samples correlate at {agreement:.2f} only"
    if found.needed is None:
        return f"{words}, no better than by chance"
    return f"{words}; {ENOUGH} needs about {found.needed:,} samples"


def draw() -> None:
    """Draws the page."""
    st.markdown("#### How sure is this map?")
    experiment, subject = session.present()
    if not set(methods(experiment)) & set(experiment.methods):
        st.caption("No compared method averages over noise. These two methods do, with the settings on the left.")
    both = st.toggle(
        "also show antithetic sampling (±ε)",
        value=True,
        key=BOTH,
        help="Each noise draw is used with both signs, +ε and -ε. Half of these gradients are known already; the other "
        "half costs R / 2 gradients.",
    )
    live = any(view.live for view in ask(experiment, subject, both).values())
    polling.draw("noise-polling", POLL if live else None, show, experiment, subject, both, live)


if __name__ == "__main__":
    draw()
