"""The page, run without a browser and with a scheduler that is stepped by hand."""

import io
import json
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import PIL.Image
import pytest
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

import dashboard
from attribution import METRICS, MODELS, Store, explain
from attribution.engine.score import ClassScore
from dashboard import pins, resources, subject
from dashboard.experiment import NAMES, PATCHES, Experiment, gallery_photo
from dashboard.jobs import Scheduler
from dashboard.lessons import LESSONS
from dashboard.walks import start, straight, straight_work

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
QUICK = {"r": "4", "m": "4"}


@pytest.fixture
def jobs(monkeypatch) -> Scheduler:
    """Its clock stands still, and a curve tries one patch in each window: quick, and on any machine the same."""
    scheduler = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "scheduler", lambda: scheduler)
    monkeypatch.setitem(PATCHES, "quick", 1)
    return scheduler


@pytest.fixture
def page(jobs):
    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        # Plain images say in captions what the linked viewer says in the browser alone.
        for name, value in {"viewer": "static", **query}.items():
            app.query_params[name] = value
        return app.run()

    return opened


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


def pictures(app: AppTest) -> int:
    """The photo and the maps on the page; the bar of colours is none."""
    return sum(not words.startswith("The colours") for words in alts(app))


def rows(app: AppTest) -> dict[str, dict[str, str]]:
    return {row["Method"]: row for row in app.table[0].value.to_dict("records")}


def test_from_nothing_to_three_complete_maps(page, jobs):
    app = page(**QUICK)
    assert not app.exception
    assert captions(app).count("waiting for its turn") == 3
    jobs.step()
    app.run()
    assert any(c.startswith("complete: 4 points") for c in captions(app)), "one chunk holds four points"
    finish(app, jobs)
    assert complete(app, 4) == 3
    assert set(rows(app)) == {"Integrated Gradients", "SmoothGrad", "SmoothTaylor", "Random"}
    assert all(float(row["AUPC ↓"]) > 0 for row in rows(app).values())
    assert [row["Gradients"] for row in rows(app).values()] == ["4", "4 shared", "4 shared", "0"]
    assert any(c.startswith("8 gradients make these maps, 8 of them computed") for c in captions(app))


def test_the_url_is_the_experiment(page):
    app = page(sigma="0.3", r="7", m="9", base="white", n="3", seed="5", eval="paper", img="coffee", cls="504")
    assert app.slider(key="sigma").value == 0.3
    assert (app.slider(key="r").value, app.slider(key="m").value, app.slider(key="n").value) == (7, 9, 3)
    assert (app.selectbox(key="base").value, app.selectbox(key="cls").value) == ("white", 504)
    assert app.number_input(key="seed").value == 5
    assert any("coffee mug" in c for c in captions(app))


def test_a_hostile_url_is_clamped(page):
    app = page(sigma="1e9", r="1e9", m="-4", n="x", seed="-1", base="<b>", img="../x", cls="99999", model="?", eval="0")
    assert not app.exception
    assert (app.slider(key="sigma").value, app.slider(key="r").value, app.slider(key="m").value) == (2.0, 500, 1)


