"""Two methods of a results file, photo by photo: their differences, and the experiment of a photo. No Streamlit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from attribution.benchmark.cases import ADAPTIVE, SEARCHED, Case, patches
from attribution.benchmark.intervals import SURE, chance, holm, interval
from attribution.benchmark.rows import Row
from attribution.benchmark.run import digest_of
from attribution.benchmark.tables import Table
from attribution.models import MODELS
from attribution.registry import METHODS, measures
from attribution.types import clear_of
from dashboard.experiment.choices import PATCHES, further
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.folder import MOST_BYTES
from dashboard.experiment.own import own_knobs, own_of, shared


@dataclass(frozen=True)
class Pair:
    """One photo (`photo` is its digest) with the areas of two methods."""

    photo: str
    name: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        return self.first - self.second


def pairs(table: Table, metric: str, first: Case, second: Case) -> list[Pair]:
    """All photos, largest difference first."""
    one, other = (table.areas[metric][table.cases.index(case)] for case in (first, second))
    found = [
        Pair(photo, table.rows[first, photo].photo, float(a), float(b))
        for photo, a, b in zip(table.photos, one, other, strict=True)
    ]
    return sorted(found, key=lambda pair: -abs(pair.difference))


def corrected(table: Table, metric: str, first: Case, second: Case) -> tuple[float, int]:
    """The p-value of the difference of two methods after Holm's correction, and the number of differences it is for.

    All pairs of the table in all its measures count, because any of them can be chosen here. Those with stars in the
    table are among them: what is sure here has a star there.
    """
    ones, others = np.triu_indices(len(table.cases), 1)
    found = holm(np.concatenate([chance(areas[ones] - areas[others]) for areas in table.areas.values()]))
    by_measure = dict(zip(table.areas, found.reshape(len(table.areas), -1), strict=True))
    low, high = sorted(table.cases.index(case) for case in (first, second))
    return float(by_measure[metric][(ones == low) & (others == high)].item()), len(found)


def verdict(found: list[Pair], metric: str, first: str, second: str, p: float, among: int) -> str:
    """Which of the two methods is lower, by how much, and whether that is certain. `p` and `among`: of `corrected`."""
    differences = np.array([[pair.difference for pair in found]])
    (low,), (high,) = interval(differences)
    name, places = measures()[metric].label, measures()[metric].digits
    mean, lower = differences.mean(), int((differences < 0).sum())
    if len(found) < 2:
        return f"{name} of {first} minus that of {second}: {mean:+z.{places}f}; one photo shows no more."
    if not differences.any():
        return f"{name} of {first} equals that of {second} on all {len(found)} photos."
    sure = f"{'lower' if mean < 0 else 'higher'} than" if p < SURE else "not told apart from"
    value = "p < 0.001" if p < 0.001 else f"p = {clear_of(SURE, p, 3)}"
    return (
        f"{name} of {first} is {sure} that of {second} ({value} after Holm's correction for the {among} differences "
        f"that can be chosen here): {mean:+z.{places}f} on average, 95 % interval for this pair alone "
        f"{low:+z.{places}f} to {high:+z.{places}f}; it is lower on {lower} of {len(found)} photos."
    )


def experiment_of(table: Table, first: Case, second: Case, photo: str) -> Experiment:
    """The experiment of a photo for Compare, with the knobs of both methods. The first method wins conflicts."""
    row = table.rows[first, photo]
    values: dict[str, Any] = {}
    for case in (second, first):
        values |= _knobs(table.rows[case, photo])
    names = {field.name for field in fields(Experiment)}
    named = {count: name for name, count in PATCHES.items()}
    known = {name: value for name, value in values.items() if name in names}
    known["curves"] = tuple(name for name in further() if name in table.areas)
    known |= {"model": row.model, "target": row.target, "seed": row.seed, "output": row.output}
    shown = [{ADAPTIVE: SEARCHED}.get(case.name, case.name) for case in (first, second)]
    known["methods"] = tuple(dict.fromkeys(name for name in shown if name in METHODS)) or Experiment().methods
    own = {(case.name, k): v for case in (second, first) for k, v in case.knobs if case.name in METHODS}
    held = {(method, knob): value for (method, knob), value in own.items() if knob in own_knobs(method)}
    found = Experiment(**known, own=own_of(held), evaluation=named.get(patches(table.metrics), Experiment().evaluation))
    return Experiment.from_query(found.to_query())  # clamps values of the file that are out of range


def _knobs(row: Row) -> Mapping[str, Any]:
    """The knobs of a row that shared controls set. A search is shown as SmoothTaylor with the sigma that it found."""
    if row.method == ADAPTIVE:
        return {"sigma": row.detail["sigma"], "samples": row.knobs["samples"]}
    return {name: value for name, value in row.knobs.items() if shared(row.method, name)}


def can_open(table: Table) -> bool:
    """Whether the model of the file is installed here."""
    return table.model in MODELS and MODELS[table.model].here


def find_photo(folder: str, name: str, digest: str) -> bytes | None:
    """The bytes of the photo of that name in the folder, if its digest is the measured one; else None."""
    place = Path(folder)
    try:
        named = place / name
        # A visitor names both: no device, which may have no end, and no pipe, which may never answer.
        if not folder or not named.resolve().is_relative_to(place.resolve()) or not named.is_file():
            return None
        with named.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= MOST_BYTES and digest_of(data) == digest else None
