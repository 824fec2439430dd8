"""Prints a results file: a table like that of the paper, with intervals, differences and the paper's numbers."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attribution.benchmark.cases import ADAPTIVE, Case
from attribution.benchmark.intervals import SURE, chance, holm, interval
from attribution.benchmark.paper import METRICS, MODELS, published
from attribution.benchmark.printed import as_csv, as_latex, as_text
from attribution.benchmark.rows import ROW, Row
from attribution.benchmark.tables import Table, tabulate
from attribution.registry import METRICS as REGISTERED
from attribution.registry import measures

FORMATS = ("text", "csv", "latex")


def report(
    rows: Sequence[Row],
    form: str,
    preset: str | None,
    model: str | None,
    against: str = "",
    methods: Sequence[str] = (),
    measured: Sequence[str] = (),
    correct: bool = False,
) -> str:
    """The table as text, CSV or LaTeX. Differences are to the case `against`, or to the first case. `correct`: only of
    the photos whose likeliest class is their label.

    Raises ValueError as `tabulate` does, and when no case fits `against`.
    """
    table = tabulate(rows, preset, model, methods, measured, correct)
    reference = table.find(against) if against else table.cases[0]
    found = lines(table, reference)
    if form == "csv":
        return as_csv(found)
    told = [spoken(line, table) for line in found]
    return (as_latex if form == "latex" else as_text)(told, head(table, reference), notes(table))


def lines(table: Table, against: Case) -> list[dict[str, str | float]]:
    """One line for each case, by column name. Numbers are not formatted yet.

    The p-values of the differences are corrected for the number of differences in the table.
    """
    reference = table.cases.index(against)
    intervals = {name: interval(areas) for name, areas in table.areas.items()}
    differences = {name: areas - areas[reference] for name, areas in table.areas.items()}
    around = {name: interval(found) for name, found in differences.items()}
    raw = np.stack([chance(found) for found in differences.values()])
    raw[:, reference] = np.nan  # no difference: it is the case beside itself
    by_chance = dict(zip(differences, holm(raw.ravel()).reshape(raw.shape), strict=True))
    found = []
    for k, case in enumerate(table.cases):
        line: dict[str, str | float] = {"method": case.name, "knobs": case.text, "label": table.labels[case]}
        line |= {"photos": len(table.photos), "gradients": table.gradients(case)}
        for metric, areas in table.areas.items():
            name = measures()[metric].label.lower()
            line[name] = areas[k].mean()
            line[f"{name}_low"], line[f"{name}_high"] = (float(edge[k]) for edge in intervals[metric])
            line[f"{name}_difference"] = differences[metric][k].mean()
            low, high = (float(edge[k]) for edge in around[metric])
            line[f"{name}_difference_low"], line[f"{name}_difference_high"] = low, high
            line[f"{name}_difference_p"] = float(by_chance[metric][k])
        for (of, metric_name), value in _paper(case.name, dict(case.knobs), table).items():
            line[_column(of, metric_name)] = value
        found.append(line)
    return found


def _paper(method: str, knobs: Mapping[str, object], table: Table) -> dict[tuple[str, str], float]:
    """The paper's numbers of the metrics in the table, or NaN when it has none for this case.

    Empty when it has none for the whole table. They are of the logit, and of metrics with their default knobs; P may be
    another one.
    """
    there = [metric.name for metric in table.metrics if metric.name in METRICS and _as_published(metric)]
    if table.output != "logit" or not any(published(case.name, dict(case.knobs)) for case in table.cases):
        return {}
    found = published(method, knobs)
    return {(m, metric): found.get((m, metric), np.nan) for m in MODELS for metric in METRICS if metric in there}


def _column(model: str, metric: str) -> str:
    """The column of the paper's numbers of a metric on a model."""
    return f"{model.lower()}_{REGISTERED[metric].label.lower()}"


def _as_published(metric: Case) -> bool:
    knobs = REGISTERED[metric.name].knobs
    return all(value == knobs[name].default for name, value in metric.knobs if name in knobs and name != "draws")


def spoken(line: Mapping[str, Any], table: Table) -> dict[str, str]:
    """The columns of the printed table, as text."""
    found = {"method": str(line["label"]), "gradients": f"{line['gradients']:,.0f}"}
    for metric in table.areas:
        measure = measures()[metric]
        title, places = measure.label, measure.digits
        name = title.lower()
        low, high = line[f"{name}_low"], line[f"{name}_high"]
        found[title] = f"{line[name]:.{places}f}{_ends(low, high, f'.{places}f')}"
        low, high = line[f"{name}_difference_low"], line[f"{name}_difference_high"]
        difference = line[f"{name}_difference"]
        star = " *" if line[f"{name}_difference_p"] < SURE else ""
        signed = f"+z.{places}f"
        found[f"{title} difference"] = f"{difference:{signed}}{_ends(low, high, signed)}{star}"
    for model in MODELS:
        columns = {REGISTERED[metric].label: _column(model, metric) for metric in METRICS}
        values = {label: line[column] for label, column in columns.items() if column in line}
        if values:
            known = [f"{value:.2f}" for value in values.values() if not np.isnan(value)]
            # Beside the two metrics of the paper alone, it is plain which they are.
            named = "" if set(table.areas) == set(METRICS) else f" ({' / '.join(values)})"
            found[f"paper, {model}{named}"] = " / ".join(known)
    return found


