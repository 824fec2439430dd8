"""Makes the file of the precomputed example (`python -m dashboard.cold_start.precomputed`), and shows the example
while its results are being computed here.
"""

import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import timm
import torch
import torchvision

from attribution import METRICS, Store, load_model
from attribution.controls import Band
from attribution.metrics.perturbation import PerturbationCurve
from attribution.types import Curve, Partial
from dashboard.cold_start import example
from dashboard.experiment import words
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.first import FIRST
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.subject import Subject
from dashboard.stage import pictures
from dashboard.work.panel import CONTROL, PERTURBATION, Cell, Snapshot, curve_of, map_work
from dashboard.work.scheduler import View


def stand_in(cells: tuple[Cell, ...], experiment: Experiment, subject: Subject) -> tuple[Cell, ...]:
    """The cells. Unfinished cells of the first experiment are replaced by precomputed ones."""
    if experiment != FIRST or subject.model.digest != example.load().about["weights"]:
        return cells
    return tuple(_precomputed(cell) if cell.live else cell for cell in cells)


def _precomputed(cell: Cell) -> Cell:
    method, known = cell.panel.method, example.load().curves
    if any(method not in known.get(key.metric, {}) for key, _ in cell.curves):
        return cell
    seen = cell.map if method == CONTROL else View("done", _snapshot(method, cell.panel.target))
    curves = tuple((key, View("done", _curve(key.metric, method))) for key, _ in cell.curves)
    return Cell(cell.panel, seen, curves, instead_of=cell, random=cell.random)


@cache
def _curve(metric: str, method: str) -> Curve:
    """Cached: an identical object is not redrawn."""
    held = example.load()
    y = np.array(held.curves[metric][method])
    x = np.arange(float(len(y)))
    if metric != PERTURBATION:
        return Curve(x, y, "", tuple(held.about["metrics"][metric]["ticks"]))
    if method == CONTROL:
        band = held.about["bands"][metric]
        return Band(x, y, low=np.array(band["low"]), high=np.array(band["high"]), areas=tuple(band["areas"]))
    knobs = METRICS[PERTURBATION].knobs
    replaced = tuple(tuple(region) for region in held.about["replaced"][method])
    return PerturbationCurve(x, y, "", (), replaced, knobs["window"].default, held.about["draws"])


@cache
def _snapshot(method: str, target: int) -> Snapshot:
    held = example.load()
    about = held.about["methods"][method]
    attribution = torch.from_numpy(held.maps[method]).float()[None]
    partial = Partial(attribution, about["points"], about["points"], 0, target)
    gap = (about["gap"][0], about["gap"][1]) if about["gap"] else None
    free = {name: _curve(name, method) for name in held.curves if name in METRICS and not METRICS[name].scored}
    return Snapshot(partial, free, gap)


def make() -> dict[str, Any]:
    """Computes the content of the file: the first experiment, on the CPU."""
    experiment, model = FIRST, load_model(FIRST.model, device="cpu")
    photo = gallery_photo(experiment.image)
    x, store = model.prepare(photo), Store()
    predictions = tuple(model.predict(x, k=2))
    subject = Subject(photo, x, experiment.image, model, predictions, predictions[0][0])
    found: dict[str, Any] = {}
    about: dict[str, Any] = {"titles": {}, "methods": {}, "replaced": {}, "bands": {}, "metrics": {}}
    for panel in experiment.panels(subject.image, model.name, subject.target):
        about["titles"][panel.method] = panel.title
        snapshot: Snapshot | None = None
        if panel.method != CONTROL:
            *_, snapshot = map_work(panel, model, x, store)
            assert snapshot is not None
            values = pictures.signed(snapshot.partial.attribution)
            unit = float(np.abs(values).max())
            found[f"{example.MAP}:{panel.method}"] = (values / unit).astype(np.float16)
            about["methods"][panel.method] = {
                "title": panel.title,
                "gloss": panel.gloss,
                "words": words.describe(panel.title, snapshot.partial.attribution),
                "points": snapshot.partial.total,
                "gap": snapshot.gap,
                "unit": unit,
                "measure": panel.unit,
            }
            _note(found, about, panel.method, dict(snapshot.free))
        for key in experiment.curve_keys(panel):
            *_, curve = curve_of(key, model, x, store, snapshot)
            _note(found, about, panel.method, {key.metric: curve})
    about["metrics"] = {name: about["metrics"][name] for name in experiment.metrics}
    about |= _setting(experiment, subject)
    return {**found, "about": np.array(json.dumps(about))}


def _note(found: dict[str, Any], about: dict[str, Any], method: str, curves: dict[str, Curve]) -> None:
    """Adds the curves of a method, and the data to draw them."""
    for name, curve in curves.items():
        metric = METRICS[name]
        found[f"{name}:{method}"] = curve.y
        shown = words.axes(metric, FIRST.output)
        axes = (shown.x, shown.y, shown.x_range, shown.y_range)
        note = words.explained(metric)
        said = {"title": metric.title, "label": metric.label, "reading": metric.reading, "note": note}
        about["metrics"].setdefault(name, {**said, "axes": axes, "ticks": curve.ticks})
        if isinstance(curve, PerturbationCurve):
            about["replaced"][method] = curve.replaced
        if isinstance(curve, Band):
            ends = {"low": curve.low.round(4).tolist(), "high": curve.high.round(4).tolist()}
            about["bands"][name] = {**ends, "areas": curve.areas}


def _setting(experiment: Experiment, subject: Subject) -> dict[str, Any]:
    return {
        "setting": asdict(experiment),
        "draws": experiment.patches,
        "weights": subject.model.digest,
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__},
        "size": subject.model.size,
        "resize": subject.model.resize,
        "prediction": words.prediction(subject.predicted, subject.explained),
        "photo": words.photo(subject.predicted),
        "palettes": pictures.PALETTES,
    }


if __name__ == "__main__":
    np.savez_compressed(example.FILE, **make())
    print(f"{example.FILE}: {example.FILE.stat().st_size / 1024:.0f} KB")
