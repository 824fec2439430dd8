"""Downloads of torchvision's weights, with progress, and with one line that says what to do after a failure."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import torch


def fetch(title: str, url: str, target: Path, megabytes: float, wait: float) -> Iterator[float]:
    """Downloads `url` to `target`. Yields the fraction done every `wait` seconds. Raises ValueError on failure.

    If `megabytes` is 0, the server is asked for the size; until it answers, the fraction is 0.
    """
    size = [megabytes * 1024**2]
    stale = set(_parts(target))
    failures: list[Exception] = []
    thread = Thread(target=_fetch, args=(url, target, failures, size), daemon=True, name=f"download of {title}")
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


def _fetch(url: str, target: Path, failures: list[Exception], size: list[float]) -> None:
    try:
        if not size[0]:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as answer:
                size[0] = float(answer.headers.get("Content-Length") or 0)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The eight digits at the end of the file's name are the start of its SHA-256.
        found = re.search(r"-([a-f0-9]{8,})\.", target.name)
        torch.hub.download_url_to_file(url, str(target), found.group(1) if found else None, progress=False)
    except Exception as error:  # `fetch`, in the other thread, reports it
        failures.append(error)


def reason_of(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return f"no connection: {error.reason}"
    return str(error).strip().split("\n")[0] or type(error).__name__
