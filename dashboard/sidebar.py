"""The controls of the one experiment that all pages look at, and what each of them costs."""

from dataclasses import fields
from typing import Any

import streamlit as st

from attribution.engine.baselines import BASELINES, make_baselines
from attribution.images import to_picture
from attribution.models import CATEGORIES, Model
from attribution.quadrature import RULES
from dashboard import chosen, finding, pins, report, resources
from dashboard.experiment import NAMES, PAPER, PATCHES, Experiment
from dashboard.knobs import BASELINE_NAMES, COMPARED, DRAWS, SAMPLES, SEED, SIGMA, STEPS
from dashboard.panels import FURTHER
from dashboard.pictures import data_url
from dashboard.report import Prediction, duration
from dashboard.subject import PREDICTED, Subject, choose_model, choose_photo, prepare, write


def draw() -> None:
    """Draws the controls, and writes the experiment that they say to the URL; `present` returns it to the pages."""
    state = st.session_state
    # What is set is kept beside the controls: a run that is cut off, by a change of the page say, can lose theirs.
    if "experiment" not in state:
        state.experiment = Experiment.from_query(st.query_params.to_dict())
    if not all(name in state for name in NAMES.values()):
        write(state.experiment)
    finding.settle()
    with st.sidebar:
        photo, name = choose_photo()
        model = choose_model()
        x, image, predictions = prepare(photo, name, model)
        target = _target(predictions)
        subject = Subject(photo, x, image, model, predictions, predictions[0][0] if target is None else target)
        methods = chosen.choose()
        _noise(subject)
        _path(subject)
        _measurement()
        experiment = _read(target, methods)
        _cost(experiment, model)
        pins.show(experiment)
    _write_url(experiment)
    state.experiment = experiment
    state.present = (experiment, subject)


def present() -> tuple[Experiment, Subject]:
    """What the controls say in this run."""
    found: tuple[Experiment, Subject] = st.session_state.present
    return found


def _read(target: int | None, methods: list[str]) -> Experiment:
    values: dict[str, Any] = {f.name: st.session_state[NAMES[f.name]] for f in fields(Experiment)}
    curves = tuple(name for name in FURTHER if name in values["curves"])
    return Experiment(**{**values, "target": target, "methods": tuple(methods), "curves": curves})


def _write_url(experiment: Experiment) -> None:
    query = experiment.to_query()
    others = {key: value for key, value in st.query_params.to_dict().items() if key not in NAMES.values()}
    if st.query_params.to_dict() != {**others, **query}:
        st.query_params.from_dict({**others, **query})


def _target(predictions: tuple[Prediction, ...]) -> int | None:
    likely = {index: f"{name} · {probability:.1%}" for index, name, probability, _ in predictions[:5]}
    rest = [index for index in range(len(CATEGORIES)) if index not in likely]
    chosen = st.selectbox(
        "Class to explain · a change costs all",
        [PREDICTED, *likely, *rest],
        key="cls",
        format_func=lambda i: f"likeliest: {predictions[0][1]}" if i == PREDICTED else likely.get(i, CATEGORIES[i]),
        help="The five likeliest come first; type to search all 1,000. Another class costs all gradients anew.",
    )
    return None if chosen == PREDICTED else int(chosen)


def _noise(subject: Subject) -> None:
    st.markdown("**Noise** · SmoothGrad, SmoothTaylor")
    sigma = st.slider(
        "σ, noise · a change costs R gradients",
        SIGMA.low,
        SIGMA.high,
        step=0.01,
        key="sigma",
        help="The standard deviation of the noise: absolute, in the model's own units (after mean and std). Another σ "
        "costs R gradients; the random numbers stay the same, so what changes on screen is σ and not luck.",
    )
    share = f"{sigma / subject.spread:.1%} of this photo's range of values" if subject.spread else "the photo is flat"
    st.caption(f"σ = {sigma:g} · {share}")
    finding.button()
    st.slider(
        "R, noisy copies · 1 gradient each",
        int(SAMPLES.low),
        int(SAMPLES.high),
        key="r",
        help="One gradient each, shared by SmoothGrad and SmoothTaylor. More cost only the difference, fewer nothing.",
    )
    st.number_input(
        "Seed · a change costs R gradients",
        int(SEED.low),
        int(SEED.high),
        key="seed",
        help="Of the noise, of baselines that are noise and of the patches. One seed, the same numbers, everywhere.",
    )


