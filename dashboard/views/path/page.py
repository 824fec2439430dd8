"""Path: the path of Integrated Gradients from the baseline to the photo, and how related methods use it."""

from functools import partial

import streamlit as st
import torch

from attribution import METHODS
from attribution.engine.baselines import BASELINES
from attribution.images import to_picture
from attribution.quadrature import RULES, midpoint
from attribution.studies.trace import Detour, Trace, kept
from dashboard.charts.looks import baseline_name
from dashboard.controls import polling, progress, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.stage import pictures, viewer
from dashboard.views.path.charts import CLICKED, charts, saturation
from dashboard.views.path.walks import GUIDED, RUG, Views, guided, rug, start, straight
from dashboard.work.path import guided_work, rug_work, straight_work

POLL = 0.6


def ask(experiment: Experiment, subject: Subject, baselines: list[str], detour: bool) -> Views:
    """Requests the work of each path; returns its state."""
    jobs, name, known = resources.scheduler(), session.name(), (subject.model, subject.x, resources.store())
    starts = [start(experiment, subject.image, subject.model.name, subject.target, baseline) for baseline in baselines]
    found = {}
    for baseline, begin in zip(baselines, starts, strict=True):
        path = straight(experiment, begin)
        found[baseline] = jobs.ask(name, f"path {baseline}", path, partial(straight_work, path, *known))
    samples = rug(experiment, starts[0])
    found[RUG] = jobs.ask(name, RUG, samples, partial(rug_work, samples, *known))
    if detour:
        beside = guided(experiment, starts[0])
        found[GUIDED] = jobs.ask(name, GUIDED, beside, partial(guided_work, beside, *known))
    for left in {*BASELINES, GUIDED} - found.keys():
        jobs.leave(name, GUIDED if left == GUIDED else f"path {left}")
    return found


def traces(views: Views) -> dict[str, Trace]:
    """The straight paths so far."""
    return {name: view.snapshot for name, view in views.items() if name in BASELINES and view.snapshot}


def show(experiment: Experiment, subject: Subject, baselines: list[str], detour: bool, polling: bool) -> None:
    views = ask(experiment, subject, baselines, detour)
    if polling != any(view.live for view in views.values()):
        st.rerun()
    found = traces(views)
    alpha = slider(experiment)
    one_of = experiment.draws if baselines[0] == "uniform" else 1
    walk(subject, baselines[0], found.get(baselines[0]), alpha, one_of)
    how_far(views)
    for name, view in views.items():
        if view.state == "failed":
            title = {GUIDED: METHODS["guided_ig"].title, RUG: "IDG's samples"}.get(
                name
            ) or f"From {baseline_name(name)}"
            st.error(f"{title}: {view.error}", icon=":material/error:")
    if found:
        above = st.container()
        phi = saturation(found, experiment.every_knob("left_ig")["phi"])
        with above:
            charts(experiment, views, found, baselines[0], alpha, phi)


def slider(experiment: Experiment) -> float:
    """Draws the slider of alpha. Its values are the steps with stored maps.

    The steps of the rule "adaptive" are not known before the path is computed, so its values are evenly spread.
    """
    nodes, _ = RULES.get(experiment.rule, midpoint)(experiment.steps)
    places = [nodes[k] for k in kept(len(nodes))]
    if len(places) == 1:
        return places[0]
    # A click creates a new slider with this value: an interrupted run can lose a value written to an old slider.
    clicks, wanted = st.session_state.get(CLICKED, (0, 0.5))
    return float(
        st.select_slider(
            "α, position on the path · click a point of a chart to go there",
            places,
            min(places, key=lambda place: abs(place - wanted)),
            key=f"path-alpha-{experiment.steps}-{experiment.rule}-{clicks}",
            format_func=lambda place: f"{place:.3g}",
            help="0 is the baseline, 1 the photo. Nothing is recomputed.",
        )
    )


def walk(subject: Subject, baseline: str, found: Trace | None, alpha: float, one_of: int) -> None:
    """Shows the image at alpha, its gradient, and the map of all steps up to alpha.

    `one_of` is the number N of noise baselines that Integrated Gradients averages; this path is the first of them.
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
        "Image",
        f"from {baseline_name(baseline)}",
        where,
        f"The image at {at:.0%} of the path from {baseline_name(baseline)}",
    )
    shown = [
        (
            viewer.Labels(METHODS["gradient"].title, "at this image", where, "The gradient at this image"),
            found.gradients,
        ),
        (
            viewer.Labels("Map so far", "the sum of all steps up to α", where, "The attribution up to this point"),
            found.maps,
        ),
    ]
    maps = [(labels, frames[reached].double().numpy()) for labels, frames in shown]
    if found.complete:
        title = METHODS["integrated_gradients"].title
        of = title if one_of == 1 else f"{title}, the first of N = {one_of}"
        labels = viewer.Labels("Complete map", of, "α = 1", "The complete attribution")
        maps.append((labels, found.maps[-1].double().numpy()))
    viewer.show("path", (photo, to_picture(subject.model.pixels(point))), maps, pictures.PALETTES)
    climbed = f", {(found.scores[node] - found.ends[0]) / found.climb:.0%} of the climb" if found.climb > 0 else ""
    st.markdown(
        f"**{where}** · logit {found.scores[node]:.2f}{climbed} · probability {found.probabilities[node]:.1%} · "
        f"F′ {found.slopes[node]:.2f} · ‖∇f‖ {found.sizes[node]:.3g} · sum so far {found.sums[node]:.2f} of "
        f"{found.climb:.2f}"
    )


def how_far(views: Views) -> None:
    """Shows how many points of the paths are computed."""
    done = total = 0
    for view in views.values():
        held: Trace | Detour | tuple[float, ...] | None = view.snapshot
        if isinstance(held, Trace):
            done, total = done + len(held.alphas), total + held.total
        elif isinstance(held, Detour):
            done, total = done + len(held.alphas), total + held.total + 1
    state = progress.state(views.values())
    words = {
        progress.LIVE: f"{done} of {total} points of the started paths",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "failed: not all paths could be computed",
        progress.DONE: "complete",
    }
    progress.show(state, 1.0 if state == progress.DONE else done / total if total else 0.0, words[state])


def draw() -> None:
    """Draws the page."""
    st.markdown("#### What happens on the way?")
    experiment, subject = session.present()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        others = st.multiselect(
            "Add paths from other baselines · M gradients each",
            [baseline for baseline in BASELINES if baseline != experiment.baseline],
            default=["mean" if experiment.baseline == "black" else "black"],
            key=f"path-others-{experiment.baseline}",
            format_func=baseline_name,
            help="The first path uses the baseline, M and rule of the sidebar. For uniform noise it uses one baseline.",
        )
        steps = experiment.every_knob("guided_ig")["steps"]
        detour = st.toggle(
            f"Add Guided IG's path · {steps} gradients",
            value=True,
            key="path-detour",
            help="Slower: each gradient needs the previous one. To change its method settings, add Guided IG to the "
            "methods in the sidebar.",
        )
    baselines = [experiment.baseline, *others]
    live = any(view.live for view in ask(experiment, subject, baselines, detour).values())
    polling.draw("path-polling", POLL if live else None, show, experiment, subject, baselines, detour, live)


if __name__ == "__main__":
    draw()
