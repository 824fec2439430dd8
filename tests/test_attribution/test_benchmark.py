"""Over a folder: what is measured is what the core gives, once, whatever ends the process; and what is told of it."""

import csv
import io
import json
import math
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import scipy.stats
import torch
import toys

from attribution import controls, explain, load_image, perturbation_curve, registry, total_variation_curve
from attribution.benchmark import tables
from attribution.benchmark.__main__ import main
from attribution.benchmark.cases import ADAPTIVE, PRESETS, Case, adaptive_noising, fitting, metrics, parse, subjects
from attribution.benchmark.intervals import SURE, chance, holm, interval
from attribution.benchmark.paper import PUBLISHED, published
from attribution.benchmark.report import report, rows
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Row, Setting
from attribution.benchmark.run import Clock, Here, digest_of, photos, run, seed_of, spoken
from attribution.benchmark.tables import tabulate
from attribution.controls import random_order
from attribution.explain import curve
from attribution.metrics.perturbation import Patches, perturbation
from attribution.studies import adaptive
from attribution.studies.adaptive import FRESH

METHODS = (
    "smooth_taylor:sigma=0.5,samples=3/5",
    "smoothgrad:samples=5",
    "integrated_gradients:steps=3",
    "random_order",
)
CASES = parse(METHODS, subjects())
METRICS = metrics(["perturbation:window=5,regions=4,draws=3", "total_variation:smallest=12"])
SETTING = Setting("toy", "toy", 0)


def measure(folder, file, cases=CASES, model=None, setting=SETTING, measures=METRICS):
    """The rows of the file after a run."""
    results = Results(file)
    run(folder, results, setting, cases, measures, Here(model or toys.of_photos(), patches=3))
    found = results.rows()
    results.close()
    return found


@pytest.fixture(scope="module")
def whole(kept, tmp_path_factory) -> Path:
    """The results file of a run over `kept`. No test may change it."""
    file = tmp_path_factory.mktemp("measured") / "whole.db"
    measure(kept, file)
    return file


def rows_of(file) -> list[Row]:
    return Results.read(file).rows()


def content(found):
    """All of the rows but the time they took and what the cases before them left to compute, in one order."""
    same = [json.dumps({**vars(replace(r, seconds=0, computed=0)), "curve": list(r.curve)}, default=str) for r in found]
    return sorted(same)


class TestCases:
    def test_a_grid(self):
        found = parse(["smooth_taylor:sigma=0.3/0.5,samples=10/20"], subjects())
        assert [dict(case.knobs) | {} for case in found] == [
            {"sigma": sigma, "samples": samples, "antithetic": False} for sigma in (0.3, 0.5) for samples in (10, 20)
        ]

    def test_a_default_said_is_the_default(self):
        assert parse(["smooth_taylor", "smooth_taylor:sigma=0.5,samples=150"], subjects()) == parse(
            ["smooth_taylor"], subjects()
        )

    def test_a_switch(self):
        (found,) = parse(["smooth_taylor:antithetic=yes"], subjects())
        assert dict(found.knobs)["antithetic"] is True

    def test_a_search_measures_as_its_result_is_measured(self):
        (found,) = parse(["adaptive_noising"], subjects(7))
        assert dict(found.knobs)["draws"] == 7

    def test_the_text_of_a_case_is_as_it_was(self):
        """It identifies the rows of files that are there, whatever order its knobs are declared in."""
        (found,) = parse(["integrated_gradients:steps=50,baseline=black"], subjects())
        assert found.text == '{"baseline": "black", "draws": 1, "rule": "right", "steps": 50}'

    def test_p_is_declared_once(self):
        """The perturbation curve, the search of the benchmark and that of the core have one knob P."""
        assert subjects()["adaptive_noising"].knobs["draws"] == registry.METRICS["perturbation"].knobs["draws"]
        for function in (perturbation, adaptive_noising, adaptive.adaptive_noising):
            assert get_type_hints(function, include_extras=True)["draws"] is Patches

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("nothing", "'nothing' is unknown; use one of agi, blur_ig"),
            ("smooth_taylor:gamma=3", "smooth_taylor has no knob 'gamma'; it has sigma"),
            ("smooth_taylor:sigma=9", "sigma=9.0 must be a number from 0 to 2"),
            ("smooth_taylor:sigma=", "sigma=nothing must be a number"),
            ("smooth_taylor:seed=3", "each photo has its own seed; use --seed instead"),
            ("smooth_taylor:antithetic=1", "antithetic=1 must be yes or no"),
            ("integrated_gradients:baseline=green", "baseline='green' is unknown"),
        ],
    )
    def test_what_is_wrong_is_said(self, text, line):
        with pytest.raises(ValueError, match=line.replace("(", r"\(")):
            parse([text], subjects())

    def test_the_presets_are_the_papers_tables(self):
        """Each published number belongs to exactly one case of the presets."""
        tables = ("table1", "table1-adaptive", "table2")
        cases = [case for name in tables for case in parse(PRESETS[name], subjects())]
        matched = {case: published(case.name, dict(case.knobs)) for case in cases}
        assert sum(bool(found) for found in matched.values()) == len(PUBLISHED) == 23
        assert {tuple(found.values()) for found in matched.values() if found} == {v for _, _, v in PUBLISHED}

    def test_the_family_is_what_its_results_were_measured_of(self):
        """The shipped file is this preset: a method that comes later is not in it."""
        cases = parse(PRESETS["ig-family"], subjects())
        family = "gradient input_x_gradient integrated_gradients left_ig right_ig idg guided_ig ggig agi"
        others = "expected_gradients blur_ig lrp smoothgrad smooth_taylor random_order"
        assert {case.name for case in cases} == {*family.split(), *others.split()}
        paths = ("left_ig", "right_ig", "idg", "guided_ig", "ggig")
        assert {(dict(c.knobs)["steps"], dict(c.knobs)["baseline"]) for c in cases if c.name in paths} == {(50, "mean")}

    def test_smoothgrad_stands_beside_every_smooth_taylor(self):
        for preset in ("table1", "table2"):
            cases = parse(PRESETS[preset], subjects())
            of = {n: [(dict(c.knobs)["sigma"], dict(c.knobs)["samples"]) for c in cases if c.name == n] for n in
                  ("smooth_taylor", "smoothgrad")}  # fmt: skip
            assert sorted(of["smooth_taylor"]) == sorted(of["smoothgrad"])

    def test_another_rule_is_not_the_papers(self):
        assert not published("integrated_gradients", {"baseline": "black", "steps": 50, "rule": "midpoint"})

    def test_a_shorter_search_is_not_the_papers(self):
        knobs = {"objective": "aupc", "samples": 150, "draws": 10}
        assert published("adaptive_noising", {**knobs, "iterations": 20})
        assert not published("adaptive_noising", {**knobs, "iterations": 2})

    @pytest.mark.parametrize(
        "text",
        [text for name in PRESETS for text in PRESETS[name]] + ["integrated_gradients:baseline=black/uniform,draws=5"],
    )
    def test_a_report_of_the_text_that_was_measured_shows_all_of_it(self, text):
        cases = parse([text], subjects())
        assert fitting(text, cases) == list(cases)

    def test_n_matters_for_noise_baselines_alone(self):
        assert parse(["integrated_gradients:draws=5"], subjects()) == parse(["integrated_gradients"], subjects())
        assert len(parse(["integrated_gradients:baseline=uniform,draws=4/5"], subjects())) == 2


