"""The command `attribution-dashboard`, or `python -m dashboard`: the app with its options, and those of Streamlit.

Streamlit's options are those with a dot in their names: `attribution-dashboard --photos FOLDER --server.port=9000`.
"""

import sys
from collections.abc import Sequence

from streamlit.web import cli

from dashboard import options
from dashboard.place import APP


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the app until it is stopped. Options that cannot be used are one line, and the exit status 2."""
    streamlits, ours = split(sys.argv[1:] if arguments is None else arguments)
    options.read(ours)
    cli.main(["run", str(APP), *streamlits, "--", *ours], prog_name="streamlit")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of Streamlit, and those of the app. Both have their values with them; a `--` is not needed."""
    streamlits: list[str] = []
    ours: list[str] = []
    held: list[str] = ours
    for word in arguments:
        if word == "--":
            continue
        if word.startswith("-"):
            name = word.partition("=")[0]
            held = streamlits if name.startswith("--") and "." in name else ours
        held.append(word)
        if not word.startswith("-") or "=" in word:
            held = ours
    return streamlits, ours


if __name__ == "__main__":
    main()
