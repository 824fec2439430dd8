"""The search for sigma, without a browser."""

import numpy as np
import pytest
import toys
from page import control, finish, shown
from streamlit.testing.v1 import AppTest

from attribution import Store, explain
from attribution.explain import one_channel
from dashboard.charts.search import search
from dashboard.work.search import Search, search_work

pytestmark = pytest.mark.usefixtures("small_network")


class TestFindingSigma:
    def start(self, page, objective="autvc", **query) -> AppTest:
        app = page(r="2", m="1", **query)
        return app.button(key=f"control-find-{objective}").click().run()

    def test_it_sets_sigma_at_its_end_and_tells_both_areas(self, page, jobs):
        app = finish(self.start(page), jobs).run()
        assert not app.exception
        (told,) = [m.value for m in app.main.markdown if "when scored again" in m.value]
        found = float(told.split("σ = ")[1].split()[0])
        assert shown(app, "sigma") == pytest.approx(found, rel=1e-3)
        assert found != 0.5

    def test_stopping_leaves_sigma_as_it_was(self, page, jobs):
        app = self.start(page)
        for _ in range(12):
            jobs.step()
        app.run()
        app.button(key="control-stop").click().run()
        assert not jobs.step()
        assert shown(app, "sigma") == 0.5
        assert any("best so far" in m.value for m in app.main.markdown)
        app.button(key="control-resume").click().run()
        assert jobs.step(), "and it goes on"

    def test_one_button_shows_its_end(self, page, jobs):
        """A reload would be a new session, without it."""
        app = self.start(page)
        while jobs.step():
            pass
        app.button(key="control-more").click().run()
        assert shown(app, "sigma") != 0.5
        assert "control-more" not in {button.key for button in finish(app, jobs).button}

    def test_it_can_be_stopped_when_the_maps_are_complete(self, page, jobs):
        app = finish(page(r="2", m="1"), jobs)
        app.button(key="control-find-autvc").click().run()
        assert "control-more" in {button.key for button in app.button}
        stop = app.button(key="control-stop")
        assert not stop.disabled
        stop.click().run()
        assert not jobs.step()

    def test_another_photo_ends_it(self, page, jobs):
        app = self.start(page)
        assert "control-find-choice" in app.session_state
        control(app.pills, "control-image").set_value("coffee").run()
        assert "control-find-choice" not in app.session_state
        assert not app.exception

    def test_closing_it(self, page, jobs):
        app = self.start(page)
        app.button(key="compare-search-close").click().run()
        assert not any("Finding" in m.value for m in app.main.markdown)

    def test_by_the_fall_of_the_score(self, page, jobs):
        app = self.start(page, "aupc")
        for _ in range(60):
            jobs.step()
        app.run()
        assert any("most sensitive (AUPC)" in m.value for m in app.main.markdown)
        assert not app.exception


def test_the_star_is_the_lowest_of_the_accepted_areas():
    """The line joins the accepted ones."""
    path, points = search([(0.5, 3.0, True), (0.6, 1.0, False), (0.7, 2.0, True), (0.8, 2.5, True)], "AUTVC").data
    assert list(points.marker.symbol) == ["circle", "circle-open", "star", "circle"]
    assert list(zip(points.x, points.y, points.text, strict=True))[2] == (0.7, 2.0, "3")
    assert list(zip(path.x, path.y, strict=True)) == [(0.5, 3.0), (0.7, 2.0), (0.8, 2.5)]


def test_the_map_of_a_step_is_that_of_its_sigma():
    """Also of a step whose sigma the search had before: that one is not computed again."""
    model, x = toys.of_photos(48), 0.3 * toys.image(0, (3, 48, 48)).float()
    *_, found = search_work(Search("autvc", "photo", "toy", 0, samples=4, patches=1, seed=0), model, x, Store())
    again = [(one.sigma, values) for one, values in zip(found.trials, found.maps, strict=True) if one.remembered]
    assert again
    for sigma, values in again:
        expected = explain(model, x, "smooth_taylor", 0, sigma=sigma, samples=4, seed=0).attribution
        np.testing.assert_allclose(values, one_channel(expected, x), rtol=1e-4, atol=1e-6)
