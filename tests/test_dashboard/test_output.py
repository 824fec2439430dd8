"""The score as a choice: what is explained and measured is the logit or the probability, on every page alike."""

from dataclasses import replace

import by_heart
import numpy as np
import pytest
import torch
import toys
from page import QUICK, captions, control, finish, query, shown, toy_subject

import attribution
from attribution import METHODS, Store, explain, perturbation_curve
from attribution.engine.baselines import make_baselines
from attribution.explain import curve, score_of
from attribution.heatmaps import reduce_channels
from attribution.studies.adaptive import Outcome, adaptive_noising
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.live.frames import unpack
from dashboard.stage import pictures
from dashboard.views.compare import export, log, table
from dashboard.views.compare.board import CompareBoard
from dashboard.views.noise.board import NoiseBoard
from dashboard.views.path.board import PathBoard
from dashboard.views.sweep.board import SweepBoard
from dashboard.views.sweep.sweep import Axis, parse, usual
from dashboard.work.noise import Doubt, doubt_work
from dashboard.work.panel import CONTROL, PERTURBATION, Cell, curve_work, map_work
from dashboard.work.scheduler import View
from dashboard.work.search import Search, search_work
from dashboard.work.sweep import sweep_work

OUTPUTS = ("logit", "probability")
X = toys.image(0, (3, 96, 96)).float()
MODEL = replace(toys.model(lambda z: z.square().mean(1) + z.sin().mean(1)), name="efficientnet_lite0")
ONE = ("agi", "lrp")
"""The methods that explain one score alone."""


@pytest.fixture
def subject() -> Subject:
    return replace(toy_subject(X), model=MODEL, predictions=tuple(MODEL.predict(X, k=2)))


def experiment(output: str = "probability", **values) -> Experiment:
    return Experiment(samples=6, steps=4, output=output, **values)


def core(method: str, output: str, **knobs) -> torch.Tensor:
    return explain(MODEL, X, method, 0, output=output, **knobs).attribution


def work(jobs) -> None:
    while jobs.step():
        pass


def heads(board) -> dict[str, dict]:
    return {part.name: unpack(part.make())[0] for part in board.look().parts}


def map_of(board, name: str) -> np.ndarray:
    (part,) = [part for part in board.look().parts if part.name == name]
    head, payload = unpack(part.make())
    return np.frombuffer(payload, "<f2").astype(float).reshape(96, 96) * head["unit"]


def close(found: np.ndarray, attribution: torch.Tensor) -> bool:
    true = reduce_channels(attribution, "signed").numpy()
    return bool(np.abs(found - true).max() < 1e-3 * np.abs(true).max())


class TestLinks:
    def test_there_and_back(self):
        assert experiment().to_query()["out"] == "probability"
        assert Experiment.from_query({"out": "probability"}) == Experiment(output="probability")

    @pytest.mark.parametrize("link", [{}, {"out": "odds"}, {"out": ""}])
    def test_a_link_without_it_means_the_logit(self, link):
        assert Experiment.from_query(link) == Experiment()
        assert Experiment().output == "logit"
        assert "out" not in Experiment().to_query()

    def test_pins_tell_it(self):
        assert experiment().unlike(experiment("logit")) == {"score": "probability"}


