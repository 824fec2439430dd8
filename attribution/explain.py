"""The entry points: run a method by its name on a model and an image, and evaluate the result with a metric."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from torch import Tensor

import attribution.methods
import attribution.metrics  # noqa: F401  these two imports register all methods and metrics
from attribution.engine.score import ClassScore
from attribution.engine.store import Store
from attribution.heatmaps import reduce_channels
from attribution.models import Model
from attribution.notebook import Explained
from attribution.registry import METHODS, METRICS, curves, entry
from attribution.types import Curve, Heatmap, Partial, Run

Last = TypeVar("Last")
Chosen = tuple[str, Mapping[str, Any]]
"""The name of a method, and its knobs; knobs that are not given have their defaults."""


def stream(
    model: Model,
    x: Tensor,
    method: str,
    target: int | None = None,
    *,
    output: str = "logit",
    store: Store | None = None,
    **knobs: Any,
) -> Run:
    """Yields partial attributions of x, (c, h, w) in model space; the last one is the result.

    `target` is a class index (default: the most likely class); `output` is "logit" or "probability". Evaluated points
    are read from `store` and added to it. An unknown method, class, output or knob and an invalid image raise
    ValueError at once, before any gradient is computed.
    """
    chosen = entry(METHODS, method)
    checked = chosen.check(knobs)
    score = score_of(model, x, target, output, store)
    run: Run = chosen.run(score, x.detach().to(model.device), **checked)
    return run


def explain(
    model: Model,
    x: Tensor,
    method: str,
    target: int | None = None,
    *,
    output: str = "logit",
    store: Store | None = None,
    **knobs: Any,
) -> Explained:
    """The last result of `stream`, with the same arguments and errors. In Jupyter it shows itself."""
    found = _last(stream(model, x, method, target, output=output, store=store, **knobs))
    chosen = METHODS[method]
    held = {field.name: getattr(found, field.name) for field in fields(Partial)}
    return Explained(
        **held, title=chosen.title, category=model.categories[found.target], unit=chosen.unit(knobs, output)
    )


def together(
    model: Model,
    x: Tensor,
    methods: Mapping[str, Chosen],
    target: int,
    store: Store | None = None,
    *,
    output: str = "logit",
) -> Iterator[tuple[str, Partial | ValueError | None]]:
    """Yields (label, the last result) for each of `methods`, which share their points, and (label, None) on the way.

    A method that the model does not allow gives its error instead. Raises ValueError at once for an unknown method,
    class, knob or output, and for an invalid image.
    """
    for method, knobs in methods.values():
        entry(METHODS, method).check(knobs)
    score_of(model, x, target, output, None)
    return _together(model, x, methods, target, output, Store() if store is None else store)


def _together(
    model: Model, x: Tensor, methods: Mapping[str, Chosen], target: int, output: str, store: Store
) -> Iterator[tuple[str, Partial | ValueError | None]]:
    for label, (method, knobs) in methods.items():
        found: Partial | ValueError | None = None
        try:
            for partial in stream(model, x, method, target, output=output, store=store, **knobs):
                if found is not None:
                    yield label, None
                found = partial
        except ValueError as error:
            found = error
        yield label, found


def curve(
    model: Model,
    x: Tensor,
    attribution: Tensor,
    metric: str,
    target: int | None = None,
    *,
    output: str = "logit",
    **knobs: Any,
) -> Curve:
    """Evaluates an attribution with `metric`, one of the metrics that are curves; `.area` is its value.

    `attribution` is signed: (c, h, w), or summed over channels, (h, w). Raises ValueError as `stream` does, for an
    attribution that is not finite or does not fit x, and where the metric is not defined.
    """
    chosen = entry(curves(), metric)
    checked = chosen.check(knobs)
    heatmap = one_channel(attribution, x)
    if not chosen.scored:
        found: Curve = chosen.run(heatmap, **checked)
        return found
    score = score_of(model, x, target, output, None)
    run: Iterator[Curve] = chosen.run(score, x.detach().to(model.device), heatmap, **checked)
    return _last(run)


def perturbation_curve(
    model: Model,
    x: Tensor,
    attribution: Tensor,
    target: int | None = None,
    *,
    output: str = "logit",
    **knobs: Any,
) -> Curve:
    """The score while regions are replaced by noise, highest |attribution| first; `.area` is the AUPC.

    Knobs: `window`, `regions`, `draws`, `seed`. Otherwise as `curve`.
    """
    return curve(model, x, attribution, "perturbation", target, output=output, **knobs)


def total_variation_curve(attribution: Tensor, **knobs: Any) -> Curve:
    """The average total variation of the map at each scale, fine to coarse; `.area` is the AUTVC.

    Knobs: `rule`, `smallest`. Otherwise as `curve`.
    """
    checked = METRICS["total_variation"].check(knobs)
    found: Curve = METRICS["total_variation"].run(one_channel(attribution, attribution), **checked)
    return found


def score_of(model: Model, x: Tensor, target: int | None, output: str, store: Store | None) -> ClassScore:
    """The score to explain. Raises ValueError for an invalid image, class or output."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise ValueError("the image must be a tensor of floating-point numbers; make it with model.prepare(photo)")
    if x.ndim != 3 or x.shape[0] != len(model.mean):
        raise ValueError(f"the image has shape {tuple(x.shape)}; use one image, ({len(model.mean)}, height, width)")
    held = next((entry.dtype for entry in model.module.parameters() if entry.is_floating_point()), x.dtype)
    if x.dtype != held:
        raise ValueError(f"the image holds {x.dtype} values, and {model.name} computes in {held}; use x.to({held})")
    if not x.isfinite().all():
        raise ValueError("the image holds NaN or infinity; check how it was made")
    if target is None:
        target = model.predict(x.to(model.device), k=1)[0][0]
    if isinstance(target, bool) or not isinstance(target, int):
        raise ValueError(f"class {target!r} must be a whole number; model.predict lists the most likely ones")
    if not 0 <= target < len(model.categories):
        raise ValueError(f"class {target} does not exist; {model.name} has classes 0 to {len(model.categories) - 1}")
    return ClassScore(model, target, output, store)


def one_channel(attribution: Tensor, x: Tensor) -> Heatmap:
    """The signed sum over channels, (h, w), float64 on the CPU, of an attribution (c, h, w) or (h, w).

    Raises ValueError if it is not finite or does not fit x.
    """
    if attribution.ndim not in (2, 3) or attribution.shape[-2:] != x.shape[-2:]:
        raise ValueError(f"the map is {tuple(attribution.shape)} but the image is {tuple(x.shape)}; use equal sizes")
    return reduce_channels(attribution if attribution.ndim == 3 else attribution[None], "signed")


def _last(run: Iterable[Last]) -> Last:
    return deque(run, maxlen=1).pop()
