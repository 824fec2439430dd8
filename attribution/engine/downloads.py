"""Downloads of weights, checked by their hash, with progress, and with a line that says what to do after a failure."""

import contextlib
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

Stated = Callable[[], tuple[float, str]]
"""Asks a server for the size of a file, in bytes, and for its SHA-256."""
HASH = re.compile(r"-([a-f0-9]{8,})\.")
"""The digits at the end of the name of a file are the start of its SHA-256, as torch names its files."""
PIECE = 1 << 16
"""Bytes that are read at once."""
TIMEOUT = 30
"""Seconds without an answer, or without a byte, after which a download fails."""


def fetch(
    title: str, url: str, target: Path, megabytes: float, wait: float, stated: Stated | None = None
) -> Iterator[float]:
    """Downloads `url` to `target`. Yields the fraction done every `wait` seconds. Raises ValueError on failure.

    The file is checked: its SHA-256 is the one of `stated`, or else begins as the name of `target` says. A file of
    another hash is deleted. If `megabytes` is 0, the server is asked for the size; until it answers, the fraction is 0.
    A caller that closes the iterator ends the download, and nothing of it is left.
    """
    download = _Download(url, target, megabytes * 1024**2, stated)
    thread = Thread(target=download.run, daemon=True, name=f"download of {title}")
    thread.start()
    try:
        while thread.is_alive():
            yield download.share
            thread.join(wait)
    finally:
        download.stop()
    if download.failure is not None:
        raise ValueError(
            f"the weights of {title} are missing and could not be downloaded ({reason_of(download.failure)}): "
            f"fetch {url} on another machine and put it at {target} (TORCH_HOME moves the folder)"
        ) from download.failure


class _Download:
    """One file: a thread runs it, and others look at it or stop it."""

    def __init__(self, url: str, target: Path, size: float, stated: Stated | None) -> None:
        self.failure: Exception | None = None
        self._url, self._target, self._size, self._stated = url, target, size, stated
        self._part = target.with_name(f"{target.name}.{uuid4().hex}.partial")
        self._done = 0
        self._stopped = Event()

    @property
    def share(self) -> float:
        """The part of the file that is here, from 0 to 1."""
        return min(self._done / self._size, 1.0) if self._size else 0.0

    def run(self) -> None:
        """Downloads the file. An error is kept in `failure`."""
        try:
            digest = self._digest()
            self._target.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(self._url, timeout=TIMEOUT) as answer:
                self._size = self._size or float(answer.headers.get("Content-Length") or 0)
                found = self._written(answer)
            if self._stopped.is_set():
                return
            if not found.startswith(digest):
                raise ValueError(f'invalid hash value (expected "{digest}", got "{found}")')
            self._part.replace(self._target)
        except Exception as error:  # `fetch`, in the other thread, reports it
            self.failure = error
        finally:
            with contextlib.suppress(OSError):  # as where a file stands in the place of the folder
                self._part.unlink(missing_ok=True)

    def stop(self) -> None:
        """Ends the download if it runs: it reads one more piece at most, and deletes what it wrote."""
        self._stopped.set()
        with contextlib.suppress(OSError):  # elsewhere than on Windows, an open file can be deleted: a process may end
            self._part.unlink(missing_ok=True)

    def _digest(self) -> str:
        if self._stated is not None:
            self._size, digest = self._stated()
            return digest
        if named := HASH.search(self._target.name):
            return named.group(1)
        raise ValueError("its name does not end with its hash")

    def _written(self, answer: Any) -> str:
        """Writes the answer to the partial file, and returns its SHA-256. Ends early when it is stopped."""
        digest = sha256()
        with self._part.open("wb") as part:
            while not self._stopped.is_set() and (piece := answer.read(PIECE)):
                part.write(piece)
                digest.update(piece)
                self._done += len(piece)
        return digest.hexdigest()


def reason_of(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return f"no connection: {error.reason}"
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):  # of the hub's own client
        return f"no connection: {error}"
    return str(error).strip().split("\n")[0] or type(error).__name__
