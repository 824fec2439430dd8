"""A server of the app in a process of its own, on a free port, for tests that open it in a browser."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sources import ROOT

TESTS = Path(__file__).parent
WHOLE, PATIENT = "efficientnet_lite0_whole", "efficientnet_lite0_patient"
"""The network of the app, and a small one that takes as long. All others get the small one (`served.py`)."""
BASE = "attribution"
"""The path of the app in docs/deploying.md."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serving(*arguments: str, base: str = "", first: str = "", **environment: str) -> AbstractContextManager[str]:
    """The address of the quick app (served.py) below a path, with these arguments. `first` is code that runs first."""
    command = [sys.executable, "-c", f"{first}\nimport served; served.serve()", "run", "dashboard/app.py"]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    # Browser, server and other tests share the processors: threads that wait for each other lose much then.
    inherited |= {"OMP_NUM_THREADS": "1"} | environment
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, (str(TESTS), environment.get("PYTHONPATH"))))
    return started(command, base, ["--", *arguments], cwd=ROOT, env=inherited)


@contextmanager
def started(command: Sequence[object], base: str = "", last: Sequence[str] = (), **options) -> Iterator[str]:
    """The address of what a command serves: it is started on a free port, below the path `base`, and ended afterwards.

    `last` are the arguments after those of Streamlit, `options` those of `subprocess.Popen`.
    """
    port = free_port()
    settings = [f"--server.port={port}", "--server.headless=true", f"--server.baseUrlPath={base}"]
    server = subprocess.Popen([*map(str, command), *settings, *last], **options)
    try:
        until_open(port, server)
        address = f"http://127.0.0.1:{port}/{base}".rstrip("/")
        urllib.request.urlopen(f"{address}/_stcore/health", timeout=60).close()
        yield address
    finally:
        ended(server)


def until_open(port: int, server: subprocess.Popen) -> None:
    """Waits until a server listens. It looks ten times a second: the server needs the processor to start."""
    while True:
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
            raise AssertionError("the server ended")


def ended(server: subprocess.Popen) -> None:
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