class TestRun:
    def test_rows_are_what_the_core_gives(self, kept, whole):
        found = rows_of(whole)
        assert len(found) == 3 * len(CASES) * 2
        model = Here(toys.of_photos(), patches=3).model
        for row in found:
            photo = (kept / row.photo).read_bytes()
            assert row.seed == seed_of(0, digest_of(photo))
            x = model.prepare(load_image(photo))
            assert row.target == model.predict(x, k=1)[0][0]
            if row.method == "random_order":
                continue
            knobs = {**row.knobs, "seed": row.seed}
            map_ = explain(model, x, row.method, row.target, **knobs)
            assert row.gradients == map_.total
            if row.metric == "perturbation":
                curve = perturbation_curve(
                    model, x, map_.attribution, row.target, seed=row.seed, window=5, regions=4, draws=3
                )
            else:
                curve = total_variation_curve(map_.attribution, smallest=12)
            np.testing.assert_array_equal(row.curve, curve.y)
            assert row.area == curve.area

    @pytest.mark.parametrize("photo", ["cat.png", "rocket.png"])
    def test_the_control_is_a_mean_of_random_orders_each_with_noise_of_its_own(self, kept, whole, photo):
        (row,) = [r for r in rows_of(whole) if (r.photo, r.method, r.metric) == (photo, "random_order", "perturbation")]
        model = Here(toys.of_photos(), patches=3).model
        x, known = model.prepare(load_image(kept / photo)), {"window": 5, "regions": 4, "draws": 3}
        curves = [
            perturbation_curve(model, x, random_order(48, 48, row.seed, k), row.target, seed=row.seed + k, **known)
            for k in range(row.detail["orders"])
        ]
        assert len(curves) == controls.ORDERS
        np.testing.assert_allclose(row.curve, np.mean([one.y for one in curves], axis=0), rtol=1e-12)
        assert row.area == pytest.approx(np.mean([one.area for one in curves]), rel=1e-12)
        assert f"standard deviation {np.std([one.area for one in curves], ddof=1):.3g}" in row.note

    def test_points_are_shared_within_a_photo(self, folder, tmp_path):
        network, counter = toys.counted(toys.of_photos())
        found = measure(folder, tmp_path / "r.db", model=network)
        # Five draws for three cases, three steps, for each of three photos; batches are filled up to eight.
        assert sum({(r.photo, r.method, str(r.knobs)): r.computed for r in found}.values()) == 3 * (5 + 3)
        assert counter.largest == 8

    def test_every_photo_has_noise_of_its_own(self, folder, tmp_path):
        assert len({row.seed for row in measure(folder, tmp_path / "r.db", CASES[:1])}) == 3

    def test_what_is_there_is_not_computed_again(self, kept, whole, tmp_path):
        first = measure(kept, tmp_path / "r.db", CASES[:2])
        network, counter = toys.counted(toys.of_photos())
        assert content(measure(kept, tmp_path / "r.db", CASES[:2], network)) == content(first)
        assert counter.gradients == counter.values == 0
        assert content(measure(kept, tmp_path / "r.db", CASES[1:])) == content(rows_of(whole))

    def test_a_metric_that_is_added_is_added(self, kept, whole, tmp_path):
        measure(kept, tmp_path / "r.db", measures=METRICS[1:])
        assert content(measure(kept, tmp_path / "r.db")) == content(rows_of(whole))

    def test_rows_do_not_depend_on_what_went_before(self, kept, whole, tmp_path):
        assert content(measure(kept, tmp_path / "back.db", CASES[::-1])) == content(rows_of(whole))

    def test_other_seeds_and_other_weights_are_other_rows(self, folder, tmp_path):
        first = measure(folder, tmp_path / "r.db", CASES[:1])
        for other in (replace(SETTING, seed=1), replace(SETTING, weights="others")):
            more = measure(folder, tmp_path / "r.db", CASES[:1], setting=other)
            assert len(more) > len(first)
            first = more

    def test_a_photo_that_cannot_be_read_is_recorded_and_the_rest_is_measured(self, folder, tmp_path, capsys):
        good = (folder / "cat.png").read_bytes()
        (folder / "cat.png").write_bytes(good[: len(good) // 2])
        found = measure(folder, tmp_path / "r.db", CASES[:2])
        assert {row.photo for row in found} == {"rocket.png", "below/coffee.png"}
        results = Results(tmp_path / "r.db")
        ((photo, _, error),) = results.errors()
        assert photo == "cat.png"
        assert "damaged" in error
        results.close()
        (folder / "cat.png").write_bytes(good)
        assert {row.photo for row in measure(folder, tmp_path / "r.db", CASES[:2])} == {
            "cat.png",
            "rocket.png",
            "below/coffee.png",
        }

    def test_a_case_that_fails_is_recorded_and_tried_again(self, folder, tmp_path):
        broken = toys.model(lambda z: 0 * z.sum(1))  # a score of 0 cannot fall
        broken = replace(broken, size=48, resize=48)
        assert measure(folder, tmp_path / "r.db", CASES[:1], broken, measures=METRICS[:1]) == []
        results = Results(tmp_path / "r.db")
        assert len(results.errors()) == 3
        assert "exactly 0" in results.errors()[0][2]
        results.close()
        assert len(measure(folder, tmp_path / "r.db", CASES[:1], measures=METRICS[:1])) == 3
        assert Results(tmp_path / "r.db").errors() == []

    def test_a_metric_that_comes_later_changes_nothing_of_the_map(self, folder, tmp_path):
        measure(folder, tmp_path / "r.db", CASES[:1], measures=METRICS[1:])
        before = {r.photo: (r.gradients, r.computed, r.seconds) for r in Results(tmp_path / "r.db").rows()}
        measure(folder, tmp_path / "r.db", CASES[:1])
        assert {r.photo: (r.gradients, r.computed, r.seconds) for r in Results(tmp_path / "r.db").rows()} == before
        broken = replace(toys.model(lambda z: 0 * z.sum(1)), size=48, resize=48)
        measure(folder, tmp_path / "r.db", CASES[:1], broken, measures=metrics(["perturbation:draws=2"]))
        rows_ = Results(tmp_path / "r.db").rows()
        assert {r.photo: (r.gradients, r.computed, r.seconds) for r in rows_} == before
        assert len(Results(tmp_path / "r.db").errors()) == 3, "but what failed is told"

    def test_a_metric_that_fails_leaves_the_others(self, folder, tmp_path):
        broken = replace(toys.model(lambda z: 0 * z.sum(1)), size=48, resize=48)  # a score of 0 cannot fall
        assert {r.metric for r in measure(folder, tmp_path / "r.db", CASES[:1], broken)} == {"total_variation"}

    def test_a_photo_that_goes_while_the_run_is_on_is_recorded(self, folder, tmp_path):
        results, here = Results(tmp_path / "r.db"), Here(toys.of_photos(), patches=3)
        work = here.work

        def losing(to_do, read):
            (folder / "cat.png").unlink()
            (folder / "rocket.png").write_bytes((folder / "below/coffee.png").read_bytes())
            yield from work(to_do, read)

        here.work = losing
        failed = {photo: error for photo, _, error in run(folder, results, SETTING, CASES[:1], METRICS, here)}
        assert set(failed) == {"cat.png", "rocket.png"}
        assert "cannot be opened" in failed["cat.png"]
        assert "was changed" in failed["rocket.png"]
        assert {row.photo for row in results.rows()} == {"below/coffee.png"}

    def test_a_batch_that_does_not_fit_ends_the_run_and_says_so(self, folder, tmp_path):
        class Small(torch.nn.Module):
            def forward(self, points):
                raise torch.OutOfMemoryError("CUDA out of memory")

        model = replace(toys.of_photos(), module=Small().eval())
        with pytest.raises(MemoryError, match=r"does not fit into the memory.*give a smaller --batch"):
            measure(folder, tmp_path / "r.db", model=model)

    def test_a_file_can_be_looked_at_while_it_is_written(self, folder, tmp_path):
        whole = measure(folder, tmp_path / "r.db", CASES[:1])
        with sqlite3.connect(tmp_path / "r.db", isolation_level=None) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM areas")
            assert content(Results.read(tmp_path / "r.db").rows()) == content(whole)
            writer.execute("ROLLBACK")

    def test_many_can_begin_one_file(self, tmp_path):
        for k in range(20):
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(lambda n, k=k: Results(tmp_path / f"{k}.db").close(), range(6)))
            assert Results(tmp_path / f"{k}.db").rows() == []

    def test_a_search_is_scored_again_on_draws_it_has_not_seen(self, folder, tmp_path):
        (folder / "rocket.png").unlink()
        cases = parse(["adaptive_noising:samples=3,iterations=2,objective=aupc/autvc"], subjects(3))
        measures = metrics(["perturbation:draws=3", "total_variation"])
        model = Here(toys.of_photos(64), patches=3).model
        found = measure(folder, tmp_path / "r.db", cases, model, measures=measures)
        assert len(found) == 2 * len(cases) * len(measures)
        for row in found:
            photo = (folder / row.photo).read_bytes()
            assert row.seed == seed_of(0, digest_of(photo)) + FRESH
            x = model.prepare(load_image(photo))
            knobs = {"sigma": row.detail["sigma"], "samples": 3, "seed": row.seed}
            map_ = explain(model, x, "smooth_taylor", row.target, **knobs).attribution
            aupc = perturbation_curve(model, x, map_, row.target, draws=3, seed=row.seed).area
            area = aupc if row.metric == "perturbation" else total_variation_curve(map_).area
            assert row.area == pytest.approx(area, rel=1e-6)
            assert row.gradients == 3 * (row.detail["evaluations"] + 1)

    def test_a_new_metric_is_of_the_sigma_that_the_file_holds(self, folder, tmp_path):
        """The map is made again, the search is not: it costs many maps, and could find another sigma."""
        (folder / "rocket.png").unlink()
        cases = parse(["adaptive_noising:samples=8,iterations=2,draws=3,objective=aupc/autvc"], subjects(3))
        network, counter = toys.counted(toys.of_photos(64))
        before = measure(folder, tmp_path / "r.db", cases, network, measures=metrics(["total_variation"]))
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            opened.execute("UPDATE maps SET detail = json_set(detail, '$.sigma', 0.123)")
        counter.gradients = 0
        both = measure(folder, tmp_path / "r.db", cases, network, measures=metrics(["total_variation", "deletion"]))
        assert counter.gradients == 8 * 2  # of two photos: both searches of a photo have the same sigma now
        for row in both:
            (old,) = [o for o in before if (o.photo, o.knobs) == (row.photo, row.knobs)]
            assert (row.gradients, row.computed, row.seconds) == (old.gradients, old.computed, old.seconds)
            if row.metric == "deletion":
                x = network.prepare(load_image((folder / row.photo).read_bytes()))
                knobs = {"sigma": 0.123, "samples": 8, "seed": row.seed}
                map_ = explain(network, x, "smooth_taylor", row.target, **knobs).attribution
                assert row.area == pytest.approx(curve(network, x, map_, "deletion", row.target).area, rel=1e-6)

    def test_a_sigma_is_of_one_seed_of_one_model_and_of_its_weights(self, folder, tmp_path):
        cases = parse(["adaptive_noising:samples=2,iterations=1,draws=1"], subjects())
        measure(folder, tmp_path / "r.db", cases, toys.of_photos(64), measures=metrics(["total_variation"]))
        results = Results(tmp_path / "r.db")
        assert len(results.searched(SETTING)) == 3
        for other in ({"seed": 1}, {"weights": "others"}, {"model": "other"}):
            assert results.searched(replace(SETTING, **other)) == {}, other

    def test_a_sigma_without_a_finite_area_is_searched_again(self, folder, tmp_path):
        """An earlier version kept such a sigma."""
        cases = parse(["adaptive_noising:samples=4,iterations=1,draws=3"], subjects(3))
        measure(folder, tmp_path / "r.db", cases, measures=metrics(["total_variation"]))
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            infinite = json.dumps({"sigma": 0.123, "search_area": math.inf, "evaluations": 2})
            opened.execute("UPDATE maps SET detail = ? WHERE photo = (SELECT min(photo) FROM maps)", (infinite,))
        with closing(Results(tmp_path / "r.db")) as results:
            found = results.searched(SETTING)
        assert len(found) == 2
        assert 0.123 not in {sigma for known in found.values() for sigma in known.values()}

    def test_searches_share_what_they_compute_and_count_it_once(self, folder, tmp_path):
        """Searches of one photo begin at the same sigma, with the same draws. Eight fill a batch."""
        cases = parse(["adaptive_noising:samples=8,iterations=2,draws=3,objective=autvc/aupc"], subjects(3))
        network, counter = toys.counted(toys.of_photos(64))
        found = measure(folder, tmp_path / "r.db", cases, network, measures=metrics(["total_variation"]))
        assert sum(row.computed for row in found) == counter.gradients
        assert all(row.gradients == 8 * (row.detail["evaluations"] + 1) >= row.computed for row in found)
        assert any(row.gradients > row.computed for row in found)

    def test_the_end_of_a_photos_name_may_have_capitals(self, tmp_path):
        (tmp_path / "IMG_1.JPG").touch()
        assert [file.name for file in photos(tmp_path)] == ["IMG_1.JPG"]

    def test_the_time_left_is_the_usual_time_of_each_case_that_is_left(self):
        """Its median; for a case that was not measured yet, the mean of the others. Photos at once share it."""
        slow, quick, new = (Case(name) for name in ("slow", "quick", "new"))
        clock = Clock({slow: [4.0, 2.0, 9.0], quick: [1.0]}, {slow: 3, quick: 1, new: 2})
        assert clock.seconds() == 3 * 4 + 1 + 2 * 2.5
        assert clock.seconds(at_once=2) == clock.seconds() / 2
        assert Clock(left={slow: 3}).seconds() is None


# Runs the benchmark and kills itself at the n-th thing that happens in it; forks, so that torch is loaded once.
KILLED = """
import os, random, signal, sys
import torch
torch.set_num_threads(1)
from pathlib import Path
import toys
from test_attribution.test_benchmark import CASES, METRICS, SETTING
from attribution.benchmark.results import Results
from attribution.benchmark.run import Here, run
from attribution import controls

controls.ORDERS = 2
folder, file = map(Path, sys.argv[1:3])
model = toys.of_photos()

def attempt(point):
    happened = 0
    def tick(frame, event, arg):
        nonlocal happened
        if "benchmark" in frame.f_code.co_filename:
            happened += 1
            if happened == point:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(tick)
    run(folder, Results(file), SETTING, CASES, METRICS, Here(model, patches=3))
    sys.setprofile(None)
    return happened

def forked(point):
    child = os.fork()
    if not child:
        try:
            attempt(point)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]

points, deaths = random.Random(int(sys.argv[3])), 0
while status := forked(points.randrange(1, 900)):
    assert os.WIFSIGNALED(status), status
    deaths += 1
print(deaths)
"""


def test_killed_at_any_moment_it_goes_on(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(controls, "ORDERS", 2)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1])])}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(tmp_path / "killed.db"), "1"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 3, "it was killed often enough to mean something"
    results = Results(tmp_path / "killed.db")
    whole = measure(folder, tmp_path / "whole.db")
    assert content(results.rows()) == content(whole)
    (broken,) = sqlite3.connect(tmp_path / "killed.db").execute("PRAGMA integrity_check").fetchone()
    assert broken == "ok"


