"""Tabs of the browser tests: one for many tests, or a new one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pages import PATIENCE, foreign
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

SIZE: ViewportSize = {"width": 1440, "height": 1000}
PASSED = pytest.StashKey[bool]()
"""Of a test: whether it has passed."""


# A test can cut the connection: every socket that the page opens is listed. And it can count what the page sends to
# Streamlit, and see what it hears on the line.
SOCKETS = """
window.dropped = [];
window.told = {script: 0, asked: [], near: [], heard: []};
window.WebSocket = class extends WebSocket {
  constructor(...all) {
    super(...all);
    dropped.push(this);
    this.live = String(all[0]).includes('/live/');
    if (this.live) this.addEventListener('message', (event) => {
      const length = new DataView(event.data).getUint32(0, true);
      told.heard.push(JSON.parse(new TextDecoder().decode(new Uint8Array(event.data, 4, length))));
    });
  }
  send(message) {
    if (!this.live) told.script++;
    else (JSON.parse(message).near ? told.near : told.asked).push(JSON.parse(message));
    super.send(message);
  }
};
"""


class Tab:
    """A tab that tells of every error of its pages."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", lambda answer: refused(answer) and self.tell(f"{answer.status} {answer.url}"))
        self.page.on("request", lambda request: foreign(request.url, address) and self.tell(f"asked for {request.url}"))
        self.page.add_init_script(SOCKETS)
        self.page.address = address

    def tell(self, error: str) -> None:
        self.errors.append(error)

    def leave(self) -> None:
        """No page, and nothing stored."""
        if self.page.url.startswith(self.page.address):
            self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.page.goto("about:blank")

    def rest(self) -> None:
        """The pointer as at first, and nothing stands over the page. The next visit sets the screen."""
        self.page.keyboard.press("Escape")
        self.page.mouse.move(0, 0)
        self.page.emulate_media(reduced_motion="no-preference")


class Kept:
    """One tab for many tests, one after another, on one page: to load one takes longer than most tests.

    A test that fails may leave a key or a button pressed. After it there is a new tab.
    """

    def __init__(self, profile: BrowserContext, address: str) -> None:
        self._of = (profile, address)
        self._tab: Tab | None = None

    def leave(self) -> None:
        """Leaves the page."""
        if self._tab is not None:
            self._tab.leave()

    @contextmanager
    def lent(self, test: pytest.Item) -> Iterator[Page]:
        """The tab, for one test, which fails when there is an error on the page."""
        if self._tab is None:
            self._tab = Tab(*self._of)
        tab = self._tab
        tab.errors.clear()
        yield tab.page
        errors, self._tab = [*tab.errors], None
        if test.stash.get(PASSED, False) and not errors:
            tab.rest()
            self._tab = tab
        else:
            tab.page.close()
        assert not errors, errors


@contextmanager
def own_profile(chromium: Browser, address: str, **options) -> Iterator[Page]:
    """A tab in a profile of its own, for what only a profile can set."""
    context = chromium.new_context(**options)
    with new_tab(context, address) as page:
        yield page
    context.close()


@contextmanager
def new_tab(context: BrowserContext, address: str) -> Iterator[Page]:
    """A new tab, which fails its test when its page has an error."""
    tab = Tab(context, address)
    yield tab.page
    tab.page.close()
    assert not tab.errors


def refused(response) -> bool:
    """Whether a request failed; below a page's own address Streamlit asks in vain first, and then at the root."""
    return response.status >= 400 and not re.search(r"/(sweep|results|path|noise|sanity|learn)/_stcore/", response.url)
