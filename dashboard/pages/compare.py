"""Compare: the photo and three maps beside it, and under them the two curves that they are measured by."""

import time
from collections.abc import Callable, Iterator, Mapping

import streamlit as st

from attribution.heatmaps import COLOURS
from dashboard import figures, report, resources, sidebar, viewer
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.panels import CONTROL, REGIONS, Panel, Snapshot, work
from dashboard.subject import Subject

POLL = 0.4
"""Seconds between looks at running work."""

CHARTS = 1.0
"""Seconds between new charts: Plotly starts a changed one afresh, and the reader's zoom with it."""

# Maps are shown pixel by pixel: a browser would blur them otherwise.
STYLE = """<style>
[class*='st-key-map-'] img { image-rendering: pixelated; }
[data-testid='stMainBlockContainer'] { padding: 2.5rem 2rem 2rem; }
@media (max-width: 640px) { [data-testid='stMainBlockContainer'] { padding: 3.5rem 1rem 1rem; } }
</style>"""

Views = Mapping[Panel, View]


def ask(panels: tuple[Panel, ...], subject: Subject) -> Views:
    """What there is of each panel; asking starts what is not there, and keeps it running."""
    jobs, store = resources.scheduler(), resources.store()

    def start(panel: Panel) -> Callable[[], Iterator[Snapshot]]:
        return lambda: work(panel, subject.model, subject.x, store)

    return {panel: jobs.ask(resources.session(), panel.method, panel, start(panel)) for panel in panels}


def last_good(panel: Panel, view: View) -> Snapshot | None:
    """The panel's newest snapshot; until it has one, the last of the same method on the same photo and class."""
    shown = st.session_state.setdefault("shown", {})
    name = (panel.method, panel.image, panel.model, panel.target)
    snapshot: Snapshot | None = view.snapshot
    if snapshot is not None:
        for other in [key for key in shown if key[0] == panel.method]:
            del shown[other]
        shown[name] = snapshot
    found: Snapshot | None = shown.get(name)
    return found


