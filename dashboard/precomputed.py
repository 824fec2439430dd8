"""Makes the file of the precomputed example (`python -m dashboard.precomputed`), and lets it stand in for live work."""

import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import timm
import torch
import torchvision

from attribution import Store, load_model
from attribution.metrics.perturbation import PerturbationCurve
from attribution.types import Curve, Partial
from dashboard import example, figures, pictures, report
from dashboard.experiment import Experiment, gallery_photo
from dashboard.jobs import View
from dashboard.panels import CONTROL, REGIONS, WINDOW, Cell, Fall, Snapshot, fall_work, map_work
from dashboard.subject import Subject


def stand_in(cells: tuple[Cell, ...], experiment: Experiment, subject: Subject) -> tuple[Cell, ...]:
    """The cells; those of the default experiment that are still at work show what was computed beforehand."""
    if experiment != Experiment() or subject.model.digest != example.load().about["weights"]:
        return cells
    return tuple(_precomputed(cell) if cell.live else cell for cell in cells)


def _precomputed(cell: Cell) -> Cell:
    method = cell.panel.method
    seen = cell.map if method == CONTROL else View("done", _snapshot(method, cell.panel.target))
    return Cell(cell.panel, cell.patches, seen, View("done", _fall(method)), instead_of=cell)


@cache
def _fall(method: str) -> Curve:
    held = example.load()
    values = np.array(held.falls[method])
    replaced = tuple(tuple(window) for window in held.about["replaced"][method])
    return PerturbationCurve(np.arange(float(len(values))), values, "", (), replaced, WINDOW, Experiment().patches)


def _curve(values: list[float]) -> Curve:
    return Curve(np.arange(float(len(values))), np.array(values))


@cache
def _snapshot(method: str, target: int) -> Snapshot:
    """The same one each time: what is equal is not drawn again."""
    held = example.load()
    said = held.about["methods"][method]
    attribution = torch.from_numpy(held.maps[method]).float()[None]
    partial = Partial(attribution, said["points"], said["points"], 0, target)
    gap = (said["gap"][0], said["gap"][1]) if said["gap"] else None
    return Snapshot(partial, _curve(held.variations[method]), gap)


def make() -> dict[str, Any]:
    """Computes the default experiment on the CPU: what the file holds."""
    experiment, model = Experiment(), load_model(Experiment().model, device="cpu")
    photo = gallery_photo(experiment.image)
    x, store = model.prepare(photo), Store()
    predictions = tuple(model.predict(x, k=2))
    subject = Subject(photo, x, experiment.image, model, predictions, predictions[0][0])
    found: dict[str, Any] = {}
    methods: dict[str, Any] = {}
    replaced: dict[str, Any] = {}
    for panel in experiment.panels(subject.image, model.name, subject.target):
        if panel.method != CONTROL:
            *_, snapshot = map_work(panel, model, x, store)
            values = pictures.signed(snapshot.partial.attribution)
            unit = float(np.abs(values).max())
            found[f"map:{panel.method}"] = (values / unit).astype(np.float16)
            found[f"variation:{panel.method}"] = snapshot.variation.y
            methods[panel.method] = {
                "title": figures.TITLES[panel.method],
                "gloss": report.GLOSS[panel.method],
                "words": report.describe(panel.method, snapshot),
                "points": snapshot.partial.total,
                "gap": snapshot.gap,
                "unit": unit,
            }
        # The map is made again from what is remembered: quickly, and as the page would.
        *_, fall = fall_work(Fall(panel, experiment.patches), model, x, store, lambda _: None)
        assert isinstance(fall, PerturbationCurve)
        found[f"fall:{panel.method}"] = fall.y
        replaced[panel.method] = fall.replaced
    about = {
        "setting": asdict(experiment),
        "weights": model.digest,
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__},
        "size": model.size,
        "resize": model.resize,
        "sides": subject.sides,
        "regions": REGIONS,
        "prediction": report.prediction(subject.predicted, subject.explained).replace("**", ""),
        "photo": report.photo(subject.predicted),
        "methods": methods,
        "replaced": replaced,
        "palettes": pictures.PALETTES,
    }
    return {**found, "about": np.array(json.dumps(about))}


if __name__ == "__main__":
    np.savez_compressed(example.FILE, **make())
    print(f"{example.FILE}: {example.FILE.stat().st_size / 1024:.0f} KB")
