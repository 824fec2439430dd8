"""Compare, without a browser."""

import threading
from dataclasses import replace
from functools import partial

import pytest
from page import APP, QUICK, alts, captions, complete, control, finish, pictures, query, rows, shown
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

import dashboard
from attribution import METRICS
from dashboard.cold_start import example
from dashboard.controls import resources
from dashboard.experiment.words import ORDERS
from dashboard.stage import stage

pytestmark = pytest.mark.usefixtures("small_network")


def area(told: str) -> float:
    """An area of the table; that of the random orders stands before their spread."""
    return float(told.partition(" ± ")[0])


def test_from_nothing_to_three_complete_maps(page, jobs, own_store, whole_network):
    app = page(**QUICK)
    assert not app.exception
    assert captions(app).count("waiting for its turn") == 3
    jobs.step()
    app.run()
    assert any(c.startswith("complete: 4 points") for c in captions(app)), "one chunk holds four points"
    finish(app, jobs)
    assert complete(app, 4) == 3
    assert set(rows(app)) == {"Integrated Gradients", "SmoothGrad", "SmoothTaylor", "Random order"}
    assert all(area(row["AUPC ↓"]) > 0 for row in rows(app).values())
    assert [row["Gradients"] for row in rows(app).values()] == ["4", "4 shared", "4 shared", "0"]
    assert any(c.startswith("These maps use 8 gradients; 8 of them were computed") for c in captions(app))
    assert [c.split(":")[0] for c in captions(app) if c.endswith(ORDERS)] == ["AUPC"], "the chart with random orders"


def test_a_change_starts_only_what_depends_on_it(page, jobs):
    app = finish(page(**QUICK), jobs)
    control(app.slider, "control-sigma").set_value(0.7).run()
    states = captions(app)
    assert sum("waiting" in c for c in states) == 2
    assert complete(app, 4) == 1
    finish(app, jobs)
    control(app.selectbox, "control-baseline").set_value("white").run()
    assert sum("waiting" in c for c in captions(app)) == 1


def test_going_back_costs_nothing(page, jobs):
    app = finish(page(**QUICK), jobs)
    control(app.slider, "control-sigma").set_value(0.7).run()
    finish(app, jobs)
    control(app.slider, "control-sigma").set_value(0.5).run()
    assert complete(app, 4) == 3
    assert not jobs.step()


def test_the_display_costs_nothing(page, jobs):
    app = finish(page(**QUICK), jobs)
    app.segmented_control(key="compare-kind").set_value("signed").run()
    app.segmented_control(key="compare-scale").set_value("shared").run()
    app.slider(key="compare-opacity").set_value(60).run()
    assert not app.exception
    assert not jobs.step()
    assert complete(app, 4) == 3


def test_the_last_map_stays_until_the_next_has_points(page, jobs):
    app = finish(page(**QUICK), jobs)
    assert pictures(app) == 4
    control(app.slider, "control-sigma").set_value(0.7).run()
    assert pictures(app) == 4
    assert captions(app).count("previous setting · waiting for its turn") == 2
    assert [row["AUTVC ↓"] for row in rows(app).values()].count("…") == 2, "its numbers do not stand for the new one's"
    control(app.pills, "control-image").set_value("coffee").run()
    assert pictures(app) == 1, "but not beside another photo"


def test_stop_keeps_the_partial_map_and_continue_goes_on(page, jobs):
    app = page(r="40", m="4")
    for _ in range(6):
        jobs.step()
    app.run()
    app.button(key="control-stop").click().run()
    assert any(c.startswith("stopped at ") for c in captions(app))
    assert not jobs.step()
    app.button(key="control-resume").click().run()
    finish(app, jobs)
    assert complete(app, 40) == 2


def test_what_is_predicted_and_what_is_explained_are_told_apart(page):
    app = page(**QUICK, cls="967")
    told = next(c for c in captions(app) if c.startswith("predicted"))
    assert "predicted: **tiger cat**" in told
    assert "explained: **espresso**" in told
    assert any("predicts tiger cat" in words for words in alts(app))


def test_stopping_outlives_looking_away_and_a_change_of_the_display(page, jobs):
    app = page(r="40", m="4")
    for _ in range(6):
        jobs.step()
    app.run()
    app.button(key="control-stop").click().run()
    jobs.clock = lambda: 1000.0
    jobs.step()
    app.segmented_control(key="compare-kind").set_value("signed").run()
    assert any(c.startswith("stopped at ") for c in captions(app))
    assert not jobs.step()


def test_p_costs_no_map(page, jobs):
    app = finish(page(**QUICK), jobs)
    control(app.segmented_control, "control-evaluation").set_value("paper").run()
    assert complete(app, 4) == 3
    assert {row["AUPC ↓"] for row in rows(app).values()} == {"…"}


def test_a_failing_map_is_a_line_and_the_others_go_on(page, jobs, monkeypatch):
    from dashboard.work import panel as panels

    real = panels.stepwise

    def broken(model, x, method, *rest, **knobs):
        if method == "smoothgrad":
            raise ValueError("the gradient overflowed")
        return real(model, x, method, *rest, **knobs)

    monkeypatch.setattr(panels, "stepwise", broken)
    app = finish(page(**QUICK), jobs)
    assert "SmoothGrad: the gradient overflowed" in [e.value for e in app.main.error]
    assert complete(app, 4) == 2


def first_page(monkeypatch):
    """The app after its first run; and for each run, the token, the knobs and what else the stage was given."""
    shown = []
    monkeypatch.setattr(stage, "show", lambda key, token, knobs, given, released: shown.append((token, knobs, given)))
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.exception
    assert len(shown) == 1
    return app, shown


