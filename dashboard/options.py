"""The options of the server: what stands after `--`, as in `make app ARGS="-- --photos FOLDER"`.

They are read once, before anything is served. A visitor of the page cannot set them.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from dashboard.experiment.folder import FOLDER

WRONG = 2
"""The exit status for options that cannot be used."""
ABOUT = "Starts the dashboard. Options of Streamlit go with these: --server.port=9000."


class _Parser(argparse.ArgumentParser):
    """Its errors are one line, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; --help lists the options")


def parser() -> argparse.ArgumentParser:
    """The options. With `make app`, Streamlit's own stand before `--` and these after it; the command takes both."""
    made = _Parser("attribution-dashboard", description=ABOUT, allow_abbrev=False)
    made.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="a folder of photos that everybody who opens the page can choose"
    )
    made.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="a model beside the built-in ones: timm/NAME, torchvision/NAME, hf-hub:OWNER/NAME, local-dir:FOLDER, "
        "NAME=FILE or MODULE:FUNCTION; may be given several times",
    )
    return made


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Those that are not understood end the process: one line, and the exit status `WRONG`."""
    with _one_line():
        return parser().parse_args(arguments)


def start(arguments: Sequence[str]) -> None:
    """Reads the options and applies them. Those that cannot be used end the process too."""
    given = read(arguments)
    with _one_line():
        if given.photos is not None:
            FOLDER.open(given.photos)
        if given.model:
            from dashboard.work.models import add  # imports torch, which the first page does not wait for otherwise

            for name in given.model:
                add(name)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"dashboard: {error}", file=sys.stderr)
        sys.exit(WRONG)
