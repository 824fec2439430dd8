"""What the checks of several methods share: the image and the class, and a map beside the one of the model itself."""

from collections.abc import Mapping

from torch import Tensor

from attribution.explain import one_channel, score_of
from attribution.models import Model
from attribution.similarity import Alike, alike
from attribution.types import Heatmap, Image, Partial


def begun(model: Model, x: Tensor, target: int | None, output: str) -> tuple[Image, int]:
    """The image on the device of the model, and the class that is explained (default: the most likely one).

    Raises ValueError for an invalid image, class or output.
    """
    chosen = score_of(model, x, target, output, None).target
    return x.detach().to(model.device), chosen


def summed(found: Partial | ValueError) -> Heatmap:
    """The map, summed over channels with signs, (h, w). Raises the error that is there instead of a map, and ValueError
    for a map that is not finite."""
    if isinstance(found, ValueError):
        raise found
    return one_channel(found.attribution, found.attribution)


def beside(
    found: Partial | ValueError, label: str, reference: Mapping[str, Heatmap]
) -> tuple[Heatmap, Mapping[str, Alike]]:
    """The map as by `summed`, and how alike it is to the `reference` of this label, by measure.

    Raises ValueError where there is no map, or no reference.
    """
    made = summed(found)
    if label not in reference:
        raise ValueError("the model itself has no such map")
    return made, alike(reference[label], made)
