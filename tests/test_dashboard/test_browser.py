"""The running app in a real browser: maps appear, only what changed moves, uploads, Stop."""

import base64
import io
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import browser
import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
METHODS = ("integrated_gradients", "smoothgrad", "smooth_taylor")
APP = """
from dashboard.experiment import PATCHES
from streamlit.web.cli import main

PATCHES["quick"] = 2  # instead of ten: the same curves, rougher and sooner
main()
"""
PATIENCE = 120_000
"""Milliseconds to wait for what takes computing, on a slow machine."""


@pytest.fixture(scope="module")
def address():
    """The app, on a free port, until the tests are done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["run", "dashboard/app.py", f"--server.port={port}", "--server.headless=true"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    server = subprocess.Popen([sys.executable, "-c", APP, *options], cwd=ROOT, env=environment)
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


@pytest.fixture(scope="module")
def chromium():
    path = browser.executable()
    assert path, "no Chromium: run `make test`, which installs one"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda response: response.status >= 400 and errors.append(f"{response.status} {response.url}"))
    page.on("request", lambda request: foreign(request.url, address) and errors.append(f"asked for {request.url}"))
    page.address = address
    yield page
    context.close()
    assert not errors


def foreign(url: str, address: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def visit(page: Page, query: str = "r=24&m=8") -> None:
    page.goto(f"{page.address}/?{query}")
    expect(page.get_by_text("What did the model look at?")).to_be_visible(timeout=PATIENCE)


def complete(page: Page) -> None:
    """Waits until every map and every curve is there."""
    expect(page.get_by_text("complete", exact=True)).to_be_visible(timeout=PATIENCE)


def sources(page: Page) -> dict[str, str]:
    """The address of each map's picture: another picture has another address."""
    return {method: source(page, method) for method in METHODS}


def moved(page: Page, before: dict[str, str], *methods: str) -> None:
    """Waits until these maps are others, and whole."""
    for method in methods:
        image = page.locator(f".st-key-map-{method} img")
        expect(image).not_to_have_attribute("src", before[method], timeout=PATIENCE)
    complete(page)


def source(page: Page, method: str) -> str:
    return page.locator(f".st-key-map-{method} img").get_attribute("src")


def pixels(page: Page, method: str) -> np.ndarray:
    head, data = source(page, method).split(",")
    assert head == "data:image/png;base64", "a map is sent without loss"
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data))))


def traces(page: Page, key: str) -> int:
    return page.locator(f".st-key-{key} .scatterlayer .trace").count()


def drag(page: Page, label: str, key: str, times: int = 1) -> None:
    slider = page.get_by_test_id("stSlider").filter(has_text=label).locator("input[type=range]")
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def choose(page: Page, label: str, option: str) -> None:
    box = page.get_by_test_id("stSelectbox").filter(has_text=label).locator("input")
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


def photo(colour: str = "teal", **options) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_a_session(page):
    """Open, wait for three maps, change sigma: two maps change and one does not blink; then the baseline: the one."""
    visit(page)
    complete(page)
    first = sources(page)
    assert all(pixels(page, method).std() > 5 for method in METHODS), "a map is blank"
    assert page.get_by_text("complete: 24 points").count() == 2
    assert page.get_by_text("complete: 8 points").count() == 1
    expect(
        page.locator(".st-key-falls-0 .scatterlayer .trace, .st-key-falls-1 .scatterlayer .trace")
    ).not_to_have_count(0)
    for curve, count in (("falls", 4), ("variations", 3)):
        assert max(traces(page, f"{curve}-{side}") for side in (0, 1)) == count

    untouched = page.locator(".st-key-map-integrated_gradients img").element_handle()
    untouched.evaluate("image => { image.dataset.seen = '1' }")
    drag(page, "σ, noise", "PageUp")
    expect(page).to_have_url(re.compile(r"sigma=0\.\d+"))
    moved(page, first, "smoothgrad", "smooth_taylor")
    second = sources(page)
    assert second["integrated_gradients"] == first["integrated_gradients"]
    assert untouched.evaluate("image => image.isConnected && image.dataset.seen") == "1", "the untouched map blinked"

    choose(page, "Baseline · costs M", "white")
    expect(page).to_have_url(re.compile("base=white"))
    moved(page, second, "integrated_gradients")
    third = sources(page)
    assert third["smoothgrad"] == second["smoothgrad"]
    assert third["smooth_taylor"] == second["smooth_taylor"]