class TestCommand:
    ARGUMENTS = ("--methods", "smooth_taylor:samples=2", "random_order", "--metrics", "perturbation:draws=2,regions=3")
    SMALL = ("--model", "toys:of_photos", "--device", "cpu")

    def test_it_measures_and_tells(self, folder, tmp_path, capsys):
        (folder / "bad.jpg").write_text("no photo")
        file = str(tmp_path / "r.db")
        assert main([str(folder), "--out", file, *self.ARGUMENTS, *self.SMALL]) == 1
        said = capsys.readouterr()
        assert "2 cases of every photo, measured on cpu" in said.out
        assert "bad.jpg: " in said.err
        assert main(["report", file]) == 0
        said = capsys.readouterr().out
        assert "3 photos" in said
        assert "SmoothTaylor" in said
        assert main(["rows", file]) == 0
        assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 3 * 2 * 1

    def test_it_measures_as_it_is_told_to(self, folder, tmp_path, monkeypatch):
        """Every option of the machine and of the cases counts, and methods are added to the presets."""
        network, given = toys.of_photos(), []
        monkeypatch.setattr("attribution.benchmark.__main__.load_model", lambda *asked: given.append(asked) or network)
        monkeypatch.setitem(PRESETS, "one", ("smoothgrad:samples=5", "gradient"))
        monkeypatch.setitem(PRESETS, "other", ("centre",))
        command = [str(folder), "--out", str(tmp_path / "r.db"), *self.SMALL, "--metrics", "total_variation"]
        more = ["--preset", "one", "--preset", "other", "--methods", "edges", "--seed", "7", "--batch", "3"]
        assert main([*command, *more]) == 0
        assert given == [("toys:of_photos", "cpu")]
        found = Results.read(tmp_path / "r.db").rows()
        assert {row.method for row in found} == {"smoothgrad", "gradient", "centre", "edges"}
        assert {(row.base_seed, row.seed - seed_of(7, row.digest)) for row in found} == {(7, 0)}
        assert network.gradient_batch.most == 3

    def test_it_does_not_end_well_when_nothing_could_be_measured(self, folder, tmp_path, capsys, monkeypatch):
        def refuses(*given, **knobs):
            raise ValueError("not this one")

        monkeypatch.setattr("attribution.benchmark.measure.explain", refuses)
        arguments = [str(folder), "--out", str(tmp_path / "r.db"), "--methods", "gradient", *self.SMALL]
        assert main(arguments) == 1
        assert capsys.readouterr().err.count("not this one") == 3
        monkeypatch.undo()
        assert main([*arguments, "--metrics", "total_variation"]) == 0, "and it is tried again"

    def test_a_run_that_adds_a_metric_continues_the_searches_of_the_file(self, folder, tmp_path, capsys, monkeypatch):
        """P of the search is that of the first run's perturbation curve, also if the second run has no such curve."""
        file = tmp_path / "r.db"
        given = [str(folder), "--out", str(file), "--methods", "adaptive_noising:samples=2,iterations=1", *self.SMALL]
        perturbed = "perturbation:draws=2,regions=3"
        assert main([*given, "--metrics", perturbed, "total_variation"]) == 0

        def searched(*_, **knobs):
            raise ValueError("searched again")

        with monkeypatch.context() as patched:
            patched.setattr("attribution.benchmark.measure.adaptive_noising", searched)
            assert main([*given, "--metrics", "deletion"]) == 0
        found = rows_of(file)
        assert {row.knobs["draws"] for row in found} == {2}
        assert {row.metric for row in found} == {"perturbation", "total_variation", "deletion"}
        capsys.readouterr()
        assert main(["report", str(file)]) == 0
        assert "3 photos" in capsys.readouterr().out
        assert main([*given, "--metrics", "deletion", "--seed", "1"]) == 0, "another seed is another search"
        assert {row.knobs["draws"] for row in rows_of(file) if row.base_seed == 1} == {50}

    def test_a_table_goes_to_a_file_without_its_letters(self, folder, tmp_path, monkeypatch):
        """As output that goes to a file on Windows."""
        measure(folder, tmp_path / "r.db", parse(["smooth_taylor:samples=2,sigma=0.3/0.5"], subjects()))
        for encoding in ("ascii", "cp1252"):
            held = io.BytesIO()
            monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding=encoding))
            assert main(["report", str(tmp_path / "r.db")]) == 0
            sys.stdout.flush()
            assert "SmoothTaylor ?=0.5" in held.getvalue().decode(encoding)

    def test_what_is_told_can_be_written_but_over_nothing(self, whole, tmp_path, capsys):
        shutil.copy(whole, tmp_path / "r.db")
        for command, out in (("report", "r.txt"), ("rows", "r.csv"), ("pack", "r.db.gz")):
            assert main([command, str(tmp_path / "r.db"), "--out", str(tmp_path / out)]) == 0
            assert (tmp_path / out).stat().st_size > 100
            assert main([command, str(tmp_path / "r.db"), "--out", str(tmp_path / "r.db")]) == 2
            assert "already exists; choose another name" in capsys.readouterr().err
        assert content(Results.read(tmp_path / "r.db.gz").rows()) != []
        assert main(["report", str(tmp_path / "r.db.gz")]) == 0

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (["rows", "--methods", "gradient"], "--methods is an option of report, not of rows"),
            (["pack", "--correct"], "--correct is an option of report, not of pack"),
            (["report", "--no-thumbnails"], "--no-thumbnails is an option of pack, not of report"),
            (["report", "--preset", "table1", "--preset", "table2"], "give --preset once"),
        ],
    )
    def test_an_option_that_would_do_nothing_is_refused(self, whole, given, said, capsys):
        assert main([given[0], str(whole), *given[1:]]) == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert not printed.out

    def test_ctrl_c_keeps_what_is_done(self, folder, tmp_path, capsys, monkeypatch):
        arguments = [str(folder), "--out", str(tmp_path / "r.db"), *self.ARGUMENTS, *self.SMALL]
        add, added = Results.add, []

        def interrupted(self, *given):
            add(self, *given)
            added.append(given)
            if len(added) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(Results, "add", interrupted)
        assert main(arguments) == 130
        assert "the same command continues the run" in capsys.readouterr().err
        monkeypatch.undo()
        assert len(Results(tmp_path / "r.db").rows()) == 3
        assert main(arguments) == 0
        assert len(Results(tmp_path / "r.db").rows()) == 3 * 2

    def test_where_somebody_watches_there_is_a_bar_with_the_time_left(self, folder, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        measure(folder, tmp_path / "r.db", CASES[:3])
        told = capsys.readouterr().err
        assert "100%" in told
        assert "9/9 maps, 0 s left" in told

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [(None, "not known yet"), (99, "99 s left"), (600, "10 min left"), (9000, "2.5 h left")],
    )
    def test_the_time_left_in_words(self, seconds, words):
        assert words in spoken(seconds)

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["nowhere", "--out", "{file}"], "nowhere: there is no such folder"),
            (["{empty}", "--out", "{file}"], "there is no photo in it"),
            (["{folder}", "--out", "{folder}/cat.png"], "cat.png is not a results file"),
            (["{folder}", "--out", "nowhere/r.db"], "there is no folder nowhere"),
            (["{folder}", "--out", "{file}", "--methods", "magic"], "'magic' is unknown; use one of"),
            (["{folder}", "--out", "{file}", "--metrics", "aupc"], "'aupc' is unknown; use one of perturbation"),
            (["{folder}", "--out", "{file}", "--batch", "0"], "--batch must be at least 1"),
            (["{folder}", "--out", "{file}", "--seed", f"{2**63}"], "--seed 9223372036854775808 has too many digits"),
            (["{folder}", "--out", "{file}", "--seed", f"-{2**63}"], "has too many digits; give at most 18"),
            (["report", "{file}"], "there is no such results file"),
            (["{folder}", "--out", "{empty}"], "empty cannot be written; choose another name"),
            (["{folder}", "--out", "{file}", "--device", "nonsense"], "nonsense"),
            (
                ["{folder}", "--out", "{file}", "--methods", "smooth_taylor:samples=2,samples=3"],
                "a knob is given twice",
            ),
            (["report", "{other}"], "not a results file of this version"),
        ],
    )
    def test_what_is_wrong_is_one_line(self, folder, tmp_path, capsys, arguments, line):
        (tmp_path / "empty").mkdir()
        with sqlite3.connect(tmp_path / "other.db") as other:
            other.execute("CREATE TABLE t (x)")
        places = {
            "file": tmp_path / "r.db",
            "folder": folder,
            "empty": tmp_path / "empty",
            "other": tmp_path / "other.db",
        }
        assert main([argument.format(**places) for argument in arguments]) == 2
        told = capsys.readouterr().err
        assert line in told
        assert told.count("\n") == 1

    def test_a_file_with_nothing_in_it_says_so(self, tmp_path, capsys):
        Results(tmp_path / "r.db").close()
        assert main(["report", str(tmp_path / "r.db")]) == 2
        assert "nothing has been measured in this file yet" in capsys.readouterr().err


