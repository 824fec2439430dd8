"""A hub of networks on loopback."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def hub(files: Mapping[str, bytes], asked: list[str], stated: Mapping[str, str]) -> Iterator[str]:
    """Serves files by their path. Yields the address. `asked` becomes the list of requests for files.

    As on the Hugging Face hub, files of weights are at another host, and the answer that leads there tells their size
    and SHA-256: their own, or what `stated` says.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = files.get(self.path.removeprefix("/stored"))
            if data is not None and re.match(r"(?!/stored).*/resolve/.*\.(safetensors|bin)$", self.path):
                self.lead(data)
                return
            if not self.path.startswith("/api/"):  # the library asks for more than for files
                asked.append(f"{self.command} {self.path}")
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{abs(hash(data)):x}"')
            if data is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        do_HEAD = do_GET

        def lead(self, data: bytes) -> None:
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/stored{self.path}")
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("X-Linked-ETag", f'"{stated.get(self.path, hashlib.sha256(data).hexdigest())}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
