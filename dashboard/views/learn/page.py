"""Learn: short lessons, each with a picture and a button that opens its experiment on Compare."""

from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.curves import curves
from dashboard.charts.lessons import path
from dashboard.charts.lines import Line
from dashboard.charts.styles import CONFIG
from dashboard.cold_start import example
from dashboard.controls import lesson as lesson_strip
from dashboard.pages import COMPARE
from dashboard.stage import pictures
from dashboard.views.learn.lessons import LESSONS, Lesson, load
from dashboard.work.panel import VARIATION

BLANK = "blank"


def picture(lesson: Lesson, number: int) -> None:
    """Draws the maps of a lesson, or its chart."""
    maps, numbers = load()
    if lesson.chart == "path":
        st.plotly_chart(path(numbers["path"]), key="learn-path", config=CONFIG, alt="The score along the path")
    elif lesson.chart == BLANK:
        held = example.load()
        lines = held.lines(VARIATION)
        blank = Line(BLANK, "A blank map", lines[0].x, [0.0] * len(lines[0].y), lines[0].ticks)
        figure = curves([*lines, blank], held.axes(VARIATION))
        st.plotly_chart(figure, key="learn-blank", config=CONFIG, alt="A blank map has no total variation")
    for column, (name, words) in zip(st.columns(2), lesson.maps.items(), strict=False):
        drawn = pictures.draw({name: pictures.from_map(maps[name])}, np.empty(0), pictures.Display())[name]
        caption = words.format(**{key: value for key, value in numbers.items() if key != "path"})
        with column, st.container(key=f"learn-map-{number}-{name.replace(' ', '-')}"):
            st.image(pictures.data_url(drawn.pixels), width="stretch", alt=f"A map: {caption}")
        column.caption(caption)


def draw() -> None:
    """Draws the page."""
    st.markdown("#### Short lessons")
    _, numbers = load()
    for number, lesson in enumerate(LESSONS, 1):
        with st.container(border=True):
            words, shown = st.columns([3, 2], gap="large")
            with words:
                st.markdown(f"##### {number}. {lesson.title}")
                text = lesson.text.format(random=numbers["random"])
                st.markdown(text)
                opens: dict[str, Any] = {
                    "icon": ":material/arrow_forward:",
                    "on_click": lesson_strip.begin,
                    "args": (lesson.title, text, lesson.opens),
                }
                if st.button(lesson.button, key=f"learn-open-{number}", **opens):
                    st.switch_page(COMPARE.file)
            with shown:
                picture(lesson, number)


if __name__ == "__main__":
    draw()
