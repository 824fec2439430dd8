"""Texts that several pages use: terms, predictions, durations, counts, provenance."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from attribution import METRICS, MODELS
from attribution.controls import RANDOM_TITLE
from attribution.heatmaps import reduce_channels
from attribution.models import Model
from attribution.registry import Axes, Metric

Prediction = tuple[int, str, float, float]
"""Class index, category, probability, logit."""
READING = """
- **A map** has a value for each pixel. Bright: the method says that this pixel matters more for the class that is
  explained. It does not say that the method is right.
- **absolute, signed, positive** choose what is drawn. Signed maps show what speaks for the class (orange) and what
  speaks against it (blue).
- **The perturbation curve** tests a map: its brightest regions are replaced first. If they matter, the score falls
  soon, and the area under the curve (AUPC) is low. The grey line replaces regions in a random order: it is the mean of
  several orders, in a band from the lowest to the highest. A map whose curve is not below this band says little about
  what the model uses.
- **The variation curve** says how rough a map is, from fine to coarse scales (AUTVC). Low is smooth, not right: a blank
  map has 0.
- **σ** is the size of the noise, **R** the number of noisy copies of the photo, **M** the number of steps of a path
  from the **baseline** to the photo. More samples and steps make a map settle; σ and the baseline change what is asked.
- **halves agree**: the correlation of the maps of two halves of the noisy samples, pixel by pixel and with neighbouring
  pixels averaged. Near 1: more samples change little. Near 0: what you see is mostly chance. Regions settle before
  pixels. A settled map can still be wrong.
- **The small picture above a map** is the same map where all layers of the network are random, with the rank
  correlation of the two absolute maps. Near 1: the map does not show what the network learned. From 0 to about 0.3, as
  unrelated maps have it: it has passed this check, which does not show that it is right. Point at it to see it large.
- **Score** chooses what is explained and measured: the **logit**, which is the output of the network for the class, or
  its **probability**, which also depends on the other classes. Maps and areas of the two cannot be compared.
- The areas belong to one photo. What holds over many photos is on the page Results.
"""
"""How to read Compare."""
ORDERS = "Grey: the mean of several random orders, in a band from the lowest to the highest."


def columns(metrics: Sequence[str]) -> str:
    """The tooltip of the table of methods, which has these curves."""
    labels, gap = ", ".join(METRICS[name].label for name in metrics), METRICS["completeness_gap"]
    return (
        f"↑ higher is better, ↓ lower is better. {labels}: the areas under the curves above. {gap.label}: "
        f"{gap.note[0].lower()}{gap.note[1:]} {RANDOM_TITLE}: the mean of several ± their standard deviation."
    )


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 point, 2 points, 2 classes, 2 patches."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in one text: A; A and B; A, B and C."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def capital(text: str) -> str:
    """The text with a capital letter first: errors and costs are written without one, to stand in a sentence."""
    return text[:1].upper() + text[1:]


def escaped(text: str) -> str:
    """The text, such as the name of a file or of a class, so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~$:])", r"\\\1", text)


def prediction(predicted: Prediction, explained: Prediction, markdown: bool = False) -> str:
    """The predicted class, and the explained class if it is another one."""

    def said(what: str, one: Prediction) -> str:
        _, category, probability, logit = one
        return f"{what}: {f'**{escaped(category)}**' if markdown else category} · {probability:.1%} · logit {logit:.2f}"

    words = said("predicted", predicted)
    return words if explained == predicted else f"{words}  \n{said('explained', explained)}"


def photo(predicted: Prediction) -> str:
    """The alt text of the photo."""
    return f"The photo as the model sees it. The model predicts {predicted[1]}"


def duration(seconds: float) -> str:
    """Seconds, or minutes if there are many."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def provenance(model: Model, output: str) -> str:
    """The model, the score, and the device, precision and version that produced the numbers."""
    return f"{MODELS[model.name].title} · {output} · {model.device} · {model.precision} · torch {torch.__version__}"


def gap(gap: tuple[float, float], output: str = "logit") -> str:
    """A completeness gap, also as a share of the difference that the map should sum to."""
    missing, difference = gap
    share = f" ({abs(missing / difference):.1%})" if difference else ""
    return f"{missing:+.{2 if output == 'logit' else 4}f}{share}"


def note(metric: Metric) -> str:
    """The note of a metric under its curves, and what is grey among them."""
    return _with_orders(metric, metric.note)


def explained(metric: Metric) -> str:
    """The terms and the note of a metric: the tooltip of its curves."""
    return _with_orders(metric, metric.explained)


def _with_orders(metric: Metric, text: str) -> str:
    return f"{text} {ORDERS}" if metric.scored else text


def axes(metric: Metric, output: str) -> Axes:
    """The axes of a curve, on which the score is called by its name."""
    assert metric.axes is not None
    return replace(metric.axes, y=re.sub(r"\bscore\b", output, metric.axes.y))


def describe(title: str, attribution: Tensor) -> str:
    """The alt text of a map."""
    raw = reduce_channels(attribution)
    if not raw.any():
        return f"{title}: a blank map"
    quadrants = {
        f"{vertical} {horizontal}": part.sum().item() / raw.sum().item()
        for vertical, half in zip(("top", "bottom"), torch.tensor_split(raw, 2, dim=0), strict=True)
        for horizontal, part in zip(("left", "right"), torch.tensor_split(half, 2, dim=1), strict=True)
    }
    place, share = max(quadrants.items(), key=lambda item: item[1])
    return f"{title}: {share:.0%} of the attribution lies in the {place} quarter"


def settled(agreement: Mapping[int, float]) -> str:
    """How well the halves of a noise map agree, as " · halves agree 0.36 · 0.87 at 56 cells · 0.94 at 28 cells"."""
    if not agreement or any(map(math.isnan, agreement.values())):
        return ""
    (_, pixels), *pooled = agreement.items()
    return "".join([f" · halves agree {pixels:z.2f}", *(f" · {value:z.2f} at {side} cells" for side, value in pooled)])
