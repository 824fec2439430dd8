"""Sweep, without a browser."""

from dataclasses import replace

import pytest
from page import QUICK, captions, control, finish, query
from streamlit.testing.v1 import AppTest

from attribution import METHODS
from dashboard.controls import address, resources
from dashboard.work.scheduler import Scheduler

pytestmark = pytest.mark.usefixtures("small_network")


class TestSweep:
    SWEEP = "smooth_taylor:sigma=0.1/0.6,samples=2/4"

    @pytest.fixture
    def swept(self, page, jobs):
        def opened(**query: str) -> AppTest:
            app = page(**QUICK, **query)
            return app.switch_page("views/sweep/page.py").run()

        return opened

    def progress(self, app: AppTest) -> str:
        return next(p.proto.text for p in app.get("progress"))

    def test_it_fills_and_says_what_it_cost(self, swept, jobs, own_store):
        app = swept(sweep=self.SWEEP)
        assert not app.exception
        assert "0 of 4 maps" in self.progress(app)
        finish(app, jobs)
        assert self.progress(app) == (
            "complete: 4 maps of 12 gradients, 8 of them computed"
            " · for the charts 7 maps of 12 gradients, 0 of them computed"
        )

    def test_it_is_of_the_model_that_is_shown(self, swept, jobs, monkeypatch, tmp_path):
        """A link can name one whose weights cannot be had: the sidebar says which one is shown."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        downloads = Scheduler(clock=lambda: 0.0)
        monkeypatch.setattr(resources, "downloads", lambda: downloads)
        app = finish(swept(sweep=self.SWEEP, model="resnet18"), jobs)
        assert self.progress(app).startswith("complete: 4 maps of 12 gradients")
        assert "failed" not in self.progress(app)

    def test_what_compare_computed_is_not_computed_again(self, swept, jobs, page):
        finish(page(**QUICK), jobs)
        app = finish(swept(sweep="smoothgrad:sigma=0.5,samples=2/4"), jobs)
        assert "gradients, 0 of them computed ·" in self.progress(app)

    def test_a_cell_that_is_opened_sets_the_controls(self, swept, jobs):
        app = finish(swept(sweep=self.SWEEP), jobs)
        app.selectbox(key="sweep-cell").select((0.1, 2)).run()
        app.button(key="sweep-open").click().run()
        assert query(app, "sigma") == "0.1"
        assert query(app, "r") == "2"

    def test_the_link_holds_it(self, swept):
        app = swept(sweep=self.SWEEP)
        control(app.text_input, "sweep-values-0").set_value("0.2, 0.4").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.2/0.4,samples=2/4"

    def test_a_link_that_cannot_be_is_said_and_replaced(self, swept):
        app = swept(sweep="smooth_taylor:gamma=3")
        assert "gamma" in app.main.warning[0].value
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.3/0.5/0.7/1"

    def test_bad_values_are_one_line_and_nothing_is_lost(self, swept, jobs):
        app = finish(swept(sweep=self.SWEEP), jobs)
        control(app.text_input, "sweep-values-0").set_value("0.2, much").run()
        assert [e.value for e in app.main.error] == ["σ: much is not a number; separate values with commas."]
        assert "complete: 4 maps" in self.progress(app)

    def test_a_method_beside_the_three(self, swept, jobs):
        app = finish(swept(sweep="ggig:iterations=1/2,steps=2"), jobs)
        assert not app.exception
        assert "complete: 2 maps" in self.progress(app)
        app.button(key="sweep-open").click().run()
        assert query(app, "methods").startswith("ggig,")
        assert query(app, "own") == "ggig.iterations:1,ggig.steps:2"

    def test_coming_back_costs_nothing(self, swept, jobs):
        finish(swept(sweep=self.SWEEP), jobs)
        again = finish(swept(sweep=self.SWEEP, base="white"), jobs)
        assert "gradients, 0 of them computed ·" in self.progress(again)

    def test_another_method_keeps_the_knobs_it_has(self, swept):
        app = swept(sweep=self.SWEEP)
        control(app.selectbox, "sweep-method").select("smoothgrad").run()
        assert query(app, "sweep") == "smoothgrad:sigma=0.1/0.6,samples=2/4"
        control(app.selectbox, "sweep-method").select("integrated_gradients").run()
        assert query(app, "sweep") == "integrated_gradients:steps=10/25/50/100/200"

    def test_another_method_leaves_out_the_values_that_it_does_not_have(self, swept):
        app = swept(sweep="integrated_gradients:rule=right/adaptive")
        control(app.selectbox, "sweep-method").select("idg").run()
        assert not app.exception
        assert query(app, "sweep") == "idg:rule=right"

    def test_names_are_chosen_from_a_list(self, swept):
        app = swept(sweep="integrated_gradients:baseline=black/white")
        control(app.multiselect, "sweep-values-0").select("mean").run()
        assert query(app, "sweep") == "integrated_gradients:baseline=black/white/mean"

    def test_a_second_knob_comes_and_goes(self, swept):
        app = swept(sweep="smooth_taylor:sigma=0.1/0.5")
        control(app.selectbox, "sweep-axis-1").select("seed").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.5,seed=0/1/2/3"
        control(app.selectbox, "sweep-axis-1").select("none").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.5"

    def test_a_preset_is_a_button(self, swept):
        app = swept(sweep="integrated_gradients:steps=10/20")
        next(b for b in app.main.button if b.label.startswith("Table I:")).click().run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.3/0.5/0.7,samples=100/150/200"
        assert control(app.text_input, "sweep-values-1").value == "100, 150, 200"

    def test_stop_keeps_what_there_is(self, swept, jobs):
        app = swept(sweep=self.SWEEP)
        while "1 of 4 maps" not in self.progress(app.run()):
            assert jobs.step()
        app.button(key="control-stop").click().run()
        assert self.progress(app) == "stopped: the results so far stay"
        app.button(key="control-resume").click().run()
        finish(app, jobs)
        assert "complete: 4 maps" in self.progress(app)

    def table_one(self, app: AppTest) -> AppTest:
        app.button(key="sweep-preset-0").click().run()
        assert not app.exception
        return app

    def test_a_preset_is_what_the_controls_show_and_another_photo_keeps_it(self, swept):
        app = self.table_one(swept())
        assert (control(app.selectbox, "sweep-axis-0").value, control(app.selectbox, "sweep-axis-1").value) == (
            "sigma",
            "samples",
        )
        control(app.pills, "control-image").set_value("coffee").run()
        assert query(app, "sweep") == "smooth_taylor:sigma=0.3/0.5/0.7,samples=100/150/200"
        assert control(app.selectbox, "sweep-axis-1").value == "samples"
        assert control(app.text_input, "sweep-values-1").value == "100, 150, 200"

    def test_a_cell_that_is_chosen_in_mid_run_stays_chosen(self, swept, jobs):
        app = swept(sweep=self.SWEEP)
        while "1 of 4 maps" not in self.progress(app.run()):
            assert jobs.step()
        app.selectbox(key="sweep-cell").select((0.1, 4)).run()
        finish(app, jobs)
        assert app.selectbox(key="sweep-cell").value == (0.1, 4)

    def test_too_many_values_are_a_line_and_stay_to_be_mended(self, swept):
        app = swept(sweep=self.SWEEP)
        many = ", ".join(map(str, range(1, 40)))
        control(app.text_input, "sweep-values-1").set_value(many).run()
        assert "78 maps are too many" in app.main.error[0].value
        assert control(app.text_input, "sweep-values-1").value == many, "what was typed is not lost"
        assert query(app, "sweep") == self.SWEEP
        control(app.text_input, "sweep-values-1").set_value("3").run()
        assert not app.main.error
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.6,samples=3"

    def test_the_worker_knows_no_streamlit(self, swept, jobs, monkeypatch):
        """Models are asked of a plain object: a cache of Streamlit's must not be used from another thread."""
        from dashboard.work.models import Models

        model, threads = resources.model("efficientnet_lite0"), []

        def load(name, device):
            threads.append(name)
            return replace(model, name=name)

        models = Models(load)
        monkeypatch.setattr(resources, "models", lambda: models)
        app = swept(sweep="gradient:model=efficientnet_lite0")
        finish(app, jobs)
        assert threads == ["efficientnet_lite0"]


