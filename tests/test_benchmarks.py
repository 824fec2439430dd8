"""Each benchmark runs, at a tiny size. What it measures here says nothing."""

import csv
import importlib
import operator
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import timm
import toys

from attribution.cards import MODELS, Card
from dashboard.experiment.gallery import gallery_photo

FOLDER = Path(__file__).parent / "benchmarks"
TINY = {
    "peers": "--networks small --steps 2 --samples 4 --rounds 1 --lives 1 --batches 2",
    "levers": "--networks small --count 4 --batch 2 --rounds 1 --lives 1",
    "growth": "--network small --rounds 1 --scale 250",
    "nodes": "PHOTOS --most 1 --steps 2 4 --fine 4 --parts 1",
}


@pytest.fixture
def timing(monkeypatch):
    # A page that another test ran in this process is its main script still, and a new process would run that first.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("timing")


@pytest.fixture
def benchmark(timing, monkeypatch):
    """Imports a benchmark. Its contestants run in this process: torch takes seconds to import in each of their own.

    There is one more network: `small`, of random weights.
    """
    small = Card("Small", partial(timm.create_model, "test_efficientnet"), size=64, resize=64, url="not asked for")
    monkeypatch.setitem(MODELS, "small", small)

    def apart(makes, rounds, lives):
        found = timing.time_in_turn(makes, rounds)
        return {name: timing.Found(seconds, 1.0, 1.0) for name, seconds in found.items()}

    def imported(name):
        script = importlib.import_module(name)
        here = {"apart": apart, "together": timing.time_in_turn, "load_model": lambda device: toys.of_photos()}
        for name, instead in here.items():
            if hasattr(script, name):
                monkeypatch.setattr(script, name, instead)
        return script

    return imported


@pytest.mark.parametrize("name", TINY)
def test_it_runs_and_writes_a_table(name, tmp_path, benchmark):
    gallery_photo("cat").save(tmp_path / "cat.png")
    benchmark(name).main([*TINY[name].replace("PHOTOS", str(tmp_path)).split(), "--out", str(tmp_path)])
    with (tmp_path / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 7
    assert all(row["torch"] and row["threads"] and row["processor"] for row in rows)
    assert all(float(row[column]) > 0 for row in rows for column in ("over", "quicker", "time") if row.get(column))


def test_a_run_over_photos_that_was_stopped_goes_on(tmp_path, benchmark, monkeypatch):
    for name in ("cat", "dog"):
        gallery_photo("cat").save(tmp_path / f"{name}.png")
    nodes, measured = benchmark("nodes"), []

    def measure(model, photo, steps, fine, parts):
        if photo.stem == "dog" and measured == ["cat"]:
            raise KeyboardInterrupt
        measured.append(photo.stem)
        return [{"photo": photo.name, "rule": rule, "steps": 2, "gap": 0.1, "distance": 0.2} for rule in nodes.RULES]

    monkeypatch.setattr(nodes, "measured", measure)
    run = [str(tmp_path), "--steps", "2", "--out", str(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        nodes.main(run)
    measured.append("stopped")
    nodes.main(run)
    assert measured == ["cat", "stopped", "dog"]
    with (tmp_path / "nodes.csv").open() as file:
        assert {row["photos"] for row in csv.DictReader(file)} == {"2"}
    assert not (tmp_path / "nodes.jsonl").exists()


def test_contestants_run_in_turn_in_processes_of_their_own(timing):
    calls = dict.fromkeys("ab", (partial, (operator.add, 1, 1)))
    assert {name: len(seconds) for name, seconds in timing.together(calls, 3).items()} == {"a": 3, "b": 3}
    found = timing.apart(calls, rounds=2, lives=2)
    assert {name: len(one.seconds) for name, one in found.items()} == {"a": 4, "b": 4}
    assert all(one.after >= one.before > 0 for one in found.values())


def test_what_a_contestant_raises_is_told(timing):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        timing.apart({"a": (partial, (operator.truediv, 1, 0))}, rounds=1, lives=1)


def test_every_benchmark_is_run():
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    assert scripts - {"timing", "subjects"} == TINY.keys()
