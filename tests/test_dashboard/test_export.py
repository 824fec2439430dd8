"""The ZIP: what is in it, and that its script makes the same numbers again."""

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace

import by_heart
import numpy as np
import PIL.Image
import pytest
from torch import nn

import attribution
from attribution import METRICS, Store, controls
from attribution.models import Model
from attribution.similarity import Alike, Finding
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.subject import Subject
from dashboard.stage import pictures
from dashboard.views.compare import export
from dashboard.work.glance import Glanced
from dashboard.work.panel import CONTROL, PERTURBATION, Cell, Snapshot, curve_work, map_work
from dashboard.work.scheduler import View

EXPERIMENT = Experiment(image="coffee", sigma=0.4, samples=6, steps=5, baseline="blurred", seed=3, curves=("abpc",))
PATCHES = 2


@pytest.fixture(scope="module")
def subject() -> Subject:
    photo, model = gallery_photo("coffee"), by_heart.model()
    x = model.prepare(photo)
    predictions = tuple(model.predict(x, k=3))
    return Subject(photo, x, "coffee", model, predictions, predictions[0][0])


@pytest.fixture(scope="module")
def patches():
    """Few patches and random orders, for the curves and the script alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Experiment, "patches", PATCHES)
        patch.setattr(controls, "ORDERS", 2)
        yield


@pytest.fixture(scope="module")
def cells(subject, patches) -> tuple[Cell, ...]:
    store, found = Store(), []
    for panel in EXPERIMENT.panels("coffee", subject.model.name, subject.target):
        seen = View("done")
        if panel.method != CONTROL:
            *_, snapshot = map_work(panel, subject.model, subject.x, store)
            seen = View("done", snapshot, seconds=1.5)
        curves = []
        for key, seconds in zip(EXPERIMENT.curve_keys(panel), (2.0, 0.5), strict=True):
            *_, curve = curve_work(key, subject.model, subject.x, store, lambda _: None)
            curves.append((key, View("done", curve, seconds=seconds)))
        found.append(Cell(panel, seen, tuple(curves)))
    return tuple(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, subject, cells):
    found = tmp_path_factory.mktemp("export")
    zipfile.ZipFile(io.BytesIO(export.pack(EXPERIMENT, subject, cells))).extractall(found)
    return found


METHODS = ("integrated_gradients", "smoothgrad", "smooth_taylor")


class Falling(nn.Module):
    """For each of a thousand classes, 1 less the mean of the squares."""

    def forward(self, x):
        return (1 - x.square().mean((1, 2, 3))).unsqueeze(1).expand(-1, 1000)


def picture(file) -> np.ndarray:
    return np.asarray(PIL.Image.open(file))


def test_a_picture_an_overlay_and_the_numbers_of_each_map(folder, subject, cells):
    maps = {cell.panel.method: cell.snapshot.partial.attribution for cell in cells[:3]}
    for end, display in (("", pictures.Display()), ("-overlay", pictures.Display(opacity=0.8))):
        for method, drawn in pictures.draw(maps, subject.photo, display).items():
            np.testing.assert_array_equal(picture(folder / f"{method}{end}.png"), drawn.pixels)
    for method, map_ in maps.items():
        np.testing.assert_array_equal(np.load(folder / f"{method}.npy"), map_.numpy())
    np.testing.assert_array_equal(picture(folder / "photo.png"), np.asarray(gallery_photo("coffee")))
    np.testing.assert_array_equal(picture(folder / "input.png"), subject.photo)


def test_every_point_of_every_curve(folder, cells):
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    for cell in cells:
        own = [r for r in rows if (r["curve"], r["method"]) == ("perturbation", cell.panel.method)]
        np.testing.assert_allclose([float(r["x"]) for r in own], cell.curve(PERTURBATION).x)
        np.testing.assert_allclose([float(r["y"]) for r in own], cell.curve(PERTURBATION).y)
    band = [row for row in rows if (row["curve"], row["method"]) == ("perturbation", "random_order")]
    assert [float(row["low"]) for row in band] == list(cells[-1].curve(PERTURBATION).low)
    assert all(float(row["low"]) <= float(row["y"]) <= float(row["high"]) for row in band)
    assert {row["low"] + row["high"] for row in rows if row["method"] != "random_order"} == {""}
    assert sum(row["curve"] == "total variation" for row in rows) == 3 * 6
    assert sum(row["curve"] == "abpc" for row in rows) == 4 * 11


def test_the_manifest_says_what_made_it(folder, subject, cells):
    made = json.loads((folder / "manifest.json").read_text())
    assert made["complete"]
    assert made["setting"]["sigma"] == 0.4
    assert made["setting"]["seed"] == 3
    of = subject.model
    told = {"name": of.name, "weights": of.digest, "device": "cpu", "precision": of.precision}
    assert made["model"] == told
    assert tuple(made["explained"][name] for name in ("class", "category", "probability", "logit")) == subject.explained
    assert made["photo"]["sha256"] == hashlib.sha256(gallery_photo("coffee").tobytes()).hexdigest()
    for cell in cells[:3]:
        told, snapshot = made["methods"][cell.panel.method], cell.snapshot
        assert told["gradients computed"] == snapshot.partial.evaluations
        assert told["completeness gap"] == (list(snapshot.gap) if snapshot.gap else None)
    path = made["methods"]["integrated_gradients"]
    assert path["gradients computed"] == 5
    assert path["completeness gap"]
    assert made["versions"]["torch"]
    assert made["methods"]["smoothgrad"]["seconds"] == 4.0
    assert path["knobs"]["baseline"] == "blurred"


def test_its_script_makes_the_numbers_again(folder, subject, tmp_path, monkeypatch, capsys):
    """With the core alone: the script knows nothing of the dashboard. (In test_own_models, one runs in a process of its
    own.)"""
    script = (folder / "reproduce.py").read_text()
    assert "dashboard" not in script

    def load(name: str) -> Model:
        assert name == "efficientnet_lite0"
        return subject.model

    monkeypatch.setattr(attribution, "load_model", load)
    monkeypatch.chdir(tmp_path)  # it reads and writes in its own folder, wherever it is run
    exec(script, {"__file__": str(folder / "reproduce.py")})
    made = json.loads((folder / "manifest.json").read_text())["methods"]
    lines = capsys.readouterr().out.splitlines()
    for line in lines:
        method, name, area = line.split()
        assert float(area) == pytest.approx(made[method][METRICS[name].label], abs=0.02)
    for method in METHODS:
        again = np.load(folder / f"{method}-again.npy")
        first = np.load(folder / f"{method}.npy")
        assert np.linalg.norm(again - first) < 1e-3 * np.linalg.norm(first)
    assert len(lines) == 3 * 3


def test_its_script_goes_on_where_a_metric_is_not_defined(subject, cells, tmp_path, monkeypatch, capsys):
    """A score that falls from the mean colour to the photo has no ABPC."""
    methods = ("gradient", "input_x_gradient")
    panels = [EXPERIMENT.panel(method, "coffee", subject.model.name, subject.target) for method in methods]
    asked = replace(EXPERIMENT, methods=methods)
    script = export.script(asked, subject, [Cell(panel, View("done")) for panel in panels])
    falling = Model.wrap(Falling(), size=subject.model.size, categories=subject.model.categories, device="cpu")
    monkeypatch.setattr(attribution, "load_model", lambda name: falling)
    gallery_photo("coffee").save(tmp_path / "photo.png")
    exec(script, {"__file__": str(tmp_path / "reproduce.py")})
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()[:2]) for line in lines] == [f"{m} {n}" for m in methods for n in asked.metrics]
    assert ["does not climb" in line for line in lines] == ["abpc" in line for line in lines]
    assert all(np.load(tmp_path / f"{method}-again.npy").shape == (3, 224, 224) for method in methods)


def test_the_maps_of_the_random_network_are_there_too(subject, cells):
    """Once they are computed."""
    heat = np.random.default_rng(0).normal(size=(224, 224)).astype(np.float32)
    glanced = Glanced(1.0, heat, Alike(0.25), Finding(False, "changed when all 50 layers were random"))
    there = replace(cells[1], random=View("done", glanced))
    waiting = replace(cells[2], random=View("waiting"))
    archive = zipfile.ZipFile(io.BytesIO(export.pack(EXPERIMENT, subject, [cells[0], there, waiting])))
    names = [name for name in archive.namelist() if "-random" in name]
    assert names == ["smoothgrad-random.png", "smoothgrad-random.npy"]
    np.testing.assert_array_equal(np.load(io.BytesIO(archive.read(names[1]))), heat)
    picture = np.asarray(PIL.Image.open(io.BytesIO(archive.read(names[0])))).astype(int).sum(-1)
    assert np.corrcoef(picture.ravel(), np.abs(heat).ravel())[0, 1] > 0.9
    told = json.loads(archive.read("manifest.json"))["methods"]
    assert told["smoothgrad"]["random network"] == "changed when all 50 layers were random"
    assert told["smooth_taylor"]["random network"] == "computed after the curves"
    assert "random network" not in told["integrated_gradients"]


def test_what_is_not_whole_is_said_to_be_partial(subject, cells):
    whole = cells[1].snapshot
    half = Snapshot(whole.partial.__class__(whole.partial.attribution, 3, 6, 3, 0), whole.free)
    stopped = Cell(cells[1].panel, View("stopped", half), tuple((key, View("stopped")) for key, _ in cells[1].curves))
    made = export.manifest(EXPERIMENT, subject, [cells[0], stopped])
    assert not made["complete"]
    told = made["methods"]["smoothgrad"]
    assert (told["state"], told["points"], told["AUPC"], told["AUTVC"]) == ("partial", "3 of 6", None, None)


def test_nothing_yet_is_an_archive_all_the_same(subject, cells):
    waiting = [
        Cell(cell.panel, View("waiting"), tuple((key, View("waiting")) for key, _ in cell.curves)) for cell in cells
    ]
    names = zipfile.ZipFile(io.BytesIO(export.pack(EXPERIMENT, subject, waiting))).namelist()
    assert set(names) == {"photo.png", "input.png", "curves.csv", "manifest.json", "reproduce.py"}
