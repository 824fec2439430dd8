"""What is measured of each photo, as text: `smooth_taylor:sigma=0.3/0.5,samples=150` is two cases."""

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
    objective: Annotated[str, Choice(OBJECTIVES), "the area that the search lowers"] = "autvc",
    samples: Annotated[int, Range(1, 500), "R, the noisy copies"] = 150,
    iterations: Annotated[int, Range(1, 100), "the most steps of the search"] = 20,
    draws: Patches = 50,
) -> None:
    """SmoothTaylor with the sigma that was searched for each photo; measured on draws that the search has not seen."""


def _control() -> None:
    """A map that knows nothing of the photo."""


def _case(name: str, title: str, paper: str, described: Callable[..., None]) -> Entry:
    return Entry(name, title, paper, described, read_knobs(described))


ADAPTIVE, CONTROL = "adaptive_noising", RANDOM


def subjects(patches: int = 50) -> Mapping[str, Entry]:
    """All that can be measured: the methods, adaptive noising, and the random order that all are held against.

    A search that is not told otherwise tries as many `patches` as its result is measured with.
    """
    search = _case(ADAPTIVE, "Adaptive noising", "Goh et al. 2021, arXiv:2004.10484", adaptive_noising)
    knobs = {**search.knobs, "draws": replace(search.knobs["draws"], default=patches)}
    return {**METHODS, ADAPTIVE: replace(search, knobs=knobs), CONTROL: _case(CONTROL, RANDOM_TITLE, "", _control)}


@dataclass(frozen=True)
class Case:
    """A method, or a metric, with all its knobs but the seed, which is each photo's own."""

    name: str
    knobs: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The knobs as JSON: what a results file knows a case by."""
        return json.dumps(dict(self.knobs), sort_keys=True)


GRID = "sigma=0.3/0.5/0.7,samples=100/150/200"
EXTREMES = ("sigma=0.5,samples=10", "sigma=0.0001/0.001/0.01/0.1/1/2,samples=100")
PRESETS: dict[str, tuple[str, ...]] = {
    # Goh et al. 2021, Tables I and II; SmoothGrad, which they lack, looks at the same points.
    "table1": (
        "integrated_gradients:steps=50,baseline=black",
        "integrated_gradients:steps=50,baseline=uniform,draws=1/5/10/20",
        f"smooth_taylor:{GRID}",
        f"smoothgrad:{GRID}",
        CONTROL,
    ),
    "table1-adaptive": (f"{ADAPTIVE}:objective=autvc/aupc",),
    "table2": (*(f"{method}:{knobs}" for knobs in EXTREMES for method in ("smooth_taylor", "smoothgrad")), CONTROL),
    # Every method; those that walk a path take 50 steps from the mean colour, as Walker et al. 2023 compare them. AGI
    # at a quarter of its classes.
    "ig-family": (
        "gradient",
        "input_x_gradient",
        "integrated_gradients:steps=50,baseline=mean/black",
        *(f"{method}:steps=50,baseline=mean" for method in ("left_ig", "right_ig", "idg", "guided_ig", "ggig")),
        "agi:classes=5",
        *("expected_gradients", "blur_ig", "lrp", "smoothgrad", "smooth_taylor", CONTROL),
    ),
}


def parse(texts: Iterable[str], known: Mapping[str, Entry]) -> tuple[Case, ...]:
    """The cases that the texts name, each once. Raises ValueError for what does not exist or is not allowed."""
    found: dict[Case, None] = {}
    for text in texts:
        name, settings = read(text, known)
        chosen = known[name]
        for values in product(*(values for _, values in settings)):
            given = chosen.check({knob: value for (knob, _), value in zip(settings, values, strict=True)})
            found[complete(chosen, given)] = None
    return tuple(found)


def read(text: str, known: Mapping[str, Entry]) -> tuple[str, list[tuple[str, Sequence[Any]]]]:
    """The name, and for each knob that is told its values."""
    name, _, rest = text.partition(":")
    chosen = entry(known, name)
    found = [_setting(chosen, piece) for piece in rest.split(",") if piece]
    if len({knob for knob, _ in found}) < len(found):
        raise ValueError(f"{text}: a knob is told twice; write its values apart by slashes")
    return name, found


def complete(chosen: Entry, given: Mapping[str, Any]) -> Case:
    """The case with the defaults of what was not given."""
    knobs = {name: given.get(name, knob.default) for name, knob in chosen.knobs.items() if name != SEED}
    if "draws" in knobs and knobs.get("baseline", "uniform") != "uniform":
        knobs["draws"] = chosen.knobs["draws"].default  # of noise baselines alone
    return Case(chosen.name, tuple(knobs.items()))


def _setting(chosen: Entry, piece: str) -> tuple[str, Sequence[Any]]:
    name, _, values = piece.partition("=")
    if name == SEED:
        raise ValueError(f"{chosen.name}: the seed is each photo's own; give --seed instead")
    if name not in chosen.knobs:
        chosen.check({name: values})  # says which there are
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


def patches(measured: Iterable[Case], default: int = 0) -> int:
    """P of the perturbation curve among the metrics, or the default where it is not."""
    return next((int(dict(metric.knobs)["draws"]) for metric in measured if metric.name == "perturbation"), default)


def metrics(texts: Iterable[str]) -> tuple[Case, ...]:
    """The metrics that the texts name, in the same words."""
    return parse(texts, curves())
