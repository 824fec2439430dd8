"""`python -m attribution.benchmark PHOTOS --preset table1 --out results.db`, then `... report results.db`."""

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch

from attribution.benchmark.cases import CONTROL, PRESETS, metrics, parse, patches, subjects
from attribution.benchmark.cluster import Cluster
from attribution.benchmark.report import FORMATS, report, rows
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, photos, run
from attribution.models import MODELS, load_model
from attribution.registry import curves

EXAMPLES = """
A method is written with its knobs, several values of one apart by slashes:
  smooth_taylor:sigma=0.3/0.5,samples=150   two cases
  adaptive_noising:objective=aupc           sigma searched for each photo
  random_order                              the control
Names and knobs are those of `python -m attribution methods`. What stands in the results file is not computed again:
the same command goes on where it was stopped, and one with more methods adds those.
"""
DEFAULT = ("integrated_gradients", "smoothgrad", "smooth_taylor", CONTROL)
COMMANDS = ("report", "rows", "pack")
STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; what is wrong with it is told in one line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] and given[0] in COMMANDS:
            return tell(_report_options().parse_args(given))
        return measure(_options().parse_args(given))
    except (ValueError, MemoryError, OSError, RuntimeError, sqlite3.Error) as error:
        print(f"attribution.benchmark: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped: what is done is kept, and the same command goes on from there", file=sys.stderr)
        return STOPPED


def _options() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "python -m attribution.benchmark",
        description="Measures methods on every photo of a folder, and keeps the results in a file. "
        "`report FILE` prints tables of it, `rows FILE` all of it as CSV. `pack FILE --out SMALL` writes a small copy "
        "to send on: without the folder of the photos, but with a thumbnail of each photo (at most 96 pixels a side).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with photos; those below it count too")
    made.add_argument("--out", type=Path, required=True, metavar="FILE", help="the results file, begun or gone on with")
    made.add_argument("--model", choices=MODELS, default="efficientnet_lite0", help="default: efficientnet_lite0")
    made.add_argument(
        "--methods",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="see below; default: the paper's three, and random_order",
    )
    made.add_argument("--preset", action="append", choices=PRESETS, default=[], help="a named set of methods")
    made.add_argument(
        "--metrics",
        nargs="+",
        default=[name for name, metric in curves().items() if metric.standard],
        metavar="METRIC",
        help=f"of {', '.join(curves())}, written as methods are: perturbation:draws=10; default: the first two",
    )
    made.add_argument("--seed", type=int, default=0, help="of the noise; every photo has one of its own from it")
    made.add_argument("--device", help="cuda, mps or cpu; default: the best there is")
    made.add_argument("--batch", type=int, help="points at once; default: 8 on a CPU, else 64")
    made.add_argument("--threads", type=int, help="of the processor, for each worker; default: all")
    made.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="spread photos over the Ray cluster there (needs the extra `ray`); without an address: over one of this "
        "machine, or the one that RAY_ADDRESS names",
    )
    made.add_argument(
        "--workers",
        type=int,
        help="with --ray: how many; those without room wait for a machine to be added; default: as many as fit",
    )
    made.add_argument(
        "--gpus", type=float, help="with --ray: of each worker, such as 0.5; default: 1 where there are any"
    )
    return made


def _report_options() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "python -m attribution.benchmark",
        description="Prints what a results file holds. `pack` writes a small copy of the file to send on: without the "
        "folder of the photos, but with a thumbnail of each photo (at most 96 pixels a side).",
    )
    made.add_argument("command", choices=COMMANDS)
    made.add_argument("results", type=Path, metavar="FILE", help="a results file")
    made.add_argument("--out", type=Path, help="a new file to write to, instead of printing")
    made.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    made.add_argument("--preset", choices=PRESETS, help="only the rows of one of these")
    made.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help="only these: smooth_taylor:samples=50")
    made.add_argument(
        "--metrics", nargs="+", default=[], choices=list(curves()), help="only these; photos that lack one are left out"
    )
    made.add_argument("--model", choices=MODELS, help="which model, where the file has several")
    made.add_argument("--against", default="", metavar="METHOD", help="what differences are to; the first")
    return made


def measure(options: argparse.Namespace) -> int:
    """Measures what the file lacks."""
    measures = metrics(options.metrics)
    tried = patches(measures, 50)
    texts = [text for name in options.preset for text in PRESETS[name]] + options.methods
    wanted = parse(texts or DEFAULT, subjects(tried))
    for name in ("batch", "threads", "workers"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1")
    photos(options.photos)  # says so at once where there are none
    results = Results(options.out)
    with closing(_workers(options, tried)) as workers:
        setting = Setting(options.model, workers.digest, options.seed)
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
    """Prints a table, or all rows."""
    results = Results.read(options.results)
    found = results.rows()
    if options.command == "pack":
        if options.out is None:
            raise ValueError("pack: say where to with --out")
        _write(options.out, results.pack())
        return 0
    if options.command == "rows":
        told = rows(found)
    else:
        which = (options.preset, options.model, options.against, options.methods, options.metrics)
        told = report(found, options.format, *which)
    if options.out is None:
        print(told, end="")
    else:
        _write(options.out, told.encode())
    return 0


def _write(file: Path, data: bytes) -> None:
    if file.exists():
        raise ValueError(f"{file} is there already; name another")
    file.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
