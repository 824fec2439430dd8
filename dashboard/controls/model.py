"""The model and the class. Weights are downloaded if needed. If loading fails, the last model stays."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

import streamlit as st

from attribution import MODELS
from attribution.models import Model, download
from dashboard.controls import boards, progress, resources, session
from dashboard.experiment.choices import PREDICTED, same_classes
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import capital
from dashboard.live import sheet
from dashboard.live.hub import Look
from dashboard.work.scheduler import Scheduler, View

LAST = "session-last-model"
SLOT, PAGE = "weights", "control-weights"
"""The slot of a download, and the place of its progress in the browser."""


def choose() -> Model:
    """The chosen model; while it cannot be loaded, the last model that could."""
    st.selectbox(
        "Model",
        list(MODELS),
        list(MODELS).index(session.shown("model")),
        key=session.place("model"),
        on_change=session.take,
        args=("model",),
        format_func=FIELDS["model"].say,
        help="The first model is installed with the dashboard. Weights of most others are downloaded at first use.",
    )
    name = session.experiment().model
    if MODELS[name].here or _downloaded(name):
        try:
            model = resources.model(name)
        except (ValueError, MemoryError) as error:
            _unusable(name, f"{error}.")
        else:
            st.session_state[LAST] = name
            return model
    return resources.model(_last())


def instead(experiment: Experiment, shown: Model) -> None:
    """Says that another model is shown than the chosen one, if so."""
    if experiment.model != shown.name:
        chosen, other = MODELS[experiment.model].title, MODELS[shown.name].title
        st.info(
            f"{chosen} cannot be used yet: the maps are of {other}. The sidebar says why.", icon=":material/cloud_off:"
        )


def _last() -> str:
    return str(st.session_state.get(LAST, Experiment().model))


def _unusable(name: str, why: str) -> None:
    """Shows the error in one line, and a button to return to the last model."""
    last = MODELS[_last()].title
    st.error(f"{capital(why)} Still showing {last}.", icon=":material/cloud_off:")
    with st.container(horizontal=True):
        st.button("Try again", key="control-download", on_click=_again)
        st.button(f"Back to {last}", key="control-last-model", on_click=lambda: session.change(model=_last()))


@dataclass(frozen=True)
class DownloadBoard(sheet.Worked):
    """How far a download is. At its end the script is told."""

    jobs: Scheduler
    name: str

    def ask(self) -> View:
        return self.jobs.ask(self.session, SLOT, self.name, partial(download, self.name))

    def look(self) -> Look:
        view, card = self.ask(), MODELS[self.name]
        share = view.snapshot or 0.0
        size = f" of {card.megabytes:.0f} MB" if card.megabytes else ""
        text = f"Downloading {card.title}: {share:.0%}{size}"
        ended = "" if view.live else f"{self.name} {view.state}"
        return Look((sheet.state(progress.state([view]), share, text, rerun=ended),))


def _owner() -> str:
    """Who asks for downloads. They have a line of their own, beside that of the page."""
    return f"{session.name()}-{SLOT}"


def _again() -> None:
    resources.downloads().resume(_owner())


def _downloaded(name: str) -> bool:
    """Requests the weights; shows the progress of the download, or why it failed. True when they are here."""
    board = DownloadBoard(resources.downloads(), _owner(), name)
    view = board.ask()
    if view.state == "stopped":
        _unusable(name, f"the download of {MODELS[name].title} was stopped.")
    elif view.state == "failed" and not MODELS[name].url:
        _unusable(name, f"{view.error}.")
    elif view.state == "failed":
        file = MODELS[name].file
        _unusable(name, f"the weights of {MODELS[name].title} are missing: `{file.name}` belongs in `{file.parent}`.")
        with st.expander("Cause and solution"):
            st.caption(f"{capital(view.error)}.")
            st.code(MODELS[name].url, language=None, wrap_lines=True)
            st.code(str(file), language=None, wrap_lines=True)
    elif view.live:
        st.caption(f"Until then {MODELS[_last()].title} is shown.")
        if boards.is_plain():
            board.hold()
            st.progress(view.snapshot or 0.0, f"Downloading {MODELS[name].title} · reload to see more")
        else:
            boards.live(PAGE, _owner(), board, lambda values: None)
    return view.state == "done"


def choose_class(subject: Subject) -> None:
    """The choice of the explained class: the likeliest class, or any other. Another model that is shown instead of the
    chosen one may have other classes: then there is no choice, and the chosen class waits for its model."""
    predictions, experiment = subject.predictions, session.experiment()
    count = Counter(name for _, name, *_ in predictions)
    # Streamlit tells options apart by their texts, and several classes can have one name.
    names = {index: f"{name} ({index})" if count[name] > 1 else name for index, name, *_ in predictions}
    likely = {index: f"{names[index]} · {probability:.1%}" for index, _, probability, _ in predictions[:5]}
    rest = [index for index in sorted(names) if index not in likely]
    options = [PREDICTED, *likely, *rest]
    own = same_classes(experiment.model, subject.model.name)
    shown = session.shown("target") if own else PREDICTED
    st.selectbox(
        "Class to explain · a change recomputes everything",
        options,
        options.index(shown),
        key=session.show("control-target", shown),
        disabled=not own,
        on_change=session.take,
        args=("target",),
        format_func=lambda i: f"likeliest: {names[predictions[0][0]]}" if i == PREDICTED else likely.get(i, names[i]),
        help=f"The likeliest classes come first. Type to search all {len(names):,}. Another class recomputes all "
        "gradients.",
    )