def test_before_the_model_is_there_the_example_is_on_screen(jobs, monkeypatch):
    monkeypatch.setattr(dashboard, "warm", threading.Event())

    def loading(name):
        raise StopException

    monkeypatch.setattr(resources, "model", loading)
    _, ((token, knobs, given),) = first_page(monkeypatch)
    assert (token, knobs) == ("", []), "there is nothing to turn yet"
    assert given["first"] == stage.first(example.load().messages())
    assert not given["asks"], "the script goes on by itself"
    link = AppTest.from_file(APP, default_timeout=60)
    link.query_params["img"] = "coffee"
    assert "loading the model" in link.run().get("progress")[0].proto.text


def test_a_new_visitor_of_a_warm_server_sees_the_example_and_the_next_run_is_the_live_page(jobs, monkeypatch):
    """The browser asks for that run, once it has drawn the example."""
    warm = threading.Event()
    warm.set()
    monkeypatch.setattr(dashboard, "warm", warm)
    app, shown = first_page(monkeypatch)
    ((token, knobs, given),) = shown
    assert (token, knobs, given["asks"]) == ("", [], "live")
    assert not app.sidebar.slider
    app.run()
    assert not app.exception
    _, (token, knobs, given) = shown
    assert token
    assert knobs
    assert "asks" not in given


def test_a_map_that_is_not_a_number_is_one_line(page, jobs, monkeypatch):
    from dashboard.work import panel as panels

    real = panels.stepwise

    def broken(model, x, method, *rest, **knobs):
        for shot in real(model, x, method, *rest, **knobs):
            yield shot and replace(shot, attribution=shot.attribution * float("nan"))

    monkeypatch.setattr(panels, "stepwise", broken)
    app = finish(page(**QUICK), jobs)
    assert any("the attribution holds NaN or infinity" in error.value for error in app.main.error)
    assert not app.exception


class TestMethods:
    """Any set of methods, each with its own knobs."""

    def test_others_beside_the_three(self, page, jobs):
        app = finish(page(**QUICK, methods="smoothgrad,left_ig,idg", own="left_ig.steps:6,idg.steps:5"), jobs)
        assert set(rows(app)) == {"SmoothGrad", "Left-IG", "IDG", "Random order"}
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
        control(app.number_input, "control-own-guided_ig-steps").set_value(4).run()
        control(app.number_input, "control-own-guided_ig-max_dist").set_value(0.5).run()
        control(app.selectbox, "control-own-guided_ig-baseline").select("white").run()
        assert query(app, "own") == "guided_ig.baseline:white,guided_ig.max_dist:0.5,guided_ig.steps:4"
        app = finish(app, jobs)
        assert rows(app)["Guided IG"]["Gradients"] == "4"

    def test_methods_come_and_go(self, page, jobs):
        app = page(**QUICK)
        control(app.multiselect, "control-methods").select("gradient").run()
        assert "Gradient" in rows(app)
        control(app.multiselect, "control-methods").unselect("smoothgrad").run()
        assert "SmoothGrad" not in rows(app)
        assert query(app, "methods") == "integrated_gradients,smooth_taylor,gradient"

    def test_an_equal_budget(self, page, jobs):
        app = page(r="12", m="4", methods="integrated_gradients,smoothgrad,guided_ig,ggig", own="ggig.iterations:2")
        next(b for b in app.sidebar.button if b.label.startswith("Equal budget")).click().run()
        assert shown(app, "steps") == 12
        assert control(app.number_input, "control-own-guided_ig-steps").value == 12
        assert control(app.number_input, "control-own-ggig-steps").value == 5

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
        assert any(title.startswith("**Area between perturbation curves**") for title in titles)
        assert not any(title.startswith("**Deletion**") for title in titles)
        for row in rows(app).values():
            assert 0 <= area(row["Insertion ↑"]) <= 1
            assert 0 <= area(row["ABPC ↑"]) <= 1

    def test_one_more_costs_no_map_and_is_in_the_link(self, page, jobs):
        app = finish(page(**QUICK), jobs)
        control(app.pills, "control-curves").set_value(["deletion"]).run()
        assert query(app, "curves") == "deletion"
        before = {method: row["Gradients"] for method, row in rows(app).items()}
        finish(app, jobs)
        assert {method: row["Gradients"] for method, row in rows(app).items()} == before
        assert all(0 <= area(row["Deletion ↓"]) <= 1 for row in rows(app).values())
        control(app.pills, "control-curves").set_value([]).run()
        assert "Deletion ↓" not in rows(app)["Random order"]

    def test_a_class_whose_score_falls_is_one_line_for_all(self, page, jobs, whole_network):
        app = finish(page(**QUICK, methods="gradient,input_x_gradient", curves="abpc", cls="0"), jobs)
        told = [e.value for e in app.main.error]
        assert len(told) == 1
        assert "does not climb" in told[0]
        assert {row["ABPC ↑"] for row in rows(app).values()} == {"failed"}
        assert all("is negative" in row["AUPC ↓"] for row in rows(app).values()), "and its areas say so"


def test_plain_images_that_were_looked_at_long_ago_can_still_be_stopped(page, jobs):
    """They do not ask by themselves, so their work rests after a while; Stop is still Stop."""
    app = page(r="60", m="4")
    jobs.step()
    jobs.clock = lambda: 1000.0
    jobs.step()
    app.button(key="control-stop").click().run()
    assert any(caption.startswith("stopped") for caption in captions(app))
    assert not jobs.step()
