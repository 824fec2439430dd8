"""Takes the pictures in assets/ from the running app: `python tests/screenshots.py http://127.0.0.1:8501`."""

import sys
from pathlib import Path

import browser
from playwright.sync_api import Browser, sync_playwright

ASSETS = Path(__file__).parents[1] / "assets"
SHOTS = {
    "compare-light": ("", 1440, "light"),
    "compare-dark": ("?img=coffee&base=blurred&sigma=0.3", 1440, "dark"),
    "compare-narrow-light": ("", 380, "light"),
    "compare-narrow-dark": ("?img=rocket", 380, "dark"),
}


def shoot(opened: Browser, address: str, name: str) -> None:
    query, width, scheme = SHOTS[name]
    page = opened.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(address + query)
    page.get_by_text("complete", exact=True).wait_for(timeout=300_000)
    # The page scrolls within itself: a window as tall as its content shows all of it.
    height = page.locator("[data-testid=stMain]").evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": width, "height": height})
    page.mouse.move(0, 0)
    page.wait_for_timeout(2000)
    page.screenshot(path=ASSETS / f"{name}.png")
    page.close()
    print(ASSETS / f"{name}.png")


if __name__ == "__main__":
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        for name in sys.argv[2:] or SHOTS:
            shoot(opened, sys.argv[1].rstrip("/") + "/", name)
        opened.close()
