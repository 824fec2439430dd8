"""Path: what Integrated Gradients meets on its way from the baseline to the photo, and what its kin make of it."""

from functools import partial

import streamlit as st
import torch

from attribution.engine.baselines import BASELINES
from attribution.images import to_picture
from attribution.quadrature import RULES
from attribution.studies.trace import Detour, Trace, kept
from dashboard import layers, paths, pictures, progress, resources, sidebar, viewer
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.subject import Subject
from dashboard.walks import cut, guided, guided_work, rug, rug_work, saturated, start, straight, straight_work

POLL = 0.6
Views = dict[str, View]
"""By baseline; under the two names below the path of Guided IG, and where IDG spends its samples."""
GUIDED, RUG = "guided", "rug"
CLICKED = "path-clicked"
"""How many clicks there were, and where the last one was."""
DRAWINGS = 8
"""How often a chart of Guided IG's path is drawn while it is walked."""


def ask(experiment: Experiment, subject: Subject, baselines: list[str], detour: bool) -> Views:
    """How far each path is."""
    jobs, session, known = resources.scheduler(), resources.session(), (subject.model, subject.x, resources.store())
    starts = [start(experiment, subject.image, subject.model.name, subject.target, baseline) for baseline in baselines]
    found = {}
    for baseline, begin in zip(baselines, starts, strict=True):
        path = straight(experiment, begin)
        found[baseline] = jobs.ask(session, f"path {baseline}", path, partial(straight_work, path, *known))
    samples = rug(experiment, starts[0])
    found[RUG] = jobs.ask(session, RUG, samples, partial(rug_work, samples, *known))
    if detour:
        beside = guided(experiment, starts[0])
        found[GUIDED] = jobs.ask(session, GUIDED, beside, partial(guided_work, beside, *known))
    for left in {*BASELINES, GUIDED} - found.keys():
        jobs.leave(session, GUIDED if left == GUIDED else f"path {left}")
    return found


def traces(views: Views) -> dict[str, Trace]:
    """What there is of each straight path."""
    return {name: view.snapshot for name, view in views.items() if name in BASELINES and view.snapshot}


def show(experiment: Experiment, subject: Subject, baselines: list[str], detour: bool, polling: bool) -> None:
    views = ask(experiment, subject, baselines, detour)
    if polling != any(view.live for view in views.values()):
        st.rerun()
    found = traces(views)
    alpha = slider(experiment)
    one_of = experiment.starts if baselines[0] == "uniform" else 1
    walk(subject, baselines[0], found.get(baselines[0]), alpha, one_of)
    told(views)
    for name, view in views.items():
        if view.state == "failed":
            title = {GUIDED: "Guided IG", RUG: "IDG's samples"}.get(name) or f"From {paths.name(name)}"
            st.error(f"{title}: {view.error}", icon=":material/error:")
    if found:
        above = st.container()
        phi = saturation(found, experiment.every_knob("left_ig")["phi"])
        with above:
            charts(experiment, views, found, baselines[0], alpha, phi)


def slider(experiment: Experiment) -> float:
    """Where on the path; the places are those that maps are kept of."""
    nodes, _ = RULES[experiment.rule](experiment.steps)
    places = [nodes[k] for k in kept(len(nodes))]
    if len(places) == 1:
        return places[0]
    # A click makes a new slider that begins there: a run that is cut off can lose what is written into an old one.
    clicks, wanted = st.session_state.get(CLICKED, (0, 0.5))
    return float(
        st.select_slider(
            "α, how far on the way · click a point of a chart to go there",
            places,
            min(places, key=lambda place: abs(place - wanted)),
            key=f"alpha-{experiment.steps}-{experiment.rule}-{clicks}",
            format_func=lambda place: f"{place:.3g}",
            help="All from one walk: nothing is computed anew.",
        )
    )


def walk(subject: Subject, baseline: str, found: Trace | None, alpha: float, one_of: int) -> None:
    """The image on the path, the gradient there, and the map that all steps up to there add up to.

    `one_of` says of how many noise baselines, which Integrated Gradients would average, this is the first.
    """
    if found is None:
        st.caption("The path is waiting for its turn.")
        return
    reached = max((k for k, node in enumerate(found.frames) if found.alphas[node] <= alpha + 1e-9), default=0)
    node = found.frames[reached]
    at = float(found.alphas[node])
    point = torch.lerp(found.baseline, subject.x, at)
    where = f"α = {at:.3g}"
    photo = viewer.Labels(
        "Image", f"from {paths.name(baseline)}", where, f"The image {at:.0%} of the way from {paths.name(baseline)}"
    )
    shown = [
        (
            viewer.Labels("Gradient there", "what each pixel would do now", where, "The gradient at this point"),
            found.gradients,
        ),
        (
            viewer.Labels("Map so far", "all steps up to here, added up", where, "The attribution up to this point"),
            found.maps,
        ),
    ]
    maps = [(labels, frames[reached].double().numpy()) for labels, frames in shown]
    if found.complete:
        of = "Integrated Gradients" if one_of == 1 else f"Integrated Gradients, the first of N = {one_of}"
        labels = viewer.Labels("Whole map", of, "α = 1", "The finished attribution")
        maps.append((labels, found.maps[-1].double().numpy()))
    viewer.show("path", (photo, to_picture(subject.model.pixels(point))), maps, pictures.PALETTES)
    climbed = f", {(found.scores[node] - found.ends[0]) / found.climb:.0%} of the climb" if found.climb > 0 else ""
    st.markdown(
        f"**{where}** · logit {found.scores[node]:.2f}{climbed} · probability {found.probabilities[node]:.1%} · "
        f"F′ {found.slopes[node]:.2f} · ‖∇f‖ {found.sizes[node]:.3g} · summed so far {found.sums[node]:.2f} of "
        f"{found.climb:.2f}"
    )


