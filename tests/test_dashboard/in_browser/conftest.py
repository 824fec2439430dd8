"""What browser tests share: one server, one Chromium, and pages that tell of every error."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import browser
import pytest
from pages import foreign
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[3]
SIZE = {"width": 1440, "height": 1000}
# A busy machine takes long to answer, and that is no fault: five seconds, the default, are too few.
expect.set_options(timeout=60_000)
# The app. Its perturbation curves took most of the processor's time, so they are shorter and rougher here:
# 10 regions, not 30, with 2 noise patches each, not 10. The sanity checks have few stages.
SERVED = """
from dataclasses import replace
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import Experiment
from dashboard.work import sanity
from streamlit.web.cli import main

PATCHES["quick"] = 2
sanity.STAGES, sanity.SEEDS, sanity.LEVELS = 2, 1, (0.1, 1.0)
whole = Experiment.curve_key

def short(self, panel, metric):
    key = whole(self, panel, metric)
    return replace(key, knobs=(*key.knobs, ("regions", 10))) if metric == "perturbation" else key

Experiment.curve_key = short
main()
"""


@pytest.fixture(scope="session")
def address():
    """The app, on a free port, until the tests are done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["run", "dashboard/app.py", f"--server.port={port}", "--server.headless=true"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    server = subprocess.Popen([sys.executable, "-c", SERVED, *options], cwd=ROOT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        # `urlopen` waits for an answer; the loop is for the moments before the port is open.
        while True:
            assert server.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=60).close()
                break
            except urllib.error.URLError:
                continue
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="session")
def chromium():
    path = browser.executable()
    assert path, "no Chromium: run `make test`, which installs one"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def profile(chromium):
    """What tabs share: they need not fetch and compile the page's code again."""
    context = chromium.new_context(viewport=SIZE)
    yield context
    context.close()


@pytest.fixture
def page(profile, address):
    with tab(profile, address) as opened:
        yield opened


@pytest.fixture
def clocked_page(chromium, address):
    """In a profile of its own: a clock that a test moves is that of all its tabs."""
    context = chromium.new_context(viewport=SIZE)
    with tab(context, address) as opened:
        opened.clock.install()
        yield opened
    context.close()


@contextmanager
def tab(context, address):
    """A tab, which fails its test when its page has an error."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda response: refused(response) and errors.append(f"{response.status} {response.url}"))
    page.on("request", lambda request: foreign(request.url, address) and errors.append(f"asked for {request.url}"))
    # A test can cut the connection: every socket that the page opens is listed.
    page.add_init_script(
        "window.dropped = []; window.WebSocket = class extends WebSocket {"
        " constructor(...all) { super(...all); window.dropped.push(this); } }"
    )
    page.address = address
    yield page
    page.close()
    assert not errors


def refused(response) -> bool:
    """Whether a request failed; below a page's own address Streamlit asks in vain first, and then at the root."""
    return response.status >= 400 and not re.search(r"/(sweep|results|path|noise|sanity|learn)/_stcore/", response.url)
