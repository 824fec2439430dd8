"""A server of the app in a process of its own, for tests that open it in a browser."""

import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from socket import socket


@contextmanager
def serving(command: Sequence[object], base: str = "", **options) -> Iterator[str]:
    """The address of what a command serves: it is started on a free port, below the path `base`, and ended afterwards.

    `options` are those of `subprocess.Popen`.
    """
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f"--server.port={port}", "--server.headless=true", f"--server.baseUrlPath={base}"]
    server = subprocess.Popen([*map(str, command), *settings], **options)
    try:
        address = f"http://127.0.0.1:{port}/{base}".rstrip("/")
        # `urlopen` waits for an answer; the loop is for the moments before the port is open.
        while True:
            assert server.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=60).close()
                break
            except urllib.error.URLError:
                continue
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
