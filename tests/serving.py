"""The app as browser tests use it: a process of its own, on a free port."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from sources import ROOT

# The app. Its perturbation curves took most of the processor's time, so they are shorter and rougher here:
# 10 regions, not 30, with 1 noise patch each, not 10, and 2 random orders, not 8. The sanity checks have few stages
# and changes.
SERVED = """
from dataclasses import replace
from attribution import controls
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import Experiment
from dashboard.work import sanity
from streamlit.web.cli import main

PATCHES["quick"] = 1
controls.ORDERS = 2
sanity.STAGES, sanity.SEEDS, sanity.LEVELS = 2, 1, (0.1, 1.0)
sanity.CHANGES = replace(sanity.CHANGES, count=4, repeats=2)
whole = Experiment.curve_key

def short(self, panel, metric):
    key = whole(self, panel, metric)
    return replace(key, knobs=(*key.knobs, ("regions", 10))) if metric == "perturbation" else key

Experiment.curve_key = short
main()
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(*options: str, base: str = "", first: str = "", **environment: str) -> Iterator[str]:
    """The app with these options, below a base path: its address. `first` is code that its process begins with."""
    port = free_port()
    streamlits = [f"--server.port={port}", "--server.headless=true", f"--server.baseUrlPath={base}"]
    command = [sys.executable, "-c", first + SERVED, "run", "dashboard/app.py", *streamlits, "--", *options]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    # Browser, server and other tests share the processors: threads that wait for each other lose much then.
    server = subprocess.Popen(command, cwd=ROOT, env=inherited | {"OMP_NUM_THREADS": "1"} | environment)
    try:
        url = f"http://127.0.0.1:{port}" + (base and f"/{base}")
        until_open(port, server)
        urllib.request.urlopen(f"{url}/_stcore/health", timeout=60).close()
        yield url
    finally:
        ended(server)


def until_open(port: int, server: subprocess.Popen) -> None:
    """Waits until a server listens."""
    while True:
        assert server.poll() is None, "the server ended"
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return


def ended(server: subprocess.Popen) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
