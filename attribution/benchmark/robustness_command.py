"""The command `robustness`, for one photo and for a folder: infidelity and max-sensitivity."""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from attribution.benchmark.cases import Case, seeded
from attribution.benchmark.survey import (
    KEY,
    Survey,
    folder_options,
    numbers,
    opened,
    photo_options,
    told,
    write_photo,
)
from attribution.commands import to_write
from attribution.engine.store import Store
from attribution.models import Model
from attribution.studies.changed_image import FIGURES, Changes, Robustness, robustness

HELP = "measure how the maps of a photo answer small changes of it"
DESCRIPTION = (
    "Changes the photo a little, many times. Infidelity: how badly a map predicts the change of the score. "
    "Max-sensitivity: how far the map itself moves at most. The noise of a method is the same for all changes."
)
COLUMNS = (*KEY, "seed", "class", "category", *FIGURES, "why")
PHOTO = ("photo", "model", "weights", "setting", "seed", "method", "knobs", "class", "category", *FIGURES, "why")
"""The columns of the file for one photo. Its seed is used as it is; in a folder each photo has its own."""


def options(made: argparse.ArgumentParser) -> None:
    """Adds the options of the command for one photo."""
    photo_options(made)
    _change_options(made)
    made.add_argument("--out", type=Path, metavar="FILE", help="a new .csv file to write")


def robustness_options() -> argparse.ArgumentParser:
    """The options of the command for a folder, without the word `robustness`."""
    made = folder_options("robustness", DESCRIPTION)
    _change_options(made)
    return made


def _change_options(made: argparse.ArgumentParser) -> None:
    usual, space = Changes(), "in model space, where 1 is the standard deviation by which the model divides its pixels"
    noise = f"infidelity: the standard deviation of a change, {space}; default: {usual.noise}"
    made.add_argument("--noise", type=float, default=usual.noise, metavar="STD", help=noise)
    made.add_argument("--count", type=int, default=usual.count, help=f"infidelity: changes; default: {usual.count}")
    radius = f"max-sensitivity: the largest change of a value, {space}; default: {usual.radius}"
    made.add_argument("--radius", type=float, default=usual.radius, help=radius)
    repeats = f"max-sensitivity: changes, each with a new map; default: {usual.repeats}"
    made.add_argument("--repeats", type=int, default=usual.repeats, help=repeats)
    made.add_argument("--seed", type=int, default=0, help="of changes and noise; default: 0")


def changes_of(given: argparse.Namespace) -> Changes:
    """The changes that the options ask for. Raises ValueError for numbers that cannot be."""
    for name in ("count", "repeats"):
        if getattr(given, name) < 1:
            raise ValueError(f"--{name} {getattr(given, name)} must be at least 1")
    for name in ("noise", "radius"):
        if not 0 < getattr(given, name) < np.inf:
            raise ValueError(f"--{name} {getattr(given, name)} must be above 0")
    if given.seed < 0:
        raise ValueError(f"--seed {given.seed} must be at least 0")
    return Changes(given.noise, given.count, given.radius, given.repeats)


def _measure(
    given: argparse.Namespace, model: Model, x: Tensor, cases: Mapping[str, Case], seed: int, target: int | None
) -> Robustness:
    known = {"output": given.output, "changes": changes_of(given), "seed": seed, "store": Store()}
    for found in robustness(model, x, seeded(cases, seed), target, **known):
        told(found.done, found.total)
    return found


def _row(model: Model, found: Robustness, label: str) -> dict[str, str]:
    """The columns of a row but for those of the photo and of the run."""
    values = {name: found.value(label, name) for name in FIGURES}
    return {"class": str(found.target), "category": model.categories[found.target], **numbers(values, ".6g")}


def _note(count: int) -> str:
    """How to read the numbers. The factor is fitted to `count` changes. On average this takes 1 / count of the error
    even from a map that knows nothing."""
    return (
        "Lower is better. In infidelity_share a map of zeros has 1. A map that knows nothing has about "
        f"{1 - 1 / count:.4g} with {count} change{'' if count == 1 else 's'}, because its factor is the best one for "
        "them. A map that ignores the photo has a max-sensitivity of 0 as well."
    )


def _setting(given: argparse.Namespace) -> str:
    return json.dumps({**asdict(changes_of(given)), "output": given.output})


def robustness_survey(given: argparse.Namespace) -> Survey:
    """The check over a folder."""

    def rows(model: Model, x: Tensor, cases: Mapping[str, Case], seed: int) -> dict[str, dict[str, str]]:
        found = _measure(given, model, x, cases, seed, None)
        return {label: _row(model, found, label) for label in cases}

    return Survey("robustness", COLUMNS, FIGURES, _note(changes_of(given).count), _setting(given), rows)


def run(given: argparse.Namespace) -> None:
    """Prints a table, a row for each method, and writes it. Shows the progress on a terminal."""
    setting = _setting(given)
    if given.out is not None:
        to_write(given.out, ".csv", new=True)
    model, x, cases = opened(given)
    found = _measure(given, model, x, cases, given.seed, given.target)
    print("\n".join(_told(given, model, found)))
    if given.out is not None:
        write_photo(given, PHOTO, model, setting, cases, partial(_row, model, found))


def _told(given: argparse.Namespace, model: Model, found: Robustness) -> Iterator[str]:
    """The table, with what was done above it."""
    changes, levels = found.changes, 255 * float(np.mean(model.std))
    noise, radius = (f"{one:g}, about {one * levels:.2g} of 255 grey levels" for one in (changes.noise, changes.radius))
    yield f"class {found.target} ({model.categories[found.target]}), {given.output}, seed {given.seed}"
    yield f"infidelity: {changes.count} changes of standard deviation {noise}; in units of the score, squared"
    yield f"max-sensitivity: {changes.repeats} changes within ±{radius}; a share of the size of the map"
    width = max(map(len, found.methods))
    yield f"{'':{width}}  {'  '.join(FIGURES)}"
    for label in found.methods:
        values = {name: found.value(label, name) for name in FIGURES}
        cells = (f"{one.value:.4g}" if one.defined else "-" for one in values.values())
        line = "  ".join(f"{cell:>{len(name)}}" for cell, name in zip(cells, values, strict=True))
        why = {one.why: None for one in values.values() if not one.defined}
        yield f"{label:{width}}  {line}{'  ' + '; '.join(why) if why else ''}"
    yield _note(changes.count)
