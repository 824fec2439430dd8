"""Hands and eyes on the running app in Chromium, for every browser test."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

PATIENCE = 120_000
"""Milliseconds to wait for what takes computing, on a slow machine."""


def foreign(url: str, address: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def visit(page: Page, query: str = "r=24&m=8", place: str = "", title: str = "What did the model look at?") -> None:
    page.goto(f"{page.address}/{place}?{query}")
    expect(page.get_by_text(title)).to_be_visible(timeout=PATIENCE)


class SlowLine:
    """The line between a page with a clock and its server, on which a question can take long."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._slow = False
        self._asked: list[bytes] = []
        page.expose_function("asked", lambda: len(self._asked))
        page.route_web_socket(re.compile("_stcore/stream"), self._connect)

    def _connect(self, browser) -> None:
        self._server = browser.connect_to_server()
        browser.on_message(lambda message: self._asked.append(message) if self._slow else self._server.send(message))
        self._server.on_message(lambda message: self._answer(browser, message))

    def _answer(self, browser, message: bytes) -> None:
        asked, self._asked = ([], self._asked) if self._slow else (self._asked, [])
        for late in asked:
            self._server.send(late)
        browser.send(message)

    def act(self, act: Callable[[], None]) -> None:
        """A person acts. The server hears of it ten seconds later; while it answers, of all the page asked since."""
        self._slow = True
        act()
        self._page.wait_for_function("async () => await asked() > 0")
        self._page.clock.fast_forward(10_000)
        self._slow = False
        acted = [BackMsg.FromString(message).rerun_script.fragment_id for message in self._asked].index("")
        before, self._asked = self._asked[: acted + 1], self._asked[acted + 1 :]
        for message in before:
            self._server.send(message)


def complete(page: Page) -> None:
    """Waits until every map and every curve is there."""
    expect(page.get_by_text("complete", exact=True)).to_be_visible(timeout=PATIENCE)


def slider(page: Page, label: str):
    """A slider. Streamlit keeps a focused one that was replaced until the run ends: that is not meant."""
    present = page.locator("[data-testid=stElementContainer]:not([data-retained]) [data-testid=stSlider]")
    return present.filter(has_text=label).locator("input[type=range]")


def drag(page: Page, label: str, key: str, times: int = 1) -> None:
    slider(page, label).focus()
    for _ in range(times):
        page.keyboard.press(key)


def choose(page: Page, label: str, option: str) -> None:
    box = page.get_by_test_id("stSelectbox").filter(has_text=label).locator("input")
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


VIEWER = """(() => [...document.querySelectorAll('*')]
  .map(element => (element.shadowRoot ?? element).attributionViewer).find(Boolean))()"""
MAPS = f"""() => {{
  const viewer = {VIEWER};
  return Object.fromEntries((viewer?.head.maps ?? []).map((map, m) => {{
    const data = viewer.tiles[m + 1].pixels.data;
    const words = new Uint32Array(data.buffer);
    const mark = words.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
    return [map.title, {{status: map.status, colours: new Set(words).size, mark}}];
  }}));
}}"""


def maps(page: Page) -> dict[str, dict]:
    """Each map in the viewer: what stands under it, how many colours it has, and a mark that others do not share."""
    page.wait_for_function(f"Boolean({VIEWER})")
    return page.evaluate(MAPS)
