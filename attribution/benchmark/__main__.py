"""The command line of the benchmark.

`python -m attribution.benchmark PHOTOS --preset table1 --out results.db` measures, and
`python -m attribution.benchmark report results.db` prints the table.
"""

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch

from attribution.benchmark.agreement_command import agreement_options, agreement_survey
from attribution.benchmark.cases import CONTROL, PRESETS, metrics, parse, patches, subjects
from attribution.benchmark.cluster import Cluster
from attribution.benchmark.report import FORMATS, report, rows
from attribution.benchmark.results import Results
from attribution.benchmark.robustness_command import robustness_options, robustness_survey
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, photos, run
from attribution.benchmark.sanity_command import sanity_options, sanity_survey
from attribution.benchmark.survey import run as run_survey
from attribution.commands import Parser, speakable, to_write
from attribution.engine.score import OUTPUTS
from attribution.models import load_model
from attribution.named import NAMES
from attribution.registry import curves

DESCRIPTION = """
Measures methods on every photo of a folder, and keeps the results in a file.
  report FILE             prints a table of the results
  rows FILE               prints all results as CSV
  sanity PHOTOS --out CSV runs the sanity checks of methods over the photos, and prints a table
  robustness PHOTOS --out CSV
                          measures how maps answer small changes of the photos, and prints a table
  agreement PHOTOS --out CSV
                          measures whether maps that are means over noise are settled, and prints a table
  pack FILE --out SMALL   writes a small copy of the file to send on: without the folder of the photos, but
                          with a thumbnail of each photo (at most 96 pixels a side) unless --no-thumbnails is given
"""
EXAMPLES = """
A METHOD is a name and its knobs. Slashes separate several values of one knob:
  smooth_taylor:sigma=0.3/0.5,samples=150   two cases
  adaptive_noising:objective=aupc           searches a sigma for each photo
  random_order                              the control: the mean of several random orders
`python -m attribution methods` lists the names and the knobs. Results that the file already holds are not computed
again: the same command continues a run that was stopped, and a command with more methods adds those methods.
"""
DEFAULT = ("integrated_gradients", "smoothgrad", "smooth_taylor", CONTROL)
SURVEYS = {
    "sanity": (sanity_options, sanity_survey),
    "robustness": (robustness_options, robustness_survey),
    "agreement": (agreement_options, agreement_survey),
}
"""The commands that check methods over a folder: their options, and what they do."""
OPTIONS = {
    "report": ("format", "preset", "methods", "metrics", "model", "against", "correct"),
    "rows": (),
    "pack": ("no_thumbnails",),
}
"""Which options the commands that print a file have, besides --out."""
STOPPED = 130
LARGEST = 2**63
"""The first number that a results file cannot hold."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status. An error is printed as one line."""
    speakable()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] and given[0] in OPTIONS:
            return tell(_told(given))
        if given[:1] and given[0] in SURVEYS:
            options, asked = SURVEYS[given[0]]
            chosen = options().parse_args(given[1:])
            return run_survey(chosen, asked(chosen))
        return measure(_options().parse_args(given))
    except (ValueError, MemoryError, OSError, RuntimeError, sqlite3.Error) as error:
        print(f"attribution.benchmark: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped: the results so far are kept, and the same command continues the run", file=sys.stderr)
        return STOPPED


def _options() -> Parser:
    made = Parser(
        "python -m attribution.benchmark",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    standard = [name for name, metric in curves().items() if metric.standard]
    made.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with photos; its subfolders count too")
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the results file; an existing one is continued"
    )
    made.add_argument("--model", metavar="NAME", default="efficientnet_lite0", help=NAMES)
    methods = f"methods and their knobs, see below; default: {', '.join(DEFAULT)}"
    made.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help=methods)
    made.add_argument("--preset", action="append", choices=PRESETS, default=[], help="a named set of methods")
    scored = "the score to explain and to measure, one for each results file; default: logit"
    made.add_argument("--output", choices=OUTPUTS, default=OUTPUTS[0], help=scored)
    made.add_argument(
        "--metrics",
        nargs="+",
        default=standard,
        metavar="METRIC",
        help=f"metrics, written like methods, such as perturbation:draws=10; choose from {', '.join(curves())}; "
        f"default: {', '.join(standard)}",
    )
    _machine_options(made)
    return made


