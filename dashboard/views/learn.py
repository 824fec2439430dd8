"""Learn: six short lessons, each with a picture and a button that opens it."""

import numpy as np
import streamlit as st

from dashboard import example, figures, pictures
from dashboard.lessons import LESSONS, Lesson, load
from dashboard.subject import write


def picture(lesson: Lesson, number: int) -> None:
    maps, numbers = load()
    if lesson.chart == "path":
        figure = figures.path(numbers["path"])
        st.plotly_chart(figure, key="path", config=figures.CONFIG, alt="The score along the path")
    elif lesson.chart == "blank":
        held = example.load()
        curves = {**held.variations, "blank": [0.0] * len(held.about["sides"])}
        figure = figures.variation(curves, held.about["sides"])
        st.plotly_chart(figure, key="blank", config=figures.CONFIG, alt="A blank map has no variation at all")
    for column, (name, words) in zip(st.columns(2), lesson.maps.items(), strict=False):
        drawn = pictures.draw({name: pictures.from_map(maps[name])}, np.empty(0), pictures.Display())[name]
        said = words.format(**{key: value for key, value in numbers.items() if key != "path"})
        with column, st.container(key=f"map-lesson-{number}-{name.replace(' ', '-')}"):
            st.image(pictures.data_url(drawn.pixels), width="stretch", alt=f"A map: {said}")
        column.caption(said)


st.markdown("#### Six short lessons")
_, numbers = load()
for number, lesson in enumerate(LESSONS, 1):
    with st.container(border=True):
        words, shown = st.columns([3, 2], gap="large")
        with words:
            st.markdown(f"##### {number}. {lesson.title}")
            st.markdown(lesson.text.format(random=numbers["random"]))
            icon = ":material/arrow_forward:"
            if st.button(lesson.button, key=f"lesson-{number}", icon=icon, on_click=write, args=(lesson.opens,)):
                st.switch_page("views/compare.py")
        with shown:
            picture(lesson, number)
