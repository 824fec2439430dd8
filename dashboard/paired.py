"""Two methods of a results file, photo by photo: where they differ, and the experiment that shows it. No Streamlit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from attribution.benchmark.cases import Case
from attribution.benchmark.results import Row
from attribution.benchmark.run import digest_of, photos
from attribution.benchmark.tables import Table, interval
from attribution.models import MODELS
from dashboard.experiment import PATCHES, Experiment


@dataclass(frozen=True)
class Pair:
    """One photo, by its digest, with the areas of two methods."""

    photo: str
    name: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        return self.first - self.second


def pairs(table: Table, metric: str, first: Case, second: Case) -> list[Pair]:
    """Every photo, those first on which the methods differ most."""
    one, other = (table.areas[metric][table.cases.index(case)] for case in (first, second))
    found = [
        Pair(photo, table.rows[first, photo].photo, float(a), float(b))
        for photo, a, b in zip(table.photos, one, other, strict=True)
    ]
    return sorted(found, key=lambda pair: -abs(pair.difference))


def verdict(found: list[Pair], name: str, first: str, second: str) -> str:
    """Which of the two is lower, by how much, and how sure that is."""
    differences = np.array([[pair.difference for pair in found]])
    (low,), (high,) = interval(differences)
    mean, lower = differences.mean(), int((differences < 0).sum())
    sure = "lower" if high < 0 else "higher" if low > 0 else "not surely other"
    return (
        f"{name} of {first} is {sure} than that of {second}: {mean:+.2f} on average, 95 % interval "
        f"{low:+.2f} to {high:+.2f}; it is the lower one on {lower} of {len(found)} photos."
    )


def experiment_of(table: Table, first: Case, second: Case, photo: str) -> Experiment:
    """What Compare is set to for a photo: the knobs of both methods; where they disagree, those of the first."""
    row = table.rows[first, photo]
    values: dict[str, Any] = {}
    for case in (second, first):
        values |= _knobs(table.rows[case, photo])
    names = {field.name for field in fields(Experiment)}
    patches = {count: name for name, count in PATCHES.items()}
    draws = next((dict(metric.knobs)["draws"] for metric in table.metrics if metric.name == "perturbation"), 0)
    known = {name: value for name, value in values.items() if name in names}
    known |= {"model": row.model, "target": row.target, "seed": row.seed}
    return Experiment(**known, evaluation=patches.get(draws, Experiment().evaluation))


def _knobs(row: Row) -> Mapping[str, Any]:
    """A search is shown at the sigma that it found."""
    return {**row.knobs, **({"sigma": row.detail["sigma"]} if "sigma" in row.detail else {})}


def can_open(table: Table) -> bool:
    """Whether the file's model can be shown here, with the very weights that it was measured with."""
    return table.model in MODELS and MODELS[table.model].file.exists()


def find_photo(folder: str, name: str, digest: str) -> bytes | None:
    """The photo, if a file of the folder is it, to the last byte; first looked for under its name."""
    place = Path(folder)
    if not folder or not place.is_dir():
        return None
    named = place / name
    if named.resolve().is_relative_to(place.resolve()) and named.is_file() and digest_of(named.read_bytes()) == digest:
        return named.read_bytes()
    try:
        found = photos(place)
    except ValueError:
        return None
    return next((data for file in found if digest_of(data := file.read_bytes()) == digest), None)