class TestBeside:
    """Other methods in the charts: what is chosen, and its link."""

    USUAL = frozenset({"blurred_noise", "centre", "edges", "smooth_taylor_null"})

    @pytest.fixture
    def opened(self, page):
        def at(sweep: str = "smooth_taylor:sigma=0.1/0.6", **query: str) -> AppTest:
            app = page(**QUICK, sweep=sweep, **query).switch_page("views/sweep/page.py").run()
            assert not app.exception
            return app

        return at

    def shown(self, app: AppTest) -> list[str]:
        return control(app.multiselect, "sweep-beside").value

    def test_the_usual_ones_are_in_no_link(self, opened):
        app = opened()
        assert set(self.shown(app)) == self.USUAL
        assert "beside" not in app.query_params
        control(app.selectbox, "sweep-method").select("integrated_gradients").run()
        assert set(self.shown(app)) == self.USUAL - {"smooth_taylor_null"}
        assert "beside" not in app.query_params

    def test_a_choice_is_in_the_link_until_it_is_the_usual_one(self, opened, jobs):
        app = opened()
        control(app.multiselect, "sweep-beside").set_value(["edges", "gradient"]).run()
        assert query(app, "beside") == "edges,gradient"
        assert query(app, "sweep") == "smooth_taylor:sigma=0.1/0.6"
        control(app.multiselect, "sweep-beside").set_value([]).run()
        assert query(app, "beside") == "none"
        finish(app, jobs)
        assert "for the charts" not in app.get("progress")[0].proto.text
        control(app.multiselect, "sweep-beside").set_value(sorted(self.USUAL)).run()
        assert "beside" not in app.query_params

    @pytest.mark.parametrize(("text", "names"), [("edges,lrp", ["edges", "lrp"]), ("none", [])])
    def test_a_link_opens_it(self, opened, text, names):
        app = opened(beside=text)
        assert self.shown(app) == names
        assert query(app, "beside") == text
        assert not app.main.warning

    def test_names_that_are_no_methods_are_said_once(self, opened):
        app = opened(beside="edges,mine,*gradient*")
        assert self.shown(app) == ["edges"]
        assert [warning.value for warning in app.main.warning] == [
            r"Not all methods of the link are in the charts: there is no method mine, \*gradient\*."
        ]
        assert query(app, "beside") == "edges"
        assert not app.run().main.warning

    def test_a_sweep_that_cannot_be_leaves_what_is_beside_it(self, opened):
        app = opened("smooth_taylor:gamma=3", beside="lrp")
        assert self.shown(app) == ["lrp"]
        assert len(app.main.warning) == 1

    def test_a_choice_stays_with_other_settings_and_the_swept_method_is_left_out(self, opened):
        app = opened(beside="edges,centre")
        app.button(key="sweep-preset-0").click().run()
        assert self.shown(app) == ["edges", "centre"]
        control(app.selectbox, "sweep-method").select("edges").run()
        assert self.shown(app) == ["centre"]
        assert METHODS["edges"].title not in control(app.multiselect, "sweep-beside").options
        control(app.selectbox, "sweep-method").select("smoothgrad").run()
        assert self.shown(app) == ["edges", "centre"]

    @pytest.mark.parametrize(("text", "names"), [("", USUAL), ("centre", {"centre"}), ("none", set())])
    def test_back_brings_what_was_beside_it(self, opened, monkeypatch, text, names):
        app = opened(beside="lrp")
        app.query_params.clear()
        for name, value in {"sweep": "smooth_taylor:sigma=0.1/0.6", "viewer": "static", "beside": text}.items():
            if value:
                app.query_params[name] = value
        with monkeypatch.context() as within:
            within.setattr(address, "_back", lambda: True)
            app.run()
        assert set(self.shown(app)) == names
        assert (query(app.run(), "beside") if text else "") == text
        assert ("beside" in app.query_params) == bool(text)

    def test_it_has_its_method_settings(self, opened):
        app = opened("integrated_gradients:steps=1/2", beside="idg,edges")
        settings = {one.key for kind in ("number_input", "selectbox", "toggle") for one in app.main.get(kind)}
        assert "control-own-idg-cells" in settings
        assert "**Edges**" not in {one.value for one in app.main.markdown}, "it has none"

    def test_at_most_six(self, opened):
        app = opened(beside=",".join(METHODS))
        assert len(self.shown(app)) == 6
        assert "at most 6" in app.main.warning[0].value


def test_what_compare_cannot_hold_is_said_beside_its_button(page):
    app = page(**QUICK, sweep="smooth_taylor:samples=600/4", beside="none").switch_page("views/sweep/page.py").run()
    assert "Compare cannot hold this value: it opens R 500." in captions(app)
    app.selectbox(key="sweep-cell").select((4,)).run()
    assert not any("cannot hold" in words for words in captions(app))
