"""Measures one photo: all cases that the results file lacks, one after another."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from attribution import controls
from attribution.benchmark.cases import ADAPTIVE, CONTROL, SEARCHED, SEED, Case
from attribution.benchmark.thumbnails import thumbnail
from attribution.engine.store import Store
from attribution.explain import curve, explain
from attribution.images import load_image
from attribution.models import Model
from attribution.registry import METHODS, METRICS
from attribution.studies.adaptive import FRESH, Outcome, Trial, adaptive_noising
from attribution.types import Curve, Partial, notes

VALUES = 8
"""The number of scores that need as much memory as one gradient."""


@dataclass(frozen=True)
class Task:
    """A photo and the cases to measure on it, each with the metrics that it lacks."""

    name: str
    digest: str
    seed: int
    wanted: tuple[tuple[Case, tuple[Case, ...]], ...]
    output: str = "logit"
    label: int = -1
    """The class that somebody gave the photo; -1 if nobody did."""
    searched: Mapping[str, float] = field(default_factory=dict)
    """By the knobs of adaptive noising: the sigmas that the file holds. They are not searched again for a metric."""


@dataclass(frozen=True)
class Measured:
    """The result of one case on one photo. `error` says what could not be measured.

    `gradients` is the number of gradients that the map uses. `computed` of them were computed for it; the others were
    remembered from earlier cases. `seconds` is the time for the map and its metrics. `detail` holds other results, such
    as the sigma that a search found. `thumbnail` is a JPEG of the photo, or empty; see `thumbnails`.
    """

    case: Case
    seed: int
    target: int = -1
    category: str = ""
    probability: float = 0.0
    gradients: int = 0
    computed: int = 0
    seconds: float = 0.0
    curves: Mapping[Case, Curve] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    output: str = "logit"


class Unreadable(ValueError):
    """The photo itself cannot be used: none of its cases can be measured."""


def steady(model: Model, batch: int | None, patches: int) -> None:
    """Fixes the batch sizes of the model, so that the rows do not depend on the worker or on the order of the cases.

    A batch has `batch` gradients; None means 8 on a CPU, else 64. A batch of scores needs no more memory than a batch
    of gradients; `patches` scores are divided equally among as few batches as possible.
    """
    batch = batch or (8 if model.device.type == "cpu" else 64)
    model.gradient_batch.size = model.gradient_batch.most = batch
    parts = math.ceil(patches / (VALUES * batch))
    model.value_batch.size = model.value_batch.most = math.ceil(patches / parts)
    model.gradient_batch.fixed = model.value_batch.fixed = True


def measure(task: Task, photo: bytes, model: Model) -> Iterator[Measured]:
    """Yields the result of each case of the photo.

    Raises Unreadable for a photo that cannot be decoded, and for one whose classes have no finite probabilities.
    """
    try:
        x = model.prepare(load_image(photo))
    except ValueError as error:
        raise Unreadable(str(error)) from None
    (target, category, probability, _), *_ = model.predict(x, k=1)
    if not math.isfinite(probability):
        raise Unreadable("the model gives its classes no finite probability: its scores are NaN or infinite")
    small = thumbnail(model, x)
    about = partial(Measured, thumbnail=small, output=task.output)
    known = partial(about, target=target, category=category, probability=probability)
    store = Store()
    for case, metrics in task.wanted:
        began = time.perf_counter()
        try:
            made, seed, found = _map(case, model, x, target, task, store)
        except ValueError as error:
            yield about(case, task.seed, error=_line(error))
            continue
        curves, errors = {}, []
        for metric in metrics:
            try:
                curves[metric] = _curve(metric, model, x, made, target, seed, task.output)
            except ValueError as error:
                errors.append(f"{metric.name}: {_line(error)}")
        spent = time.perf_counter() - began
        yield known(case=case, seed=seed, seconds=spent, curves=curves, error="; ".join(errors), **found)


def orders_said() -> str:
    """How the note of each area of the control begins."""
    return f"mean of {controls.ORDERS} random orders"


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _map(
    case: Case, model: Model, x: Tensor, target: int, task: Task, store: Store
) -> tuple[Tensor | None, int, dict[str, Any]]:
    """The map, the seed for its metrics, and what it cost. None: the control, which is several random orders."""
    knobs, seed, output = dict(case.knobs), task.seed, task.output
    if case.name == CONTROL:
        return None, seed, {"detail": {"orders": controls.ORDERS}}
    if case.name == ADAPTIVE:
        return _adaptive(model, x, target, seed, output, store, task.searched.get(case.text), **knobs)
    if SEED in METHODS[case.name].knobs:
        knobs["seed"] = seed
    done = explain(model, x, case.name, target, output=output, store=store, **knobs)
    gradients = METHODS[case.name].gradients(knobs, done.total)
    return done.attribution, seed, {"gradients": gradients, "computed": done.evaluations}


def _adaptive(
    model: Model,
    x: Tensor,
    target: int,
    seed: int,
    output: str,
    store: Store,
    sigma: float | None,
    samples: int,
    **search: Any,
) -> tuple[Tensor, int, dict[str, Any]]:
    """The map at `sigma`, or at the one that a search finds; with noise new to the search, as its area is partly luck.

    With a sigma that is known, the cost is that of the map alone.
    """
    shared: dict[str, Any] = {"samples": samples, "output": output, "store": store}
    cost, computed, detail = samples, 0, {}
    if sigma is None:
        outcome, trials, computed = _search(adaptive_noising(model, x, target, seed=seed, **shared, **search))
        sigma, cost = outcome.sigma, (trials + 1) * samples
        detail = {"sigma": sigma, "search_area": outcome.area, "evaluations": trials}
    fresh = seed + FRESH
    done = explain(model, x, SEARCHED, target, sigma=sigma, seed=fresh, **shared)
    return done.attribution, fresh, {"gradients": cost, "computed": computed + done.evaluations, "detail": detail}


def _search(steps: Iterator[Any]) -> tuple[Outcome, int, int]:
    """What a search finds, its trials that were not remembered, and the gradients that were computed for it."""
    trials, computed, last, outcome = 0, 0, 0, None
    for step in steps:
        if isinstance(step, Partial):
            last = step.evaluations
        elif isinstance(step, Trial | Outcome):  # the map before it is complete
            computed, last = computed + last, 0
            trials += isinstance(step, Trial) and not step.remembered
        outcome = step
    assert isinstance(outcome, Outcome)
    return outcome, trials, computed


def _curve(metric: Case, model: Model, x: Tensor, made: Tensor | None, target: int, seed: int, output: str) -> Curve:
    """The curve of a map; without a map, the mean of those of several random orders.

    Raises ValueError where it is not finite: the results file holds numbers only.
    """
    seeded = SEED in METRICS[metric.name].knobs

    def one(heatmap: Tensor, k: int = 0) -> Curve:
        knobs: dict[str, Any] = {**dict(metric.knobs), **({SEED: seed + k} if seeded else {})}
        found = curve(model, x, heatmap, metric.name, target, output=output, **knobs)
        if not (np.isfinite(found.y).all() and math.isfinite(found.area)):
            raise ValueError("the area or a value of the curve is not finite")
        return found

    if made is not None:
        return one(made)
    height, width = x.shape[-2:]
    *_, band = controls.random_orders(lambda order, k: iter([one(order, k)]), height, width, seed)
    return replace(band, note=notes(f"{orders_said()}, standard deviation {band.spread:.3g}", band.note))
