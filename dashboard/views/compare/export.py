"""A ZIP of the results on screen: pictures, numbers, the setting, and a script that recomputes the numbers."""

import csv
import hashlib
import io
import json
import platform
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import PIL.Image

from attribution import METRICS
from attribution.controls import Band
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.stage import pictures
from dashboard.views.compare import glance
from dashboard.views.compare.table import finished_area
from dashboard.work.panel import CONTROL, Cell

PACKAGES = ("torch", "torchvision", "timm", "numpy", "attribution-dashboard")
SCRIPT = '''"""Recomputes the numbers of this folder with the attribution core only."""

from pathlib import Path

import numpy as np

from attribution import Store, curve, explain, load_image, load_model

HERE = Path(__file__).parent
METHODS = {methods!r}
METRICS = {metrics!r}

model = load_model({model!r}){place}
x = model.prepare(load_image(HERE / "photo.png"))
store = Store()  # points shared by two methods are evaluated once
for method, knobs in METHODS.items():
    done = explain(model, x, method, {target}, output={output!r}, store=store, **knobs)
    np.save(HERE / f"{{method}}-again.npy", done.attribution.cpu().numpy())
    for metric, how in METRICS.items():
        try:
            found = curve(model, x, done.attribution, metric, {target}, output={output!r}, **how)
        except ValueError as error:  # the metric is not defined here
            print(method, metric, error)
        else:
            print(method, metric, f"{{found.area:.4f}}")
'''


def pack(experiment: Experiment, subject: Subject, cells: Sequence[Cell]) -> bytes:
    """The bytes of the ZIP. It includes unfinished results; the manifest marks them."""
    shown = [cell for cell in cells if cell.panel.method != CONTROL and cell.snapshot]
    attributions = {cell.panel.method: cell.snapshot.partial.attribution for cell in shown if cell.snapshot}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.png", _png(subject.source))
        archive.writestr("input.png", _png(PIL.Image.fromarray(subject.photo)))
        for suffix, display in (("", pictures.Display()), ("-overlay", pictures.Display(opacity=0.8))):
            for method, drawn in pictures.draw(attributions, subject.photo, display).items():
                archive.writestr(f"{method}{suffix}.png", _png(PIL.Image.fromarray(drawn.pixels)))
        for method, attribution in attributions.items():
            archive.writestr(f"{method}.npy", _npy(attribution.cpu().numpy()))
        for method, heat in _random(shown).items():
            archive.writestr(f"{method}-random.png", _png(PIL.Image.fromarray(pictures.alone(heat).pixels)))
            archive.writestr(f"{method}-random.npy", _npy(heat))
        archive.writestr("curves.csv", _curves(cells, experiment.metrics))
        archive.writestr(
            "manifest.json", json.dumps(manifest(experiment, subject, cells), indent=2, ensure_ascii=False)
        )
        archive.writestr("reproduce.py", script(experiment, subject, shown))
    return buffer.getvalue()


def _random(cells: Sequence[Cell]) -> dict[str, np.ndarray]:
    """The maps (H, W) of the random network that are there, by method."""
    found = {cell.panel.method: glance.of(cell) for cell in cells}
    return {method: one.heat for method, one in found.items() if one is not None and one.heat is not None}


def manifest(experiment: Experiment, subject: Subject, cells: Sequence[Cell]) -> dict[str, Any]:
    """What produced the numbers, and whether they are complete."""
    index, category, probability, logit = subject.explained
    model = subject.model
    return {
        "setting": {**asdict(experiment), "target": index, "patches": experiment.patches},
        "explained": {"class": index, "category": category, "probability": probability, "logit": logit},
        "photo": {"sha256": hashlib.sha256(subject.source.tobytes()).hexdigest(), "size": subject.source.size},
        "model": {
            "name": model.name,
            "weights": model.digest,
            "device": str(model.device),
            "precision": model.precision,
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "methods": {cell.panel.method: _method(cell, experiment.metrics) for cell in cells},
        "complete": all(_state(cell) in ("complete", "precomputed") for cell in cells),
    }


def _method(cell: Cell, metrics: Sequence[str]) -> dict[str, Any]:
    partial = cell.snapshot.partial if cell.snapshot else None
    return {
        "title": cell.panel.title,
        "state": _state(cell),
        "knobs": dict(cell.panel.knobs),
        "points": f"{partial.done} of {partial.total}" if partial else None,
        "gradients computed": partial.evaluations if partial else 0,
        **{METRICS[name].label: finished_area(cell, name) for name in metrics},
        "completeness gap": cell.snapshot.gap if cell.snapshot else None,
        **({} if cell.random is None else {"random network": glance.words(cell)}),
        "seconds": round(sum(view.seconds for view in cell.views), 3),
    }


def _state(cell: Cell) -> str:
    if cell.instead_of is not None:
        return "precomputed"
    if all(view.state == "done" for view in cell.views):
        return "complete"
    return "failed" if cell.error else "partial"


def script(experiment: Experiment, subject: Subject, cells: Sequence[Cell]) -> str:
    methods: Mapping[str, Any] = {cell.panel.method: dict(cell.panel.knobs) for cell in cells}
    control = experiment.panel(CONTROL, subject.image, subject.model.name, subject.target)
    metrics = {name: dict(experiment.curve_key(control, name).knobs) for name in experiment.metrics}
    name = subject.model.name
    # Such a name leads to a file or to a module, from the folder where the server runs.
    place = "  # run it in the folder where the dashboard was started" if any(sign in name for sign in ":=") else ""
    made = {"model": name, "place": place, "target": subject.target, "output": experiment.output}
    return SCRIPT.format(methods=methods, metrics=metrics, **made)


def _curves(cells: Sequence[Cell], metrics: Sequence[str]) -> str:
    """Every point of every curve; of the random orders the mean, the lowest and the highest."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["curve", "method", "x", "y", "low", "high"])
    for cell in cells:
        for name in metrics:
            if curve := cell.curve(name):
                words = name.replace("_", " ")
                ends = (curve.low, curve.high) if isinstance(curve, Band) else ([""] * len(curve.y),) * 2
                points = zip(curve.x, curve.y, *ends, strict=True)
                rows.writerows([words, cell.panel.method, *point] for point in points)
    return text.getvalue()


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def _png(image: PIL.Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
