"""The table over many photos: its preset, the score it is of, the photos that are classified correctly, and its run."""

import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gated
import numpy as np
import pytest
import toys

from attribution import METHODS, explain, load_image, perturbation_curve
from attribution.benchmark.__main__ import main
from attribution.benchmark.cases import PRESETS, metrics, parse, subjects
from attribution.benchmark.labels import labels
from attribution.benchmark.report import report, rows
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Row, Setting
from attribution.benchmark.run import Here, digest_of, run
from attribution.benchmark.tables import tabulate
from attribution.studies.adaptive import Outcome, adaptive_noising

OUTPUTS = ("logit", "probability")
CASES = parse(("smooth_taylor:samples=3", "integrated_gradients:steps=3", "agi:steps=2", "random_order"), subjects())
METRICS = metrics(["perturbation:window=5,regions=4,draws=3", "total_variation:smallest=12"])
SETTING = Setting("toy", "toy", 0)


def measure(folder, file, cases=CASES, setting=SETTING, model=None, measures=METRICS) -> list[Row]:
    with closing(Results(file)) as results:
        run(folder, results, setting, cases, measures, Here(model or toys.of_photos(), patches=3))
        return results.rows()


@pytest.fixture(scope="module")
def files(kept, tmp_path_factory) -> dict[str, Path]:
    """A results file of each score. Tests that change one take a copy."""
    place = tmp_path_factory.mktemp("measured")
    made = {output: place / f"{output}.db" for output in OUTPUTS}
    for output, file in made.items():
        measure(kept, file, setting=replace(SETTING, output=output))
    return made


def told(found, **asked) -> str:
    """The printed table, in one line."""
    return " ".join(report(found, "text", None, None, **asked).split())


class TestPreset:
    CASES = parse(PRESETS["headline"], subjects())

    def test_it_is_what_its_results_were_measured_of(self):
        """The methods that are spoken of, and the controls of that time: one that comes later is not in it."""
        methods = {"integrated_gradients", "smoothgrad", "smooth_taylor", "idg", "left_ig", "lrp"}
        controls = {"smooth_taylor_null", "edges", "centre", "blurred_noise", "random_order"}
        assert {case.name for case in self.CASES} == methods | controls
        knobs = [(case.name, dict(case.knobs)) for case in self.CASES]
        assert [found["baseline"] for name, found in knobs if name == "integrated_gradients"] == [
            "black",
            "mean",
            "uniform",
        ]
        for method in ("smoothgrad", "smooth_taylor", "smooth_taylor_null"):
            plain = [found for name, found in knobs if name == method and found.get("form", "mean") == "mean"]
            assert [found["sigma"] for found in plain] == [0.1, 0.3, 0.5]
            assert {found["samples"] for found in plain} == {150}
        assert sum(found.get("form") == "squared" for _, found in knobs) == 1

    def test_what_looks_at_the_same_points_computes_them_once(self, kept, tmp_path):
        found = measure(kept / "below", tmp_path / "r.db", self.CASES, measures=METRICS[1:])
        assert len(found) == len(self.CASES)
        computed = {(r.method, r.knobs.get("sigma"), r.knobs.get("form", "mean")): r.computed for r in found}
        for sigma in (0.1, 0.3, 0.5):
            assert computed["smoothgrad", sigma, "mean"] == 150
            assert computed["smooth_taylor", sigma, "mean"] == computed["smooth_taylor_null", sigma, "mean"] == 0
        assert computed["smoothgrad", 0.3, "squared"] == 0
        without = ("edges", "centre", "blurred_noise", "random_order")
        assert sum(computed[name, None, "mean"] for name in without) == 0
        assert {r.gradients for r in found if r.method in without} == {0}, "a map without gradients uses none"


