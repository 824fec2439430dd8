"""The command `explain`: a map of a photo.

Every knob of a method is an option. The options are made from the signature of the method.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from attribution.agreement import SIDES, agreements, place, spoken
from attribution.commands import Parser, to_write
from attribution.engine.devices import PRECISIONS
from attribution.engine.score import OUTPUTS
from attribution.explain import curve, one_channel, stream
from attribution.heatmaps import COLOURS, DIVERGING, KINDS, colour, heatmap, overlay
from attribution.images import load_image, to_picture
from attribution.models import Model, load_model
from attribution.named import NAMES
from attribution.registry import METHODS, METRICS, Choice, Knob, Range, curves
from attribution.studies.robustness import inside
from attribution.studies.settled import BLANK, Settling, until_settled
from attribution.types import Partial

HELP = "make a map of a photo"
DESCRIPTION = (
    "Makes a map of a photo. The knobs below are those of one method. To see the knobs of another method, give it with "
    "--method, before or after --help."
)


def options(one: argparse.ArgumentParser, given: Sequence[str]) -> None:
    """Adds the options, including the knobs of the method that is given."""
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


def _knob_options(one: argparse.ArgumentParser, given: Sequence[str]) -> None:
    # The method is read before the other options: it decides which knobs there are.
    first = Parser(add_help=False)
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
        "--box",
        type=int,
        nargs=4,
        metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
        help="in pixels of the map: say which share of |attribution| is inside, and which share of the area that is",
    )
    one.add_argument(
        "--metric",
        choices=list(curves()),
        action="append",
        default=[],
        help="measure the map by it, at its defaults; may be given several times",
    )


def _add(group: argparse._ArgumentGroup, knob: Knob) -> None:
    told = f"{knob.help}; {allowed(knob)}default: {knob.default}"
    if knob.type is bool:
        group.add_argument(f"--{knob.name}", action=argparse.BooleanOptionalAction, default=None, help=told)
    elif isinstance(knob.allowed, Choice):
        group.add_argument(f"--{knob.name}", choices=knob.allowed.names, default=None, help=told)
    else:
        group.add_argument(f"--{knob.name}", type=knob.type, default=None, metavar=knob.name[0].upper(), help=told)


def allowed(knob: Knob) -> str:
    """The range of a knob in words; empty for other knobs."""
    return f"{knob.allowed}; " if isinstance(knob.allowed, Range) else ""


def run(options: argparse.Namespace) -> None:
    """Makes the map, writes it and measures it. Shows the progress on a terminal.

    Raises ValueError for a metric that is not defined, after all others were printed.
    """
    for file in options.out:
        to_write(file, ".png", ".npy")
    image = load_image(options.photo)
    model = load_model(options.model, options.device, precision=options.precision)
    x = model.prepare(image)
    if options.box is not None:
        inside(torch.zeros(x.shape[-2:]), tuple(options.box))  # a wrong box is told before the map is made
    given = {name: getattr(options, name) for name in METHODS[options.method].knobs}
    knobs = {name: value for name, value in given.items() if value is not None}
    growing = _settling if options.settled is not None else _whole
    for told in growing(options, model, x, knobs):
        partial, spent, said = told
        if sys.stderr.isatty():
            print(f"\r{partial.done}/{partial.total} points", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    category = model.categories[partial.target]
    where = f"{model.device}, {model.precision}"
    print(f"{options.method} of class {partial.target} ({category}): {spent} gradients on {where}")
    print(said, end="")
    if options.box is not None:
        print(_in_box(*inside(one_channel(partial.attribution, x), tuple(options.box))))
    for file in options.out:
        _write(file, options, model, x, partial)
        print(f"written: {file}")
    refused = []
    for name in options.metric:
        metric = METRICS[name]
        try:
            found = curve(model, x, partial.attribution, name, partial.target, output=options.output)
        except ValueError as error:
            refused.append(f"{metric.label}: {error}")
            continue
        note = f" ({found.note})" if found.note else ""
        print(f"{metric.label}: {found.area:.{metric.digits}f}, {metric.reading}{note}")
    if refused:
        raise ValueError("; ".join(refused))


def _write(file: Path, options: argparse.Namespace, model: Model, x: Tensor, partial: Partial) -> None:
    """Writes the map as an array or as a picture, by the suffix of the file."""
    if file.suffix == ".npy":
        np.save(file, partial.attribution.cpu().numpy())
        return
    values = heatmap(partial.attribution, options.kind)
    signed = options.kind == "signed"
    anchors = DIVERGING["on_light"] if signed else COLOURS["inferno"]
    picture = colour((values + 1) / 2 if signed else values, anchors)
    if options.over:
        picture = overlay(picture, values.abs().sqrt(), to_picture(model.pixels(x)), 0.8)
    PIL.Image.fromarray(picture).save(file)


def _in_box(share: float, area: float) -> str:
    if math.isnan(share):
        return "box: the map is blank"
    return f"box: {share:.1%} of |attribution| in {area:.1%} of the area"


Told = tuple[Partial, int, str]
"""The map so far, the gradients that were computed, and a line to print at the end."""


def _whole(options: argparse.Namespace, model: Model, x: Tensor, knobs: dict[str, Any]) -> Iterator[Told]:
    for partial in stream(model, x, options.method, options.target, output=options.output, **knobs):
        yield partial, partial.evaluations, _halves(partial)


def _halves(partial: Partial) -> str:
    """The line about the halves of the draws; empty if there are none, or one of them is constant."""
    if not partial.complete or partial.halves is None:
        return ""
    found = agreements(partial.halves.cpu())
    if any(map(math.isnan, found.values())):
        return ""
    (_, pixels), *pooled = found.items()
    told = ", ".join(f"{value:z.2f} {place(side)}" for side, value in [(0, pixels), *pooled])
    return f"halves of the draws agree by {told}\n"


def _settling(options: argparse.Namespace, model: Model, x: Tensor, knobs: dict[str, Any]) -> Iterator[Told]:
    budget = {"agreement": options.settled, "side": options.side, "most": options.most}
    for found in until_settled(model, x, options.method, options.target, output=options.output, **budget, **knobs):
        yield found.partial, found.evaluations, _ended(found, options.side, options.settled)


def _ended(found: Settling, side: int, enough: float) -> str:
    """The line about a number of samples that is complete; empty for others."""
    if found.blank:
        return f"{BLANK} (R = {found.samples})\n"
    agreed = found.tried.get(found.samples)
    if agreed is None:
        return ""
    state = "settled" if found.settled else "not settled"
    pooled = side if side < min(found.partial.attribution.shape[-2:]) else 0
    return f"{state} after R = {found.samples}: halves agree by {spoken(agreed, enough)}, {place(pooled)}\n"
