"""The command `sanity`, for one photo and for a folder."""

import argparse
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from attribution.benchmark.cases import Case
from attribution.benchmark.sanity import COLUMNS, VALUES, Setting, check, row, verdicts
from attribution.benchmark.survey import Survey, folder_options, opened, photo_options, told, write_photo
from attribution.commands import to_write
from attribution.models import Model
from attribution.studies.other_class import OTHERS
from attribution.studies.randomisation import MODES

HELP = "check whether the maps of a photo depend on the model and on the class"
DESCRIPTION = "Makes layers random, adds noise to the weights, explains another class, and compares the maps."
FOLDER = "Checks methods on the photos of a folder: random layers, noise in the weights, another class."
PHOTO = tuple(name for name in COLUMNS if name not in ("digest", "base_seed"))
"""The columns of the file for one photo. Its seed is used as it is; in a folder each photo has its own."""


def options(made: argparse.ArgumentParser) -> None:
    """Adds the options of the command for one photo."""
    photo_options(made)
    _check_options(made)
    made.add_argument("--out", type=Path, metavar="FILE", help="a new .csv file to write")


def sanity_options() -> argparse.ArgumentParser:
    """The options of the command for a folder, without the word `sanity`."""
    made = folder_options("sanity", FOLDER)
    _check_options(made)
    return made


def _check_options(made: argparse.ArgumentParser) -> None:
    usual = Setting()
    made.add_argument(
        "--stages", type=int, default=usual.stages, help=f"stages of the randomisation; default: {usual.stages}"
    )
    mode = f"layers become random one after another and stay so, or each alone; default: {usual.mode}"
    made.add_argument("--mode", choices=MODES, default=usual.mode, help=mode)
    levels = "noise in the weights, as shares of their standard deviations; default: ten from 0.01 to 1"
    made.add_argument("--levels", type=float, nargs="+", default=list(usual.levels), metavar="SHARE", help=levels)
    made.add_argument("--seeds", type=int, default=usual.seeds, help=f"draws of each level; default: {usual.seeds}")
    names = ", ".join(f"{name} ({words})" for name, words in OTHERS.items())
    other = f"the other class: {names}, or the index of a class; default: {usual.other}"
    made.add_argument("--other", type=_other, default=usual.other, metavar="CLASS", help=other)
    own = "explain the likeliest class of each random network, not that of the model"
    made.add_argument("--own-class", action="store_true", help=own)
    statistics = "random layers: batch-norms that were not folded lose their running statistics too"
    made.add_argument("--statistics", action="store_true", help=statistics)
    made.add_argument("--seed", type=int, default=0, help="of random layers and noise; default: 0")


def _other(text: str) -> str | int:
    if text in OTHERS:
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be {', '.join(OTHERS)} or the index of a class") from None


def setting_of(given: argparse.Namespace) -> Setting:
    """The checks that the options ask for. Raises ValueError for numbers that cannot be."""
    for name in ("stages", "seeds"):
        if getattr(given, name) < 1:
            raise ValueError(f"--{name} {getattr(given, name)} must be at least 1")
    if not all(0 < level < math.inf for level in given.levels) or given.seed < 0:
        raise ValueError("--levels must be above 0, and --seed at least 0")
    own = {"mode": given.mode, "own_class": given.own_class, "statistics": given.statistics}
    return Setting(given.stages, tuple(given.levels), given.seeds, given.other, given.output, **own)


def sanity_survey(given: argparse.Namespace) -> Survey:
    """The checks over a folder."""
    setting = setting_of(given)

    def rows(model: Model, x: Tensor, cases: Mapping[str, Case], seed: int) -> dict[str, dict[str, str]]:
        """All methods see the same random networks."""
        checked = check(model, x, cases, setting, seed)
        return {label: row(checked, label) for label in cases}

    note = "A similarity of 1 means that the map did not change."
    return Survey("sanity checks", COLUMNS, VALUES, note, setting.text, rows)


def run(given: argparse.Namespace) -> None:
    """Prints what the checks found, a line for each method and check. Shows the progress on a terminal."""
    setting = setting_of(given)
    if given.out is not None:
        to_write(given.out, ".csv", new=True)
    model, x, cases = opened(given)
    found = check(model, x, cases, setting, given.seed, given.target, told)
    target, other = (model.categories[at] for at in (found.contrast.target, found.contrast.other))
    print(f"class {found.contrast.target} ({target}); the other class is {found.contrast.other} ({other})")
    for label, name, words, flagged in verdicts(found):
        print(f"{label}, {name}: {words}{' *' if flagged else ''}")
    print("* the map changed little, so it says little about what was changed")
    if given.out is not None:
        write_photo(given, PHOTO, model, setting.text, cases, partial(row, found))
