"""From rows to a table: the photos that have every case, the mean areas over them, and intervals of the means."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from attribution.benchmark.cases import CONTROL, Case, fitting, of_preset, subjects
from attribution.benchmark.rows import Row
from attribution.registry import curves, entry, measured_differences, measures


@dataclass(frozen=True, eq=False)
class Table:
    """Cases of one model, all measured on the same photos and in the same way.

    `areas` and `curves` are by metric: (cases, photos), and (cases, photos, steps). `areas` also holds the differences
    of two areas that metrics declare (`registry.measures`). `left_out` is the number of photos that lack a case,
    or have a curve of another length. `uneven` are metrics that are left out for such curves on most photos.
    `photos` are digests: a file that was changed is another photo, and one file under two names is one photo.
    """

    model: str
    cases: tuple[Case, ...]
    photos: tuple[str, ...]
    left_out: int
    metrics: tuple[Case, ...]
    otherwise: int
    """The number of areas left out: with other weights, another seed, or other knobs of the metric."""
    areas: Mapping[str, Float[np.ndarray, "cases photos"]]
    curves: Mapping[str, Float[np.ndarray, "cases photos steps"]]
    rows: Mapping[tuple[Case, str], Row]
    """One row of each case and photo, of any metric: it gives the class, the seed, the cost and the details."""
    output: str = "logit"
    correct: bool = False  # only photos whose likeliest class is their label
    uneven: tuple[str, ...] = ()
    noted: Mapping[str, int] = field(default_factory=dict)
    """By metric: on how many photos an area carries a note. How many random orders there are is none."""

    @cached_property
    def labels(self) -> dict[Case, str]:
        """The title of each case, with the knobs that differ from the default or between cases of the method."""
        return {case: " ".join([subjects()[case.name].title, *self._told(case)]) for case in self.cases}

    def _told(self, case: Case) -> Iterator[str]:
        twins = [dict(other.knobs) for other in self.cases if other.name == case.name]
        knobs, values = subjects()[case.name].knobs, dict(case.knobs)
        for name, knob in knobs.items():
            if name not in values or (name == "draws" and values.get("baseline", "uniform") != "uniform"):
                continue  # N matters for noise baselines only
            value = values[name]
            if value != knob.default or len({str(twin.get(name)) for twin in twins}) > 1:
                yield knob.setting(value)

    @cached_property
    def recognised(self) -> tuple[int, int]:
        """The number of photos whose likeliest class is their label, and of photos that have a label."""
        shown = [self.rows[self.cases[0], photo] for photo in self.photos]
        return sum(row.label == row.target for row in shown), sum(row.label >= 0 for row in shown)

    def gradients(self, case: Case) -> float:
        """The mean number of gradients of the case, per map."""
        return float(np.mean([self.rows[case, photo].gradients for photo in self.photos]))

    def find(self, text: str) -> Case:
        """The first case that fits a text such as `smooth_taylor:sigma=0.5`. Raises ValueError when none does."""
        return fitting(text, self.cases)[0]


def tabulate(
    rows: Sequence[Row],
    preset: str | None = None,
    model: str | None = None,
    methods: Sequence[str] = (),
    measured: Sequence[str] = (),
    correct: bool = False,
) -> Table:
    """The table of all cases, or of those of a preset, or of those that fit one of the texts in `methods`.

    It has the metrics that all its cases have; `measured` limits them to those named. `correct` limits the photos to
    those whose likeliest class is their label. Of several weights and seeds it shows those that most of its rows have.
    Raises ValueError when nothing is left for the table, and when the rows have several models and `model` is None.
    """
    models = sorted({row.model for row in rows})
    if not rows:
        raise ValueError("nothing has been measured in this file yet")
    if model is None and len(models) > 1:
        raise ValueError(f"the file has several models; choose one of {', '.join(models)} with --model")
    model = model or models[0]
    chosen = [row for row in rows if row.model == model]
    if not chosen:
        raise ValueError(f"the file has no {model}; it has {', '.join(models)}")
    chosen = [row for row in chosen if not measured or row.metric in measured]
    if not chosen:
        raise ValueError(f"this file has no results of {', '.join(measured)} yet")
    chosen = _correct(chosen) if correct else chosen
    known = subjects()
    for method in dict.fromkeys(row.method for row in chosen):
        entry(known, method)
    _, chosen = _of_cases(chosen, preset, methods)
    (weights, seed, output), _ = Counter((row.weights, row.base_seed, row.output) for row in chosen).most_common(1)[0]
    alike = [row for row in chosen if (row.weights, row.base_seed, row.output) == (weights, seed, output)]
    try:
        cases, alike = _of_cases(alike, preset, methods)
    except ValueError as error:
        raise ValueError(f"{error}; looked at are the weights and the seed ({seed}) of most of these rows") from None
    metrics = _common(alike)
    kept = [row for row in alike if _case(row.metric, row.metric_knobs) in metrics]
    by_place: dict[tuple[Case, str], dict[str, Row]] = {}
    for row in sorted(kept, key=lambda row: row.label >= 0):  # of photos of equal bytes, one that has a label is shown
        by_place.setdefault((_case(row.method, row.knobs), row.digest), {})[row.metric] = row
    otherwise = sum(row.metric in {metric.name for metric in metrics} for row in chosen) - len(kept)
    return replace(_table(model, cases, metrics, otherwise, by_place), output=output, correct=correct)


def _of_cases(rows: Sequence[Row], preset: str | None, methods: Sequence[str]) -> tuple[list[Case], list[Row]]:
    """The cases of the preset that fit one of the texts in `methods`, and their rows. Raises ValueError for none."""
    cases = list(dict.fromkeys(_case(row.method, row.knobs) for row in rows))
    if preset is not None:
        cases = of_preset(preset, cases)
    if methods:
        cases = list(dict.fromkeys(case for text in methods for case in fitting(text, cases)))
    within = set(cases)
    return cases, [row for row in rows if _case(row.method, row.knobs) in within]


def _correct(rows: Sequence[Row]) -> list[Row]:
    """The rows of photos whose likeliest class is their label. Raises ValueError when there are none."""
    found = [row for row in rows if row.label == row.target]
    if not found:
        raise ValueError("no photo has its label as likeliest class; use a folder with labels.csv, or show all photos")
    return found


def _common(rows: Sequence[Row]) -> tuple[Case, ...]:
    """The metrics that all cases have with the same knobs. If a metric has several such settings: the one that most
    rows have. Raises ValueError when there are none."""
    of: dict[Case, Counter[Case]] = {}
    for row in rows:
        of.setdefault(_case(row.metric, row.metric_knobs), Counter())[_case(row.method, row.knobs)] += 1
    cases = {case for counted in of.values() for case in counted}
    best: dict[str, Case] = {}
    for metric in sorted(of, key=lambda metric: -of[metric].total()):
        if len(of[metric]) == len(cases):
            best.setdefault(metric.name, metric)
    if not best:
        raise ValueError(
            "no metric was measured for all of these methods with the same knobs; choose a preset, or measure all of "
            "them by one metric"
        )
    return tuple(best[name] for name in curves() if name in best)


def _table(
    model: str,
    cases: Sequence[Case],
    metrics: tuple[Case, ...],
    otherwise: int,
    by_place: Mapping[tuple[Case, str], Mapping[str, Row]],
) -> Table:
    every = sorted({photo for case, photo in by_place if case in cases})
    kept, photos = _comparable(cases, metrics, every, by_place)
    held = {m.name: [[by_place[case, photo][m.name] for photo in photos] for case in cases] for m in kept}
    areas = {name: np.array([[row.area for row in line] for line in lines]) for name, lines in held.items()}
    areas |= {name: areas[one] - areas[other] for name, (one, other) in measured_differences(areas).items()}
    return Table(
        model,
        tuple(cases),
        tuple(photos),
        len(every) - len(photos),
        kept,
        otherwise,
        areas,
        {name: np.array([[row.curve for row in line] for line in lines]) for name, lines in held.items()},
        {(c, p): next(iter(by_place[c, p].values())) for c in cases for p in photos},
        uneven=tuple(metric.name for metric in metrics if metric not in kept),
        noted={name: sum(map(_noted, zip(*lines, strict=True))) for name, lines in held.items()},
    )


def _comparable(
    cases: Sequence[Case],
    metrics: tuple[Case, ...],
    every: Sequence[str],
    by_place: Mapping[tuple[Case, str], Mapping[str, Row]],
) -> tuple[tuple[Case, ...], list[str]]:
    """The photos that have all areas of all cases, each over the usual number of steps: others are not comparable.

    A metric is left out that has such curves on fewer than half of the photos: chance alone would choose the photos.
    Raises ValueError when no photo or no metric remains.
    """
    photos = [p for p in every if all(m.name in by_place.get((case, p), {}) for case in cases for m in metrics)]
    if not photos:
        raise ValueError("no photo has all of these methods yet; continue the run, or choose a preset that is complete")
    found = []
    for metric in metrics:
        lengths = {p: [len(by_place[case, p][metric.name].curve) for case in cases] for p in photos}
        (usual, _), *_ = Counter(length for counted in lengths.values() for length in counted).most_common(1)
        even = [p for p in photos if set(lengths[p]) == {usual}]
        if 2 * len(even) >= len(photos):
            found.append(metric)
            photos = even
    if not found:
        names = ", ".join(measures()[metric.name].label for metric in metrics)
        raise ValueError(
            f"the curves of these methods have different numbers of steps on most photos ({names}): so many regions do "
            "not fit on every map; measure with fewer or smaller ones, such as perturbation:regions=5"
        )
    return tuple(found), photos


def _noted(rows: Sequence[Row]) -> bool:
    # What random orders always say comes first.
    return any(row.note.partition("; ")[2] if row.method == CONTROL else row.note for row in rows)


def _case(name: str, knobs: Mapping[str, Any]) -> Case:
    return Case(name, tuple(knobs.items()))
