"""What browser tests share: one server, one Chromium with one tab, and pages that tell of every error."""

from pathlib import Path

import browser
import pytest
from pages import PATIENCE
from playwright.sync_api import expect, sync_playwright
from serving import BASE, serving
from tabs import PASSED, SIZE, Kept, new_tab

HERE = Path(__file__).parent
# A busy machine takes long to answer, and that is no fault: who waits has patience, and a test has time for that.
expect.set_options(timeout=PATIENCE)
MOST = 900  # seconds that a test may take


@pytest.fixture(scope="session")
def address():
    """The app, on a free port and below the path that a proxy leads to, until the tests are done."""
    with serving(base=BASE) as url:
        yield url


@pytest.fixture(scope="session")
def chromium():
    path = browser.executable()
    assert path, "no Chromium: run `make test`, which installs one"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=browser.SHORT_LIVED)
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


@pytest.fixture(scope="module")
def alone(profile) -> Kept:
    """A tab for pages that no server sends."""
    return Kept(profile, "nowhere")


@pytest.fixture(scope="module")
def open_page(kept):
    """The page that the tests of a file do not leave."""
    yield
    kept.leave()


@pytest.fixture
def anew(kept):
    """The test has a new page and a new session. Those after it go on with them."""
    kept.leave()


@pytest.fixture
def page(kept, open_page, request):
    """The tab that most tests use, with the page and the session of the test before: `visit` sets the screen and the
    experiment."""
    with kept.lent(request.node) as page:
        yield page


@pytest.fixture
def own_tab(profile, address):
    """A new tab, for a test that adds a script to it."""
    with new_tab(profile, address) as page:
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
