"""Beside a page are the controls of what it uses, and it declares exactly that. All other values stay as they are."""

import io
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import PIL.Image
import pytest
from page import APP, QUICK, control, finish, query, shown
from streamlit.testing.v1 import AppTest

from attribution.registry import Range
from dashboard.controls import address, pins, session
from dashboard.experiment.choices import PAPER
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.fields import SHARED
from dashboard.experiment.gallery import UPLOAD
from dashboard.experiment.knobs import KNOBS
from dashboard.experiment.own import COMPARED, own_of
from dashboard.experiment.own import shared as is_shared
from dashboard.pages import COMPARE, PAGES, SUBJECT, Page
from dashboard.views.compare import glance

pytestmark = pytest.mark.usefixtures("small_network")

WANTED = glance.wanted
GIVEN = {**QUICK, "base": "uniform", "n": "2"}
"""With noise baselines, N has an effect."""
SWEEPS = ("smooth_taylor:seed=0/1", "integrated_gradients:output=logit/probability", "idg:cells=10/20")
"""What is swept is not read from the experiment, and no method has all knobs."""
OTHERS: dict[str, Any] = {
    "image": "coffee",
    "target": 5,
    "baseline": "white",
    "rule": "left",
    "evaluation": "paper",
    "methods": ("smoothgrad",),
    "own": own_of({("smoothgrad", "form"): "squared", ("idg", "steps"): 7}),
    "curves": ("deletion",),
    "output": "probability",
    "random": "off",
}
by_name = pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)


def uses(one: Page) -> set[str]:
    return set(FIELDS) if one.uses is None else set(one.uses)


def fields_of(*places: Any) -> set[str]:
    """The fields that have a control in these parts of the page."""
    kinds = ("slider", "selectbox", "pills", "segmented_control", "number_input", "multiselect", "toggle")
    keys = [found.key or "" for place in places for kind in kinds for found in getattr(place, kind)]
    named = [re.fullmatch(r"control-([a-z]+)(-.+)?", key) for key in keys]
    return {found[1] for found in named if found} & set(FIELDS)


def changed(experiment: Experiment, name: str) -> Experiment:
    """The experiment with another value of a field."""
    value = OTHERS.get(name)
    if value is None:
        allowed = FIELDS[name].allowed
        assert isinstance(allowed, Range)
        value = type(getattr(experiment, name))(allowed.high)
    return experiment.changed(**{name: value})


@by_name
def test_beside_a_page_are_the_controls_of_what_it_uses(page, one):
    app = page(**GIVEN).switch_page(one.file).run()
    assert not app.exception
    assert fields_of(app.sidebar, app.main) == uses(one)
    assert bool(app.sidebar.file_uploader) == one.has(*SUBJECT)


def test_the_stage_has_the_rest_of_compare_s(page):
    app = page(**GIVEN, viewer="live")
    assert not app.exception
    assert fields_of(app.sidebar) == set(FIELDS) - set(KNOBS)


@by_name
def test_a_button_is_where_all_that_it_sets_can_be_seen(page, one):
    app = page(**GIVEN).switch_page(one.file).run()
    keys = {button.key for button in app.sidebar.button}
    assert ("control-paper" in keys) == (set(PAPER) <= uses(one))
    assert ("control-equal-budget" in keys) == ({"methods", "own", "samples", "steps", "draws"} <= uses(one))
    assert {key for key in keys if re.match("control-(find|settle)-", key)} == set() or one is COMPARE
    assert any("forward passes" in caption.value for caption in app.sidebar.caption) == (one is COMPARE)


