"""An upload stays in memory, whatever its size up to the limit."""

import asyncio
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from streamlit.config import get_option
from streamlit.testing.v1 import AppTest

from dashboard.controls import resources
from dashboard.controls.photo import MOST_MEGABYTES
from dashboard.work.scheduler import Scheduler

ROOT = Path(__file__).parents[2]


def parsed(megabytes: int):
    """What the server makes of an upload of that size, as Starlette's parser holds it."""
    boundary = b"----boundary"
    head = b"--" + boundary + b'\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'

    async def body():
        yield head
        for _ in range(megabytes):
            yield bytes(1024 * 1024)
        yield b"\r\n--" + boundary + b"--\r\n"

    headers = Headers({"content-type": f"multipart/form-data; boundary={boundary.decode()}"})
    with ThreadPoolExecutor() as other:  # this thread may have a loop running: the browser's
        return other.submit(lambda: asyncio.run(MultiPartParser(headers, body()).parse())["f"].file).result()


def test_no_upload_touches_the_disk(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1024 * 1024)
    assert parsed(2)._rolled, "without the app's setting, two megabytes go to a file"
    monkeypatch.setattr(resources, "scheduler", Scheduler)
    AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60).run()
    assert not parsed(MOST_MEGABYTES)._rolled


def test_the_limit_is_twenty_megabytes():
    assert MOST_MEGABYTES == 20
    assert tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"] == 20


def test_the_settings_beside_the_script_are_those_of_every_page():
    assert not get_option("runner.magicEnabled")
    assert get_option("server.address") == "127.0.0.1"