class TestPanels:
    METHODS = ("integrated_gradients", "smoothgrad", "smooth_taylor", "idg")

    @pytest.mark.parametrize("output", OUTPUTS)
    @pytest.mark.parametrize("method", METHODS)
    def test_map_and_curve_are_those_of_the_core(self, method, output):
        asked, store = experiment(output), Store()
        panel = asked.panel(method, "photo", "toy", 0)
        *_, snapshot = map_work(panel, MODEL, X, store)
        made = core(method, output, **asked.knobs(method))
        torch.testing.assert_close(snapshot.partial.attribution, made)
        (key,) = asked.curve_keys(panel)
        *_, fall = curve_work(key, MODEL, X, store, lambda _: snapshot)
        knobs = {"draws": asked.patches, "seed": asked.seed}
        np.testing.assert_allclose(fall.y, perturbation_curve(MODEL, X, made, 0, output=output, **knobs).y, rtol=1e-5)

    def test_the_two_scores_have_other_maps_curves_and_points(self):
        """Otherwise the tests here could not fail."""
        one, other = (experiment(output).panel("smoothgrad", "photo", "toy", 0) for output in OUTPUTS)
        assert one != other
        assert one.points != other.points, "they share no gradients"
        maps = [core("smoothgrad", output, samples=6) for output in OUTPUTS]
        assert (maps[0] - maps[1]).norm() > 0.1 * maps[0].norm()
        areas = [perturbation_curve(MODEL, X, maps[0], 0, output=output, draws=2).area for output in OUTPUTS]
        assert abs(areas[0] - areas[1]) > 0.01

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_the_gap_is_that_of_the_score(self, output):
        panel = experiment(output).panel("integrated_gradients", "photo", "toy", 0)
        *_, snapshot = map_work(panel, MODEL, X, Store())
        score = score_of(MODEL, X, 0, output, None)
        (black,) = make_baselines(MODEL, X, "black")
        ends = score.values(torch.stack([X, black.image]))
        assert snapshot.gap[1] == pytest.approx((ends[0] - ends[1]).item(), rel=1e-5)

    def test_the_random_order_is_measured_by_the_score(self):
        control = experiment().panel(CONTROL, "photo", "toy", 0)
        falls = []
        for output in OUTPUTS:
            (key,) = experiment(output).curve_keys(control)
            *_, fall = curve_work(key, MODEL, X, Store(), lambda _: None)
            falls.append(fall.area)
        assert falls[0] != pytest.approx(falls[1], rel=1e-3)

    def test_a_curve_that_always_measures_the_probability_is_not_computed_again(self):
        both = [experiment(output, curves=("abpc", "insertion")) for output in OUTPUTS]
        keys = [{key.metric: key.output for key in one.curve_keys(one.panel("edges", "p", "m", 0))} for one in both]
        assert keys == [{"perturbation": output, "abpc": output, "insertion": "probability"} for output in OUTPUTS]


class TestMethodsOfOneScore:
    def test_they_are_those_that_say_so(self):
        assert (METHODS["agi"].output, METHODS["lrp"].output) == ("probability", "logit")
        assert not any(METHODS[name].output for name in COMPARED)

    @pytest.mark.parametrize("method", ONE)
    def test_their_map_stays_while_their_curve_changes(self, method):
        panels = [experiment(output).panel(method, "photo", "toy", 0) for output in OUTPUTS]
        assert panels[0] == panels[1]
        keys = [experiment(output).curve_keys(panel)[0] for output, panel in zip(OUTPUTS, panels, strict=True)]
        assert keys[0] != keys[1]

    @pytest.mark.parametrize("method", METHODS)
    def test_it_is_said_under_their_map_and_no_other(self, method):
        asked = experiment(methods=(method,))
        panel, *_ = asked.panels("photo", "toy", 0)
        found = Cell(panel, View("done", _snapshot()))
        said = f" · explains the {METHODS[method].output}" if METHODS[method].output else ""
        points = ": 1 point" if panel.cost.gradients else ""
        assert table.status(found) == f"complete{points}{said}", "a map without gradients has no points"


def _snapshot():
    *_, found = map_work(Experiment().panel("edges", "photo", "toy", 0), MODEL, X, Store())
    partial = replace(found.partial, done=1, total=1)
    return replace(found, partial=partial)