@by_name
def test_a_page_declares_what_it_depends_on(page, jobs, monkeypatch, one):
    """Another value of a field that it uses is other work, or is seen. One of any other field changes nothing."""
    monkeypatch.setattr(glance, "wanted", WANTED)
    asked: set[tuple[Any, Any]] = set()
    ask = jobs.ask

    def noted(owner, slot, key, start):
        asked.add((slot, key))
        return ask(owner, slot, key, start)

    monkeypatch.setattr(jobs, "ask", noted)

    def seen(app: AppTest) -> tuple[set[tuple[Any, Any]], list[str]]:
        asked.clear()
        app.run()
        assert not app.exception
        return set(asked), [str(getattr(element, "proto", "")) for element in app.main]

    found = set()
    for sweep in SWEEPS if one.name == "sweep" else ("",):
        app = page(**GIVEN, **({"sweep": sweep} if sweep else {})).switch_page(one.file).run()
        begun = app.session_state[session.EXPERIMENT]
        for name in set(FIELDS) - {"model"}:
            app.session_state[session.EXPERIMENT] = begun
            before = seen(app)
            app.session_state[session.EXPERIMENT] = changed(begun, name)
            if seen(app) != before:
                found.add(name)
    idle = {name for name in SHARED if not any(is_shared(method, name) for method in COMPARED)}
    assert found == uses(one) - {"model"} - idle
    assert one.has("model") == one.has("image"), "each photo is explained by a model"


LINK = (
    "img=coffee&cls=504&sigma=0.3&r=7&m=9&base=white&n=3&rule=left&seed=5&eval=paper&methods=smoothgrad,idg"
    "&own=idg.steps:7&curves=deletion&out=probability&rand=off"
)
EVERY = dict(parse_qsl(LINK))


@by_name
def test_a_link_with_any_field_opens_every_page(jobs, one):
    app = AppTest.from_file(APP, default_timeout=60).switch_page(one.file)
    for name, value in {"viewer": "static", **EVERY}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert app.session_state[session.EXPERIMENT] == Experiment.from_query(EVERY)
    assert set(EVERY) == {how.url for how in FIELDS.values()} - {"model"}
    assert {name: query(app, name) for name in EVERY} == EVERY, "and it stays in the address"


@pytest.mark.parametrize("one", PAGES[1:], ids=lambda one: one.name)
def test_what_a_page_does_not_show_survives_it(page, jobs, one):
    app = finish(page(**QUICK), jobs)
    control(app.slider, "control-sigma").set_value(0.3).run()
    control(app.number_input, "control-seed").set_value(7).run()
    app.button(key="compare-pin").click().run()
    before, (pin,) = app.session_state[session.EXPERIMENT], app.session_state[pins.PINS]
    app.query_params.clear()  # as a link to a page has none
    app.query_params["viewer"] = "static"
    app = app.switch_page(one.file).run()
    assert not app.exception
    assert app.button(key=f"control-pin-open-{pin.id}"), "pins are on every page"
    assert (query(app, "sigma"), query(app, "seed")) == ("0.3", "7")
    app = app.switch_page(COMPARE.file).run()
    assert app.session_state[session.EXPERIMENT] == before
    assert (shown(app, "sigma"), shown(app, "seed"), shown(app, "samples")) == (0.3, 7, 4)
    assert app.session_state[pins.PINS] == [pin]
    control(app.slider, "control-sigma").set_value(0.9).run()
    assert app.session_state[session.EXPERIMENT] == replace(before, sigma=0.9)


@by_name
def test_back_sets_what_a_page_does_not_show(page, monkeypatch, one):
    app = page(**QUICK, sigma="0.3").switch_page(one.file).run()
    app.query_params["sigma"] = "0.8"
    with monkeypatch.context() as within:
        within.setattr(address, "_back", lambda: True)
        app.run()
    assert app.session_state[session.EXPERIMENT].sigma == 0.8
    app = app.switch_page(COMPARE.file).run()
    assert shown(app, "sigma") == 0.8


def test_an_own_photo_survives_a_page_without_it_and_can_be_removed(page):
    """The box for files is empty then, so it has no cross to remove the photo with."""
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (300, 260), "teal").save(buffer, "PNG")
    app = page(**QUICK)
    app.file_uploader(key="control-file").upload("mine.png", buffer.getvalue(), "image/png").run()
    assert "control-photo-remove" not in {button.key for button in app.button}
    app = app.switch_page("views/learn/page.py").run().switch_page(COMPARE.file).run()
    assert shown(app, "image") == UPLOAD
    assert app.session_state[session.PRESENT][1].source.size == (300, 260)
    app.button(key="control-photo-remove").click().run()
    assert shown(app, "image") == "cat"
    assert app.session_state["session-own-photo"] is None
    assert "control-photo-remove" not in {button.key for button in app.button}
