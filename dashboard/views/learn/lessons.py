"""The lessons. `python -m dashboard.views.learn.lessons` recomputes their pictures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from skimage.filters import sobel
from torch import Tensor

from attribution import METHODS, Store, explain, load_model, perturbation_curve
from attribution.agreement import agreement, agreements
from attribution.controls import random_orders
from attribution.engine.baselines import make_baselines
from attribution.engine.weights import renewed
from attribution.explain import one_channel, score_of
from attribution.models import Model
from attribution.similarity import spearman
from attribution.types import Curve, Partial
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.own import COMPARED
from dashboard.place import ASSETS
from dashboard.stage import pictures

FILE = ASSETS / "lessons.npz"


@dataclass(frozen=True)
class Lesson:
    """`opens` is the experiment of its button. `maps` are names of maps in the file, with captions; or a `chart`."""

    title: str
    text: str
    opens: Experiment
    button: str
    maps: Mapping[str, str]
    chart: str = ""


LESSONS = (
    Lesson(
        "What a gradient map is",
        "Change one pixel a little: how much does the score of the class change? The gradient is this number for "
        "every pixel, and one backward pass computes it. The gradient is exact but noisy: it describes infinitely "
        "small changes only, and very near the photo the slope can be different. A large value means that the score "
        "is sensitive to this pixel. It does not mean that the pixel caused the score.",
        Experiment(image="coffee", sigma=0.0, samples=1),
        "Open it: SmoothGrad, no noise",
        {"gradient": "the absolute gradient of espresso"},
    ),
    Lesson(
        "Why a path",
        "When a network is sure, its score is nearly flat around the photo. The gradient there does not show what "
        "caused the score. A path method starts at an image that shows nothing (the baseline), moves to the photo "
        "in steps, and adds up the gradients. The chart shows the score along this path. The gradients are useful "
        "where the score climbs. In the limit of many steps, Integrated Gradients sums exactly to the score of the "
        "photo minus the score of the baseline. The completeness gap in the table is the error of this sum.",
        Experiment(image="coffee", steps=200),
        "Open it with 200 steps, and look at the gap",
        {},
        "path",
    ),
    Lesson(
        "The blind baseline",
        "Integrated Gradients multiplies the gradient by the difference between the photo and the baseline. Where "
        "the photo has the colour of the baseline, this difference is zero. The map is zero there too, even if the "
        "model uses these pixels. The photographer wears a black coat. With a black baseline the coat cannot light "
        "up; with a white baseline it can.",
        Experiment(image="camera", baseline="white"),
        "Open it on white, then choose black",
        {"camera black": "from black", "camera white": "from white"},
    ),
    Lesson(
        "SmoothGrad and SmoothTaylor: what is multiplied by what",
        "Both methods use the same noisy copies of the photo. SmoothGrad averages their gradients: the mean slope "
        "around the photo. SmoothTaylor multiplies each gradient by the photo minus the copy, and averages the "
        "products. With many samples the first-order parts cancel in this average, and curvature remains. With 150 "
        "samples, as here, much of the first-order parts is still there: it is noise. Note the sign: with a copy "
        "z = x + ε, the map is MINUS the mean of ε times the gradient. The theorem printed in the paper has a plus. "
        "Absolute maps do not show the difference; signed maps and sums do.",
        Experiment(image="coffee", sigma=0.3),
        "Open both on one photo",
        {name: METHODS[name].title for name in ("smoothgrad", "smooth_taylor")},
    ),
    Lesson(
        "Reading the two curves, and how a blank map wins one of them",
        "Perturbation: regions are replaced by noise, highest values of the map first. With a good map the score "
        "falls soon. Total variation: how much neighbouring pixels of the map differ, from fine to coarse scales. A "
        "smooth map has a low area. Neither curve is enough alone. A blank map has no variation, so it has the best "
        "total variation without any information. A map that does not beat random orders in perturbation "
        "is not told from chance by it. To beat them is no proof either. In insertion, another such curve, a blob in "
        "the centre of the photo beats random orders over many photos, though it looks at no model.",
        Experiment(image="rocket"),
        "Open a photo where the curves separate",
        {},
        "blank",
    ),
    Lesson(
        "Why pretty is not faithful",
        "The left map uses no model: it is an edge detector applied to the photo. It is sharp and looks like an "
        "explanation, but it is the same for every class and every network. Test a map with questions that edges "
        "cannot answer: does the map change with the class? Does the score fall faster than with a random order? "
        "AUPC, the area under the perturbation curve, is given under each map (random orders: {random:.1f}). On one "
        "photo a difference of one or two can be chance: many photos decide, as on the page Results.",
        Experiment(image="coffee", target=968),
        "Open the same photo explained as a cup",
        {
            "edges": "edges of the photo: AUPC {edges:.1f}",
            "integrated_gradients": "Integrated Gradients: AUPC {ig:.1f}",
        },
    ),
    Lesson(
        "Settled, or luck",
        "A mean over noise is an estimate. Another seed draws other noise and gives another map. Both maps are "
        "SmoothTaylor of the same photo with 50 samples; only the seed differs. Both have bright spots, but often not "
        "in the same places: such a spot is chance. You do not need a second seed to see this. The samples of one map "
        "are divided into two halves, and the signed maps of both halves are correlated. Near 0, the map is mostly "
        "chance; near 1, more samples change little. Regions settle before pixels, so halves agree better when pixels "
        'are averaged over cells. "Until settled", below R, draws samples until they agree at the '
        "size that you choose. At that size a settled map is nearly the same for every seed. This does not make it "
        "right.",
        Experiment(image="coffee", sigma=0.3, samples=50, methods=("smoothgrad", "smooth_taylor")),
        "Open it, and watch how well the halves agree as R grows",
        {
            "seed 0": "one seed: halves agree {half:.2f}, averaged over 28 cells a side {half28:.2f}",
            "seed 1": "another seed: the two maps agree {seeds:.2f}",
        },
    ),
    Lesson(
        "A network that has learned nothing",
        "Replace the weights of all layers by random numbers. Such a network knows nothing, so there is nothing to "
        "explain. Yet each method still draws a map of it. The map must be another one: if it stays the same, it never "
        "showed what the model had learned. Both maps are of one photo, by one method. The page Sanity replaces layer "
        "after layer, from the output down, and says how alike the maps stay. A map that changes has passed this "
        "check. That does not show that it is right.",
        Experiment(image="coffee", sigma=0.3),
        "Open it, then go to the page Sanity",
        {
            "smoothgrad": "SmoothGrad of the model",
            "randomised": "SmoothGrad with random weights: rank correlation {randomised:.2f}",
        },
    ),
    Lesson(
        "What controls are for",
        "A number says little alone. A control is a map that does not look at the model, or has nothing to find. A "
        "random order treats all pixels alike. A blob in the centre, where photos usually show their object, looks "
        "neither at the model nor at the photo either. Which control is hard to beat depends on the metric: over many "
        "photos the blob beats random orders in insertion, and does not in AUPC. A method that does no better than a "
        "control may be right, but its number does not show it. Compare with several controls, and over many photos: "
        "on one photo, much is chance.",
        Experiment(image="coffee", methods=(*COMPARED, "edges", "centre")),
        "Open it with two controls",
        {
            "centre": "a blob in the centre: AUPC {centre:.1f} (random orders: {random:.1f})",
            "smooth_taylor": "SmoothTaylor: AUPC {taylor:.1f}",
        },
    ),
)


@cache
def load() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The maps and the numbers in the file."""
    with np.load(FILE) as held:
        numbers = json.loads(str(held["numbers"]))
        return {name: held[name].astype(np.float64) for name in held.files if name != "numbers"}, numbers