WATCH = """
window.seen = {least: Infinity, broken: 0};
const look = () => {
  const lines = document.querySelectorAll('.st-key-stack-falls .scatterlayer .trace').length;
  if (lines || window.seen.least < Infinity) window.seen.least = Math.min(window.seen.least, lines);
  for (const image of document.images) window.seen.broken += image.complete && !image.naturalWidth;
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def test_nothing_blinks_while_curves_grow(page):
    """In no frame of the whole run is there an empty chart where there was a curve, or a picture that is not there."""
    page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{{WATCH}}})")
    visit(page, "r=40&m=8&seed=3")
    complete(page)
    assert page.evaluate("window.seen") == {"least": page.evaluate("Math.max(1, window.seen.least)"), "broken": 0}


def test_uploads(page):
    """A photo is explained; a broken file is one line, and the maps stay. Above 1 MB nothing is spooled to disk."""
    visit(page)
    complete(page)
    before = sources(page)
    chooser = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    chooser.set_input_files({"name": "<b>evil</b>.jpg", "mimeType": "image/jpeg", "buffer": b"no photo at all"})
    expect(page.get_by_text("is not an image that can be read")).to_be_visible()
    assert sources(page) == before
    assert page.locator("b", has_text="evil").count() == 0

    chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.get_by_text("is not an image that can be read")).to_have_count(0)
    expect(page.get_by_test_id("stSidebar").get_by_text("your photo", exact=True)).to_be_visible()
    moved(page, before, *METHODS)
    assert "img=" not in page.url


def test_stop_keeps_what_there_is(page):
    visit(page, "r=500&m=500&seed=7")
    expect(page.get_by_text(re.compile(r"draft \d+/500")).first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"stopped at \d+/500")).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    assert pixels(page, "integrated_gradients").std() > 5
    reached = stopped_at(page)
    page.get_by_text("signed", exact=True).click()
    expect(page.get_by_text("against the class")).to_be_visible(timeout=PATIENCE)
    assert stopped_at(page) == reached, "a change of the display must not start it again"
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(re.compile(r"draft \d+/500")).first).to_be_visible(timeout=PATIENCE)
    draft = int(re.search(r"draft (\d+)/500", page.get_by_text(re.compile(r"draft \d+/500")).first.inner_text())[1])
    assert draft >= reached, "it must go on where it was"
    page.get_by_role("button", name="Stop").click()


def stopped_at(page: Page) -> int:
    return int(
        re.search(r"stopped at (\d+)/500", page.get_by_text(re.compile(r"stopped at \d+/500")).first.inner_text())[1]
    )


def test_the_page_answers_while_the_processor_is_busy(page):
    """A new setting replaces a long run: its drafts appear although thousands of passes were still to come."""
    visit(page, "r=500&m=500&seed=8&eval=paper")
    expect(page.get_by_text(re.compile(r"draft \d+/500")).first).to_be_visible(timeout=PATIENCE)
    drag(page, "M, steps on the path", "Home")
    expect(page.get_by_text("complete: 1 points")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()


def test_another_class_is_found_by_typing(page):
    visit(page, "r=4&m=4")
    complete(page)
    choose(page, "Class to explain", "espresso")
    expect(page.get_by_text("explained: espresso")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("cls=967"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 380])
def test_it_fits_every_screen(chromium, address, width, scheme):
    """Nothing is wider than the screen; every picture is described; the maps can be seen."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.address = address
    visit(page, "r=4&m=4")
    complete(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth") <= width
    for image in page.locator("[data-testid=stMain] img").all():
        assert image.get_attribute("alt")
        box = image.bounding_box()
        assert box["width"] >= 150
    background = page.locator("[data-testid=stApp]").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(14, 17, 23)")
    context.close()
