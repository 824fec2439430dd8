"""Hands and eyes on the running app in Chromium, for every browser test."""

from playwright.sync_api import Page, expect

PATIENCE = 120_000
"""Milliseconds to wait for what takes computing, on a slow machine."""


def foreign(url: str, address: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def visit(page: Page, query: str = "r=24&m=8", place: str = "", title: str = "What did the model look at?") -> None:
    page.goto(f"{page.address}/{place}?{query}")
    expect(page.get_by_text(title)).to_be_visible(timeout=PATIENCE)


def complete(page: Page) -> None:
    """Waits until every map and every curve is there."""
    expect(page.get_by_text("complete", exact=True)).to_be_visible(timeout=PATIENCE)


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
