"""The command `sanity` for one photo."""

import argparse
import sys
from pathlib import Path

from attribution.benchmark.cases import parse
from attribution.benchmark.sanity import DEFAULT, check, labelled, verdicts
from attribution.benchmark.sanity_table import check_options, setting_of
from attribution.images import load_image
from attribution.models import load_model
from attribution.registry import METHODS

HELP = "check whether the maps of a photo depend on the model and on the class"
DESCRIPTION = "Makes layers random, adds noise to the weights, explains another class, and compares the maps."
KNOBS = f"methods and their knobs, such as smoothgrad:sigma=0.3,samples=20; default: {', '.join(DEFAULT)}"


def options(made: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    made.add_argument("photo", type=Path, help="a photo, as for explain")
    made.add_argument("--methods", nargs="+", default=list(DEFAULT), metavar="METHOD", help=KNOBS)
    made.add_argument("--target", type=int, metavar="CLASS", help="default: the most likely class")
    made.add_argument("--device", help="cuda, mps or cpu; default: the first of these that this machine has")
    check_options(made)


def run(given: argparse.Namespace) -> None:
    """Prints what the checks found, a line for each method and check. Shows the progress on a terminal."""
    cases, setting = labelled(parse(given.methods, METHODS)), setting_of(given)
    model = load_model(given.model, given.device)
    x = model.prepare(load_image(given.photo))

    def told(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{total} maps ", end="\n" if done == total else "", file=sys.stderr, flush=True)

    found = check(model, x, cases, setting, given.seed, given.target, told)
    target, other = (model.categories[at] for at in (found.contrast.target, found.contrast.other))
    print(f"class {found.contrast.target} ({target}); the other class is {found.contrast.other} ({other})")
    for label, name, words, flagged in verdicts(found):
        print(f"{label}, {name}: {words}{' *' if flagged else ''}")
    print("* the map changed little, so it says little about what was changed")