def _machine_options(made: argparse.ArgumentParser) -> None:
    """The seed, and what computes: device, batches, threads, workers."""
    made.add_argument("--seed", type=int, default=0, help="each photo gets its own seed from this one; default: 0")
    made.add_argument("--device", help="cuda, mps or cpu; default: the first of these that this machine has")
    made.add_argument("--batch", type=int, help="gradients computed at once; default: 8 on a CPU, else 64")
    made.add_argument("--threads", type=int, help="CPU threads of each worker; default: all")
    made.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="spread the photos over the Ray cluster at ADDRESS (needs the extra `ray`); without ADDRESS: over the "
        "cluster that RAY_ADDRESS names, or else over a new one on this machine",
    )
    made.add_argument(
        "--workers", type=int, help="with --ray: how many; those without room wait; default: as many as fit"
    )
    made.add_argument("--gpus", type=float, help="with --ray: GPUs per worker, such as 0.5; default: 1 if any")


def _report_options() -> Parser:
    made = Parser(
        "python -m attribution.benchmark",
        description="Prints what a results file holds. `pack` writes a small copy of the file to send on: without the "
        "folder of the photos, but with a thumbnail of each photo (at most 96 pixels a side).",
    )
    made.add_argument("command", choices=OPTIONS)
    made.add_argument("results", type=Path, metavar="FILE", help="a results file")
    made.add_argument("--out", type=Path, help="write to this new file instead of printing")
    made.add_argument("--no-thumbnails", action="store_true", help="pack: leave out the thumbnails of the photos")
    of = made.add_argument_group("report")
    of.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    of.add_argument("--preset", action="append", choices=PRESETS, default=[], help="only the methods of this set")
    of.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help="only these: smooth_taylor:samples=50")
    of.add_argument(
        "--metrics", nargs="+", default=[], choices=list(curves()), help="only these; photos that lack one are left out"
    )
    of.add_argument("--model", metavar="NAME", help="the model, when the file has several")
    of.add_argument(
        "--against",
        default="",
        metavar="METHOD",
        help="the method that all others are compared with; default: the first",
    )
    correct = "only the photos whose likeliest class is the one that labels.csv gave them"
    of.add_argument("--correct", action="store_true", help=correct)
    return made


def _told(given: Sequence[str]) -> argparse.Namespace:
    """The options of `tell`. Raises ValueError for one that the command does not have."""
    made = _report_options()
    found = made.parse_args(given)
    if len(found.preset) > 1:
        raise ValueError("a report shows one set of methods: give --preset once")
    for command, names in OPTIONS.items():
        for name in names:
            if command != found.command and getattr(found, name) != made.get_default(name):
                raise ValueError(f"--{name.replace('_', '-')} is an option of {command}, not of {found.command}")
    return found


def measure(options: argparse.Namespace) -> int:
    """Measures what the results file lacks. Returns 1 when something could not be measured, else 0."""
    measures = metrics(options.metrics)
    texts = [text for name in options.preset for text in PRESETS[name]] + options.methods or DEFAULT
    parse(texts, subjects())  # an error at once, before there is a file
    for name in ("batch", "threads", "workers"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1")
    if abs(options.seed) >= LARGEST:
        raise ValueError(f"--seed {options.seed} has too many digits; give at most 18")
    photos(options.photos)  # an error at once when there are none
    results = Results(options.out)
    # P is a knob of a search. A run that adds another metric continues the searches that the file holds.
    tried = patches(measures, results.patches(options.model, options.seed) or 50)
    wanted = parse(texts, subjects(tried))
    with closing(_workers(options, tried)) as workers:
        setting = Setting(options.model, workers.digest, options.seed, options.output)
        failed = run(options.photos, results, setting, wanted, measures, workers)
        print(f"{options.out}: {len(wanted)} cases of every photo, measured on {workers.device}")
    for photo, case, error in failed:
        print(f"{photo}{' ' + case if case else ''}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _workers(options: argparse.Namespace, tried: int) -> Here | Cluster:
    threads = options.threads or torch.get_num_threads()
    if options.ray is None:
        torch.set_num_threads(threads)
        return Here(load_model(options.model, options.device), batch=options.batch, patches=tried)
    known = {"batch": options.batch, "patches": tried, "threads": threads}
    return Cluster(options.ray, options.model, options.device, gpus=options.gpus, workers=options.workers, **known)


def tell(options: argparse.Namespace) -> int:
    """Prints a table or all rows, or writes a packed file. Returns 0."""
    results = Results.read(options.results)
    found = results.rows()
    if options.command == "pack":
        if options.out is None:
            raise ValueError("pack: give the file to write with --out")
        _write(options.out, results.pack(thumbnails=not options.no_thumbnails))
        return 0
    if options.command == "rows":
        told = rows(found)
    else:
        preset = next(iter(options.preset), None)
        which = (preset, options.model, options.against, options.methods, options.metrics, options.correct)
        told = report(found, options.format, *which)
    if options.out is None:
        print(told, end="")
    else:
        _write(options.out, told.encode())
    return 0


def _write(file: Path, data: bytes) -> None:
    to_write(file, new=True)
    file.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