def make() -> dict[str, Any]:
    """Computes all maps and numbers on the CPU."""
    model, store = load_model(device="cpu"), Store()

    def signed(attribution: Tensor) -> np.ndarray:
        raw = pictures.signed(attribution)
        return np.asarray(raw / np.abs(raw).max(), np.float16)

    coffee, camera = (model.prepare(gallery_photo(name)) for name in ("coffee", "camera"))

    seeds = [explain(model, coffee, "smooth_taylor", store=store, sigma=0.3, samples=50, seed=seed) for seed in (0, 1)]

    def run(x: Tensor, method: str, **knobs: Any) -> Tensor:
        return explain(model, x, method, store=store, **knobs).attribution

    found: dict[str, Tensor] = {
        "gradient": run(coffee, "gradient"),
        "camera black": run(camera, "integrated_gradients"),
        "camera white": run(camera, "integrated_gradients", baseline="white"),
        "smoothgrad": run(coffee, "smoothgrad", sigma=0.3),
        "smooth_taylor": run(coffee, "smooth_taylor", sigma=0.3),
        "integrated_gradients": run(coffee, "integrated_gradients"),
        **{f"seed {seed}": one.attribution for seed, one in enumerate(seeds)},
        "edges": torch.from_numpy(sobel(model.pixels(coffee).mean(0).numpy()))[None],
        "centre": run(coffee, "centre"),
    }
    target = model.predict(coffee, k=1)[0][0]
    forgotten = model.with_weights(renewed(model.module, 0), "random")
    found["randomised"] = explain(forgotten, coffee, "smoothgrad", target, sigma=0.3).attribution
    numbers = {
        "edges": _area(model, coffee, found["edges"]),
        "ig": _area(model, coffee, found["integrated_gradients"]),
        "random": _random(model, coffee),
        **_agreements(*seeds),
        "centre": _area(model, coffee, found["centre"]),
        "taylor": _area(model, coffee, found["smooth_taylor"]),
        "randomised": spearman(*(one_channel(found[name], coffee) for name in ("smoothgrad", "randomised"))).value,
        "path": _path(model, coffee),
    }
    return {**{name: signed(made) for name, made in found.items()}, "numbers": np.array(json.dumps(numbers))}


def _area(model: Model, x: Tensor, attribution: Tensor) -> float:
    return perturbation_curve(model, x, attribution, draws=10).area


def _random(model: Model, x: Tensor) -> float:
    """The mean area of several random orders."""
    height, width = x.shape[-2:]

    def measure(order: Tensor, k: int) -> Iterator[Curve]:
        yield perturbation_curve(model, x, order, draws=10, seed=k)

    *_, band = random_orders(measure, height, width)
    return band.area


def _agreements(one: Partial, other: Partial) -> dict[str, float]:
    """How well the halves of a map agree, pixel by pixel and over 28 cells a side, and how well two seeds agree."""
    assert one.halves is not None
    found = agreements(one.halves)
    seeds = torch.stack([made.attribution.sum(0) for made in (one, other)])
    return {"half": next(iter(found.values())), "half28": found[28], "seeds": agreement(seeds)}


def _path(model: Model, x: Tensor) -> list[float]:
    """The score at 51 points on the path from black to the photo."""
    start = make_baselines(model, x, "black")[0].image
    alphas = torch.linspace(0, 1, 51)[:, None, None, None]
    score = score_of(model, x, None, "logit", None)
    return [round(value, 4) for value in score.values(torch.lerp(start, x, alphas)).tolist()]


if __name__ == "__main__":
    np.savez_compressed(FILE, **make())
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} KB")
