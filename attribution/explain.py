"""The entry points: run a method by its name on a model and an image, and evaluate the result with a metric."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

import attribution.methods
import attribution.metrics  # noqa: F401  these two imports register all methods and metrics
from attribution.engine.downloads import reason_of
from attribution.engine.score import ClassScore, check_image
from attribution.engine.store import Store
from attribution.heatmaps import as_tensor, reduce_channels
from attribution.knobs import whole
from attribution.models import Model
from attribution.notebook import Explained
from attribution.registry import METHODS, METRICS, curves, entry
from attribution.types import Curve, Heatmap, Partial, Run, Stepwise

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
    ValueError at once, before any gradient is computed; an image of a size at which the network fails, when it does.
    """
    run = stepwise(model, x, method, target, output, store, knobs)
    return (found for found in run if found is not None)


def stepwise(
    model: Model, x: Tensor, method: str, target: int | None, output: str, store: Store | None, knobs: Mapping[str, Any]
) -> Stepwise:
    """`stream`, with None after each step before the first map."""
    chosen = entry(METHODS, method)
    checked = chosen.check(knobs)
    score = score_of(model, x, target, output, store)
    return _running(chosen.run(score, x.detach().to(model.device), **checked), model, x)


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
            for partial in stepwise(model, x, method, target, output, store, knobs):
                if found is not None or partial is None:
                    yield label, None
                found = partial or found
        except ValueError as error:
            found = error
        yield label, found


def curve(
    model: Model,
    x: Tensor,
    attribution: Tensor | np.ndarray,
    metric: str,
    target: int | None = None,
    *,
    output: str = "logit",
    **knobs: Any,
) -> Curve:
    """Evaluates an attribution with `metric`, one of the metrics that are curves; `.area` is its value.

    `attribution` is signed: (c, h, w), or summed over channels, (h, w); a tensor, or an array of NumPy. Raises
    ValueError as `stream` does, for an attribution that is not finite or does not fit x, and where the metric is not
    defined.
    """
    chosen = entry(curves(), metric)
    checked = chosen.check(knobs)
    if not chosen.scored:
        found: Curve = chosen.run(one_channel(attribution, x), **checked)
        return found
    score = score_of(model, x, target, output, None)
    run: Iterator[Curve] = chosen.run(score, x.detach().to(model.device), one_channel(attribution, x), **checked)
    return _last(_running(run, model, x))


def perturbation_curve(
    model: Model,
    x: Tensor,
    attribution: Tensor | np.ndarray,
    target: int | None = None,
    *,
    output: str = "logit",
    **knobs: Any,
) -> Curve:
    """The score while regions are replaced by noise, highest |attribution| first; `.area` is the AUPC.

    Knobs: `window`, `regions`, `draws`, `seed`. Otherwise as `curve`.
    """
    return curve(model, x, attribution, "perturbation", target, output=output, **knobs)


def total_variation_curve(attribution: Tensor | np.ndarray, **knobs: Any) -> Curve:
    """The average total variation of the map at each scale, fine to coarse; `.area` is the AUTVC.

    Knobs: `rule`, `smallest`. Otherwise as `curve`.
    """
    checked = METRICS["total_variation"].check(knobs)
    held = as_tensor(attribution)
    found: Curve = METRICS["total_variation"].run(one_channel(held, held), **checked)
    return found


def score_of(model: Model, x: Tensor, target: int | None, output: str, store: Store | None) -> ClassScore:
    """The score to explain. Raises ValueError for an invalid image, class or output."""
    if not isinstance(model, Model):
        raise ValueError(f"a {type(model).__name__} is no Model; use load_model(name) or Model.wrap(network, size=...)")
    check_image(model, x)
    with _fitting(model, x):
        chosen = model.predict(x.to(model.device), k=1)[0][0] if target is None else whole(target)
    if chosen is None:
        raise ValueError(f"class {target!r} must be a whole number; model.predict lists the most likely ones")
    if not 0 <= chosen < len(model.categories):
        raise ValueError(f"class {chosen} does not exist; {model.name} has classes 0 to {len(model.categories) - 1}")
    return ClassScore(model, chosen, output, store)


def one_channel(attribution: Tensor | np.ndarray, x: Tensor) -> Heatmap:
    """The signed sum over channels, (h, w), float64 on the CPU, of an attribution (c, h, w) or (h, w).

    Raises ValueError if it is not finite or does not fit x.
    """
    held = as_tensor(attribution)
    if held.ndim not in (2, 3):
        raise ValueError(f"the map has shape {tuple(held.shape)}; use one map, (channels, h, w) or (h, w)")
    if held.shape[-2:] != x.shape[-2:]:
        raise ValueError(f"the map is {tuple(held.shape)} but the image is {tuple(x.shape)}; use equal sizes")
    return reduce_channels(held if held.ndim == 3 else held[None], "signed")


@contextmanager
def _fitting(model: Model, x: Tensor) -> Iterator[None]:
    """Where the network fails within, and x has another size than its own photos: a ValueError that says so."""
    try:
        yield
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # a network can raise anything
        own, given = (model.size, model.size), tuple(x.shape[-2:])
        if given == own:
            raise
        said = f"{model.name} fails on an image of {given} pixels ({reason_of(error)})"
        raise ValueError(f"{said}; its own photos have {own}: use model.prepare(photo)") from error


def _running(run: Iterator[Last], model: Model, x: Tensor) -> Iterator[Last]:
    with _fitting(model, x):
        yield from run


def _last(run: Iterable[Last]) -> Last:
    return deque(run, maxlen=1).pop()
