"""Sanity: whether the maps depend on the model and on the class."""

import streamlit as st

from attribution import METHODS
from attribution.engine.weights import with_statistics
from attribution.models import Model
from attribution.similarity import MEASURES
from attribution.studies.randomisation import MODES
from dashboard.controls import boards, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.views.sanity.board import Choice, SanityBoard, methods
from dashboard.views.sanity.words import EVERY, EXPLANATION, PROBABILITY

LIMITS = (10, 50, 0)
"""The most samples and steps of a map here; 0: those of the experiment."""
OTHERS = {"second": "likeliest other class", "least": "least likely class"}


def draw() -> None:
    """Draws the page."""
    st.markdown("#### Does the map depend on the model?")
    experiment, subject = session.present()
    st.caption(EXPLANATION)
    choice = _choice(experiment, subject.model)
    if choice.most and max(experiment.samples, experiment.steps) > choice.most:
        st.caption(f"These maps use at most {choice.most} samples and steps, so that there are soon many of them.")
    if experiment.output == "probability":
        st.caption(PROBABILITY)
    board = SanityBoard(resources.scheduler(), session.name(), resources.store(), experiment, subject, choice)
    boards.show("sanity", board)


def _choice(experiment: Experiment, model: Model) -> Choice:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode = st.segmented_control(
            "Random layers",
            list(MODES),
            default="cascading",
            required=True,
            key="sanity-mode",
            help="; ".join(f"{name}: {words}" for name, words in MODES.items()) + ".",
        )
        shown = st.selectbox(
            "Maps of",
            [EVERY, *methods(experiment)],
            index=1,
            key="sanity-shown",
            format_func=lambda name: "all methods" if name == EVERY else METHODS[name].title,
            help="All stages of one method, or all methods with a slider over the stages.",
        )
        measure = st.selectbox(
            "Similarity",
            list(MEASURES),
            key="sanity-measure",
            format_func=lambda name: MEASURES[name].title,
            help="; ".join(f"{one.title}: {one.words}" for one in MEASURES.values()) + ".",
        )
        most = st.segmented_control(
            "Samples and steps",
            LIMITS,
            default=LIMITS[0],
            required=True,
            key="sanity-most",
            format_func=lambda count: f"at most {count}" if count else "as set",
            help="R and M of the maps on this page. Each stage costs R + M gradients.",
        )
        own, other = _classes()
        statistics = with_statistics(model.module) and _statistics()
    return Choice(mode, measure, shown, most, own, other, statistics)


def _classes() -> tuple[bool, str]:
    """Whether each random network explains its own class; and the class that is compared."""
    other = st.selectbox(
        "Other class",
        list(OTHERS),
        key="sanity-other",
        format_func=OTHERS.__getitem__,
        help="The map of this class is compared with the map of the explained class.",
    )
    own = st.toggle(
        "class of the random network",
        key="sanity-own",
        help="Explain the class that the random network itself finds likeliest, not the class of the model.",
    )
    return own, other


def _statistics() -> bool:
    """Whether random batch-norms lose their running statistics. Other models have none."""
    return st.toggle(
        "reset batch-norm statistics",
        key="sanity-statistics",
        help="This model has batch-norms that are no part of a convolution. When such a layer is random, it forgets "
        "the mean and the variance of its inputs too. They describe the training images, and stay otherwise.",
    )


if __name__ == "__main__":
    draw()
