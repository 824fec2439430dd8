"""Cases: methods and metrics with their knobs, read from text.

`smooth_taylor:sigma=0.3/0.5,samples=150` is two cases.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Any

from attribution.controls import RANDOM, RANDOM_TITLE
from attribution.knobs import read_knobs
from attribution.metrics.perturbation import Patches
from attribution.registry import METHODS, Choice, Entry, Knob, Range, curves, entry
from attribution.studies.adaptive import OBJECTIVES

SEED = "seed"


def adaptive_noising(
    *,
    objective: Annotated[str, Choice(OBJECTIVES), "the area that the search minimises"] = "autvc",
    samples: Annotated[int, Range(1, 500), "R, the noisy copies"] = 150,
    iterations: Annotated[int, Range(1, 100), "the largest number of search steps"] = 20,
    draws: Patches = 50,
) -> None:
    """SmoothTaylor with a sigma that is searched for each photo. It is measured with noise that is new to it."""


def _control() -> None:
    """Random maps, which do not depend on the photo. Its curves and areas are means over several of them."""


def _case(name: str, title: str, paper: str, described: Callable[..., None]) -> Entry:
    return Entry(name, title, paper, described, read_knobs(described))


ADAPTIVE, CONTROL = "adaptive_noising", RANDOM
SEARCHED = "smooth_taylor"
"""The method whose sigma adaptive noising searches."""
_SEARCH = _case(ADAPTIVE, "Adaptive noising", "Goh et al. 2021, arXiv:2004.10484", adaptive_noising)
_RANDOM = _case(CONTROL, RANDOM_TITLE, "", _control)


def subjects(patches: int = 50) -> Mapping[str, Entry]:
    """All that can be measured: the methods, adaptive noising, and the random order, which is the control.

    `patches` is the default of P in the search of adaptive noising.
    """
    knobs = {**_SEARCH.knobs, "draws": replace(_SEARCH.knobs["draws"], default=patches)}
    return {**METHODS, ADAPTIVE: replace(_SEARCH, knobs=knobs), CONTROL: _RANDOM}


@dataclass(frozen=True)
class Case:
    """A method or a metric with all its knobs except the seed: each photo has its own seed."""

    name: str
    knobs: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The knobs as JSON. The results file identifies a case by its name and this text."""
        return json.dumps(dict(self.knobs), sort_keys=True)


GRID = "sigma=0.3/0.5/0.7,samples=100/150/200"
SIGMAS = "sigma=0.1/0.3/0.5,samples=150"
EXTREMES = ("sigma=0.5,samples=10", "sigma=0.0001/0.001/0.01/0.1/1/2,samples=100")
PRESETS: dict[str, tuple[str, ...]] = {
    # Goh et al. 2021, Tables I and II. SmoothGrad is added; it uses the same points as SmoothTaylor.
    "table1": (
        "integrated_gradients:steps=50,baseline=black",
        "integrated_gradients:steps=50,baseline=uniform,draws=1/5/10/20",
        f"smooth_taylor:{GRID}",
        f"smoothgrad:{GRID}",
        CONTROL,
    ),
    "table1-adaptive": (f"{ADAPTIVE}:objective=autvc/aupc",),
    "table2": (*(f"{method}:{knobs}" for knobs in EXTREMES for method in ("smooth_taylor", "smoothgrad")), CONTROL),
    # Every method that there was when its results were measured: `idgi` came later. Path methods take 50 steps from the
    # mean colour, as in the comparison of Walker et al. 2023. AGI uses a quarter of its default number of classes.
    "ig-family": (
        "gradient",
        "input_x_gradient",
        "integrated_gradients:steps=50,baseline=mean/black",
        *(f"{method}:steps=50,baseline=mean" for method in ("left_ig", "right_ig", "idg", "guided_ig", "ggig")),
        "agi:classes=5",
        *("expected_gradients", "blur_ig", "lrp", "smoothgrad", "smooth_taylor", CONTROL),
    ),
    # Few enough for many photos, which decide a difference better than many cases. Those of one sigma share gradients.
    "headline": (
        "integrated_gradients:steps=50,baseline=black/mean/uniform",
        *(f"{method}:{SIGMAS}" for method in ("smoothgrad", "smooth_taylor", "smooth_taylor_null")),
        "smoothgrad:sigma=0.3,samples=150,form=squared",
        *(f"{method}:steps=50,baseline=mean" for method in ("idg", "left_ig")),
        *("lrp", CONTROL, "edges", "centre", "blurred_noise"),
    ),
}


PRESET_TITLES = {
    "table1": "Table I: σ and R",
    "table1-adaptive": "Table I: adaptive noising",
    "table2": "Table II: extreme σ",
    "ig-family": "Every method",
    "headline": "Main methods",
}
"""What a reader calls the presets; one that is not here goes by its name."""