def _ends(low: float, high: float, form: str) -> str:
    """The ends of an interval, behind its mean; nothing for one photo, which has no interval."""
    return "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"


def head(table: Table, against: Case) -> str:
    """A caption: the model, the photos, the metrics, and the case that differences are to."""
    ways = "; ".join(_way(metric) for metric in table.metrics)
    lacking = (
        f" ({table.left_out} more lack a row or have a curve of another length, and are left out)"
        if table.left_out
        else ""
    )
    if table.otherwise:
        lacking += f"; {table.otherwise} areas of other weights, another seed or another setting are left out"
    if table.uneven:
        names = ", ".join(measures()[name].label for name in table.uneven)
        lacking += f"; {names} is left out: on most photos the methods' curves have different numbers of steps"
    better = "; ".join(f"{measures()[name].label}: {measures()[name].reading}" for name in table.areas)
    sure = (
        "Intervals are 95 % t intervals of the mean over photos, each for itself. A star marks a difference that is "
        f"more than chance: p < {SURE:g} after Holm's correction for the {(len(table.cases) - 1) * len(table.areas)} "
        "differences of this table."
    )
    return (
        f"{table.model}, {_photos(len(table.photos))}{lacking}. {_labels(table)}The {table.output} is explained and "
        f"measured. {ways}. {better}. {_noted(table)}Differences are to {table.labels[against]}, photo by photo. "
        f"{sure if len(table.photos) > 1 else 'One photo has no intervals.'}"
    )


def _photos(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"


def _labels(table: Table) -> str:
    """For how many photos the likeliest class is the label, if labels are known."""
    found, known = table.recognised
    if not known:
        return ""
    if table.correct:
        return "They are those whose likeliest class is their label. "
    some = f"the {_photos(known)} that {'has' if known == 1 else 'have'} a label"
    of = _photos(known) if known == len(table.photos) else some
    return f"The likeliest class is the label on {found} of {of}. "


def _noted(table: Table) -> str:
    """On how many photos areas carry a note, such as a score near 0. Such areas are in the means, like the others."""
    of = [f"{measures()[name].label} on {count}" for name, count in table.noted.items() if count]
    every = _photos(len(table.photos))
    return f"Areas that carry a note, of {every}: {', '.join(of)}; the rows say why. " if of else ""


def _way(metric: Case) -> str:
    """A metric with its knobs that are not at their defaults."""
    entry = REGISTERED[metric.name]
    values = ((entry.knobs[name], value) for name, value in metric.knobs if name in entry.knobs)
    changed = [knob.setting(value) for knob, value in values if value != knob.default]
    return f"{entry.label} ({', '.join(changed)})" if changed else entry.label


def notes(table: Table) -> list[str]:
    """For each search: the sigma found, its area in the search, and its area with noise new to the search."""
    found = []
    for k, case in enumerate(table.cases):
        if case.name != ADAPTIVE:
            continue
        details = [table.rows[case, photo].detail for photo in table.photos]
        sigma, area, cost = (np.mean([d[key] for d in details]) for key in ("sigma", "search_area", "evaluations"))
        objective = dict(case.knobs)["objective"]
        metric = "total_variation" if objective == "autvc" else "perturbation"
        usual = {name: knob.default for name, knob in REGISTERED[metric].knobs.items() if name != "draws"}
        ways = [dict(m.knobs) for m in table.metrics if m.name == metric]
        if not ways or any(ways[0].get(name, value) != value for name, value in usual.items()):
            continue  # the search uses the default knobs of the metric: these areas are not comparable
        found.append(
            f"{table.labels[case]}: sigma {sigma:.2f} on average, after {cost:.0f} evaluations; {objective.upper()} "
            f"{area:.2f} in the search, {table.areas[metric][k].mean():.2f} with noise that it had not used."
        )
    return found


def rows(found: Sequence[Row]) -> str:
    """All rows as CSV: one line for each area, with the data of its map."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    fields = [field for field, column in ROW.items() if column.csv]
    writer.writerow(fields)
    for row in found:
        values = (getattr(row, field) for field in fields)
        writer.writerow([json.dumps(value) if isinstance(value, dict) else value for value in values])
    return buffer.getvalue()
