"""The centre of the photo: a control that looks at no model and at no photo."""

from attribution import controls
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Partial, Run


@method(
    "Centre",
    gloss="a blob in the centre",
    paper="a control",
    cost=lambda knobs: Cost(),
    control=True,
    unit="centre",
)
def centre(score: ClassScore, x: Image) -> Run:
    r"""$e^{-d^2 / 2s^2}$, d the distance from the centre, s a quarter of the shorter side. No gradient."""
    found = controls.centre(*x.shape[-2:])
    yield Partial.of(found, x, score.target)