CURVE = np.ones(4)
WAY = {"perturbation": {"draws": 10, "regions": 30, "window": 15}, "total_variation": {"rule": "code", "smallest": 30}}


def made_up(areas, photos=("a", "b", "c", "d"), model="toy", methods=None) -> list[Row]:
    """Rows with the areas (methods, photos) for AUPC, and a tenth of them for AUTVC."""
    methods = methods or [("integrated_gradients", {"steps": 50, "baseline": "black"}), ("random_order", {})]
    known = {"folder": "", "model": model, "weights": "w", "base_seed": 0, "seed": 0, "target": 1, "category": "cat"}
    known |= {"probability": 0.5, "gradients": 50, "computed": 50, "seconds": 1.0, "detail": {}, "note": ""}
    return [
        Row(
            photo=photo,
            digest=photo,
            method=method,
            knobs=knobs,
            metric=metric,
            metric_knobs=WAY[metric],
            area=area * scale,
            curve=np.full(4, area),
            **known,
        )
        for (method, knobs), line in zip(methods, areas, strict=True)
        for photo, area in zip(photos, line, strict=True)
        for metric, scale in (("perturbation", 1), ("total_variation", 0.1))
    ]


(TAYLOR, *_) = parse(PRESETS["table2"], subjects())
AREAS = [[20.0, 22, 24, 30], [25.0, 27, 28, 36]]