class TestUnits:
    def unit(self, method, output, **own):
        return METHODS[method].unit(own, output)

    def test_they_follow_the_score(self):
        assert [self.unit("smooth_taylor", output) for output in OUTPUTS] == ["logit", "probability"]
        assert [self.unit("gradient", output) for output in OUTPUTS] == ["logit/x", "probability/x"]
        assert self.unit("smoothgrad", "probability", form="squared") == "(probability/x)²"
        assert self.unit("idg", "probability") == "probability²"

    def test_a_method_of_one_score_has_its_unit(self):
        for output in OUTPUTS:
            assert self.unit("agi", output) == self.unit("smooth_taylor", "probability")
            assert self.unit("lrp", output) == self.unit("smooth_taylor", "logit")

    def test_a_control_that_looks_at_no_score_has_no_unit_of_it(self):
        for name in ("edges", "centre", "blurred_noise"):
            assert self.unit(name, "probability") == self.unit(name, "logit")

    def test_maps_of_different_scores_share_no_scale(self):
        units = {"a": self.unit("smooth_taylor", "logit"), "b": self.unit("smooth_taylor", "probability")}
        maps = {"a": toys.image(1, (3, 8, 8)), "b": 0.01 * toys.image(2, (3, 8, 8))}
        photo, display = np.zeros((8, 8, 3), np.uint8), pictures.Display(colours="grey", shared=True)
        drawn = pictures.draw(maps, photo, display, units)
        assert drawn["b"].pixels.max() == 255


class TestCompare:
    @pytest.fixture
    def board(self, jobs, subject):
        found = CompareBoard(jobs, "me", Store(), experiment(), subject)
        found.look()
        work(jobs)
        return found

    @pytest.mark.parametrize("method", experiment().methods)
    def test_the_map_on_the_page_is_that_of_the_core(self, board, method):
        found = map_of(board, f"map {method}")
        assert close(found, core(method, "probability", **experiment().knobs(method)))
        assert not close(found, core(method, "logit", **experiment().knobs(method)))
        assert heads(board)[f"map {method}"]["measure"].startswith("probability")

    def test_axes_and_captions_name_it(self, board):
        found = heads(board)
        fall, variation = found["layout"]["charts"]
        assert fall["axes"]["y"] == "probability / probability of the photo"
        assert "logit" not in str((fall, variation))
        assert " · probability · " in found["state"]["made"]
        usual = heads(replace(board, experiment=experiment("logit")))
        assert usual["layout"]["charts"][0]["axes"]["y"] == "logit / logit of the photo"
        assert " · logit · " in usual["state"]["made"]

    def test_a_map_of_one_score_never_takes_the_place_of_one_of_the_other(self, board, jobs):
        other = replace(board, experiment=experiment("logit"))
        other.look()
        work(jobs)
        families = [heads(one)["map smoothgrad"]["family"] for one in (board, other)]
        assert families[0] != families[1]

    def test_results_of_both_scores_are_kept_apart(self, board, subject):
        held: log.Results = {}
        for output in OUTPUTS:
            asked = experiment(output, methods=ONE[:1])
            panel, _ = asked.panels("photo", "toy", 0)
            *_, fall = curve_work(asked.curve_keys(panel)[0], MODEL, X, Store(), lambda _: _snapshot())
            done = Cell(panel, View("done", _snapshot()), ((asked.curve_keys(panel)[0], View("done", fall)),))
            log.note(held, asked, subject, "", (done,))
        assert [one.experiment.output for one in held.values()] == list(OUTPUTS)
        for output in OUTPUTS:
            (trace,) = log.chart(held, log.place(experiment(output), subject)).data
            strong = [opacity == 1 for opacity in trace.marker.opacity]
            assert strong == [other == output for other in OUTPUTS], "the other score is faded"


@pytest.mark.parametrize("objective", ["autvc", "aupc"])
def test_find_sigma_searches_on_the_score(objective, monkeypatch):
    wide = replace(MODEL, module=toys.Function(lambda z: 0.3 + (3 * z).sin().mean(1) + z.square().mean(1)).eval())
    x = toys.image(0, (3, 48, 48)).float()
    outcomes = {}
    for output in OUTPUTS:
        search = Search(objective, "photo", "toy", 0, 2, 1, 0, output)
        *_, found = search_work(search, wide, x, Store())
        knobs = {"objective": objective, "samples": 2, "draws": 1, "seed": 0, "output": output}
        *_, expected = adaptive_noising(wide, x, 0, **knobs)
        assert isinstance(expected, Outcome)
        assert found.outcome == expected
        outcomes[output] = [trial.area for trial in expected.trials]
    assert outcomes["logit"] != pytest.approx(outcomes["probability"])


