"""An experiment: photo, model, class and knobs in one frozen object <-> the URL. Values of a URL are clamped."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from attribution import METHODS, METRICS, MODELS
from attribution.engine.score import OUTPUTS
from attribution.registry import Choice, Cost, curves
from dashboard.experiment.choices import (
    PATCHES,
    PREDICTED,
    SWITCH,
    class_name,
    class_of,
    further,
    read_class,
    read_curves,
    same_classes,
)
from dashboard.experiment.declarations import (
    BASELINE,
    CURVES,
    DRAWS,
    EVALUATION,
    OUTPUT,
    RANDOM,
    RULE,
    SAMPLES,
    SEED,
    SIGMA,
    STEPS,
)
from dashboard.experiment.fields import Field, declared, one_of, same, shared
from dashboard.experiment.folder import known, read_photo
from dashboard.experiment.own import COMPARED, Own, own_of, plain, read_methods, read_own
from dashboard.experiment.own import shared as is_shared
from dashboard.work.panel import CONTROL, CurveKey, Panel


@dataclass(frozen=True)
class Experiment:
    """What is explained and how. `target` None is the likeliest class; sigma is absolute in model space."""

    image: str = declared("cat", Field("img", "photo", read_photo))
    model: str = declared(
        "efficientnet_lite0", Field("model", "model", one_of(MODELS), lambda name: MODELS[name].title)
    )
    target: int | None = declared(
        None,
        Field(
            "cls",
            "class",
            read_class,
            to_widget=lambda value: PREDICTED if value is None else value,
            from_widget=lambda value: None if value == PREDICTED else int(value),
        ),
    )
    sigma: float = shared(0.5, ("smooth_taylor", "sigma"), "sigma", "σ", SIGMA, (0.1, 0.3, 0.5, 0.7, 1.0))
    samples: int = shared(150, ("smooth_taylor", "samples"), "r", "R", SAMPLES, (10, 50, 100, 150, 200), 500)
    steps: int = shared(50, ("integrated_gradients", "steps"), "m", "M", STEPS, (10, 25, 50, 100, 200))
    baseline: str = shared("black", ("integrated_gradients", "baseline"), "base", "baseline", BASELINE)
    draws: int = shared(5, ("integrated_gradients", "draws"), "n", "N", DRAWS, (1, 5, 10, 20))
    rule: str = shared("right", ("integrated_gradients", "rule"), "rule", "rule", RULE)
    seed: int = shared(0, ("smooth_taylor", "seed"), "seed", "seed", SEED, (0, 1, 2, 3))
    evaluation: str = declared(
        "quick",
        Field(
            "eval",
            "P",
            one_of(PATCHES),
            lambda name: str(PATCHES[name]),
            allowed=Choice(PATCHES),
            control=EVALUATION,
        ),
    )
    methods: tuple[str, ...] = declared(
        COMPARED,
        Field(
            "methods",
            "methods",
            read_methods,
            lambda names: ", ".join(METHODS[name].title for name in names) or "none",
            to_widget=list,
            from_widget=tuple,
        ),
    )
    own: Own = declared((), Field("own", "method settings", read_own, lambda own: plain(own) if own else "default"))
    curves: tuple[str, ...] = declared(
        (),
        Field(
            "curves",
            "curves",
            read_curves,
            lambda names: ", ".join(METRICS[name].label for name in names) or "the standard ones",
            control=CURVES,
            to_widget=list,
            from_widget=lambda names: tuple(name for name in further() if name in names),
        ),
    )
    output: str = declared(
        OUTPUTS[0],
        Field("out", "score", one_of(OUTPUTS), allowed=Choice(OUTPUTS), usual=OUTPUTS, control=OUTPUT),
    )
    random: str = declared(
        SWITCH[0], Field("rand", "random network", one_of(SWITCH), allowed=Choice(SWITCH), control=RANDOM)
    )

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Experiment":
        """The experiment of a URL. Numbers out of range are clamped; invalid values become the default."""
        default = cls()
        values = {
            name: how.read(query[how.url], getattr(default, name)) for name, how in FIELDS.items() if how.url in query
        }
        return default.changed(**{"target": None, **values})

    def unlike_link(self, query: Mapping[str, str]) -> tuple[str, ...]:
        """The letters of the fields that have other values in a URL than in this experiment, which was made of it: they
        do not exist, or are out of range. The photo and own settings are not looked at."""
        looked = {name: how for name, how in FIELDS.items() if how.url in query and name not in ("image", "own")}
        return tuple(how.letter for name, how in looked.items() if not same(getattr(self, name), query[how.url]))

    def changed(self, **values: Any) -> "Experiment":
        """The experiment with other values. A class of one model is none of another that has other classes."""
        if "target" not in values and not same_classes(self.model, values.get("model", self.model)):
            values["target"] = None
        found = replace(self, **values)
        return replace(found, target=class_of(found.model, found.target))

    def to_query(self) -> dict[str, str]:
        """The values that differ from the default, by their names in the URL. The user's own photo is left out."""
        default = Experiment()
        return {
            how.url: plain(value)
            for name, how in FIELDS.items()
            if (value := getattr(self, name)) != getattr(default, name) and not (name == "image" and self.own_photo)
        }

    def unlike(self, other: "Experiment") -> dict[str, str]:
        """The values that differ from another experiment, by the letter of each field."""
        return {
            how.letter: class_name(self.model, self.target) if name == "target" else how.say(getattr(self, name))
            for name, how in FIELDS.items()
            if getattr(self, name) != getattr(other, name)
        }

    @property
    def own_photo(self) -> bool:
        """Whether the photo is the user's own. A link cannot restore it."""
        return not known(self.image)

    @property
    def patches(self) -> int:
        """P, the noise patches tried in each region."""
        return PATCHES[self.evaluation]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of every map: the standard ones and the chosen ones."""
        return tuple(name for name, metric in curves().items() if metric.standard or name in self.curves)

    def knobs(self, method: str) -> dict[str, Any]:
        """The knobs of a method: from the shared controls, its own changed knobs, and the seed."""
        known = METHODS[method].knobs
        found = {name: getattr(self, name) for name in known if is_shared(method, name)}
        if "draws" in found and found.get("baseline") != "uniform":
            found["draws"] = 1
        found |= {name: value for of, name, value in self.own if of == method}
        if "seed" in known:
            # From a fixed baseline the seed is 0: it cannot change the map, so another one must not recompute it.
            baseline = METHODS[method].complete(found).get("baseline", "uniform")
            found["seed"] = self.seed if baseline == "uniform" or "samples" in known else 0
        return found

    def every_knob(self, method: str) -> dict[str, Any]:
        """All knobs of a method, including defaults."""
        return METHODS[method].complete(self.knobs(method))

    def turned(self, method: str, knob: str, value: Any) -> "Experiment":
        """The experiment with another value of a method's knob."""
        if knob == "seed" or is_shared(method, knob):
            return replace(self, **{knob: value})
        own = {(of, name): held for of, name, held in self.own} | {(method, knob): value}
        return replace(self, own=own_of(own))

    def panel(self, method: str, image: str, model: str, target: int) -> Panel:
        """The panel of a method. The random order has no knobs, and some methods explain one score alone."""
        if method == CONTROL:
            return Panel(method, image, model, target, (), self.output)
        knobs = tuple(self.knobs(method).items())
        return Panel(method, image, model, target, knobs, METHODS[method].output or self.output)

    def panels(self, image: str, model: str, target: int) -> tuple[Panel, ...]:
        """The panels of Compare: the methods, and the random order as the control."""
        return tuple(self.panel(method, image, model, target) for method in (*self.methods, CONTROL))

    def curve_keys(self, panel: Panel) -> tuple[CurveKey, ...]:
        """The curves of a map that need the model."""
        return tuple(self.curve_key(panel, name) for name in self.metrics if METRICS[name].scored)

    def curve_key(self, panel: Panel, metric: str) -> CurveKey:
        """One curve of a map. Only metrics with noise patches use P and the seed."""
        knobs = {"draws": self.patches, "seed": self.seed} if "draws" in METRICS[metric].knobs else {}
        order = self.seed if panel.method == CONTROL else 0
        return CurveKey(panel, metric, tuple(knobs.items()), order, METRICS[metric].output or self.output)

    @property
    def cost(self) -> Cost:
        """The maximum number of gradients and forward passes, if none is stored yet."""
        gradients: dict[Hashable, int] = {}
        passes, pixels = 0, MODELS[self.model].size ** 2
        for panel in self.panels("", self.model, 0):
            gradients[panel.points] = max(gradients.get(panel.points, 0), panel.cost.gradients)
            passes += panel.cost.passes + sum(key.cost(pixels).passes for key in self.curve_keys(panel))
            if panel.sums_up:
                passes += METRICS["completeness_gap"].cost(panel.gap_knobs, pixels).passes
            if panel.method != CONTROL and self.random == "on":  # the same map of the random network
                key = "random", panel.points
                gradients[key] = max(gradients.get(key, 0), panel.cost.gradients)
                passes += panel.cost.passes
        return Cost(sum(gradients.values()), passes)


FIELDS: dict[str, Field] = {field.name: field.metadata["field"] for field in fields(Experiment)}
NAMES = {name: field.url for name, field in FIELDS.items()}
"""The name of each field in the URL."""
