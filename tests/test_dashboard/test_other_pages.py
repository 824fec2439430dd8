"""Noise, Sanity and Learn, without a browser."""

import pytest
from page import QUICK, alts, captions, control, finish
from streamlit.testing.v1 import AppTest

from attribution.studies.convergence import noisy_methods
from dashboard.views.learn.drawn import CHARTS, chart, drawn
from dashboard.views.learn.lessons import LESSONS

pytestmark = pytest.mark.usefixtures("small_network")


def strips(app: AppTest) -> list[str]:
    """The lessons whose words stand above the page."""
    return [one.title for one in LESSONS for m in app.main.markdown if m.value.startswith(f"**{one.title}** · ")]


class TestOtherPages:
    @pytest.fixture
    def noise(self, page, jobs):
        def opened(**query: str) -> AppTest:
            return page(**QUICK, **query).switch_page("views/noise/page.py").run()

        return opened

    def test_noise_costs_only_what_is_not_remembered(self, noise, jobs):
        app = noise()
        assert not app.exception
        finish(app, jobs)
        lines = [m.value for m in app.main.markdown if m.value.startswith("**Smooth") and "\n" not in m.value]
        assert [line.split("**")[1] for line in lines] == [
            "SmoothGrad",
            "SmoothGrad ±ε",
            "SmoothTaylor",
            "SmoothTaylor ±ε",
        ]
        assert all("R = 4 is " in line for line in lines)

    def test_the_slider_over_draws_computes_nothing(self, noise, jobs):
        app = finish(noise(), jobs)
        slider = app.select_slider[0]
        slider.set_value(slider.options[0]).run()
        assert not app.exception
        assert not jobs.step()

    def test_one_draw_says_that_it_cannot_tell(self, page, jobs):
        app = page(r="1", m="1").switch_page("views/noise/page.py").run()
        finish(app, jobs)
        assert any("R = 1 is too few to tell" in m.value for m in app.main.markdown)

    @pytest.mark.parametrize("method", ["gradient", "lrp", "integrated_gradients", "none"])
    def test_where_no_method_averages_over_noise_it_says_so_and_shows_those_that_do(self, noise, jobs, method):
        app = noise(methods=method)
        assert any("No compared method averages over noise" in caption for caption in captions(app))
        finish(app, jobs)
        assert sum("R = 4 is " in m.value for m in app.main.markdown) == 4

    @pytest.mark.parametrize("method", noisy_methods())
    def test_each_method_that_averages_over_noise_has_its_lines(self, noise, jobs, method):
        """Each with both kinds of draws: ±ε is on when the page is opened."""
        app = finish(noise(methods=method), jobs)
        assert sum("R = 4 is " in m.value for m in app.main.markdown) == 2

    @pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
    def test_a_lesson_opens_its_experiment(self, page, jobs, number):
        app = page(**QUICK).switch_page("views/learn/page.py").run()
        assert not app.exception
        app.button(key=f"learn-open-{number}").click().run()
        assert app.session_state["session-experiment"] == LESSONS[number - 1].opens
        assert strips(app) == [LESSONS[number - 1].title], "its words stand above the maps"

    def test_a_second_look_at_the_lessons_draws_nothing_anew(self, page):
        app = page(**QUICK).switch_page("views/learn/page.py").run()
        before = {name: chart(name).to_json() for name in CHARTS}
        made = chart.cache_info().misses, drawn.cache_info().misses
        assert made == (len(CHARTS), len({name for one in LESSONS for name in one.maps}))
        app.run()
        assert not app.exception
        assert (chart.cache_info().misses, drawn.cache_info().misses) == made
        assert {name: chart(name).to_json() for name in CHARTS} == before, "Streamlit has not changed what is shared"

    def test_a_lesson_gives_back_what_was_before(self, page, jobs):
        app = page(**QUICK, img="astronaut", sigma="0.3").switch_page("views/learn/page.py").run()
        before = app.session_state["session-experiment"]
        for number in (2, 3):
            app = app.switch_page("views/learn/page.py").run()
            app.button(key=f"learn-open-{number}").click().run()
        app.button(key="control-lesson-end").click().run()
        assert app.session_state["session-experiment"] == before
        assert strips(app) == []

    def test_another_photo_between_two_lessons_is_what_is_given_back(self, page, jobs):
        app = page(**QUICK, img="astronaut").switch_page("views/learn/page.py").run()
        app.button(key="learn-open-2").click().run()
        control(app.pills, "control-image").set_value("motorcycle").run()
        app.button(key="learn-open-3").click().run()
        app.button(key="control-lesson-end").click().run()
        assert app.session_state["session-experiment"].image == "motorcycle"

    def test_the_setting_of_a_lesson_can_be_kept(self, page, jobs):
        app = page(**QUICK).switch_page("views/learn/page.py").run()
        app.button(key="learn-open-2").click().run()
        app.button(key="control-lesson-close").click().run()
        assert app.session_state["session-experiment"] == LESSONS[1].opens
        assert strips(app) == []


