"""The six lessons: what each says and opens. `python -m dashboard.views.learn.lessons` makes their pictures again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.filters import sobel
from torch import Tensor

from attribution import METHODS, Store, explain, load_model, perturbation_curve
from attribution.controls import random_order
from attribution.engine.baselines import make_baselines
from attribution.explain import score_of
from attribution.models import Model
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.stage import pictures

FILE = Path(__file__).parents[3] / "assets" / "lessons.npz"


@dataclass(frozen=True)
class Lesson:
    """`maps` are maps of the file with their captions; `chart` is what is drawn from its numbers instead."""

    title: str
    text: str
    opens: Experiment
    button: str
    maps: Mapping[str, str]
    chart: str = ""


LESSONS = (
    Lesson(
        "What a gradient map is",
        "Nudge one pixel a little: by how much does the score of the class move? That number, for every pixel at "
        "once, is the gradient, and one backward pass gives it. It is exact, and it is noisy: it speaks of "
        "infinitely small changes, and a network of many bends has another slope a hair's breadth away. A large "
        "value says that the score is sensitive there, not that the pixel made the score.",
        Experiment(image="coffee", sigma=0.0, samples=1),
        "Open it: SmoothGrad, no noise",
        {"gradient": "the gradient of espresso, by its size"},
    ),
    Lesson(
        "Why a path",
        "A network that is sure has little left to gain: its score is flat around the photo, and the gradient "
        "there no longer tells what made the score. So walk: from an image that shows nothing (the baseline) to "
        "the photo, and add up the gradients on the way. The chart shows the score along that walk: where it "
        "climbs, the gradients are worth something. What Integrated Gradients adds up is, in the limit of many "
        "steps, exactly the climb from one end to the other; the table calls what is missing the completeness "
        "gap.",
        Experiment(image="coffee", steps=200),
        "Open it with 200 steps, and look at the gap",
        {},
        "path",
    ),
    Lesson(
        "The blind baseline",
        "Integrated Gradients multiplies by the distance from the baseline. Where the photo is the baseline's "
        "colour that distance is nothing, and so is the map, whatever the model thinks of it. The photographer "
        "wears a black coat: from a black baseline it cannot light up; from a white one it can.",
        Experiment(image="camera", baseline="white"),
        "Open it on white, then choose black",
        {"camera black": "from black", "camera white": "from white"},
    ),
    Lesson(
        "SmoothGrad and SmoothTaylor: what is multiplied by what",
        "Both look at the same noisy copies of the photo. SmoothGrad averages their gradients: which way is up "
        "around here. SmoothTaylor multiplies each gradient by the way back from the copy to the photo, and "
        "averages that: what the copy lost. The first-order parts cancel in that average; what stays is "
        "curvature. Mind the sign: with a copy z = x + ε the map is MINUS the mean of ε times the gradient. The "
        "theorem printed in the paper has a plus; absolute maps do not show the difference, signed maps and sums "
        "do.",
        Experiment(image="coffee", sigma=0.3),
        "Open both on one photo",
        {name: METHODS[name].title for name in ("smoothgrad", "smooth_taylor")},
    ),
    Lesson(
        "Reading the two curves, and how a blank map wins one of them",
        "Perturbation: windows that a map ranks highest are replaced by noise, and a good map makes the score "
        "fall soon. Total variation: how much neighbours differ, from fine to coarse; a smooth map is low. "
        "Neither is a verdict alone. A blank map has no variation at all and would win the second outright, "
        "knowing nothing; a map that beats a random order in the first at least knows something that the model "
        "uses.",
        Experiment(image="coffee"),
        "Open a photo where the curves separate",
        {},
        "blank",
    ),
    Lesson(
        "Why pretty is not faithful",
        "On the left there is no model at all: an edge detector, run on the photo. It looks like an explanation, "
        "it is sharp, and it would look the same for every class and every network. A map must be asked questions"
        " that a picture of the photo cannot answer: does it change with the class? Does the score fall faster "
        "than by chance? The area under its perturbation curve stands under each map (a random order: "
        "{random:.1f}).",
        Experiment(image="coffee", target=968),
        "Open the same photo explained as a cup",
        {
            "edges": "edges of the photo: AUPC {edges:.1f}",
            "integrated_gradients": "Integrated Gradients: AUPC {ig:.1f}",
        },
    ),
)


@cache
def load() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The maps of the file, and its numbers."""
    with np.load(FILE) as held:
        numbers = json.loads(str(held["numbers"]))
        return {name: held[name].astype(np.float64) for name in held.files if name != "numbers"}, numbers


def make() -> dict[str, Any]:
    """Computes all pictures, on the CPU."""
    model, store = load_model(device="cpu"), Store()

    def signed(attribution: Tensor) -> np.ndarray:
        raw = pictures.signed(attribution)
        return np.asarray(raw / np.abs(raw).max(), np.float16)

    coffee, camera = (model.prepare(gallery_photo(name)) for name in ("coffee", "camera"))

    def run(x: Tensor, method: str, **knobs: Any) -> Tensor:
        return explain(model, x, method, store=store, **knobs).attribution

    found: dict[str, Tensor] = {
        "gradient": run(coffee, "gradient"),
        "camera black": run(camera, "integrated_gradients"),
        "camera white": run(camera, "integrated_gradients", baseline="white"),
        "smoothgrad": run(coffee, "smoothgrad", sigma=0.3),
        "smooth_taylor": run(coffee, "smooth_taylor", sigma=0.3),
        "integrated_gradients": run(coffee, "integrated_gradients"),
        "edges": torch.from_numpy(sobel(model.pixels(coffee).mean(0).numpy()))[None],
    }
    numbers = {
        "edges": _area(model, coffee, found["edges"]),
        "ig": _area(model, coffee, found["integrated_gradients"]),
        "random": _area(model, coffee, random_order(*coffee.shape[-2:])[None]),
        "path": _path(model, coffee),
    }
    return {**{name: signed(made) for name, made in found.items()}, "numbers": np.array(json.dumps(numbers))}


def _area(model: Model, x: Tensor, attribution: Tensor) -> float:
    return perturbation_curve(model, x, attribution, draws=10).area


def _path(model: Model, x: Tensor) -> list[float]:
    """The score on the way from black to the photo, in fifty steps."""
    start = make_baselines(model, x, "black")[0].image
    alphas = torch.linspace(0, 1, 51)[:, None, None, None]
    score = score_of(model, x, None, "logit", None)
    return [round(value, 4) for value in score.values(torch.lerp(start, x, alphas)).tolist()]


if __name__ == "__main__":
    np.savez_compressed(FILE, **make())
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} KB")