def toolbar() -> viewer.Display:
    """How maps are shown: none of this costs a gradient."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        signed = st.segmented_control(
            "Values",
            [viewer.ABSOLUTE, viewer.SIGNED],
            key="kind",
            default=viewer.ABSOLUTE,
            required=True,
            help="Absolute: |sum over channels|, clipped at its 99th percentile. Signed: orange speaks for the class, "
            "blue against it.",
        )
        palette = st.segmented_control(
            "Colours", list(COLOURS), key="colours", default="inferno", required=True, disabled=signed == viewer.SIGNED
        )
        scale = st.segmented_control(
            "Scale",
            ["per map", "shared"],
            key="scale",
            default="per map",
            required=True,
            help="Per map, each uses all of the colours; shared, the same colour is the same value in every map.",
        )
        opacity = st.slider(
            "Over the photo", 0, 100, 0, 5, format="%d %%", key="opacity", width=200, help="0 % is the map alone."
        )
    return viewer.Display(signed, palette, scale == "shared", opacity / 100, st.context.theme.type == "dark")


def drawn(
    subject: Subject, shown: Mapping[Panel, Snapshot | None], display: viewer.Display
) -> dict[str, tuple[bytes, str]]:
    """Each map as PNG and in words; drawn again only when a map or the display is another."""
    ready = {panel: found for panel, found in shown.items() if found and found.partial}
    token = (subject.image, display, [id(found) for found in ready.values()])
    held = st.session_state.get("drawn")
    if held is None or held[0] != token:
        attributions = {panel.method: found.partial.attribution for panel, found in ready.items() if found.partial}
        pictures = viewer.draw(attributions, subject.photo, display)
        words = {panel.method: report.describe(panel, found) for panel, found in ready.items()}
        # The snapshots are kept with their pictures: an id is only theirs while they live.
        held = (token, {name: (viewer.png(pictures[name]), words[name]) for name in pictures}, ready)
        st.session_state.drawn = held
    found_pictures: dict[str, tuple[bytes, str]] = held[1]
    return found_pictures


def maps(subject: Subject, views: Views, shown: Mapping[Panel, Snapshot | None], display: viewer.Display) -> None:
    """The photo and the maps, side by side, or stacked where it is narrow."""
    pictures = drawn(subject, shown, display)
    cells = st.grid(4, min_column_width=150)
    with cells.container():
        _, category, probability, logit = subject.explained
        st.markdown("**Photo**  \n:small[what the model sees]")
        st.image(subject.photo, width="stretch", output_format="PNG", alt=f"The photo as the model sees it: {category}")
        st.caption(f"explained: **{category}** · {probability:.1%} · logit {logit:.2f}")
    for panel, view in views.items():
        if panel.method == CONTROL:
            continue
        with cells.container():
            st.markdown(f"**{figures.TITLES[panel.method]}**  \n:small[{report.GLOSS[panel.method]}]")
            if panel.method in pictures:
                picture, alt = pictures[panel.method]
                with st.container(key=f"map-{panel.method}"):
                    st.image(picture, width="stretch", output_format="PNG", alt=alt)
            else:
                st.skeleton(height=240)
            st.caption(report.status(view))


def charts(subject: Subject, views: Views, shown: Mapping[Panel, Snapshot | None]) -> None:
    """The two charts; a growing one changes at most once a second, a finished one not at all."""
    state = st.session_state
    token = tuple((p, id(s), views[p].live) for p, s in shown.items())
    held = state.get("charts")
    live = any(view.live for view in views.values())
    if held is None or (held[0] != token and (not live or time.monotonic() - held[1] > CHARTS)):
        falls = {p.method: s.fall for p, s in shown.items() if s and s.fall}
        variations = {p.method: s.variation for p, s in shown.items() if s and s.variation}
        sides = subject.sides
        held = (token, time.monotonic(), figures.perturbation(falls, REGIONS), figures.variation(variations, sides))
        state.charts = held
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Perturbation curve** · AUPC, lower is better")
        st.plotly_chart(held[2], key="falls", config={"displaylogo": False}, alt="Score against windows replaced")
        st.caption(
            "Windows that a map ranks highest are replaced by noise first: the sooner the score falls, the better the "
            "map knew what the model uses. It cannot say more than a random order (grey) where the two coincide, and "
            "noisy photos are unlike any the model was trained on."
        )
    with right:
        st.markdown("**Multi-scale total variation** · AUTVC, lower is smoother")
        st.plotly_chart(held[3], key="variations", config={"displaylogo": False}, alt="Total variation against scale")
        st.caption(
            "How much neighbouring pixels of a map differ, from fine to coarse. Smooth is not right: a blank "
            "map would win. Compare only maps of one size."
        )


def table(views: Views, shown: Mapping[Panel, Snapshot | None]) -> None:
    rows = [report.row(panel, view, shown[panel]) for panel, view in views.items()]
    st.table(rows, hide_index=True, alt="The measures of each method")


def progress(views: Views) -> None:
    """How far everything is, with Stop; or that it was stopped, with Continue."""
    bar, button = st.columns([5, 1], vertical_alignment="center")
    jobs, session = resources.scheduler(), resources.session()
    share, text = report.progress(views)
    if any(view.live for view in views.values()):
        others = jobs.waiting(session)
        bar.progress(
            share, text + (f" · sharing with {others} other {'person' if others == 1 else 'people'}" if others else "")
        )
        button.button("Stop", key="stop", icon=":material/stop:", width="stretch", on_click=jobs.stop, args=(session,))
    elif any(view.state in ("stopped", "failed") for view in views.values()):
        bar.progress(share, "stopped: what there is stays, and is labelled with how far it got")
        button.button(
            "Continue",
            key="resume",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=jobs.resume,
            args=(session,),
        )
    else:
        bar.progress(1.0, "complete")
        button.button("Stop", key="stop", icon=":material/stop:", width="stretch", disabled=True)


def show(experiment: Experiment, subject: Subject, polling: bool) -> None:
    panels = experiment.panels(subject.image, subject.model.name, subject.target)
    views = ask(panels, subject)
    if polling != any(view.live for view in views.values()):
        st.rerun()  # the whole page: polling begins or ends, and the sidebar learns what a gradient costs
    shown = {panel: last_good(panel, view) for panel, view in views.items()}
    st.markdown("#### What did the model look at?")
    display = toolbar()
    maps(subject, views, shown, display)
    for panel, view in views.items():
        if view.state == "failed":
            st.error(f"{figures.TITLES[panel.method]}: {view.error}", icon=":material/error:")
    progress(views)
    charts(subject, views, shown)
    table(views, shown)
    st.caption(report.provenance(subject.model.name, str(subject.model.device)))


st.html(STYLE)
experiment, subject = sidebar.draw()
live = any(v.live for v in ask(experiment.panels(subject.image, subject.model.name, subject.target), subject).values())
st.fragment(show, run_every=POLL if live else None)(experiment, subject, live)