class TestSanity:
    @pytest.fixture
    def sanity(self, page, jobs):
        def opened(**query: str) -> AppTest:
            return page(**{**QUICK, **query}).switch_page("views/sanity/page.py").run()

        return opened

    def lines(self, app: AppTest) -> dict[str, str]:
        found = (m.value.removeprefix("**").partition("** · ") for m in app.main.markdown if m.value.startswith("**"))
        return {title: text for title, _, text in found if "rank correlation" in text}

    def test_the_checks_of_every_method_and_of_two_controls(self, sanity, jobs):
        app = finish(sanity(), jobs)
        lines = self.lines(app)
        assert list(lines) == ["Integrated Gradients", "SmoothGrad", "SmoothTaylor", "Edges", "Centre"]
        for one in ("Edges", "Centre"):
            assert lines[one].startswith("look closer: changed little when all 3 layers were random")
        assert not lines["SmoothGrad"].startswith("look closer")
        words = " ".join(alts(app))
        assert "Integrated Gradients, Original: the model" in words
        assert "Integrated Gradients, All 3 layers random: Rank correlation 0." in words
        assert "Integrated Gradients for Egyptian cat" in words

    def test_other_maps_and_another_measure_compute_nothing(self, sanity, jobs):
        app = finish(sanity(methods="smooth_taylor"), jobs)
        app.selectbox(key="sanity-shown").set_value("every").run()
        app.selectbox(key="sanity-measure").set_value("top").run()
        assert not app.exception
        assert not jobs.step()
        assert any(words.startswith("SmoothTaylor, All 3 layers random: Top 10 %") for words in alts(app))

    def test_a_method_that_is_no_longer_compared_is_not_shown(self, sanity, jobs):
        app = sanity()
        app.selectbox(key="sanity-shown").set_value("smooth_taylor").run()
        control(app.multiselect, "control-methods").set_value(["gradient"]).run()
        assert not app.exception
        app = finish(app, jobs)
        assert list(self.lines(app)) == ["Gradient", "Edges", "Centre"]
        assert not any("SmoothTaylor" in words for words in alts(app))

    def test_the_score_is_a_choice(self, sanity, jobs):
        app = sanity(methods="smoothgrad")
        assert not any("Maps explain the probability" in caption for caption in captions(app))
        control(app.segmented_control, "control-output").set_value("probability").run()
        assert any("Maps explain the probability" in caption for caption in captions(app))
        app = finish(app, jobs)
        assert list(self.lines(app)) == ["SmoothGrad", "Edges", "Centre"]

    def test_few_samples_are_said(self, sanity):
        assert any("at most 10 samples and steps" in caption for caption in captions(sanity(r="40")))
        assert not any("at most 10 samples and steps" in caption for caption in captions(sanity()))
