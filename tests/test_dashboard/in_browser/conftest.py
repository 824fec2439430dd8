"""What browser tests share: one server, one Chromium with one tab, and pages that tell of every error."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import browser
import pytest
from pages import PATIENCE
from playwright.sync_api import expect, sync_playwright
from tabs import PASSED, SIZE, Kept, new_tab, own_profile

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
# A busy machine takes long to answer, and that is no fault: who waits has patience, and a test has time for that.
expect.set_options(timeout=PATIENCE)
MOST = 900  # seconds that a test may take
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


@pytest.fixture(scope="session")
def address():
    """The app, on a free port, until the tests are done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["run", "dashboard/app.py", f"--server.port={port}", "--server.headless=true"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    # Browser, server and other tests share the processors: threads that wait for each other lose much then.
    environment["OMP_NUM_THREADS"] = "1"
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


@pytest.fixture(scope="session")
def kept(profile, address) -> Kept:
    return Kept(profile, address)


@pytest.fixture
def page(kept, request):
    """The tab that most tests use, one after another."""
    with kept.lent(request.node) as page:
        yield page


@pytest.fixture
def own_tab(profile, address):
    """A new tab, for a test that adds a script to it."""
    with new_tab(profile, address) as page:
        yield page


@pytest.fixture
def clocked_page(chromium, address):
    """In a profile of its own: a clock that a test moves is that of all its tabs."""
    with own_profile(chromium, address, viewport=SIZE) as page:
        page.clock.install()
        yield page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(MOST))
            item.add_marker(pytest.mark.flaky(reruns=1))  # docs/decisions/second-try.md


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Fixtures ask whether their test has passed."""
    report = yield
    item.stash[PASSED] = report.passed
    return report
