"""What the command lines share: options whose errors are one line, and files that may be written."""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Options that raise ValueError for what they do not understand: one line, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; --help lists the options")


def to_write(file: Path, *endings: str, new: bool = False) -> None:
    """Raises ValueError for a file that cannot be written: its name ends in none of the `endings`, such as ".png" (none
    given: all are fine), its folder is not there, or, with `new`, it is there already."""
    if endings and file.suffix not in endings:
        raise ValueError(f"{file}: give a name that ends in {' or '.join(endings)}")
    if not file.parent.is_dir():
        raise ValueError(f"{file}: there is no folder {file.parent}")
    if new and file.exists():
        raise ValueError(f"{file} already exists; choose another name")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ValueError(f"{file} cannot be written; choose another name")


def speakable() -> None:
    """Output that goes to a file or to a program can have an encoding without some letters: they become a `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
