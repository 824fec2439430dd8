"""Each benchmark runs, at a tiny size. What it measures here says nothing."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.experiment.gallery import gallery_photo

ROOT = Path(__file__).parents[1]
TINY = {
    "peers": "--networks efficientnet_lite0 --steps 2 --samples 4 --rounds 1 --lives 1 --batches 2",
    "growth": "--rounds 1 --scale 50",
    "nodes": "PHOTOS --most 1 --steps 2 4 --fine 4 --parts 1",
}


@pytest.mark.parametrize("name", TINY)
def test_it_runs_and_writes_a_table(name, tmp_path):
    script = ROOT / "tests" / "benchmarks" / f"{name}.py"
    gallery_photo("cat").save(tmp_path / "cat.png")
    given = [*TINY[name].replace("PHOTOS", str(tmp_path)).split(), "--out", str(tmp_path)]
    run = subprocess.run([sys.executable, str(script), *given], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stderr
    with (tmp_path / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 7
    assert all(row["torch"] and row["threads"] and row["processor"] for row in rows)
    assert all(float(row[column]) > 0 for row in rows for column in ("over", "quicker", "time") if row.get(column))


def test_every_benchmark_is_run():
    scripts = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert scripts - {"timing", "subjects"} == TINY.keys()