class TestScore:
    @pytest.mark.parametrize("output", OUTPUTS)
    def test_rows_are_what_the_core_gives_of_it(self, kept, files, output):
        found = Results.read(files[output]).rows()
        assert len(found) == 3 * len(CASES) * len(METRICS)
        model = Here(toys.of_photos(), patches=3).model
        assert {row.output for row in found} == {output}
        for row in found:
            if row.metric == "perturbation" and row.method != "random_order":
                x = model.prepare(load_image((kept / row.photo).read_bytes()))
                knobs = {**row.knobs, **({"seed": row.seed} if "seed" in METHODS[row.method].knobs else {})}
                made = explain(model, x, row.method, row.target, output=output, **knobs).attribution
                ways = {"seed": row.seed, "window": 5, "regions": 4, "draws": 3}
                assert row.area == perturbation_curve(model, x, made, row.target, output=output, **ways).area

    def test_the_two_are_not_the_same(self, files):
        areas = [[row.area for row in Results.read(file).rows()] for file in files.values()]
        assert not np.allclose(*areas, rtol=1e-3)

    def test_a_search_is_of_it_too(self, kept, tmp_path):
        cases = parse(["adaptive_noising:samples=2,iterations=1,objective=aupc"], subjects(3))
        setting, measures = replace(SETTING, output="probability"), metrics(["perturbation:draws=3"])
        model = Here(toys.of_photos(64), patches=3).model
        found = measure(kept, tmp_path / "r.db", cases, setting, model, measures)
        assert len(found) == 3
        for row in found:
            x = model.prepare(load_image((kept / row.photo).read_bytes()))
            knobs = {"objective": "aupc", "samples": 2, "iterations": 1, "draws": 3, "output": "probability"}
            seed = row.seed - 1_000_003
            *_, outcome = adaptive_noising(model, x, row.target, seed=seed, **knobs)
            assert isinstance(outcome, Outcome)
            assert row.detail["sigma"] == outcome.sigma
            made = explain(
                model,
                x,
                "smooth_taylor",
                row.target,
                output="probability",
                sigma=outcome.sigma,
                samples=2,
                seed=row.seed,
            ).attribution
            area = perturbation_curve(model, x, made, row.target, output="probability", draws=3, seed=row.seed).area
            assert row.area == pytest.approx(area, rel=1e-6)

    def test_a_file_holds_one_of_them(self, kept, tmp_path, capsys):
        arguments = ["--methods", "gradient", "--metrics", "total_variation", "--model", "toys:of_photos"]
        file = str(tmp_path / "r.db")
        assert main([str(kept), "--out", file, "--output", "probability", *arguments]) == 0
        assert main([str(kept), "--out", file, *arguments]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.endswith("the file holds results of the probability; choose another file for the logit")
        assert main([str(kept), "--out", file, "--output", "probability", *arguments]) == 0, "the same one goes on"

    def test_a_file_without_it_is_of_the_logit(self, kept, files, tmp_path):
        shutil.copy(files["logit"], tmp_path / "r.db")
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            opened.execute("ALTER TABLE maps DROP COLUMN output")
            opened.execute("ALTER TABLE photos DROP COLUMN label")
            opened.execute("PRAGMA user_version = 2")
        found = Results.read(tmp_path / "r.db").rows()
        assert {(row.output, row.label) for row in found} == {("logit", -1)}
        again = measure(kept, tmp_path / "r.db")
        assert {row.seconds for row in again} == {row.seconds for row in found}, "and nothing is measured again"
        with pytest.raises(ValueError, match="the file holds results of the logit"):
            measure(kept, tmp_path / "r.db", setting=replace(SETTING, output="probability"))

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_the_table_and_the_csv_say_it(self, files, output):
        found = Results.read(files[output]).rows()
        assert f"The {output} is explained and measured." in told(found)
        assert rows(found).splitlines()[1].split(",")[-2:] == [output, "-1"]


def label(folder, classes):
    lines = [f"{name},{number}" for name, number in classes.items()]
    (folder / "labels.csv").write_text("\n".join(["file,imagenet_class", *lines, ""]))


def likeliest(folder) -> dict[str, int]:
    model = toys.of_photos()
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.png")}
    return {name: model.predict(model.prepare(load_image(file)), k=1)[0][0] for name, file in found.items()}


@pytest.fixture(scope="class")
def labels_and_file(kept, tmp_path_factory) -> tuple[dict[str, int], Path]:
    """The labels of photos, and the results file of a run over them. One of three is not what its label says."""
    place = tmp_path_factory.mktemp("labelled")
    shutil.copytree(kept, place / "photos")
    given = likeliest(kept) | {"cat.png": 7}
    label(place / "photos", given)
    measure(place / "photos", place / "r.db", CASES[:2])
    return given, place / "r.db"


@pytest.fixture
def labelled(labels_and_file) -> list[Row]:
    return Results.read(labels_and_file[1]).rows()


class TestLabels:
    def test_they_are_read_by_the_names_of_photos(self, folder):
        assert labels(folder) == {}
        label(folder, {"cat.png": 281, "below/coffee.png": "", "rocket.png": 657})
        assert labels(folder) == {"cat.png": 281, "rocket.png": 657}
        (folder / "labels.csv").write_text("file,imagenet_class\ncat.png,281\n", encoding="utf-8-sig")
        assert labels(folder) == {"cat.png": 281}, "as a spreadsheet writes it: with a byte-order mark"
        (folder / "labels.csv").write_text("cat.png,281\nrocket.png, 657\n")
        assert labels(folder) == {"cat.png": 281, "rocket.png": 657}, "without a head, as the dashboard reads it too"
        for other in ("name,what\ncat.png,cat\n", "name,count\ncat.png,3\n", "cat.png,281,3\n", ""):
            (folder / "labels.csv").write_text(other)
            assert labels(folder) == {}, "another list that goes by this name"
        label(folder, {"cat.png": "tabby"})
        with pytest.raises(
            ValueError, match=r"labels.csv: the class of cat.png is tabby; write its number, or nothing"
        ):
            labels(folder)

    def test_semicolons_separate_as_well(self, folder):
        for text in (
            "file;imagenet_class\ncat.png;281\n",
            "cat.png;281\n",
            "file;title;imagenet_class\ncat.png;a,b;281",
        ):
            (folder / "labels.csv").write_text(text)
            assert labels(folder) == {"cat.png": 281}

    @pytest.mark.parametrize(
        ("held", "line"),
        [
            ("file,imagenet_class\nM\u00fcller.png,3\n".encode("cp1252"), "is not UTF-8; save it as CSV in UTF-8"),
            ("file,imagenet_class\ncat.png,3\n".encode("utf-16"), "is not UTF-8; save it as CSV in UTF-8"),
            (b'file,imagenet_class\n"' + b"x" * 200_000 + b'",1\n', "cannot be read as CSV (field larger than"),
            (b"file,imagenet_class\ncat.png," + b"9" * 19, f"the class of cat.png is {'9' * 19}; write its number"),
            (b"file,imagenet_class\ncat.png," + b"9" * 9000, f"the class of cat.png is {'9' * 40}; write its number"),
        ],
        ids=["cp1252", "utf-16", "long field", "large class", "very large class"],
    )
    def test_a_file_that_cannot_be_read_is_one_line(self, folder, tmp_path, capsys, held, line):
        (folder / "labels.csv").write_bytes(held)
        given = ["--model", "toys:of_photos", "--device", "cpu", "--methods", "edges", "--metrics", "total_variation"]
        assert main([str(folder), "--out", str(tmp_path / "r.db"), *given]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"attribution.benchmark: {folder / 'labels.csv'}")
        assert line in told
        assert told.count("\n") == 1

    def test_each_row_has_that_of_its_photo(self, labels_and_file, labelled):
        assert {row.photo: row.label for row in labelled} == labels_and_file[0]

    def test_the_table_says_for_how_many_the_likeliest_class_is_the_label(self, labelled):
        assert "toy, 3 photos. The likeliest class is the label on 2 of 3 photos." in told(labelled)
        some = [replace(row, label=-1) if row.photo == "rocket.png" else row for row in labelled]
        assert "The likeliest class is the label on 1 of the 2 photos that have a label." in told(some)
        assert "is the label" not in told([replace(row, label=-1) for row in labelled])

    def test_the_table_can_be_of_these_alone(self, labelled):
        said = told(labelled, correct=True)
        assert "toy, 2 photos. They are those whose likeliest class is their label." in said
        every, right = tabulate(labelled), tabulate(labelled, correct=True)
        assert right.photos == tuple(
            photo for photo in every.photos if every.rows[every.cases[0], photo].photo != "cat.png"
        )
        kept = [every.photos.index(photo) for photo in right.photos]
        np.testing.assert_array_equal(right.areas["perturbation"], every.areas["perturbation"][:, kept])

    def test_without_labels_there_are_none_and_it_is_said(self, files, capsys):
        assert main(["report", str(files["logit"]), "--correct"]) == 2
        assert "no photo has its label as likeliest class; use a folder with labels.csv" in capsys.readouterr().err

    def test_the_same_command_adds_them_and_measures_nothing(self, folder, files, tmp_path, capsys):
        before = Results.read(shutil.copy(files["logit"], tmp_path / "r.db")).rows()
        label(folder, likeliest(folder))
        network, counter = toys.counted(toys.of_photos())
        after = measure(folder, tmp_path / "r.db", model=network)
        assert counter.gradients == counter.values == 0
        assert [row.seconds for row in after] == [row.seconds for row in before]
        assert main(["report", str(tmp_path / "r.db"), "--correct"]) == 0
        assert "toy, 3 photos. They are those" in " ".join(capsys.readouterr().out.split())

    def test_they_are_of_the_photos_of_their_own_folder(self, folder, tmp_path):
        """Another photo of the same name, from another folder in the same file, keeps its own."""
        other = tmp_path / "other"
        other.mkdir()
        shutil.copy(folder / "rocket.png", other / "cat.png")
        label(folder, {"cat.png": 0})
        for one in (folder, other):
            measure(one, tmp_path / "r.db", CASES[:1])
        label(other, {"cat.png": 1})
        after = measure(other, tmp_path / "r.db", CASES[:1])
        assert {row.digest: row.label for row in after if row.photo == "cat.png"} == {
            digest_of((folder / "cat.png").read_bytes()): 0,
            digest_of((other / "cat.png").read_bytes()): 1,
        }

    def test_they_stay_when_the_list_is_gone(self, kept, labels_and_file, tmp_path):
        shutil.copy(labels_and_file[1], tmp_path / "r.db")
        more = measure(kept, tmp_path / "r.db", parse(["gradient"], subjects()))
        assert {row.photo: row.label for row in more}["cat.png"] == 7


def test_killed_from_outside_the_same_command_goes_on(kept, tmp_path, monkeypatch):
    """As a person does it: by the command line, with the rows of the run before it left as they were."""
    file, whole, gate = tmp_path / "killed.db", tmp_path / "whole.db", tmp_path / "gate"
    methods = ["smoothgrad:samples=4", "smooth_taylor:samples=4", "integrated_gradients:steps=4", "random_order"]
    arguments = [str(kept), "--methods", *methods, "--metrics", "perturbation:draws=2,regions=3", "--device", "cpu"]
    command = [*arguments, "--model", "gated:network", "--output", "probability", "--threads", "1"]
    monkeypatch.setattr(gated.Gated, "calls", 0)
    assert main([*command, "--out", str(whole)]) == 0
    calls = gated.Gated.calls
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(Path(gated.__file__).parent),
        "GATE": str(gate),
        "CALLS": str(calls // 2),  # in the second of three photos
    }
    with gate.open("w") as shut:
        fcntl.flock(shut, fcntl.LOCK_EX)
        first = subprocess.Popen(
            [sys.executable, "-m", "attribution.benchmark", *command, "--out", file],
            cwd=Path(__file__).parents[2],
            env=environment,
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        line = first.stderr.readline()  # the first photo is written; the second waits at the gate
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert re.search(r": \d+ of 12 maps", line)
    before = Results.read(file).rows()
    assert 4 <= len(before) < 12
    assert main([*command, "--out", str(file)]) == 0
    assert gated.Gated.calls - calls < calls, "what is there is not measured again"
    after = Results.read(file).rows()
    written = {(row.photo, row.method): row.seconds for row in after}
    assert all(written[row.photo, row.method] == row.seconds for row in before), "nor written"
    assert content(after) == content(Results.read(whole).rows())


def content(found: list[Row]) -> list[str]:
    """All of the rows but the time they took and what was remembered."""
    same = (vars(replace(row, seconds=0, computed=0)) | {"curve": row.curve.tolist()} for row in found)
    return sorted(json.dumps(row, default=str) for row in same)