@pytest.mark.usefixtures("small_network")
def test_another_score_ends_the_search(page, jobs):
    app = page(r="2", m="1", out="probability")
    app = app.button(key="control-find-aupc").click().run()
    assert app.session_state["control-find-work"].output == "probability"
    assert any("Finding σ" in m.value and "probability" in m.value for m in app.main.markdown)
    control(app.segmented_control, "control-output").set_value("logit").run()
    assert "control-find-work" not in app.session_state
    assert not app.exception


class TestNoise:
    def test_the_means_are_those_of_the_score(self):
        for output in OUTPUTS:
            panel = experiment(output).panel("smooth_taylor", "photo", "toy", 0)
            *_, found = doubt_work(Doubt(panel, antithetic=False), MODEL, X, Store())
            made = core("smooth_taylor", output, **experiment(output).knobs("smooth_taylor"))
            torch.testing.assert_close(found.maps[-1], made.sum(0), rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize("form", ["squared", "variance"])
    def test_the_form_of_the_gradients_is_that_of_the_map(self, form):
        """Its unit stands beside it: the map of another form would be told under a wrong one."""
        asked = replace(experiment("logit"), own=(("smoothgrad", "form", form),))
        panel = asked.panel("smoothgrad", "photo", "toy", 0)
        assert panel.unit == "(logit/x)²"
        *_, found = doubt_work(Doubt(panel, antithetic=False), MODEL, X, Store())
        made = core("smoothgrad", "logit", **asked.knobs("smoothgrad"))
        torch.testing.assert_close(found.maps[-1], made.sum(0), rtol=1e-4, atol=1e-7)

    def test_maps_tell_their_units(self, jobs, subject):
        board = NoiseBoard(jobs, "me", Store(), experiment(), subject, both=False)
        board.look()
        work(jobs)
        measures = {
            head["name"]: head["measure"] for name, head in heads(board).items() if "name" in head and "measure" in head
        }
        assert measures["SmoothGrad"] == measures["error of SmoothGrad"] == "probability/x"
        assert measures["SmoothTaylor"] == "probability"


def test_path_shows_both_scores_whatever_is_chosen(jobs, subject):
    boards = [PathBoard(jobs, "me", Store(), experiment(output), subject, ("black",), False) for output in OUTPUTS]
    for board in boards:
        board.look()
        work(jobs)
    first, second = (map_of(board, "map whole") for board in boards)
    assert (first == second).all()
    assert close(first, core("integrated_gradients", "logit", steps=4)), "its sums are of the logit"
    head = heads(boards[1])
    assert head["map whole"]["measure"] == "logit"
    assert "logit" in head["scrub alpha"]["said"][0]
    assert "probability" in head["scrub alpha"]["said"][0]


class TestSweep:
    TEXT = "smooth_taylor:output=logit/probability"

    def test_it_is_an_axis(self):
        sweep = parse(self.TEXT)
        assert sweep.text == self.TEXT
        assert sweep.title(("probability",)) == "score probability"
        assert usual("output", "gradient", []) == Axis("output", OUTPUTS)
        assert sweep.opened(Experiment(), ("probability",)) == Experiment(output="probability")
        with pytest.raises(ValueError, match="score: odds cannot be chosen here"):
            parse("smooth_taylor:output=odds")

    def test_each_cell_is_the_map_of_the_core(self):
        key = parse(self.TEXT).key(experiment("logit"), "photo")
        *_, found = sweep_work(key, lambda name: (MODEL, X, "photo", 0), Store(), {})
        for output in OUTPUTS:
            made = core("smooth_taylor", output, **experiment().knobs("smooth_taylor"))
            assert close(found.cells[output,].heat, made)
            draws = {"draws": experiment().patches}
            area = perturbation_curve(MODEL, X, made, 0, output=output, **draws).area
            assert found.cells[output,].areas[PERTURBATION] == pytest.approx(area, rel=1e-4)

    def test_its_maps_have_their_own_units_and_one_random_order_is_not_drawn_for_both(self, jobs, subject):
        given = (jobs, "me", Store(), experiment("logit"), subject, parse(self.TEXT))
        board = SweepBoard(*given, lambda name: (MODEL, X, "photo", 0), {})
        board.look()
        work(jobs)
        found = heads(board)
        assert [found[f"map score {output}"]["measure"] for output in OUTPUTS] == ["logit", "probability"]
        assert "random order" not in found[f"figure sweep-{PERTURBATION}"]["note"]

    def test_a_method_of_one_score_says_so(self, jobs, subject):
        sweep = parse("agi:steps=1,output=probability")
        given = (jobs, "me", Store(), experiment("logit"), subject, sweep)
        board = SweepBoard(*given, lambda name: (MODEL, X, "photo", 0), {})
        board.look()
        work(jobs)
        (status,) = [head["status"] for name, head in heads(board).items() if name.startswith("map ")]
        assert status.endswith(" · explains the probability")


def test_the_exported_script_makes_the_numbers_of_the_score_again(tmp_path, monkeypatch, capsys):
    small = by_heart.model()
    monkeypatch.setattr(attribution, "load_model", lambda name: {small.name: small}[name])
    monkeypatch.setitem(PATCHES, "quick", 1)
    photo = gallery_photo("coffee")
    x, predictions = small.prepare(photo), tuple(small.predict(small.prepare(photo), k=2))
    subject = Subject(photo, x, "coffee", small, predictions, predictions[0][0])
    asked = Experiment(samples=2, methods=("smoothgrad", "lrp"), output="probability")
    panels = asked.panels("coffee", small.name, subject.target)[:2]
    script = export.script(asked, subject, [Cell(panel, View("waiting")) for panel in panels])
    photo.save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    exec(script, {"__file__": str(tmp_path / "reproduce.py")})
    told = {tuple(line.split()[:2]): float(line.split()[2]) for line in capsys.readouterr().out.splitlines()}
    for method in asked.methods:
        made = explain(small, x, method, subject.target, output="probability", **asked.knobs(method)).attribution
        again = np.load(f"{method}-again.npy")
        assert np.linalg.norm(again - made.numpy()) < 1e-3 * np.linalg.norm(made.numpy())
        area = curve(small, x, made, "perturbation", subject.target, output="probability", draws=1).area
        assert told[method, "perturbation"] == pytest.approx(area, abs=0.05)
    assert export.manifest(asked, subject, [])["setting"]["output"] == "probability"


@pytest.mark.usefixtures("small_network")
class TestOnThePage:
    def test_the_control_sets_it_and_everything_is_computed_anew(self, page, jobs, own_store):
        app = finish(page(**QUICK, methods="gradient,smoothgrad"), jobs)
        assert shown(app, "output") == "logit"
        control(app.segmented_control, "control-output").set_value("probability").run()
        assert query(app, "out") == "probability"
        assert captions(app).count("waiting for its turn") == 2, "no map of the other score stands in its place"
        finish(app, jobs)
        assert any("· probability ·" in caption for caption in captions(app))

    def test_a_link_opens_it(self, page):
        assert shown(page(**QUICK, out="probability"), "output") == "probability"

    def test_path_does_not_offer_it_and_loses_nothing(self, page, jobs):
        app = page(**QUICK, out="probability").switch_page("views/path/page.py").run()
        assert not [one for one in app.segmented_control if (one.key or "").startswith("control-output")]
        app = app.switch_page("views/noise/page.py").run()
        assert shown(app, "output") == "probability"

    def test_a_pin_names_it(self, page, jobs):
        app = finish(page(**QUICK, out="probability", methods="integrated_gradients,gradient"), jobs)
        app.button(key="compare-pin").click().run()
        (pin,) = app.session_state["session-pins"]
        assert pin.name.endswith(", probability")
        assert {labels.measure for labels, _ in pin.maps} == {"probability", "probability/x"}