def test_a_change_starts_only_what_depends_on_it(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.slider(key="sigma").set_value(0.7).run()
    states = captions(app)
    assert sum("waiting" in c for c in states) == 2
    assert complete(app, 4) == 1
    finish(app, jobs)
    app.selectbox(key="base").set_value("white").run()
    assert sum("waiting" in c for c in captions(app)) == 1


def test_going_back_costs_nothing(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.slider(key="sigma").set_value(0.7).run()
    finish(app, jobs)
    app.slider(key="sigma").set_value(0.5).run()
    assert complete(app, 4) == 3
    assert not jobs.step()


def test_the_display_costs_nothing(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.segmented_control(key="kind").set_value("signed").run()
    app.segmented_control(key="scale").set_value("shared").run()
    app.slider(key="opacity").set_value(60).run()
    assert not app.exception
    assert not jobs.step()
    assert complete(app, 4) == 3


def test_the_last_map_stays_until_the_next_has_points(page, jobs):
    app = finish(page(**QUICK), jobs)
    assert pictures(app) == 4
    app.slider(key="sigma").set_value(0.7).run()
    assert pictures(app) == 4
    assert captions(app).count("previous setting · waiting for its turn") == 2
    assert [row["AUTVC ↓"] for row in rows(app).values()].count("…") == 2, "its numbers do not stand for the new one's"
    app.pills(key="img").set_value("coffee").run()
    assert pictures(app) == 1, "but not beside another photo"


def test_stop_keeps_the_partial_map_and_continue_goes_on(page, jobs):
    app = page(r="40", m="4")
    for _ in range(6):
        jobs.step()
    app.run()
    app.button(key="stop").click().run()
    assert any(c.startswith("stopped at ") for c in captions(app))
    assert not jobs.step()
    app.button(key="resume").click().run()
    finish(app, jobs)
    assert complete(app, 40) == 2


def test_a_change_of_the_page_that_cuts_off_the_first_run_loses_nothing(page):
    """The new page's address holds no setting, and the controls that were not drawn yet are forgotten."""
    app = page(sigma="0.3", img="coffee", cls="504", r="7")
    app.query_params.clear()
    for name in NAMES.values():
        del app.session_state[name]
    app._tree.children.clear()
    app.run()
    assert not app.exception
    assert (app.slider(key="sigma").value, app.slider(key="r").value) == (0.3, 7)
    assert (app.pills(key="img").value, app.selectbox(key="cls").value) == ("coffee", 504)


def test_paper_settings(page):
    app = page(sigma="0.1", r="9", m="9", base="white")
    next(b for b in app.sidebar.button if b.label == "Paper settings").click().run()
    assert (app.slider(key="sigma").value, app.slider(key="r").value, app.slider(key="m").value) == (0.5, 150, 50)
    assert app.segmented_control(key="eval").value == "paper"
    assert any("200 gradients" in c.value and "6,006 forward passes" in c.value for c in app.sidebar.caption)


def test_another_photo_is_explained_by_its_own_class(page):
    app = page(**QUICK, cls="3")
    app.pills(key="img").set_value("rocket").run()
    assert app.selectbox(key="cls").value == -1


def test_n_is_for_noise_alone(page):
    assert page(**QUICK).slider(key="n").disabled
    assert not page(**QUICK, base="uniform").slider(key="n").disabled


def test_weights_that_cannot_be_had_leave_the_last_model(page, jobs, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(MODELS, "resnet18", replace(MODELS["resnet18"], url="http://127.0.0.1:9/r-00000000.pth"))
    downloads = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "downloads", lambda: downloads)
    app = finish(page(**QUICK), jobs)
    app.selectbox(key="model").set_value("resnet18").run()
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
    assert app.selectbox(key="model").value == "efficientnet_lite0"


def test_a_photo_that_cannot_be_read_is_a_line_and_the_last_stays(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.file_uploader(key="file").upload("broken.jpg", b"not a photo", "image/jpeg").run()
    assert "is not an image that can be read" in app.sidebar.error[0].value
    assert complete(app, 4) == 3
    app.pills(key="img").set_value("coffee").run()
    assert not app.sidebar.error, "once another photo is chosen, it is no longer news"


def photo(colour: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (300, 260), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_upload_is_shown_and_taking_it_away_forgets_it(page, jobs):
    app = page(**QUICK, cls="3")
    app.file_uploader(key="file").upload("mine.png", photo("teal"), "image/png").run()
    assert (app.pills(key="img").value, app.selectbox(key="cls").value) == ("upload", -1)
    app.pills(key="img").set_value("coffee").run()
    app.pills(key="img").set_value("upload").run()
    assert app.pills(key="img").value == "upload"
    app.file_uploader(key="file").set_value(None).run()
    assert app.pills(key="img").value == "cat"
    assert "upload" not in app.session_state


def test_an_upload_survives_a_run_that_is_cut_off_while_it_is_read(page, jobs, monkeypatch):
    real = subject.load_image

    def cut_off(data):
        raise StopException

    app = page(**QUICK)
    monkeypatch.setattr(subject, "load_image", cut_off)
    app.file_uploader(key="file").upload("mine.png", photo("teal"), "image/png").run()
    monkeypatch.setattr(subject, "load_image", real)
    app.run()
    assert app.pills(key="img").value == "upload"


def test_what_is_predicted_and_what_is_explained_are_told_apart(page):
    app = page(**QUICK, cls="967")
    told = next(c for c in captions(app) if c.startswith("predicted"))
    assert "predicted: **tiger cat**" in told
    assert "explained: **espresso**" in told
    assert any("it says tiger cat" in words for words in alts(app))


def test_stopping_outlives_looking_away_and_a_change_of_the_display(page, jobs):
    app = page(r="40", m="4")
    for _ in range(6):
        jobs.step()
    app.run()
    app.button(key="stop").click().run()
    jobs.clock = lambda: 1000.0
    jobs.step()
    app.segmented_control(key="kind").set_value("signed").run()
    assert any(c.startswith("stopped at ") for c in captions(app))
    assert not jobs.step()


def test_p_costs_no_map(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.segmented_control(key="eval").set_value("paper").run()
    assert complete(app, 4) == 3
    assert {row["AUPC ↓"] for row in rows(app).values()} == {"…"}


def test_a_failing_map_is_a_line_and_the_others_go_on(page, jobs, monkeypatch):
    from dashboard import panels

    real = panels.stream

    def broken(model, x, method, *rest, **knobs):
        if method == "smoothgrad":
            raise ValueError("the gradient overflowed")
        return real(model, x, method, *rest, **knobs)

    monkeypatch.setattr(panels, "stream", broken)
    app = finish(page(**QUICK), jobs)
    assert "SmoothGrad: the gradient overflowed" in [e.value for e in app.main.error]
    assert complete(app, 4) == 2


class TestOtherPages:
    @pytest.fixture
    def noise(self, page, jobs):
        def opened(**query: str) -> AppTest:
            return page(**QUICK, **query).switch_page("views/noise.py").run()

        return opened

    def test_noise_costs_only_what_is_not_remembered(self, noise, jobs):
        app = noise()
        assert not app.exception
        finish(app, jobs)
        lines = [m.value for m in app.main.markdown if m.value.startswith("**Smooth")]
        assert [line.split("**")[1] for line in lines] == [
            "SmoothGrad",
            "SmoothGrad ±ε",
            "SmoothTaylor",
            "SmoothTaylor ±ε",
        ]
        assert all("R = 4 is " in line for line in lines)

    def test_the_slider_over_draws_computes_nothing(self, noise, jobs):
        app = finish(noise(), jobs)
        app.select_slider(key="draws-4").set_value(2).run()
        assert not app.exception
        assert not jobs.step()

    def test_one_draw_says_that_it_cannot_tell(self, page, jobs):
        app = page(r="1", m="1").switch_page("views/noise.py").run()
        finish(app, jobs)
        assert any("R = 1 is too few to tell" in m.value for m in app.main.markdown)

    def test_the_controls_are_the_same_on_every_page(self, noise):
        app = noise(sigma="0.3", img="coffee")
        assert app.slider(key="sigma").value == 0.3
        assert app.pills(key="img").value == "coffee"

    @pytest.mark.parametrize("number", range(1, 7))
    def test_a_lesson_opens_its_experiment(self, page, jobs, number):
        app = page(**QUICK).switch_page("views/learn.py").run()
        assert not app.exception
        app.button(key=f"lesson-{number}").click().run()
        opens = LESSONS[number - 1].opens
        assert (app.pills(key="img").value, app.selectbox(key="base").value) == (opens.image, opens.baseline)
        assert (app.slider(key="r").value, app.slider(key="m").value) == (opens.samples, opens.steps)
        assert app.selectbox(key="cls").value == (-1 if opens.target is None else opens.target)


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
        app.slider(key="sigma").set_value(0.7).run()
        assert self.told(app) == ["σ 0.5"]

    def test_it_can_be_opened_renamed_and_removed_on_any_page(self, page, jobs):
        app = self.pin(finish(page(**QUICK), jobs))
        app.slider(key="sigma").set_value(0.7).run()
        app.switch_page("views/learn.py").run()
        (one,) = app.session_state.pins
        app.text_input(key=f"name-{one.id}").set_value("<b>mine</b>").run()
        assert app.session_state.pins[0].name == "<b>mine</b>"
        app.button(key=f"open-{one.id}").click().run()
        assert app.slider(key="sigma").value == 0.5
        app.button(key=f"remove-{one.id}").click().run()
        assert not app.session_state.pins
        assert not app.exception

    def test_an_upload_comes_back_with_its_pin_after_it_was_taken_away(self, page, jobs):
        app = page(**QUICK)
        app.file_uploader(key="file").upload("mine.png", photo("teal"), "image/png").run()
        self.pin(finish(app, jobs))
        seen = app.session_state.present[1].image
        app.file_uploader(key="file").set_value(None).run()
        assert app.pills(key="img").value == "cat"
        app.button(key=f"open-{app.session_state.pins[0].id}").click().run()
        assert app.pills(key="img").value == "pinned"
        assert app.session_state.present[1].image == seen

    def test_what_was_computed_is_logged_once(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        assert len(app.session_state.results) == 3
        app.slider(key="sigma").set_value(0.7).run()
        finish(app, jobs).run()
        assert len(app.session_state.results) == 5, "Integrated Gradients knows no sigma"
        assert any("Everything computed in this session" in m.value for m in app.main.markdown)

    def test_pins_are_bounded(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        app.session_state.pins = [replace(pins.Pin("x", Experiment(), None, (), str(k))) for k in range(pins.MOST)]
        self.pin(app)
        assert len(app.session_state.pins) == pins.MOST
        assert app.session_state.pins[0].id == "1"


def test_before_the_model_is_there_the_example_is_on_screen(jobs, monkeypatch):
    monkeypatch.setattr(dashboard, "warm", threading.Event())

    def loading(name):
        raise StopException

    monkeypatch.setattr(resources, "model", loading)
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.exception
    assert "What did the model look at?" in app.main.markdown[0].value
    assert "precomputed example" in app.get("progress")[0].proto.text
    assert len(app.get("plotly_chart")) == 2
    link = AppTest.from_file(APP, default_timeout=60)
    link.query_params["img"] = "coffee"
    assert "loading the model" in link.run().get("progress")[0].proto.text


def test_a_step_of_the_curve_shows_the_photo_then(page, jobs):
    app = finish(page(**QUICK), jobs)
    before = pictures(app)
    app.slider(key="step").set_value(7).run()
    assert pictures(app) == before + 4
    assert sum("the photo after 7 windows" in words for words in alts(app)) == 4
    assert not jobs.step(), "no forward pass for it"


def test_a_map_that_is_not_a_number_is_one_line(page, jobs, monkeypatch):
    from dashboard import panels

    real = panels.stream

    def broken(model, x, method, *rest, **knobs):
        for shot in real(model, x, method, *rest, **knobs):
            yield replace(shot, attribution=shot.attribution * float("nan"))

    monkeypatch.setattr(panels, "stream", broken)
    app = finish(page(**QUICK), jobs)
    assert any("the attribution holds NaN or infinity" in error.value for error in app.main.error)
    assert not app.exception


def test_a_link_of_another_version_opens_what_it_can(page):
    app = page(**QUICK, sigma="0.3", colour="jet", method="grad_cam", eval="thorough")
    assert not app.exception
    assert app.slider(key="sigma").value == 0.3
    assert app.segmented_control(key="eval").value == "quick"


def test_a_very_wide_photo_is_cut_to_its_middle(page, jobs):
    buffer = io.BytesIO()
    PIL.Image.effect_noise((4000, 300), 60).convert("RGB").save(buffer, "JPEG")
    app = page(**QUICK)
    app.file_uploader(key="file").upload("wide.jpg", buffer.getvalue(), "image/jpeg").run()
    finish(app, jobs)
    assert not app.exception
    assert complete(app, 4) == 3


class TestFindingSigma:
    def start(self, page, objective="autvc", **query) -> AppTest:
        app = page(r="2", m="1", **query)
        return app.button(key=f"find-{objective}").click().run()

    def test_it_sets_sigma_at_its_end_and_tells_both_areas(self, page, jobs):
        app = finish(self.start(page), jobs).run()
        assert not app.exception
        (told,) = [m.value for m in app.main.markdown if "when scored again" in m.value]
        found = float(told.split("**")[1])
        assert app.slider(key="sigma").value == pytest.approx(found, rel=1e-3)
        assert found != 0.5

    def test_stopping_leaves_sigma_as_it_was(self, page, jobs):
        app = self.start(page)
        for _ in range(12):
            jobs.step()
        app.run()
        app.button(key="stop-search").click().run()
        assert not jobs.step()
        assert app.slider(key="sigma").value == 0.5
        assert any("best so far" in m.value for m in app.main.markdown)
        app.button(key="resume-search").click().run()
        assert jobs.step(), "and it goes on"

    def test_another_photo_ends_it(self, page, jobs):
        app = self.start(page)
        app.pills(key="img").set_value("coffee").run()
        assert "finding" not in app.session_state
        assert not app.exception

    def test_closing_it(self, page, jobs):
        app = self.start(page)
        app.button(key="close-search").click().run()
        assert not any("Finding" in m.value for m in app.main.markdown)

    def test_by_the_fall_of_the_score(self, page, jobs):
        app = self.start(page, "aupc")
        for _ in range(60):
            jobs.step()
        app.run()
        assert any("most sensitive (AUPC)" in m.value for m in app.main.markdown)
        assert not app.exception


class TestMethods:
    """Any set of methods, each with its own knobs."""

    def test_others_beside_the_three(self, page, jobs):
        app = finish(page(**QUICK, methods="smoothgrad,left_ig,idg", own="left_ig.steps:6,idg.steps:5"), jobs)
        assert set(rows(app)) == {"SmoothGrad", "Left-IG", "IDG", "Random"}
        assert rows(app)["IDG"]["Gradients"] == "5"
        assert all(row["AUPC ↓"] not in ("…", "") for row in rows(app).values())

    def test_every_method_draws_a_map(self, page, jobs):
        small = "agi.classes:2,agi.steps:1,blur_ig.steps:2,expected_gradients.samples:2,ggig.iterations:1,ggig.steps:2"
        app = page(**QUICK, methods="agi,blur_ig,expected_gradients,ggig,gradient,input_x_gradient,lrp", own=small)
        app = finish(app, jobs)
        assert pictures(app) == 1 + 7
        assert not app.main.error

    def test_a_control_for_each_knob_of_the_signature(self, page, jobs):
        app = page(**QUICK, methods="guided_ig")
        app.number_input(key="own-guided_ig-steps").set_value(4).run()
        app.number_input(key="own-guided_ig-max_dist").set_value(0.5).run()
        app.selectbox(key="own-guided_ig-baseline").select("white").run()
        assert query(app, "own") == "guided_ig.baseline:white,guided_ig.max_dist:0.5,guided_ig.steps:4"
        app = finish(app, jobs)
        assert rows(app)["Guided IG"]["Gradients"] == "4"

    def test_methods_come_and_go(self, page, jobs):
        app = page(**QUICK)
        app.multiselect(key="methods").select("gradient").run()
        assert "Gradient" in rows(app)
        app.multiselect(key="methods").unselect("smoothgrad").run()
        assert "SmoothGrad" not in rows(app)
        assert query(app, "methods") == "integrated_gradients,smooth_taylor,gradient"

    def test_an_equal_budget(self, page, jobs):
        app = page(r="12", m="4", methods="integrated_gradients,smoothgrad,guided_ig,ggig", own="ggig.iterations:2")
        next(b for b in app.sidebar.button if b.label.startswith("Equal budget")).click().run()
        assert app.slider(key="m").value == 12
        assert app.number_input(key="own-guided_ig-steps").value == 12
        assert app.number_input(key="own-ggig-steps").value == 5

    def test_a_score_that_falls_is_a_line_under_the_maps(self, page, jobs):
        app = finish(page(**QUICK, methods="left_ig,gradient", own="left_ig.steps:4", cls="0"), jobs)
        assert ["falls along the path" in error.value for error in app.main.error] == [True]
        assert rows(app)["Gradient"]["Gradients"] == "1"


class TestFurtherCurves:
    @pytest.fixture(autouse=True)
    def coarse(self, monkeypatch):
        """Forty scores instead of two hundred and twenty-five."""
        for name in ("insertion", "deletion"):
            chosen = METRICS[name]
            monkeypatch.setitem(METRICS, name, replace(chosen, run=partial(chosen.run, step=1300)))

    def test_they_stand_beside_the_two(self, page, jobs):
        app = finish(page(r="4", m="8", curves="insertion,abpc"), jobs)
        titles = [m.value for m in app.main.markdown]
        assert any(title.startswith("**Insertion**") for title in titles)
        assert any(title.startswith("**Between two perturbations**") for title in titles)
        assert not any(title.startswith("**Deletion**") for title in titles)
        for row in rows(app).values():
            assert 0 <= float(row["Insertion ↑"]) <= 1
            assert 0 <= float(row["ABPC ↑"]) <= 1

    def test_one_more_costs_no_map_and_is_in_the_link(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        app.pills(key="curves").set_value(["deletion"]).run()
        assert query(app, "curves") == "deletion"
        before = {method: row["Gradients"] for method, row in rows(app).items()}
        finish(app, jobs)
        assert {method: row["Gradients"] for method, row in rows(app).items()} == before
        assert all(0 <= float(row["Deletion ↓"]) <= 1 for row in rows(app).values())
        app.pills(key="curves").set_value([]).run()
        assert "Deletion ↓" not in rows(app)["Random"]

    def test_a_class_whose_score_falls_is_one_line_for_all(self, page, jobs):
        app = finish(page(**QUICK, curves="abpc", cls="0"), jobs)
        told = [e.value for e in app.main.error]
        assert len(told) == 1
        assert "does not climb" in told[0]
        assert {row["ABPC ↑"] for row in rows(app).values()} == {"failed"}
        assert all(float(row["AUPC ↓"]) for row in rows(app).values())


class TestSweep:
    SWEEP = "smooth_taylor:sigma=0.1/0.6,samples=2/4"

    @pytest.fixture
    def swept(self, page, jobs):
        def opened(**query: str) -> AppTest:
            app = page(**QUICK, **query)
            return app.switch_page("views/sweep.py").run()

        return opened

    def progress(self, app: AppTest) -> str:
        return next(p.proto.text for p in app.get("progress"))

    def test_it_fills_and_says_what_it_cost(self, swept, jobs):
        app = swept(sweep=self.SWEEP)
        assert not app.exception
        assert "0 of 4 maps" in self.progress(app)
        finish(app, jobs)
        assert self.progress(app) == "complete: 4 maps of 12 gradients, 8 of them computed"

    def test_what_compare_computed_is_not_computed_again(self, swept, jobs, page):
        finish(page(**QUICK), jobs)
        app = finish(swept(sweep="smoothgrad:sigma=0.5,samples=2/4"), jobs)
        assert "0 of them computed" in self.progress(app)

    def test_a_cell_that_is_opened_sets_the_controls(self, swept, jobs):
        app = finish(swept(sweep=self.SWEEP), jobs)
        app.selectbox(key="cell").select((0.1, 2)).run()
        app.button(key="open-cell").click().run()
        assert query(app, "sigma") == "0.1"
        assert query(app, "r") == "2"

    def test_the_link_holds_it(self, swept):
        app = swept(sweep=self.SWEEP)
        app.text_input(key="values-0-sigma").set_value("0.2, 0.4").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.2/0.4,samples=2/4"

    def test_a_link_that_cannot_be_is_said_and_replaced(self, swept):
        app = swept(sweep="smooth_taylor:gamma=3")
        assert "gamma" in app.main.warning[0].value
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.3/0.5/0.7/1"

    def test_bad_values_are_one_line_and_nothing_is_lost(self, swept, jobs):
        app = finish(swept(sweep=self.SWEEP), jobs)
        app.text_input(key="values-0-sigma").set_value("0.2, much").run()
        assert [e.value for e in app.main.error] == ["σ: much is not a number; write values apart by commas."]
        assert "complete: 4 maps" in self.progress(app)

    def test_a_method_beside_the_three(self, swept, jobs):
        app = finish(swept(sweep="ggig:iterations=1/2,steps=2"), jobs)
        assert not app.exception
        assert "complete: 2 maps" in self.progress(app)
        app.button(key="open-cell").click().run()
        assert query(app, "methods").startswith("ggig,")
        assert query(app, "own") == "ggig.iterations:1,ggig.steps:2"

    def test_coming_back_costs_nothing(self, swept, jobs):
        finish(swept(sweep=self.SWEEP), jobs)
        again = finish(swept(sweep=self.SWEEP, base="white"), jobs)
        assert "0 of them computed" in self.progress(again)

    def test_another_method_keeps_the_knobs_it_has(self, swept):
        app = swept(sweep=self.SWEEP)
        app.selectbox(key="swept").select("smoothgrad").run()
        assert query(app, "sweep") == "smoothgrad:sigma=0.1/0.6,samples=2/4"
        app.selectbox(key="swept").select("integrated_gradients").run()
        assert query(app, "sweep") == "integrated_gradients:steps=10/25/50/100/200"

    def test_names_are_chosen_from_a_list(self, swept):
        app = swept(sweep="integrated_gradients:baseline=black/white")
        app.multiselect(key="values-0-baseline").select("mean").run()
        assert query(app, "sweep") == "integrated_gradients:baseline=black/white/mean"

    def test_a_second_knob_comes_and_goes(self, swept):
        app = swept(sweep="smooth_taylor:sigma=0.1/0.5")
        app.selectbox(key="axis-1").select("seed").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.5,seed=0/1/2/3"
        app.selectbox(key="axis-1").select("nothing else").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.5"

    def test_a_preset_is_a_button(self, swept):
        app = swept(sweep="integrated_gradients:steps=10/20")
        next(b for b in app.main.button if b.label.startswith("Table I:")).click().run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.3/0.5/0.7,samples=100/150/200"
        assert app.text_input(key="values-1-samples").value == "100, 150, 200"

    def test_stop_keeps_what_there_is(self, swept, jobs):
        app = swept(sweep=self.SWEEP)
        while not (found := app.run()).get("selectbox") or not any(s.key == "cell" for s in found.selectbox):
            jobs.step()
        app.button(key="stop").click().run()
        assert self.progress(app) == "stopped: what there is stays"
        app.button(key="resume").click().run()
        finish(app, jobs)
        assert "complete: 4 maps" in self.progress(app)


class TestPath:
    OWN = "guided_ig.steps:3,idg.steps:3"

    @pytest.fixture
    def walked(self, page, jobs):
        def opened(**given: str) -> AppTest:
            app = page(**{**QUICK, "own": self.OWN, **given})
            app = app.switch_page("views/path.py").run()
            assert not app.exception
            return app

        return opened

    def table(self, app: AppTest) -> dict[str, dict[str, str]]:
        return {row["From"]: row for row in app.table[0].value.to_dict("records")}

    def begin(self, app: AppTest, jobs: Scheduler) -> None:
        """Until the first steps of the path are there."""
        while not any(m.value.startswith("**α = ") for m in app.main.markdown):
            assert jobs.step()
            app.run()

    def said(self, app: AppTest) -> str:
        return next(m.value for m in app.main.markdown if m.value.startswith("**α = "))

    @pytest.fixture
    def fours(self, monkeypatch):
        """Four gradients at once, and nothing remembered."""
        store = Store(1 << 28)
        monkeypatch.setattr(resources, "store", lambda: store)
        batch = resources.model("efficientnet_lite0").gradient_batch
        for name in ("size", "most"):
            monkeypatch.setattr(batch, name, 4)

    def test_what_is_of_the_first_path_is_not_drawn_on_another(self, walked, jobs):
        """The other path is there at once, from before: where Left-IG cuts it, and what lies beside, is not asked."""
        finish(walked(), jobs)
        app = walked(base="white")
        drawn = " ".join(chart.proto.spec for chart in app.get("plotly_chart"))
        assert "from black" in drawn
        assert "Left-IG cuts" not in drawn
        assert "straight" not in drawn
        finish(app, jobs)
        drawn = " ".join(chart.proto.spec for chart in app.get("plotly_chart"))
        assert "Left-IG cuts" in drawn
        assert "straight" in drawn

    def charts(self, app: AppTest) -> dict[str, list]:
        """The traces of each chart that is on top."""
        newest = [chart.proto for chart in app.get("plotly_chart")]
        return {proto.id.split("-", 1)[-1]: json.loads(proto.spec)["data"] for proto in newest}

    def test_it_is_there_from_one_walk_for_each_baseline(self, walked, jobs):
        app = finish(walked(), jobs)
        assert set(self.table(app)) == {"black", "mean colour"}
        assert all(row["Completeness gap"] != "…" for row in self.table(app).values())
        drawn = [{trace.get("name") for trace in traces} for traces in self.charts(app).values()]
        assert {"from black", "from mean colour", "IDG's samples"} <= drawn[-4]
        assert {"straight", "Guided IG"} <= drawn[-1]

    def test_moving_along_it_computes_nothing(self, walked, jobs):
        app = finish(walked(), jobs)
        assert "α = 0.5" in self.said(app), "the middle"
        app.select_slider(key="alpha-4-right-0").set_value(0.25).run()
        assert "α = 0.25" in self.said(app)
        assert not jobs.step(), "there was nothing left to do"

    def test_a_place_without_an_image_yet_shows_the_last_that_is_there(self, walked, jobs, fours):
        app = walked(m="12", methods="smoothgrad")
        assert any("waiting for its turn" in caption for caption in captions(app))
        self.begin(app, jobs)
        assert "α = 0.333" in self.said(app), "the fourth of twelve steps"
        finish(app, jobs)
        assert "α = 0.5" in self.said(app)

    def test_compare_and_this_page_walk_one_path(self, page, jobs, monkeypatch):
        """What Compare has computed is there, and the gradients and maps are those of the core."""
        store, asked = Store(1 << 28), []
        monkeypatch.setattr(resources, "store", lambda: store)
        real = ClassScore.gradients
        monkeypatch.setattr(
            ClassScore, "gradients", lambda self, points: asked.append(len(points)) or real(self, points)
        )
        app = finish(page(**QUICK, own=self.OWN, methods="integrated_gradients"), jobs)
        assert sum(asked) == 4
        app = app.switch_page("views/path.py").run()
        app.multiselect(key="others-black").set_value([]).run()
        app.toggle(key="detour").set_value(False).run()
        finish(app, jobs)
        assert sum(asked) == 4

    def test_its_whole_map_is_that_of_the_method(self, jobs):
        model = resources.model("efficientnet_lite0")
        x = model.prepare(gallery_photo("cat"))
        target = model.predict(x, k=1)[0][0]
        whole = explain(model, x, "integrated_gradients", target, steps=4).attribution.sum(0)
        begin = start(Experiment(), "", model.name, target, "black")
        *_, last = straight_work(straight(Experiment(steps=4), begin), model, x, Store())
        assert (last.maps[-1].double() - whole).norm() < 2e-3 * whole.norm()

    def test_idgs_samples_are_by_its_own_sampling(self, walked, jobs):
        def rug(own: str) -> list[float]:
            app = finish(walked(own=f"guided_ig.steps:3,idg.steps:5{own}"), jobs)
            traces = [trace for traces in self.charts(app).values() for trace in traces]
            return [trace["x"] for trace in traces if trace.get("name") == "IDG's samples"][-1]

        assert rug(",idg.sampling:uniform") == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
        assert rug("") != rug(",idg.sampling:uniform")

    def test_where_left_ig_cuts_moves_without_computing(self, walked, jobs):
        app = finish(walked(), jobs)
        before = self.table(app)["black"]
        app.slider(key="phi-0.9").set_value(1.0).run()
        after = self.table(app)["black"]
        assert float(after["Left-IG cuts at α"]) > float(before["Left-IG cuts at α"])
        assert not jobs.step()

    def test_a_score_that_falls_is_said_in_its_row(self, walked, jobs):
        app = finish(walked(cls="0"), jobs)
        told = {row["Left-IG cuts at α"] for row in self.table(app).values()}
        assert "nowhere: the score falls" in told

    def test_the_path_is_that_of_the_sidebar(self, walked, jobs):
        app = finish(walked(base="uniform", rule="trapezoid"), jobs)
        assert list(self.table(app)) == ["uniform noise", "black"]
        assert app.select_slider(key="alpha-4-trapezoid-0").options[0] == "0"

    def test_one_step_has_no_slider(self, page, jobs):
        app = page(r="2", m="1", own=self.OWN)
        app = finish(app.switch_page("views/path.py").run(), jobs)
        assert "α = 1" in self.said(app)
        assert not app.select_slider

    def test_without_guided_ig(self, walked, jobs):
        app = finish(walked(), jobs)
        assert any("Guided IG" in str(traces) for traces in self.charts(app).values())
        app.toggle(key="detour").set_value(False).run()
        assert not any("Guided IG" in str(traces) for traces in self.charts(app).values())
        assert not app.exception

    def test_a_gradient_that_is_no_number_is_a_line(self, walked, jobs, monkeypatch):
        real = ClassScore.gradients

        def broken(self, points):
            values, gradients = real(self, points)
            return values, gradients * float("nan")

        monkeypatch.setattr(ClassScore, "gradients", broken)
        monkeypatch.setattr(resources, "store", lambda: Store(1 << 28))
        app = finish(walked(seed="77", base="uniform"), jobs)
        told = [error.value for error in app.main.error]
        assert any("From uniform noise: the gradient holds NaN or infinity" in line for line in told)
        assert any("Guided IG: the gradient holds NaN or infinity" in line for line in told)

    def test_stop_keeps_what_there_is(self, walked, jobs, fours):
        app = walked(m="12", methods="smoothgrad")
        self.begin(app, jobs)
        app.button(key="stop").click().run()
        assert not jobs.step()
        app.run()
        assert "stopped" in next(p.proto.text for p in app.get("progress"))
        assert "α = 0.333" in self.said(app)
        assert any(len(t["x"]) == 5 for traces in self.charts(app).values() for t in traces), "0, and four steps"
        app.button(key="resume").click().run()
        finish(app, jobs)
        assert next(p.proto.text for p in app.get("progress")) == "complete"
