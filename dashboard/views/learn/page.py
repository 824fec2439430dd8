"""Learn: short lessons, each with a picture and a button that opens its experiment on Compare."""

from typing import Any

import streamlit as st

from dashboard.charts.styles import CONFIG
from dashboard.controls import lesson as lesson_strip
from dashboard.pages import COMPARE
from dashboard.views.learn.drawn import CHARTS, chart, drawn
from dashboard.views.learn.lessons import LESSONS, Lesson, load


def picture(lesson: Lesson, number: int) -> None:
    """Shows the maps of a lesson, or its chart."""
    _, numbers = load()
    if lesson.chart:
        st.plotly_chart(chart(lesson.chart), key=f"learn-{lesson.chart}", config=CONFIG, alt=CHARTS[lesson.chart])
    for column, (name, words) in zip(st.columns(2), lesson.maps.items(), strict=False):
        caption = words.format(**{key: value for key, value in numbers.items() if key != "path"})
        with column, st.container(key=f"learn-map-{number}-{name.replace(' ', '-')}"):
            st.image(drawn(name), width="stretch", alt=f"A map: {caption}")
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
