"""The app behind a proxy, below a base path, in the browser: page, sockets and uploads."""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
import pytest
from pages import complete, maps, seen, settings, slider, until_another, until_at, visit
from serving import BASE, ended, free_port, until_open
from sources import ROOT
from tabs import SIZE, own_profile

from dashboard.controls.photo import MOST_MEGABYTES

pytestmark = pytest.mark.browser

USER, PASSWORD = "class", "for the test"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")


async def passed_on(app: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes a request below the base path to the app, and a socket in both directions. What is not below it is 404."""
    line, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    if not line.split()[1].startswith(f"/{BASE}/".encode()):
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        return
    if b"upgrade: websocket" not in rest.lower():  # one request for each connection, so that each is looked at
        rest = b"Connection: close\r\n" + re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
    answer, question = await asyncio.open_connection("127.0.0.1", app)
    question.write(line + b"\r\n" + rest)
    await asyncio.gather(pumped(reader, question), pumped(answer, writer))


async def pumped(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()


@contextmanager
def plain(app: str, folder: Path) -> Iterator[str]:
    """A few lines of Python as a proxy, for machines without nginx: not encrypted, and without a password."""
    loop, port = asyncio.new_event_loop(), free_port()
    to = partial(passed_on, urlsplit(app).port)
    thread = Thread(target=loop.run_forever)  # another loop, of the browser, runs in this one
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(asyncio.start_server(to, "127.0.0.1", port), loop).result()
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def nginx(app: str, folder: Path) -> Iterator[str]:
    """nginx with the configuration of docs/deploying.md: encrypted, and with a password, as its comment says."""
    port, made = free_port(), {"key": folder / "key.pem", "cert": folder / "cert.pem"}
    subject = ["-subj", "/CN=class.example", "-days", "2"]
    keys = ["-newkey", "rsa:2048", "-nodes", "-keyout", made["key"], "-out", made["cert"]]
    subprocess.run(["openssl", "req", "-x509", *keys, *subject], check=True, capture_output=True)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (shown,) = re.findall(r"^```nginx\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    secured = f"ssl_certificate {made['cert']}; ssl_certificate_key {made['key']}; "
    secured += f"auth_basic class; auth_basic_user_file {folder / 'users'};\n"
    changed = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "# ssl_certificate, ssl_certificate_key, auth_basic ...\n": secured,
        "http://127.0.0.1:8501;": f"{app.removesuffix(f'/{BASE}')};",
    }
    for documented, here in changed.items():
        assert shown.count(documented) == 1
        shown = shown.replace(documented, here)
    temporary = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; master_process off; pid {folder / 'pid'}; error_log {folder / 'errors'};\n"
    (folder / "nginx.conf").write_text(f"{whole}events {{}}\nhttp {{ access_log off;\n{temporary}{shown}}}\n")
    server = subprocess.Popen([NGINX, "-p", folder, "-e", folder / "errors", "-c", folder / "nginx.conf"])
    try:
        until_open(port, server)
        yield f"https://127.0.0.1:{port}"
    finally:
        ended(server)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A photo of almost as many bytes as may be uploaded. The browser reads the file itself."""
    file = tmp_path_factory.mktemp("photos") / "large.png"
    pixels = np.random.default_rng(5).integers(0, 256, (2500, 2600, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(file, "PNG", compress_level=0)
    assert 0.9 < file.stat().st_size / (MOST_MEGABYTES * 1024**2) < 1
    return file


def test_an_experiment_behind_a_proxy(chromium, address, large, tmp_path):
    """The page is drawn, maps follow a hand on the second socket, and a large photo is uploaded and explained."""
    password = {"username": USER, "password": PASSWORD}
    with (
        (nginx if NGINX else plain)(address, tmp_path) as origin,
        own_profile(
            chromium, f"{origin}/{BASE}", viewport=SIZE, ignore_https_errors=True, http_credentials=password
        ) as page,
    ):
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        visit(page, "r=40&m=2&seed=57&methods=smoothgrad")
        complete(page)
        before = maps(page)["SmoothGrad"]["mark"]
        thumb = slider(page, "σ, noise scale").bounding_box()
        x, y = thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 40, y, steps=4)
        until_another(page, "SmoothGrad", before)
        assert "sigma" not in page.url, "the hand still holds it"
        page.mouse.up()
        until_at(page, "sigma=")
        complete(page)
        before = maps(page)["SmoothGrad"]["mark"]

        sidebar = settings(page)
        chooser = page.get_by_test_id("stFileUploader").locator("input[type=file]")
        chooser.set_input_files(large)
        until_at(page, "img=upload")
        seen(sidebar.get_by_role("radio", name="your photo", exact=True))
        until_another(page, "SmoothGrad", before)
        complete(page)
        assert {re.sub(r"/live/.*", "/live/", url) for url in sockets} == {
            f"{page.address.replace('http', 'ws')}/{path}" for path in ("_stcore/stream", "live/")
        }


def test_the_proxy_of_machines_without_nginx(address, tmp_path):
    """It passes on a request and a socket below the path, and nothing else."""
    asked = {f"/{BASE}/_stcore/health": 200, f"/{BASE}/_stcore/stream": 101, "/_stcore/health": 404}
    socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    socket["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    with plain(address, tmp_path) as origin:
        for path, status in asked.items():
            line = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=60)
            line.request("GET", path, headers=socket if status == 101 else {})
            assert line.getresponse().status == status, path
            line.close()
