"""Two methods of a results file, photo by photo: where they differ, and the experiment that shows it. No Streamlit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from attribution.benchmark.cases import ADAPTIVE, Case, patches
from attribution.benchmark.rows import Row
from attribution.benchmark.run import digest_of
from attribution.benchmark.tables import FEW, Table, interval
from attribution.models import MODELS
from attribution.registry import METHODS, measures
from dashboard.experiment.choices import PATCHES, further
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import own_knobs, own_of


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


def verdict(found: list[Pair], metric: str, first: str, second: str) -> str:
    """Which of the two is lower, by how much, and how sure that is."""
    differences = np.array([[pair.difference for pair in found]])
    (low,), (high,) = interval(differences)
    name, places = measures()[metric].label, measures()[metric].digits
    mean, lower = differences.mean(), int((differences < 0).sum())
    told = f"it is the lower one on {lower} of {len(found)} photos"
    if len(found) < FEW:
        less = f"{name} of {first} less that of {second}: {mean:+.{places}f} on average"
        return f"{less}, too few photos to be sure; {told}."
    sure = "lower" if high < 0 else "higher" if low > 0 else "not surely other"
    return (
        f"{name} of {first} is {sure} than that of {second}: {mean:+.{places}f} on average, 95 % interval "
        f"{low:+.{places}f} to {high:+.{places}f}; {told}."
    )


def experiment_of(table: Table, first: Case, second: Case, photo: str) -> Experiment:
    """What Compare is set to for a photo: the knobs of both methods; where they disagree, those of the first."""
    row = table.rows[first, photo]
    values: dict[str, Any] = {}
    for case in (second, first):
        values |= _knobs(table.rows[case, photo])
    names = {field.name for field in fields(Experiment)}
    named = {count: name for name, count in PATCHES.items()}
    known = {name: value for name, value in values.items() if name in names}
    known["curves"] = tuple(name for name in further() if name in table.areas)
    known |= {"model": row.model, "target": row.target, "seed": row.seed}
    shown = [{ADAPTIVE: "smooth_taylor"}.get(case.name, case.name) for case in (first, second)]
    known["methods"] = tuple(dict.fromkeys(name for name in shown if name in METHODS)) or Experiment().methods
    own = {(case.name, k): v for case in (second, first) for k, v in case.knobs if case.name in METHODS}
    held = {(method, knob): value for (method, knob), value in own.items() if knob in own_knobs(method)}
    found = Experiment(**known, own=own_of(held), evaluation=named.get(patches(table.metrics), Experiment().evaluation))
    return Experiment.from_query(found.to_query())  # whatever the file says, what comes out can be shown


def _knobs(row: Row) -> Mapping[str, Any]:
    """A search is shown as SmoothTaylor, at the sigma that it found."""
    if row.method == ADAPTIVE:
        return {"sigma": row.detail["sigma"], "samples": row.knobs["samples"]}
    return row.knobs


def can_open(table: Table) -> bool:
    """Whether the file's model can be shown here."""
    return table.model in MODELS and MODELS[table.model].file.exists()


def find_photo(folder: str, name: str, digest: str) -> bytes | None:
    """The photo of that name in the folder, if it is the one that was measured, to the last byte."""
    place = Path(folder)
    try:
        named = place / name
        if not folder or not named.resolve().is_relative_to(place.resolve()):
            return None
        data = named.read_bytes()
    except (OSError, ValueError):
        return None
    return data if digest_of(data) == digest else None