class TestReport:
    def test_means_differences_and_the_papers_numbers(self):
        found = list(csv.DictReader(io.StringIO(report(made_up(AREAS), "csv", None, None))))
        assert [float(line["aupc"]) for line in found] == [24.0, 29.0]
        assert [float(line["aupc_difference"]) for line in found] == [0.0, 5.0]
        assert float(found[1]["autvc_difference"]) == pytest.approx(0.5)
        assert (found[0]["densenet121_aupc"], found[0]["resnet152_autvc"]) == ("23.6300", "1.5100")
        assert found[1]["densenet121_aupc"] == ""

    def test_the_papers_numbers_are_those_of_the_metrics_that_are_shown(self):
        """In the setting of the paper, but for P. Beside other metrics they say which they are."""
        assert "(AUPC" not in report(made_up(AREAS), "text", None, None)
        further = [
            replace(r, metric="insertion", metric_knobs={}) for r in made_up(AREAS) if r.metric == "perturbation"
        ]
        assert "paper, DenseNet121 (AUPC / AUTVC)" in report(made_up(AREAS) + further, "text", None, None)
        told = report(made_up(AREAS), "text", None, None, measured=["total_variation"])
        assert "paper, DenseNet121 (AUTVC)" in told
        assert "1.52" in told
        assert "23.63" not in told
        fewer = {**WAY["perturbation"], "regions": 10}
        rows_ = [replace(r, metric_knobs=fewer) if r.metric == "perturbation" else r for r in made_up(AREAS)]
        assert "23.63" not in report(rows_, "text", None, None)
        of_others = [replace(r, metric="insertion", metric_knobs={}) for r in rows_ if r.metric == "perturbation"]
        for form in ("csv", "text", "latex"):
            assert "densenet121" not in report(of_others, form, None, None).lower()

    def test_every_knob_can_be_told_in_latex(self):
        """A letter or a sign that a plain document does not know would end its compilation."""
        for method in registry.METHODS.values():
            given = {
                k.name: k.allowed.low if isinstance(k.allowed, registry.Range) else k.default
                for k in method.knobs.values()
            }
            told = report(made_up(AREAS[:1], methods=[(method.name, given)]), "latex", None, None)
            assert all(line.isascii() or line.startswith("%") for line in told.splitlines()), method.name

    def test_the_papers_numbers_are_not_beside_those_of_the_probability(self):
        """They are of the logit."""
        of_it = [replace(row, output="probability") for row in made_up(AREAS)]
        for form in ("csv", "text", "latex"):
            assert "densenet121" not in report(of_it, form, None, None).lower()

    def test_differences_are_paired(self):
        """Photos differ much, the two methods always by about 5: the difference is sure, the means are not."""
        (line,) = list(csv.DictReader(io.StringIO(report(made_up(AREAS), "csv", None, None))))[1:]
        assert 3.5 <= float(line["aupc_difference_low"]) <= float(line["aupc_difference_high"]) <= 6.5
        assert float(line["aupc_high"]) - float(line["aupc_low"]) > 4

    def test_the_reference_is_a_choice(self):
        found = list(csv.DictReader(io.StringIO(report(made_up(AREAS), "csv", None, None, "random_order"))))
        assert [float(line["aupc_difference"]) for line in found] == [-5.0, 0.0]
        with pytest.raises(
            ValueError, match="smoothgrad was not measured; the file has integrated_gradients, random_order"
        ):
            report(made_up(AREAS), "csv", None, None, "smoothgrad")

    def test_text_and_latex_say_the_same(self):
        text, latex = (report(made_up(AREAS), form, None, None) for form in ("text", "latex"))
        for said in ("24.00 [17.", "+5.00 [", "23.63 / 1.52", "4 photos"):
            assert said in text
            assert said in latex
        lines = [line for line in latex.splitlines() if line.endswith(r"\\")]
        assert len({line.count(" & ") for line in lines}) == 1
        assert "_" not in "".join(lines).replace(r"\_", "")

    def test_photos_that_lack_a_row_are_left_out_and_counted(self):
        rows_ = [row for row in made_up(AREAS) if not (row.photo == "d" and row.method == "random_order")]
        table = tabulate(rows_)
        assert (table.photos, table.left_out) == (("a", "b", "c"), 1)
        assert "3 photos (1 more lack a row or have a curve of another length, and are left out)" in report(
            rows_, "text", None, None
        ).replace("\n", " ")
        np.testing.assert_array_equal(table.areas["perturbation"].mean(1), [22, 80 / 3])

    def test_a_shorter_curve_is_no_pair(self):
        rows_ = [replace(r, curve=r.curve[:-1]) if r.photo == "b" and r.metric == "perturbation" else r
                 for r in made_up(AREAS)]  # fmt: skip
        assert tabulate(rows_).photos == ("a", "c", "d")

    def uneven(self, lengths):
        """Rows whose AUPC has curves of these lengths, (methods, photos), as on small maps, where few regions fit."""
        of = {(m, p): n for m, line in zip(("integrated_gradients", "random_order"), lengths, strict=True)
              for p, n in zip("abcd", line, strict=True)}  # fmt: skip
        return [replace(r, curve=np.full(of[r.method, r.photo], r.area)) if r.metric == "perturbation" else r
                for r in made_up(AREAS)]  # fmt: skip

    def test_a_metric_whose_curves_are_no_pairs_is_left_out_and_named(self):
        rows_ = self.uneven([[8, 9, 10, 8], [9, 8, 7, 8]])
        table = tabulate(rows_)
        assert (set(table.areas), table.uneven) == ({"total_variation"}, ("perturbation",))
        assert (len(table.photos), table.left_out) == (4, 0)
        told = report(rows_, "text", None, None).replace("\n", " ")
        assert "AUPC is left out: on most photos the methods' curves have different numbers of steps" in told
        assert "lack a row" not in told
        assert not tabulate(made_up(AREAS)).uneven

    def test_without_another_metric_it_is_said_why_there_is_no_table(self):
        with pytest.raises(ValueError, match=r"different numbers of steps.*AUPC.*perturbation:regions=5") as caught:
            tabulate(self.uneven([[8, 9, 10, 8], [9, 8, 7, 8]]), measured=["perturbation"])
        assert "continue the run" not in str(caught.value)

    def test_a_metric_is_shown_in_a_setting_that_all_methods_have(self):
        """One method was measured later, with P at its default: the others' AUPC is no pair of it."""
        again = [replace(r, metric_knobs={**r.metric_knobs, "draws": 50}, area=0.0) for r in made_up(AREAS)[8:]
                 if r.metric == "perturbation"]  # fmt: skip
        first = [r for r in made_up(AREAS) if not (r.method == "random_order" and r.metric == "perturbation")]
        table = tabulate(first + again)
        assert set(table.areas) == {"total_variation"}
        assert len(table.photos) == 4
        both = tabulate(made_up(AREAS) + again)
        np.testing.assert_array_equal(both.areas["perturbation"], AREAS)

    @pytest.mark.parametrize("other", [{"weights": "others"}, {"base_seed": 1}, {"metric_knobs": {"draws": 3}}])
    def test_what_was_measured_otherwise_is_left_out_and_counted(self, other):
        """The control alone was measured again: no pair of it and the rest is one."""
        again = [replace(r, area=0.0, **other) for r in made_up(AREAS)[8:12]]
        table = tabulate(made_up(AREAS) + again)
        np.testing.assert_array_equal(table.areas["perturbation"], AREAS)
        assert table.otherwise == 4
        told = report(made_up(AREAS) + again, "text", None, None).replace("\n", " ")
        assert "4 areas of other weights, another seed or another setting are left out" in told

    def test_the_table_has_the_metrics_that_all_its_cases_have(self):
        """Two runs into one file: the second, of another method too, measured insertion besides."""
        ig = made_up(AREAS)[0]
        also = made_up([[1.0, 2, 3, 4], [3.0, 4, 5, 6]], methods=[(ig.method, ig.knobs), ("gradient", {})])
        further = [
            replace(r, metric="insertion", metric_knobs={"step": 224}) for r in also if r.metric == "perturbation"
        ]
        rows_ = made_up(AREAS) + [r for r in also if r.method == "gradient"] + further
        assert set(tabulate(rows_).areas) == {"perturbation", "total_variation"}
        assert tabulate(rows_).otherwise == 0
        family = tabulate([r for r in rows_ if r.method != "random_order"])
        assert set(family.areas) == {"perturbation", "total_variation", "insertion"}
        alone = [r for r in further if r.method == "gradient"] + made_up(AREAS)
        with pytest.raises(ValueError, match="no metric was measured for all of these methods"):
            tabulate(alone)

    def test_models_are_not_mixed(self):
        mixed = made_up(AREAS) + made_up(AREAS, model="other")
        with pytest.raises(ValueError, match="choose one of other, toy with --model"):
            tabulate(mixed)
        assert tabulate(mixed, model="other").model == "other"
        with pytest.raises(ValueError, match="the file has no resnet18"):
            tabulate(mixed, model="resnet18")

    def test_a_preset_picks_its_rows_in_its_order(self):
        (ig, *_), control = parse(PRESETS["table1"], subjects()), Case("random_order")
        methods = [(control.name, {}), (ig.name, dict(ig.knobs))]
        table = tabulate(made_up(AREAS, methods=methods), "table1")
        assert [case.name for case in table.cases] == ["integrated_gradients", "random_order"]
        with pytest.raises(ValueError, match="nothing of table1-adaptive has been measured"):
            tabulate(made_up(AREAS, methods=methods), "table1-adaptive")

    def test_insertion_less_deletion_is_more_than_either(self, tmp_path):
        """Derived photo by photo, so that its interval is its own."""
        falls = [row for row in made_up(AREAS) if row.metric == "perturbation"]
        one, other = (
            [replace(row, metric=name, metric_knobs={}, area=row.area * by) for row in falls]
            for name, by in (("insertion", 0.02), ("deletion", 0.01))
        )
        found = list(csv.DictReader(io.StringIO(report(one + other, "csv", None, None))))
        assert [float(line["insertion - deletion"]) for line in found] == [pytest.approx(0.24), pytest.approx(0.29)]
        assert float(found[1]["insertion - deletion_difference"]) == pytest.approx(0.05)
        told = report(one + other, "text", None, None).replace("\n", " ")
        assert "Insertion: higher is better; Deletion: lower is better; Insertion - Deletion: higher is better." in told
        assert "AUTVC" not in told

    def test_each_method_is_looked_up_once(self, monkeypatch):
        """Not once for each row: a file has thousands."""
        looked, real = [], tables.entry
        monkeypatch.setattr(tables, "entry", lambda known, name: looked.append(name) or real(known, name))
        table = tabulate(made_up(AREAS))
        assert sorted(looked) == sorted({case.name for case in table.cases})

    def test_a_metric_that_few_photos_have_can_be_left_out(self):
        """A further metric was begun: the others' table keeps its photos."""
        rows_ = made_up(AREAS)
        begun = [replace(r, metric="insertion", metric_knobs={}) for r in rows_ if r.photo == "a"][::2]
        assert tabulate(rows_ + begun).photos == ("a",)
        table = tabulate(rows_ + begun, measured=["perturbation", "total_variation"])
        assert table.photos == ("a", "b", "c", "d")
        assert "4 photos" in report(rows_ + begun, "text", None, None, measured=["perturbation"])

    def test_methods_pick_their_rows(self):
        twice = [("smooth_taylor", {"sigma": 0.3, "samples": n}) for n in (50, 100)]
        rows_ = made_up([[1.0, 2, 3, 4], [3.0, 4, 5, 6]], methods=twice) + made_up(AREAS)
        found = tabulate(rows_, methods=["random_order", "smooth_taylor:samples=100"]).cases
        assert [(c.name, dict(c.knobs).get("samples")) for c in found] == [
            ("random_order", None),
            ("smooth_taylor", 100),
        ]
        assert len(tabulate(rows_, methods=["smooth_taylor:sigma=0.3"]).cases) == 2
        with pytest.raises(
            ValueError, match="smooth_taylor:samples=10 was not measured; the file has integrated_gradients, "
        ):
            tabulate(rows_, methods=["smooth_taylor:samples=10"])

    def test_the_seed_is_that_of_most_rows_of_what_is_shown(self):
        """Not of most rows of the file: a method that was measured with another seed alone is there."""
        other = made_up([[1.0, 2, 3, 4]], methods=[("smooth_taylor", dict(TAYLOR.knobs))])
        rows_ = [*made_up(AREAS), *(replace(row, base_seed=1) for row in other)]
        assert {case.name for case in tabulate(rows_).cases} == {"integrated_gradients", "random_order"}
        assert [case.name for case in tabulate(rows_, methods=["smooth_taylor"]).cases] == ["smooth_taylor"]
        alone = [row for row in rows_ if row.method != "random_order"]
        assert [case.name for case in tabulate(alone, preset="table2").cases] == ["smooth_taylor"]
        with pytest.raises(ValueError, match=r"; looked at are the weights and the seed \(0\) of most of these rows"):
            tabulate(rows_, methods=["smooth_taylor", "random_order", "integrated_gradients"])

    def test_a_method_that_gained_a_knob_has_a_name_with_it_and_one_without(self):
        before = ("smoothgrad", {"sigma": 0.5, "samples": 4})
        after = ("smoothgrad", {"sigma": 0.5, "samples": 4, "form": "mean"})
        table = tabulate(made_up(AREAS, methods=[before, after]))
        assert len(set(table.labels.values())) == 2
        assert "4 photos" in report(made_up(AREAS, methods=[before, after]), "text", None, None)

    @pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
    def test_of_photos_of_equal_bytes_one_that_has_a_label_is_shown(self, names):
        rows_ = [
            replace(row, photo=name, label=label)
            for name, label in zip(names, (1, -1), strict=True)
            for row in made_up([[20.0], [25.0]], photos=("digest",))
        ]
        table = tabulate(sorted(rows_, key=lambda row: row.photo))
        assert (table.photos, table.recognised) == (("digest",), (1, 1))

    def test_an_interval_is_that_of_the_mean(self):
        values = np.random.default_rng(5).normal(3, 2, (1, 400))
        low, high = interval(values)
        error = values.std() / 20
        np.testing.assert_allclose(
            [low[0], high[0]], values.mean() + np.array([-1.96, 1.96]) * error, atol=0.02 * error
        )

    @pytest.mark.parametrize("photos", [3, 10, 50])
    def test_an_interval_holds_the_truth_as_often_as_it_says(self, photos):
        values = np.random.default_rng(6).normal(1, 2, (20_000, photos))
        low, high = interval(values)
        assert ((low <= 1) & (high >= 1)).mean() == pytest.approx(0.95, abs=0.006)

    def test_p_values_are_those_of_the_paired_test(self):
        one, other = np.random.default_rng(7).normal(0, 1, (2, 5, 30))
        np.testing.assert_allclose(chance(one - other), scipy.stats.ttest_rel(one, other, axis=1).pvalue)
        assert chance(np.zeros((2, 30))).tolist() == [1, 1], "of two cases that are equal on every photo"
        assert np.isnan(chance(np.ones((2, 1)))).all()

    def test_holms_correction_by_hand(self):
        found = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
        np.testing.assert_allclose(found, [0.03, 0.06, np.nan, 0.06, 0.02])
        assert holm(np.array([0.6, 0.9])).max() == 1

    def test_an_equal_case_is_one_of_the_differences_of_the_table(self):
        """What stands in the head is what p was corrected for; the reference beside itself has no p."""
        twins = [("smoothgrad_squared", {}), ("smoothgrad", {"form": "squared"}), ("random_order", {})]
        areas = np.array([AREAS[0], AREAS[0], [25.0, 24, 29, 36]])
        rows = made_up(areas, methods=twins)
        own, twin, other = csv.DictReader(io.StringIO(report(rows, "csv", None, None)))
        (alone,) = chance(areas[2:] - areas[0])
        assert own["aupc_difference_p"] == ""
        assert float(twin["aupc_difference_p"]) == 1
        assert float(other["aupc_difference_p"]) == pytest.approx(4 * alone, abs=1e-4)
        assert "correction for the 4 differences of this table" in report(rows, "text", None, None).replace("\n", " ")

    def test_of_many_differences_by_chance_hardly_ever_one_is_told(self):
        """Without the correction at least one of forty would be in nearly nine of ten tables."""
        drawn = np.random.default_rng(8).normal(0, 1, (400, 40, 25))
        tables = [(chance(table), holm(chance(table))) for table in drawn]
        assert np.mean([raw.min() < SURE for raw, _ in tables]) > 0.8
        assert np.mean([corrected.min() < SURE for _, corrected in tables]) < 0.08

    def test_a_star_marks_what_is_more_than_chance(self):
        """The random order is above by about 5 on each photo; in the second table above on one, below on the next."""
        sure = report(made_up(AREAS), "text", None, None)
        assert re.search(r"\+5\.00 \[\S+ \S+\] \*", sure)
        unsure = report(made_up([AREAS[0], [25.0, 17, 29, 26]]), "text", None, None)
        assert "*" not in unsure.partition("---")[2]
        assert "correction for the 2 differences of this table" in unsure.replace("\n", " ")

    def test_the_head_says_on_how_many_photos_an_area_carries_a_note(self):
        """Such an area is in the mean, and may decide it."""
        rows = made_up(AREAS)

        def told(photos, metrics, method="integrated_gradients", note="the score of the photo is near 0"):
            there = (photos, metrics, (method,))
            noted = [
                replace(row, note=note)
                if all(one in of for one, of in zip((row.photo, row.metric, row.method), there, strict=True))
                else row
                for row in rows
            ]
            return report(noted, "text", None, None).partition("---")[0].replace("\n", " ")

        assert "a note" not in told("", ())
        assert "carry a note, of 4 photos: AUPC on 1; " in told("b", ("perturbation",))
        assert "carry a note, of 4 photos: AUPC on 2, AUTVC on 2; " in told("bd", ("perturbation", "total_variation"))
        orders = "mean of 8 random orders, standard deviation 1.2"
        assert "a note" not in told("bd", ("perturbation",), "random_order", orders)
        assert "AUPC on 2; " in told("bd", ("perturbation",), "random_order", f"{orders}; the score is near 0")

    def test_one_photo_has_no_interval(self):
        assert np.isnan(interval(np.ones((2, 1)))).all()
        for form in ("text", "latex"):
            told = " ".join(
                report(made_up([[1.0], [2.0]], photos=("a",)), form, None, None).replace("\n% ", " ").split()
            )
            assert ", 1 photo. " in told
            assert "One photo has no intervals." in told
            assert "2.00" in told
            assert "+1.00" in told
            assert "nan" not in told
            assert "star" not in told

    def test_what_a_search_found_is_told_with_both_areas(self, folder, tmp_path):
        (folder / "rocket.png").unlink()
        cases = parse(["adaptive_noising:samples=2,iterations=1", "random_order"], subjects(3))
        measures = metrics(["perturbation:draws=3,regions=3", "total_variation"])
        found = measure(folder, tmp_path / "r.db", cases, toys.of_photos(64), measures=measures)
        told = report(found, "text", None, None)
        ours = [r for r in found if r.metric == "total_variation" and r.method == ADAPTIVE]
        searched, again = np.mean([(r.detail["search_area"], r.area) for r in ours], axis=0).round(2)
        assert searched != again
        assert f"AUTVC {searched:.2f} in the search, {again:.2f} with noise that it had not used." in told
        other = metrics(["perturbation:draws=3,regions=3", "total_variation:smallest=12"])
        found = measure(folder, tmp_path / "other.db", cases, toys.of_photos(64), measures=other)
        assert "in the search" not in report(found, "text", None, None), "measured in another way"

    def test_all_rows_as_csv(self):
        found = list(csv.DictReader(io.StringIO(rows(made_up(AREAS)))))
        assert len(found) == 2 * 8
        areas = {(line["photo"], line["method"], line["metric"]): float(line["area"]) for line in found}
        assert areas["c", "random_order", "perturbation"] == 28.0


@pytest.mark.parametrize("seed", range(20))
def test_seeds_are_spread(seed):
    drawn = random.Random(seed)
    found = [seed_of(0, f"{drawn.getrandbits(128):032x}") for _ in range(50)]
    assert len(set(found)) >= 49
    assert all(0 <= one < 1_000_000 for one in found)
