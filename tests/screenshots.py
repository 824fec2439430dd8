"""Takes the pictures in assets/ from the running app: `python tests/screenshots.py http://127.0.0.1:8501`.

Names after the address choose some of them; "drag" is the film of a drag over σ."""

import io
import re
import sys
from pathlib import Path

import browser
import PIL.Image
from playwright.sync_api import Browser, sync_playwright

ASSETS = Path(__file__).parents[1] / "assets"
SHOTS = {
    "compare-light": ("", 1440, "light"),
    "compare-dark": ("?img=coffee&base=blurred&sigma=0.3", 1440, "dark"),
    "sweep-light": ("sweep?sweep=smooth_taylor:sigma=0.1/0.3/0.5/1,samples=10/50/150", 1440, "light"),
    "sweep-dark": ("sweep?img=coffee&sweep=smooth_taylor:sigma=0.0001/0.01/0.1/0.5/1/2", 1440, "dark"),
    "sweep-narrow-light": ("sweep?sweep=smooth_taylor:sigma=0.3/0.7,samples=20/50", 380, "light"),
    "sweep-narrow-dark": ("sweep?img=coffee&sweep=integrated_gradients:baseline=black/white/mean", 380, "dark"),
    "results-light": ("results", 1440, "light"),
    "results-dark": ("results", 1440, "dark"),
    "results-narrow-light": ("results", 380, "light"),
    "results-narrow-dark": ("results", 380, "dark"),
    "path-light": ("path?img=coffee", 1440, "light"),
    "path-dark": ("path?base=white", 1440, "dark"),
    "path-narrow-light": ("path", 380, "light"),
    "path-narrow-dark": ("path?img=coffee", 380, "dark"),
    "noise-light": ("noise?img=coffee", 1440, "light"),
    "noise-dark": ("noise?r=30", 1440, "dark"),
    "noise-narrow-light": ("noise?r=30", 380, "light"),
    "noise-narrow-dark": ("noise?img=coffee", 380, "dark"),
    "sanity-light": ("sanity?img=coffee", 1440, "light"),
    "sanity-dark": ("sanity", 1440, "dark"),
    "sanity-narrow-light": ("sanity", 380, "light"),
    "sanity-narrow-dark": ("sanity?img=coffee", 380, "dark"),
    "learn-light": ("learn", 1440, "light"),
    "learn-dark": ("learn", 1440, "dark"),
    "learn-narrow-light": ("learn", 380, "light"),
    "learn-narrow-dark": ("learn", 380, "dark"),
    "compare-narrow-light": ("", 380, "light"),
    "compare-narrow-dark": ("?img=rocket", 380, "dark"),
}


def shoot(opened: Browser, address: str, name: str) -> None:
    query, width, scheme = SHOTS[name]
    place = query.partition("?")[0]
    page = opened.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.add_init_script("localStorage.setItem('attribution-met', '1')")  # without the greeting of a first visit
    page.goto(address + query)
    whole = {"learn": "Short lessons", "results": "Where they differ most"}.get(place, "complete")
    whole = re.compile("^complete: ") if place == "sweep" else re.compile(f"^{re.escape(whole)}$")
    page.get_by_text(whole).first.wait_for(timeout=300_000)
    if place:
        # The page scrolls within itself: a window as tall as its content shows all of it. Compare is one view.
        height = page.locator("[data-testid=stMain]").evaluate("main => main.scrollHeight")
        page.set_viewport_size({"width": width, "height": height})
    page.mouse.move(0, 0)
    page.wait_for_timeout(2000)
    picture = PIL.Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # 256 colours are enough for a README, and a third of the bytes.
    picture.quantize(256).save(ASSETS / f"{name}.png", optimize=True)
    page.close()
    print(ASSETS / f"{name}.png")


FILM, SIZE, FRAME = "drag", (960, 540), 120
"""The name of the film, its size in pixels, and milliseconds between two frames."""


def film(opened: Browser, address: str) -> None:
    """σ is dragged down, up, and let go, while the maps follow."""
    page = opened.new_page(viewport={"width": 1280, "height": 720})
    page.add_init_script("localStorage.setItem('attribution-met', '1')")
    page.goto(f"{address}?img=coffee&r=40&m=10&sigma=0.8")
    page.get_by_text("complete", exact=True).wait_for(timeout=300_000)
    frames: list[PIL.Image.Image] = []

    def take(count: int) -> None:
        for _ in range(count):
            page.wait_for_timeout(FRAME)
            picture = PIL.Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            frames.append(picture.resize(SIZE, PIL.Image.Resampling.LANCZOS))

    box = page.get_by_role("slider", name="σ, noise scale").bounding_box()
    assert box

    def at(sigma: float) -> float:
        return box["x"] + 8 + (box["width"] - 16) * sigma / 2

    y = box["y"] + box["height"] / 2
    page.mouse.move(at(0.8), y)
    take(3)
    page.mouse.down()
    for step in range(22):
        page.mouse.move(at(0.8 - 0.033 * step), y)
        take(1)
    for step in range(8):
        page.mouse.move(at(0.1 + 0.03 * step), y)
        take(1)
    page.mouse.up()
    take(20)
    file = ASSETS / f"{FILM}.webp"
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=FRAME, loop=0, quality=55, method=6)
    page.close()
    print(file, f"{file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        for name in sys.argv[2:] or [*SHOTS, FILM]:
            address = sys.argv[1].rstrip("/") + "/"
            film(opened, address) if name == FILM else shoot(opened, address, name)
        opened.close()
