"""Photos of a folder that cannot be measured, or not with every method: they are told, and the others are measured."""

import errno
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import toys
from surveys import rows_of

from attribution.benchmark.__main__ import main
from attribution.benchmark.cases import metrics, parse, subjects
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, run
from attribution.engine.score import OVERFLOWED

CASES = parse(["gradient", "random_order"], subjects())
METRICS = metrics(["perturbation:draws=2,regions=3", "total_variation:smallest=12"])
SETTING = Setting("toy", "toy", 0)


def measured(folder, file, model=None, cases=CASES):
    """What a run says of what could not be measured."""
    results = Results(file)
    failed = run(folder, results, SETTING, cases, METRICS, Here(model or toys.of_photos(), patches=3))
    results.close()
    return failed


class Overflows(torch.nn.Module):
    """Bright images overflow: all their scores are `value`. The noise of the metrics is bright."""

    def __init__(self, inner, value):
        super().__init__()
        self.inner, self.value = inner, value

    def forward(self, points):
        bright = points.flatten(1).amax(1, keepdim=True) > 1.5
        return torch.where(bright, torch.tensor(self.value), self.inner(points))


def overflowing(value):
    made = toys.of_photos()
    return replace(made, module=Overflows(made.module, value).eval())


def dull(folder):
    """A photo that does not overflow."""
    pixels = np.full((60, 60, 3), 90, np.uint8)
    pixels[20:40, 20:40] = 120
    PIL.Image.fromarray(pixels).save(folder / "dull.png")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_an_error_of_its_own(folder, tmp_path, value):
    """Of a metric, or of a photo whose own score overflows. All else is measured, and the file can be read."""
    dull(folder)
    failed = measured(folder, tmp_path / "r.db", overflowing(value))
    bright = "the model gives its classes no finite probability: its scores are NaN or infinite"
    assert [one for one in failed if one[0] != "dull.png"] == [
        (photo, "", bright) for photo in ("below/coffee.png", "cat.png", "rocket.png")
    ]
    area = f"perturbation: {OVERFLOWED}"
    assert [one for one in failed if one[0] == "dull.png"] == [
        ("dull.png", "gradient {}", area),
        ("dull.png", "random_order {}", area),
    ]
    results = Results.read(tmp_path / "r.db")
    assert [(row.photo, row.method, row.metric) for row in results.rows()] == [
        ("dull.png", case.name, "total_variation") for case in CASES
    ]
    assert len(results.errors()) == len(failed) == 5
    assert measured(folder, tmp_path / "r.db") == [], "a network that does not overflow measures what lacks"
    assert len(Results.read(tmp_path / "r.db").rows()) == 4 * 2 * 2


def test_a_search_with_an_area_that_is_not_finite_finds_no_sigma(tmp_path):
    (tmp_path / "photos").mkdir()
    dull(tmp_path / "photos")
    cases = parse(["adaptive_noising:objective=aupc,samples=2,iterations=1,draws=2"], subjects())
    ((_, _, error),) = measured(tmp_path / "photos", tmp_path / "r.db", overflowing(math.nan), cases)
    assert error == OVERFLOWED


def test_a_photo_that_cannot_be_opened_is_told_until_it_can(folder, tmp_path, monkeypatch):
    """Measured before or not: what the file says of it goes with the next run that opens it."""
    measured(folder, tmp_path / "r.db")
    shutil.copy(folder / "cat.png", folder / "new.png")
    shut, read = ("cat.png", "new.png"), Path.read_bytes

    def refusing(file):
        if file.name in shut:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(file)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refusing)
        for _ in range(2):
            failed = measured(folder, tmp_path / "r.db")
            assert failed == [(name, "", "cannot be opened: Permission denied") for name in shut]
            assert Results.read(tmp_path / "r.db").errors() == failed
    assert measured(folder, tmp_path / "r.db") == Results.read(tmp_path / "r.db").errors() == []
    assert len(Results.read(tmp_path / "r.db").rows()) == 4 * 2 * 2


def test_photos_of_two_folders_that_cannot_be_opened_are_both_told(tmp_path, monkeypatch):
    """A run over one folder forgets nothing of the other."""

    def refusing(file):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refusing)
    for name in ("one", "other", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{name}.png").touch()
        assert [photo for photo, *_ in measured(tmp_path / name, tmp_path / "r.db")] == [f"{name}.png"]
    assert {photo for photo, *_ in Results.read(tmp_path / "r.db").errors()} == {"one.png", "other.png"}


@pytest.mark.parametrize("shut", ["", "below"])
def test_a_folder_that_cannot_be_read_is_one_line(folder, tmp_path, capsys, monkeypatch, shut):
    """The folder, or one in it: its photos would be missing, and nothing would say so."""
    scandir = os.scandir

    def refusing(path):
        if Path(path) == folder / shut:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    given = [str(folder), "--model", "toys:of_photos", "--methods", "edges", "--device", "cpu"]
    for command in ([], ["agreement"]):
        assert main([*command, *given, "--out", str(tmp_path / "out.csv")]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"attribution.benchmark: {folder / shut} cannot be read (Permission denied); ")
        assert told.count("\n") == 1


def test_a_name_that_is_not_utf_8_is_told_and_the_others_are_measured(folder, tmp_path, capsys):
    """By the benchmark and by surveys: neither file can hold such a name."""
    shutil.copy(folder / "cat.png", os.fsencode(folder) + b"/caf\xe9.png")
    arguments = [str(folder), "--model", "toys:of_photos", "--methods", "gradient", "--device", "cpu"]
    told = "caf\\udce9.png: the name of the file is not UTF-8; rename it\n"
    assert main([*arguments, "--metrics", "total_variation", "--out", str(tmp_path / "r.db")]) == 1
    assert capsys.readouterr().err.endswith("\n" + told)
    assert len(Results.read(tmp_path / "r.db").rows()) == 3
    assert main(["agreement", *arguments, "--out", str(tmp_path / "agreement.csv")]) == 1
    assert capsys.readouterr().err == told
    assert len(rows_of(tmp_path / "agreement.csv")) == 3
