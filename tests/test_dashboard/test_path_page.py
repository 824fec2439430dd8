"""Path, without a browser."""

import json

import pytest
from page import QUICK, finish
from streamlit.testing.v1 import AppTest

from attribution import METHODS, Store, explain
from attribution.engine.score import ClassScore
from dashboard.charts.path import SAMPLES
from dashboard.controls import resources
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.views.path.walks import start, straight
from dashboard.work.path import straight_work
from dashboard.work.scheduler import Scheduler

pytestmark = pytest.mark.usefixtures("small_network")


class TestPath:
    OWN = "guided_ig.steps:3,idg.steps:3"

    @pytest.fixture
    def walked(self, page, jobs):
        def opened(**given: str) -> AppTest:
            app = page(**{**QUICK, "own": self.OWN, **given})
            app = app.switch_page("views/path/page.py").run()
            assert not app.exception
            return app

        return opened

    def table(self, app: AppTest) -> dict[str, dict[str, str]]:
        return {row["From"]: row for row in app.table[0].value.to_dict("records")}

    def begin(self, app: AppTest, jobs: Scheduler) -> None:
        """Until the first steps of the path are there."""
        while not any(m.value.startswith("α = ") for m in app.main.markdown):
            assert jobs.step()
            app.run()

    def progress(self, app: AppTest) -> str:
        return next(p.proto.text for p in app.get("progress"))

    def said(self, app: AppTest) -> str:
        return next(m.value for m in app.main.markdown if m.value.startswith("α = "))

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
        app.select_slider(key="control-plain-path-alpha-4").set_value("0.25").run()
        assert "α = 0.25" in self.said(app)
        assert not jobs.step(), "there was nothing left to do"

    def test_a_place_without_an_image_yet_shows_the_last_that_is_there(self, walked, jobs, own_store):
        app = walked(m="12", methods="smoothgrad")
        assert "waiting for its turn" in self.progress(app)
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
        app = app.switch_page("views/path/page.py").run()
        app.multiselect(key="path-others-black").set_value([]).run()
        app.toggle(key="path-detour").set_value(False).run()
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

    @pytest.mark.parametrize("sampling", METHODS["idg"].knobs["sampling"].allowed.names)
    def test_the_chart_says_where_idgs_samples_lie(self, walked, jobs, sampling):
        app = finish(walked(own=f"{self.OWN},idg.sampling:{sampling}"), jobs)
        said = " ".join(caption.value for caption in app.main.caption)
        assert f"are IDG's samples: {SAMPLES[sampling]}. Left-IG" in said
        assert (SAMPLES["adaptive"] in said) == (sampling == "adaptive")

    def test_where_left_ig_cuts_moves_without_computing(self, whole_network, walked, jobs):
        app = finish(walked(), jobs)
        before = self.table(app)["black"]
        app.select_slider(key="control-plain-path-phi-51").set_value("1.00").run()
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
        assert app.select_slider(key="control-plain-path-alpha-5").options[0] == "0"

    def test_one_step_has_no_slider(self, page, jobs):
        app = page(r="2", m="1", own=self.OWN)
        app = finish(app.switch_page("views/path/page.py").run(), jobs)
        assert "α = 1" in self.said(app)
        assert [one.key for one in app.select_slider] == ["control-plain-path-phi-51"]

    def test_without_guided_ig(self, walked, jobs):
        app = finish(walked(), jobs)
        assert any("Guided IG" in str(traces) for traces in self.charts(app).values())
        app.toggle(key="path-detour").set_value(False).run()
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

    def test_stop_keeps_what_there_is(self, walked, jobs, own_store):
        app = walked(m="12", methods="smoothgrad")
        self.begin(app, jobs)
        app.button(key="control-stop").click().run()
        assert not jobs.step()
        app.run()
        assert "stopped" in self.progress(app)
        assert "α = 0.333" in self.said(app)
        assert any(len(t["x"]) == 5 for traces in self.charts(app).values() for t in traces), "0, and four steps"
        app.button(key="control-resume").click().run()
        finish(app, jobs)
        assert self.progress(app) == "complete"
