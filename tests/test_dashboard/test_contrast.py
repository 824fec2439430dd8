"""Text can be read in both themes: a contrast of 4.5, as WCAG 2.2 asks for."""

import re
import tomllib

import pytest
from contrast import contrast, rgb
from sources import ROOT

from dashboard.charts import sweep
from dashboard.place import HERE

THEMES = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
CSS = re.sub(r"/\*.*?\*/", "", (HERE / "controls" / "style.css").read_text(), flags=re.DOTALL)
CAPTION, CHIP, BUTTON = (
    "[data-testid='stCaptionContainer']",
    "[data-testid='stMultiSelectTagsContainer'] [data-tag]",
    "[data-testid='stBaseButton-primary']",
)


def rule(selector: str, name: str) -> str:
    """What the style sheet says of a property, for a selector that stands alone or in a list."""
    found = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", CSS):
        if selector in [one.strip() for one in selectors.split(",")]:
            found += re.findall(rf"\b{name}: ([^;]+);", body)
    assert found, f"{selector} has no {name}"
    return found[-1]


def of_theme(value: str, theme: str) -> str:
    """The colour of the theme in light-dark(..., ...)."""
    light, dark = re.fullmatch(r"light-dark\((#\w+), (#\w+)\)", value).groups()
    return light if theme == "light" else dark


def paler(ink: str, back: str, opacity: float) -> str:
    mixed = (opacity * one + (1 - opacity) * other for one, other in zip(rgb(ink), rgb(back), strict=True))
    return f"rgb({', '.join(str(round(value)) for value in mixed)})"


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestText:
    @pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
    def test_on_the_page_and_in_the_sidebar(self, theme, ground):
        colours = THEMES[theme]
        ink, back = colours["textColor"], colours[ground]
        assert contrast(ink, back) >= 4.5
        assert contrast(colours["primaryColor"], back) >= 4.5
        assert contrast(paler(ink, back, float(rule(CAPTION, "opacity"))), back) >= 4.5

    @pytest.mark.parametrize("selector", [CHIP, BUTTON])
    def test_on_the_primary_colour(self, theme, selector):
        assert contrast(of_theme(rule(selector, "color"), theme), THEMES[theme]["primaryColor"]) >= 4.5

    def test_of_the_first_stop_of_the_tab_key(self, theme):
        assert of_theme(rule(".skip", "background"), theme) == THEMES[theme]["backgroundColor"]


def test_words_in_a_chart_have_the_colour_of_its_text():
    """Which is the ink of the page; the grey of a line is too pale for words."""
    swept = sweep.Areas("smoothgrad", "SmoothGrad", (1.0, 2.0))
    figure = sweep.against((0.1, 0.5), ["a", "b"], swept, "AUPC", "σ", (20.0, 26.0))
    (words,) = figure.layout.annotations
    assert (words.text, words.font.color) == (sweep.ORDERS, None)
