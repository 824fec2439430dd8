"""Back, Forward and Reload, in the running app."""

import io
import re

import PIL.Image
import pytest
from pages import LONG, PATIENCE, SlowLine, drag, seen, settings, slider, until_at, visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SIGMA = "σ, noise scale"


def shows(page: Page, value: str) -> None:
    """Waits until the slider and the address both say so."""
    expect(slider(page, SIGMA)).to_have_attribute("aria-valuetext", value, timeout=PATIENCE)
    wanted = rf"sigma={re.escape(value.rstrip('0'))}(&|$)" if value != "0.50" else r"^(?!.*sigma=)"
    until_at(page, wanted)


def test_back_undoes_a_change_and_forward_brings_it_again(page):
    visit(page, "r=2&m=2")
    shows(page, "0.50")
    drag(page, SIGMA, "ArrowRight")
    shows(page, "0.51")
    page.go_back()
    shows(page, "0.50")
    page.go_forward()
    shows(page, "0.51")


def test_back_from_another_page_takes_one_press(page):
    visit(page, "r=2&m=2")
    drag(page, SIGMA, "ArrowRight", 3)
    shows(page, "0.53")
    page.get_by_role("link", name="Learn").click()
    seen(page.get_by_text("Short lessons"))
    until_at(page, "/learn.*sigma=0.53")
    page.go_back()
    seen(page.get_by_text("What did the model look at?"))
    shows(page, "0.53")


def test_a_lesson_can_be_left_and_opened_again(page):
    visit(page, "r=2&m=2&sigma=0.2", "learn", "Short lessons")
    page.get_by_role("button", name="Open both on one photo").click()
    seen(page.get_by_text("What did the model look at?"))
    shows(page, "0.30")
    page.go_back()
    seen(page.get_by_text("Short lessons"))
    until_at(page, "/learn.*sigma=0.2&")
    page.go_forward()
    seen(page.get_by_text("What did the model look at?"))
    shows(page, "0.30")


def test_another_page_opens_over_a_slow_line(own_tab):
    page = own_tab
    line = SlowLine(page)
    visit(page, f"r=300&m=4&seed=13&{LONG}", "noise", "How sure is this map?")
    page.get_by_role("button", name="Stop").wait_for(timeout=PATIENCE)
    line.act(lambda: drag(page, SIGMA, "ArrowRight"), page.get_by_role("link", name="Path").click)
    seen(page.get_by_text("What happens on the way?"))
    seen(page.get_by_text(re.compile(r"α = .* · logit")))
    page.get_by_role("button", name="Stop").click()


@pytest.mark.usefixtures("anew")
def test_a_reload_keeps_the_own_photo_and_the_pins(page):
    visit(page, "r=2&m=2")
    buffer = io.BytesIO()
    PIL.Image.effect_mandelbrot((300, 260), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(buffer, "PNG")
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput").first
    chooser.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    sidebar = settings(page)
    seen(sidebar.get_by_text("300 x 260 pixels."))
    page.get_by_role("button", name="Pin").click()
    seen(sidebar.get_by_text("Pins"))
    drag(page, SIGMA, "ArrowRight")
    shows(page, "0.51")
    until_at(page, "img=upload")
    # From then on the server holds what a reload would lose.
    page.wait_for_function("window.streamlitVisit?.known", timeout=PATIENCE)
    page.reload()
    settings(page)
    seen(sidebar.get_by_text("300 x 260 pixels."))
    seen(sidebar.get_by_text("Pins"))
    shows(page, "0.51")
    until_at(page, "img=upload")
    other = page.context.new_page()
    other.goto(page.url)
    seen(settings(other).get_by_text("is not in this session any more"))
    expect(other.get_by_test_id("stSidebar").get_by_text("Pins")).to_have_count(0)
    other.close()
