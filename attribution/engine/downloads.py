"""Downloads of weights, checked by their hash, with progress, and with a line that says what to do after a failure."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import torch

Stated = Callable[[], tuple[float, str]]
"""Asks a server for the size of a file, in bytes, and for its SHA-256."""
HASH = re.compile(r"-([a-f0-9]{8,})\.")
"""The digits at the end of the name of a file are the start of its SHA-256, as torch names its files."""


def fetch(
    title: str, url: str, target: Path, megabytes: float, wait: float, stated: Stated | None = None
) -> Iterator[float]:
    """Downloads `url` to `target`. Yields the fraction done every `wait` seconds. Raises ValueError on failure.

    The file is checked: its SHA-256 is the one of `stated`, or else begins as the name of `target` says. A file of
    another hash is deleted. If `megabytes` is 0, the server is asked for the size; until it answers, the fraction is 0.
    """
    size = [megabytes * 1024**2]
    stale = set(_parts(target))
    failures: list[Exception] = []
    given = (url, target, failures, size, stated)
    thread = Thread(target=_fetch, args=given, daemon=True, name=f"download of {title}")
    thread.start()
    reached = 0.0
    while thread.is_alive():
        # torch.hub writes to <file>.<random>.partial, and renames it when the download is complete.
        if size[0]:
            reached = max(reached, sum(map(_size, set(_parts(target)) - stale)) / size[0])
        yield min(reached, 1.0)
        thread.join(wait)
    if failures:
        raise ValueError(
            f"the weights of {title} are missing and could not be downloaded ({reason_of(failures[0])}): "
            f"fetch {url} on another machine and put it at {target} (TORCH_HOME moves the folder)"
        ) from failures[0]


def _parts(target: Path) -> list[Path]:
    return list(target.parent.glob(f"{target.name}.*.partial"))


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:  # torch.hub has just renamed it: the download is complete
        return 0


def _fetch(url: str, target: Path, failures: list[Exception], size: list[float], stated: Stated | None) -> None:
    try:
        if stated is not None:
            size[0], digest = stated()
        elif named := HASH.search(target.name):
            digest = named.group(1)
        else:
            raise ValueError("its name does not end with its hash")
        if not size[0]:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as answer:
                size[0] = float(answer.headers.get("Content-Length") or 0)
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), digest, progress=False)
    except Exception as error:  # `fetch`, in the other thread, reports it
        failures.append(error)


def reason_of(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return f"no connection: {error.reason}"
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):  # of the hub's own client
        return f"no connection: {error}"
    return str(error).strip().split("\n")[0] or type(error).__name__
