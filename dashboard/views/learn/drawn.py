"""The pictures and charts of the lessons. They are always the same, so each is made once."""

from functools import cache

from dashboard.charts.curves import curves
from dashboard.charts.lessons import path
from dashboard.charts.lines import Line
from dashboard.cold_start import example
from dashboard.live.sheet import Drawn
from dashboard.stage import pictures
from dashboard.views.learn.lessons import load
from dashboard.work.panel import VARIATION

PATH, BLANK = "path", "blank"
CHARTS = {PATH: "The score along the path", BLANK: "A blank map has no total variation"}
"""The charts of lessons, in words."""


@cache
def chart(name: str) -> Drawn:
    """A chart of `CHARTS`."""
    made: Drawn
    if name == PATH:
        made = path(load()[1]["path"])
    else:
        held = example.load()
        lines = held.lines(VARIATION)
        blank = Line(BLANK, "A blank map", lines[0].x, [0.0] * len(lines[0].y), lines[0].ticks)
        made = curves([*lines, blank], held.axes(VARIATION))
    return made


@cache
def drawn(name: str) -> str:
    """The picture of a map, as a data URL."""
    return pictures.data_url(pictures.alone(load()[0][name]).pixels)