def parse(texts: Iterable[str], known: Mapping[str, Entry]) -> tuple[Case, ...]:
    """The cases that the texts name, without duplicates. Raises ValueError for an unknown name or a forbidden value."""
    found: dict[Case, None] = {}
    for text in texts:
        name, settings = read(text, known)
        chosen = known[name]
        for values in product(*(values for _, values in settings)):
            given = chosen.check({knob: value for (knob, _), value in zip(settings, values, strict=True)})
            found[complete(chosen, given)] = None
    return tuple(found)


def read(text: str, known: Mapping[str, Entry]) -> tuple[str, list[tuple[str, Sequence[Any]]]]:
    """The name in the text, and the values of each knob in it. Raises ValueError for an unknown name."""
    name, _, rest = text.partition(":")
    chosen = entry(known, name)
    found = [_setting(chosen, piece) for piece in rest.split(",") if piece]
    if len({knob for knob, _ in found}) < len(found):
        raise ValueError(f"{text}: a knob is given twice; separate its values by slashes")
    return name, found


def complete(chosen: Entry, given: Mapping[str, Any]) -> Case:
    """The case with the given knobs, and the defaults of the others."""
    knobs = {name: given.get(name, knob.default) for name, knob in chosen.knobs.items() if name != SEED}
    if "draws" in knobs and knobs.get("baseline", "uniform") != "uniform":
        knobs["draws"] = chosen.knobs["draws"].default  # N matters for noise baselines only
    return Case(chosen.name, tuple(knobs.items()))


def _setting(chosen: Entry, piece: str) -> tuple[str, Sequence[Any]]:
    name, _, values = piece.partition("=")
    if name == SEED:
        raise ValueError(f"{chosen.name}: each photo has its own seed; use --seed instead")
    if name not in chosen.knobs:
        chosen.check({name: values})  # raises an error that lists the knobs
    return name, [_value(chosen, chosen.knobs[name], text) for text in values.split("/")]


def _value(chosen: Entry, knob: Knob, text: str) -> Any:
    if knob.type is bool:
        if text not in ("yes", "no"):
            raise ValueError(f"{chosen.name}: {knob.name}={text} must be yes or no")
        return text == "yes"
    if isinstance(knob.allowed, Choice):
        return text
    try:
        return knob.type(text)
    except ValueError:
        raise ValueError(f"{chosen.name}: {knob.name}={text or 'nothing'} must be a number") from None


def fitting(text: str, cases: Sequence[Case]) -> list[Case]:
    """The cases of the method in the text that have the knobs in the text. Raises ValueError when there are none."""
    name, given = read(text, subjects())

    def fits(knobs: Mapping[str, Any]) -> bool:
        """N matters for noise baselines only."""
        return all(
            knobs.get(knob) in values or (knob == "draws" and knobs.get("baseline", "uniform") != "uniform")
            for knob, values in given
        )

    found = [case for case in cases if case.name == name and fits(dict(case.knobs))]
    if not found:
        raise ValueError(f"{text} was not measured; the file has {', '.join(sorted({c.name for c in cases}))}")
    return found


def of_preset(preset: str, cases: Sequence[Case]) -> list[Case]:
    """The cases of a preset, in its order. A search belongs to it with any P.

    Raises ValueError when there are none.
    """

    def plain(case: Case) -> tuple[str, frozenset[tuple[str, Any]]]:
        knobs = {k: v for k, v in case.knobs if not (case.name == ADAPTIVE and k == "draws")}
        return case.name, frozenset(knobs.items())

    there = {plain(case): case for case in cases}
    found = [there[plain(case)] for case in parse(PRESETS[preset], subjects()) if plain(case) in there]
    if not found:
        raise ValueError(f"nothing of {preset} has been measured in this file yet")
    return found


def labelled(cases: Sequence[Case]) -> dict[str, Case]:
    """The cases by what a reader calls them: title, and the knobs that differ from their defaults."""
    found = {}
    for case in cases:
        known = METHODS[case.name]
        changed = [known.knobs[name].setting(value) for name, value in case.knobs if value != known.knobs[name].default]
        found[" ".join([known.title, *changed])] = case
    return found


def seeded(cases: Mapping[str, Case], seed: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """The methods by label, with the seed of their noise."""
    own = {SEED: seed}
    return {
        label: (case.name, {**dict(case.knobs), **(own if SEED in METHODS[case.name].knobs else {})})
        for label, case in cases.items()
    }


def patches(measured: Iterable[Case], default: int = 0) -> int:
    """P of the perturbation curve, or the default when it is not among the metrics."""
    return next((int(dict(metric.knobs)["draws"]) for metric in measured if metric.name == "perturbation"), default)


def metrics(texts: Iterable[str]) -> tuple[Case, ...]:
    """The metrics that the texts name, in the notation of `parse`."""
    return parse(texts, curves())
