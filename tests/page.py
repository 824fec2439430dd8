"""Hands and eyes on the page, run without a browser and with a scheduler that is stepped by hand."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import PIL.Image
import toys
from streamlit.testing.v1 import AppTest
from torch import Tensor

from dashboard.experiment.subject import Subject
from dashboard.work.scheduler import Scheduler

APP = Path(__file__).parents[1] / "dashboard" / "main.py"
QUICK = {"r": "4", "m": "4"}
"""Four samples and four steps: a map is one chunk."""


def toy_subject(x: Tensor, score: Callable[[Tensor], Tensor] = lambda z: z.square().sum(1) + 1) -> Subject:
    """An input of a network with known answers, as a subject."""
    model = replace(toys.model(score), name="efficientnet_lite0")
    source = PIL.Image.new("RGB", (x.shape[-1], x.shape[-2]))
    return Subject(source, x, "photo", model, tuple(model.predict(x, k=2)), 0)


def finish(app: AppTest, jobs: Scheduler) -> AppTest:
    while jobs.step():
        pass
    app.run()
    assert not app.exception
    return app


def complete(app: AppTest, points: int) -> int:
    """How many maps are whole."""
    return sum(caption.startswith(f"complete: {points} points") for caption in captions(app))


def captions(app: AppTest) -> list[str]:
    return [c.value for c in app.main.caption]


def alts(app: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in app.main.image]


def query(app: AppTest, name: str) -> str:
    """A parameter of the address, which the test or the page has set."""
    found = app.query_params[name]
    return found if isinstance(found, str) else found[0]


def shown(app: AppTest, field: str):
    """What the control of a field shows."""
    kinds = (app.slider, app.selectbox, app.pills, app.segmented_control, app.number_input, app.multiselect)
    return control(chain(*kinds), f"control-{field}").value


def control(controls: Iterable, name: str):
    """A control by the name it has in the code: its key has a number when the program has set it."""
    (found,) = [one for one in controls if re.fullmatch(rf"{name}(-\d+)?", one.key or "")]
    return found


def pictures(app: AppTest) -> int:
    """The photo and the maps on the page; the bar of colours is none."""
    return sum(not words.startswith("The colours") for words in alts(app))


def rows(app: AppTest) -> dict[str, dict[str, str]]:
    return {row["Method"]: row for row in app.table[0].value.to_dict("records")}
