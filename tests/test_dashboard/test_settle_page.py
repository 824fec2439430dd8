"""Until settled, without a browser."""

import math

import pytest
import torch
import toys
from page import captions, finish, shown
from streamlit.testing.v1 import AppTest

from attribution import Store, explain
from attribution.studies.settled import Settling
from attribution.types import Partial
from dashboard.controls import settle
from dashboard.views.compare.settling import Underway
from dashboard.work.panel import Panel
from dashboard.work.scheduler import View
from dashboard.work.settle import Settle, Settled, settle_work

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_what_is_settled_is_the_map_of_the_chosen_score(output):
    model, x = toys.convolutional(), toys.image()
    panel = Panel("smooth_taylor", "photo", "toy", 0, (("sigma", 0.5),), output)
    *_, found = settle_work(Settle((panel,), 0, 10), model, x, Store())
    (settled,) = found.methods.values()
    expected = explain(model, x, "smooth_taylor", 0, output=output, samples=settled.samples, sigma=0.5).attribution
    torch.testing.assert_close(settled.partial.attribution, expected)


def test_beside_r_a_blank_map_is_not_one_that_the_budget_was_too_small_for():
    model, x = toys.constant(), toys.image()
    key = Settle((Panel("smooth_taylor", "photo", "toy", 0, (("sigma", 0.5),), "logit"),), 0, 500)
    *_, found = settle_work(key, model, x, Store())
    assert found.samples is None
    told = Underway(key, View("done", found)).told
    assert (told["live"], told["text"]) == (False, "1 of 1 blank: R stays")


def test_an_agreement_that_is_not_defined_is_a_dash_and_one_below_the_limit_is_not_rounded_to_it():
    """Not defined: as where one half of a map is constant."""
    key = Settle((Panel("smooth_taylor", "photo", "toy", 0, (), "logit"),), 0, 10)
    partial = Partial(torch.zeros(3, 8, 8), 10, 10, 10, 0)
    for samples, words in [(10, "not settled after 10 samples (–)"), (20, "10 of 20 samples, – after 10")]:
        found = Settled({"SmoothTaylor": Settling(samples, partial, {10: math.nan})})
        assert f"SmoothTaylor {words}" in Underway(key, View("running", found)).words
    nearly = Settled({"SmoothTaylor": Settling(10, partial, {10: 0.9495})})
    assert "not settled after 10 samples (0.9495)" in Underway(key, View("running", nearly)).words


class TestUntilSettled:
    def start(self, page, side=56, **query) -> AppTest:
        app = page(**{"r": "4", "m": "1", "methods": "smoothgrad", **query})
        return app.button(key=f"control-settle-{side}").click().run()

    def told(self, app) -> str:
        (words,) = [m.value for m in app.main.markdown if "Until settled" in m.value]
        return words

    @pytest.mark.parametrize("side", [0, 28])
    def test_it_sets_r_at_its_end_and_says_what_it_took(self, page, jobs, side):
        """Without noise, halves agree as soon as there are two."""
        app = finish(self.start(page, side, sigma="0"), jobs).run()
        assert shown(app, "samples") == 10
        where = "at 28 cells" if side else "pixel by pixel"
        assert f"halves agree by 0.95 {where}, at most R = 500" in self.told(app)
        assert "R = 10 is now set: SmoothGrad settled after 10 samples (1.00)." in self.told(app)
        app = finish(app, jobs)
        assert any(one.startswith("complete: 10 points · halves agree 1.00") for one in captions(app))

    def test_it_sets_r_once(self, page, jobs):
        app = finish(self.start(page, sigma="0"), jobs).run()
        slider = next(one for one in app.slider if (one.key or "").startswith("control-samples"))
        slider.set_value(30).run()
        assert shown(finish(app, jobs), "samples") == 30

    def test_a_budget_that_is_spent_leaves_r_as_it_was(self, page, jobs, monkeypatch):
        monkeypatch.setattr(settle, "most", lambda: 10)
        app = finish(self.start(page, methods="smooth_taylor"), jobs).run()
        assert shown(app, "samples") == 4
        assert "at most R = 10" in self.told(app)
        assert "R stays as it was, because not all maps are settled: SmoothTaylor not settled after 10" in self.told(
            app
        )

    def test_a_blank_map_ends_it_and_is_said_to_be_blank(self, page, jobs):
        """SmoothTaylor without noise is one. That is no matter of the budget."""
        app = finish(self.start(page, methods="smooth_taylor,smoothgrad", sigma="0"), jobs).run()
        assert shown(app, "samples") == 4
        told = self.told(app)
        assert "SmoothTaylor has a blank map: nothing can settle" in told
        assert "SmoothGrad settled after 10 samples (1.00)" in told
        assert "R stays as it was, because not all maps are settled" in told
        assert "nan" not in told

    def test_stopping_it(self, page, jobs):
        app = self.start(page, methods="smooth_taylor")
        for _ in range(6):
            jobs.step()
        app.run()
        app.button(key="control-stop").click().run()
        assert not jobs.step()
        assert "stopped · SmoothTaylor " in self.told(app)
        assert shown(app, "samples") == 4

    def test_another_setting_of_the_maps_ends_it_and_so_does_closing(self, page, jobs):
        app = self.start(page, methods="smooth_taylor")
        slider = next(one for one in app.slider if (one.key or "").startswith("control-sigma"))
        slider.set_value(0.7).run()
        assert not [m for m in app.main.markdown if "Until settled" in m.value]
        app.button(key="control-settle-56").click().run()
        assert self.told(app)
        app.button(key="compare-settle-close").click().run()
        assert not [m for m in app.main.markdown if "Until settled" in m.value]

    def test_without_a_noise_method_there_is_nothing_to_settle(self, page):
        """SmoothGrad squared has R too, but its map is no mean over the samples."""
        for methods, there in (("integrated_gradients,smoothgrad_squared", 0), ("smoothgrad", 3)):
            app = page(r="4", m="1", methods=methods)
            assert not app.exception
            buttons = [button for button in app.button if button.key.startswith("control-settle-")]
            assert len(buttons) == there
        assert all("for SmoothGrad and SmoothTaylor: at most 500 gradients" in button.help for button in buttons)