def _path(subject: Subject) -> None:
    state = st.session_state
    st.markdown("**Path** · Integrated Gradients")
    st.slider(
        "M, steps on the path · 1 gradient each",
        int(STEPS.low),
        int(STEPS.high),
        key="m",
        help="One gradient each (times N for noise). Twice as many cost only the difference.",
    )
    choice, preview = st.columns([3, 1], vertical_alignment="bottom")
    kind = choice.selectbox(
        "Baseline · costs M",
        list(BASELINES),
        key="base",
        format_func=lambda name: BASELINE_NAMES.get(name, name),
        help="Where the path starts: an image that shows nothing. Another one costs M gradients.",
    )
    st.selectbox(
        "Rule · a change costs up to M",
        list(RULES),
        key="rule",
        help="Where on each step of the path the gradient is taken. The paper takes the right end.",
    )
    preview.image(_thumbnail(subject, kind, state.seed), width="stretch", alt=f"The baseline: {kind}")
    st.slider(
        "N, noise baselines · M gradients each",
        int(DRAWS.low),
        int(DRAWS.high),
        key="n",
        disabled=kind != "uniform",
        help="For uniform noise alone: N paths of M gradients each.",
    )


def _thumbnail(subject: Subject, kind: str, seed: int) -> str:
    """The first baseline as the model would see it; made again only when it is another."""

    def made() -> str:
        baseline = make_baselines(subject.model, subject.x, kind, 1, seed)[0].image
        return data_url(to_picture(subject.model.pixels(baseline)))

    return resources.once("thumbnail", (subject.image, subject.model.digest, kind, seed), made)


def _measurement() -> None:
    st.markdown("**Measurement**")
    st.segmented_control(
        "P, patches per window · no gradients",
        list(PATCHES),
        key="eval",
        required=True,
        format_func=lambda name: f"{name} ({PATCHES[name]})",
        help="For the perturbation curves: 30 windows of P forward passes for each method. No gradients.",
    )
    st.pills(
        "Further curves · no gradients",
        FURTHER,
        selection_mode="multi",
        key="curves",
        format_func=report.CURVES.__getitem__,
        help="Beside the perturbation curve. For each method insertion and deletion take some hundred forward passes, "
        "ABPC 20, SIC and AIC 15 and a few seconds to draw what is shown to the model.",
    )
    st.button(
        "Equal budget: R gradients each",
        on_click=_even,
        help="Every method may take as many gradients as R says, or nearly: only their use differs. Left-IG and "
        "Right-IG take only their part of them, and AGI stops where a class is reached.",
        width="stretch",
    )
    st.button(
        "Paper settings",
        on_click=lambda: st.session_state.update({NAMES[name]: value for name, value in PAPER.items()}),
        help="σ 0.5, R 150, M 50, black baseline, P 50: those of the SmoothTaylor paper.",
        width="stretch",
    )


def _even() -> None:
    state = st.session_state
    methods = state.methods or list(COMPARED)
    sliders, own = chosen.equal_budget(methods, state.r, state.own)
    if "steps" in sliders and state.base == "uniform":
        sliders["steps"] = max(1, sliders["steps"] // state.n)
    state.update({NAMES[name]: value for name, value in sliders.items()}, own=own)
    chosen.forget()


def _cost(experiment: Experiment, model: Model) -> None:
    gradient, forward = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    text = f"**{experiment.gradients:,} gradients** and {experiment.forward_passes:,} forward passes"
    if gradient is None or forward is None:
        st.caption(f"{text}. How long that takes here is known after the first batch.")
    else:
        seconds = gradient * experiment.gradients + forward * experiment.forward_passes
        st.caption(f"{text}: at most about **{duration(seconds)}** on this {model.device.type.upper()}.")