def told(views: Views) -> None:
    """How many gradients there are."""
    done = total = 0
    for view in views.values():
        held: Trace | Detour | tuple[float, ...] | None = view.snapshot
        if isinstance(held, Trace):
            done, total = done + len(held.alphas), total + held.total
        elif isinstance(held, Detour):
            done, total = done + len(held.alphas), total + held.total + 1
    state = progress.state(views.values())
    said = {
        progress.LIVE: f"{done} of {total} points of the paths that are begun",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "ended: not every path could be walked",
        progress.DONE: "complete",
    }
    progress.show(state, 1.0 if state == progress.DONE else done / total if total else 0.0, said[state])


def saturation(found: dict[str, Trace], usual: float) -> float:
    """What of each path's attribution comes from where the score has all but arrived; and which share of it that is."""
    phi = st.slider(
        "φ, the share of the climb after which Left-IG cuts",
        0.5,
        1.0,
        usual,
        0.01,
        key=f"phi-{usual}",
        help="From the same walk: nothing is computed anew.",
    )
    rows = []
    for baseline, trace in found.items():
        row = {
            "From": paths.name(baseline),
            "f(b)": f"{trace.ends[0]:.2f}",
            "f(x)": f"{trace.ends[1]:.2f}",
            "Left-IG cuts at α": "…",
            "of the steps after it": "…",
            "of the sum": "…",
            "of the size": "…",
            "Completeness gap": "…",
        }
        if trace.complete:
            row |= saturated(trace, phi)
        rows.append(row)
    st.table(rows, hide_index=True, alt="Where each path saturates, and what comes from there")
    st.caption(
        "After the cut the score hardly moves, so that little is added to the sum; but gradients do not stop where the "
        "score does. “Of the size” counts what each step adds by its absolute values: a large share there is what "
        "Integrated Gradients owes to saturation, and what Left-IG leaves out."
    )
    return phi


def charts(
    experiment: Experiment, views: Views, found: dict[str, Trace], baseline: str, alpha: float, phi: float
) -> None:
    """The four charts against alpha; drawn again only when something in them is another.

    The cut, IDG's samples and Guided IG's path are of the path from `baseline`, and are not drawn without it.
    """
    trace = found.get(baseline)
    samples: tuple[float, ...] = (views[RUG].snapshot or ()) if trace else ()
    place = cut(trace, phi) if trace and trace.complete else None
    straight = tuple(found.values())
    # Each is made again only for what is in it, so that the reader's zoom stays in the others.
    cuts = (straight, alpha, place, samples)
    drawn = [
        resources.once("path-scores", cuts, lambda: paths.scores(found, alpha, place, samples)),
        resources.once("path-gradients", (straight, alpha), lambda: paths.gradients(found, alpha)),
        resources.once("path-sums", (straight, alpha), lambda: paths.sums(found, alpha)),
    ]
    detour: Detour | None = views[GUIDED].snapshot if GUIDED in views else None
    if detour is not None and trace is not None:
        part = len(detour.alphas) * DRAWINGS // detour.total if views[GUIDED].live else detour
        beside = (trace, alpha, experiment.own, part)
        drawn.append(resources.once("path-guided", beside, lambda: paths.guided(baseline, trace, detour, alpha)))
    grid = st.grid(2, min_column_width=320, gap="medium")
    for (name, title, caption), figure in zip(paths.CHARTS, drawn, strict=False):
        with grid.container():
            st.markdown(title)
            layers.show(name, figure, caption, clicked)
            st.caption(caption)


def clicked(key: str) -> None:
    """Takes alpha from a click on the chart of that key."""
    points = st.session_state[key].selection.points
    if points:
        clicks, _ = st.session_state.get(CLICKED, (0, 0.0))
        st.session_state[CLICKED] = (clicks + 1, float(points[0]["x"]))


st.markdown("#### What happens on the way?")
experiment, subject = sidebar.present()
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    others = st.multiselect(
        "The path from the baseline, and over it those from · M gradients each",
        [baseline for baseline in BASELINES if baseline != experiment.baseline],
        default=["mean" if experiment.baseline == "black" else "black"],
        key=f"others-{experiment.baseline}",
        format_func=paths.name,
        help="The sidebar's baseline, M and rule are those of the path; of uniform noise it is the first.",
    )
    steps = experiment.every_knob("guided_ig")["steps"]
    detour = st.toggle(
        f"Guided IG's path beside it · {steps} gradients",
        value=True,
        key="detour",
        help="One after another, by its own knobs: they are in the sidebar once it is among the methods.",
    )
baselines = [experiment.baseline, *others]
live = any(view.live for view in ask(experiment, subject, baselines, detour).values())
st.fragment(show, run_every=POLL if live else None)(experiment, subject, baselines, detour, live)
