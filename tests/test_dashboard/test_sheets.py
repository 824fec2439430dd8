"""The boards of all pages, with a scheduler that is stepped by hand: laws for each, and what is each one's own."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
import toys
from page import toy_subject

from attribution import METHODS, Store, explain
from attribution.engine.plans import NoiseCloud
from attribution.explain import score_of
from attribution.heatmaps import reduce_channels
from attribution.images import to_picture
from attribution.quadrature import ADAPTIVE, RULES
from attribution.studies.changed_image import robustness
from attribution.studies.convergence import Convergence, convergence
from attribution.studies.other_class import other_class
from attribution.studies.perturbed import model_perturbation
from attribution.studies.randomisation import randomisation
from dashboard.controls.model import DownloadBoard
from dashboard.controls.search import SLOT
from dashboard.experiment.experiment import Experiment
from dashboard.live.frames import unpack
from dashboard.views.compare.board import CompareBoard
from dashboard.views.noise.board import NoiseBoard, verdict
from dashboard.views.path.board import PathBoard
from dashboard.views.sanity.board import Choice, SanityBoard
from dashboard.views.sweep.board import SweepBoard
from dashboard.views.sweep.sweep import parse
from dashboard.work import sanity
from dashboard.work.search import Search

X = toys.image(0, (3, 40, 40)).float()
EXPERIMENT = replace(
    Experiment(samples=6, steps=6, methods=("integrated_gradients", "smoothgrad")),
    own=(("guided_ig", "steps", 3), ("idg", "steps", 3)),
)
PAGES = ("compare", "search", "sweep", "grid", "path", "noise", "sanity", "strip")


@pytest.fixture
def subject():
    return toy_subject(X)


def layered():
    """A subject whose network has parameters."""
    return replace(toy_subject(X), model=replace(toys.of_photos(40), name="efficientnet_lite0"))


@pytest.fixture
def made(jobs, subject):
    """A board by the name of its page."""

    def prepare(name):
        return subject.model, X, "photo", 0

    def sweep(text):
        return SweepBoard(jobs, "me", Store(), EXPERIMENT, subject, parse(text), prepare, {})

    def of(name):
        given = (jobs, "me", Store(), EXPERIMENT, subject)
        search = Search("autvc", "photo", "efficientnet_lite0", 0, 2, 1, 0)
        return {
            "compare": lambda: CompareBoard(*given),
            "search": lambda: CompareBoard(*given, search=search),
            "sweep": lambda: sweep("smooth_taylor:sigma=0.1/0.6"),
            "grid": lambda: sweep("smooth_taylor:sigma=0.1/0.6,samples=2/4"),
            "path": lambda: PathBoard(*given, ("black", "mean"), True),
            "noise": lambda: NoiseBoard(*given, True),
            "sanity": lambda: SanityBoard(*given[:4], layered(), Choice()),
            "strip": lambda: SanityBoard(*given[:4], layered(), Choice(shown="smoothgrad")),
        }[name]()

    return of


def finish(jobs, board):
    board.look()
    while jobs.step():
        board.look()
    return board


def messages(board):
    """By the name of the part: its head and its bytes."""
    return {part.name: unpack(part.make()) for part in board.look().parts}


def is_figure(name):
    return name.startswith("figure ")


def heads(board, kind):
    """Of the parts of one kind. Figures take long to make, and are made only where they are asked for."""
    parts = [part for part in board.look().parts if is_figure(part.name) == (kind == "figure")]
    return [head for head, _ in (unpack(part.make()) for part in parts) if head["part"] == kind]


@pytest.mark.parametrize("name", PAGES)
class TestEveryBoard:
    def test_when_nothing_happens_nothing_is_new(self, made, jobs, name):
        board = finish(jobs, made(name))
        first, second = ([(part.name, part.version) for part in board.look().parts] for _ in range(2))
        assert first == second
        assert len({name for name, _ in first}) == len(first), "a name is one part's"

    def test_what_says_that_all_is_complete_comes_after_all(self, made, jobs, name):
        board = made(name)
        assert board.look().parts[-1].name == "state"
        while jobs.step():
            assert board.look().parts[-1].name == "state"

    def test_each_step_of_the_work_says_how_far_it_is(self, made, jobs, name):
        board, seen = made(name), []
        board.look()
        while jobs.step():
            seen += heads(board, "state")
        assert {state["state"] for state in seen} == {"live", "done"}
        assert [state["state"] for state in seen].index("done") == len(seen) - 1
        assert seen[-1]["share"] == 1
        assert all(0 <= state["share"] <= 1 for state in seen)

    def test_what_is_laid_out_is_there_at_the_end(self, made, jobs, name):
        board = finish(jobs, made(name))
        found = messages(board)
        assert all(is_figure(name) == (head["part"] == "figure") for name, (head, _) in found.items())
        layout = found["layout"][0]
        side = layout["photo"]["height"]
        assert found["photo"][1] == board.subject.photo.tobytes()
        drawn = {head["name"]: len(payload) for head, payload in found.values() if head["part"] == "map"}
        assert drawn == {tile["name"]: 2 * side * side for tile in layout["tiles"]}
        assert {head["name"] for head in heads(board, "figure")} == set(layout["figures"])
        assert {head["name"] for head in heads(board, "scrub")} == set(layout["scrubs"])

    def test_a_scrub_has_everything_for_each_of_its_values(self, made, jobs, name):
        board = finish(jobs, made(name))
        scrubs = {head["name"]: head for head in heads(board, "scrub")}
        for scrub in scrubs.values():
            count = len(scrub["values"])
            assert len(scrub["at"]) == count
            assert sorted(scrub["at"]) == scrub["at"]
            assert 0 <= scrub["start"] < count
            assert {len(scrub[each]) for each in ("said", "tables", "mix", "shown")} <= {0, count}
        for mark in (mark for figure in heads(board, "figure") for mark in figure["marks"]):
            of = scrubs[mark["scrub"]]
            assert len(mark["x"] or of["mix"]) == len(of["values"])
        for head in heads(board, "map"):
            assert "scrub" not in head or head["scrub"] in scrubs

    def test_stop_keeps_what_there_is_and_resume_goes_on(self, made, jobs, name):
        board = made(name)
        board.look()
        jobs.step()
        board.press("stop")
        (state,) = heads(board, "state")
        assert state["state"] == "stopped"
        assert not jobs.step()
        board.press("resume")
        assert heads(finish(jobs, board), "state")[0]["state"] == "done"

    def test_the_next_page_ends_its_work(self, made, jobs, name):
        made(name).look()
        other = made("compare" if name in ("path", "noise", "sweep", "grid", "sanity", "strip") else "path")
        finish(jobs, other)
        slots = {slot for _, slot in jobs._slots}
        made(name).look()
        assert not {slot for _, slot in jobs._slots} & slots

    def test_a_line_gets_each_part_once(self, made, jobs, hub, name):
        board = finish(jobs, made(name))
        hub.show("me", name, board)
        line = hub.open("me", name, lambda: None)
        assert len(list(line.news())) == len(board.look().parts)
        assert list(line.news()) == []


class TestPath:
    def test_the_mixture_of_two_pictures_is_the_image_on_the_way(self, made, jobs, subject):
        """The browser mixes bytes; the core moves between two inputs. They differ by the rounding of a byte."""
        board = finish(jobs, made("path"))
        found = messages(board)
        photo, beneath = (np.frombuffer(found[name][1], np.uint8).astype(float) for name in ("photo", "beneath"))
        trace, exact = board.ask()["black"].snapshot, subject.model.pixels(X).permute(1, 2, 0).flatten()
        inside = ((exact >= 0) & (exact <= 1)).numpy()  # a photo has no other colours
        assert inside.mean() > 0.2
        for share in found["scrub alpha"][0]["mix"]:
            true = to_picture(subject.model.pixels(torch.lerp(trace.baseline, X, share))).ravel()
            assert np.abs(share * photo + (1 - share) * beneath - true)[inside].max() <= 1.5

    def test_its_whole_map_is_that_of_the_method(self, made, jobs, subject):
        board = finish(jobs, made("path"))
        head, payload = messages(board)["map whole"]
        drawn = np.frombuffer(payload, "<f2").astype(float).reshape(40, 40) * head["unit"]
        true = explain(subject.model, X, "integrated_gradients", 0, steps=6).attribution
        true = reduce_channels(true, "signed").numpy()
        assert np.abs(drawn - true).max() < 5e-3 * np.abs(true).max()

    @pytest.mark.parametrize("rule", [*RULES, ADAPTIVE])
    def test_what_is_named_is_what_is_shown(self, made, jobs, rule):
        """Where steps are not evenly spread too, and while later ones are still to come."""
        path = replace(made("path"), baselines=("black",), detour=False)
        board = replace(path, experiment=replace(EXPERIMENT, steps=60, rule=rule))
        board.look()
        while jobs.step():
            found = {head["name"]: head for head in heads(board, "scrub")}
            if "alpha" not in found:
                continue
            scrub, trace = found["alpha"], board.ask()["black"].snapshot
            maps = [head for head in heads(board, "map") if head["name"] == "gradient"]
            for k, (to, mix) in enumerate(zip(scrub["at"], scrub["mix"], strict=True)):
                last = max((head for head in maps if head["at"] <= to + 1e-9), key=lambda head: head["at"])
                assert last["at"] == pytest.approx(mix, abs=1e-6), "gradient, image and mark are of one step"
                named = f"α = {(scrub.get('shown') or scrub['values'])[k]}"
                assert named == last["status"] == f"α = {mix:.3g}"
                assert scrub["said"][k].startswith(f"{named} ")
            assert [mark["x"] for figure in heads(board, "figure") for mark in figure["marks"][:1]] == [[]] * 3
        assert trace.complete
        assert scrub["shown"] == scrub["values"], "a complete path shows every place"

    def test_the_maps_of_another_path_are_not_mixed_with_these(self, made, jobs):
        board = finish(jobs, made("path"))
        other = finish(jobs, replace(board, experiment=replace(EXPERIMENT, steps=5)))
        of = [{head["of"] for head in heads(one, "map") if "of" in head} for one in (board, other)]
        assert [len(names) for names in of] == [1, 1]
        assert of[0] != of[1]

    def test_a_path_that_fails_leaves_nothing_of_another_photo(self, made, jobs):
        """The browser keeps charts and scrubs that are laid out until others come in their place."""
        board = finish(jobs, made("path"))
        (whole,) = heads(board, "layout")

        without_gradient = toy_subject(X, lambda z: (0 * z).square().sum(1).sqrt())
        other = replace(board, subject=replace(without_gradient, image="another"))
        (live,) = heads(other, "layout")
        assert [(one["figures"], one["scrubs"]) for one in (whole, live)] == [(whole["figures"], whole["scrubs"])] * 2
        (failed,) = heads(finish(jobs, other), "layout")
        assert heads(other, "state")[0]["state"] == "failed"
        assert (failed["figures"], failed["scrubs"]) == ([], [])

    def test_a_growing_chart_is_drawn_a_few_times_only(self, made, jobs):
        board = replace(made("path"), experiment=replace(EXPERIMENT, steps=60), baselines=("black",), detour=False)
        versions = set()
        board.look()
        while jobs.step():
            versions |= {part.version for part in board.look().parts if part.name == "figure path-sums"}
        assert 2 <= len(versions) <= 10


class TestSearch:
    def test_at_its_end_the_script_is_told_once(self, made, jobs):
        board, told = made("search"), []
        board.look()
        while jobs.step():
            told += [state["rerun"] for state in heads(board, "state")]
        assert told[0] == ""
        assert set(told[:-1]) - {""} <= {told[-1]}
        assert told[-1].startswith("σ = ")

    def test_its_steps_are_laid_out_once_there_are_any(self, made, jobs):
        """So nothing of a search before stands there as if it were of this one."""
        board = made("search")
        layouts = heads(board, "layout")
        while jobs.step():
            layouts += heads(board, "layout")
        assert (layouts[0]["scrubs"], layouts[-1]["scrubs"]) == ([], ["step"])

    def test_while_it_runs_alone_nothing_is_said_to_be_nearly_done(self, made, jobs):
        board, texts = replace(made("search"), experiment=replace(EXPERIMENT, methods=())), []
        board.look()
        while jobs.step():
            (state,) = heads(board, "state")
            if state["state"] == "live":
                assert state["share"] < 1
                texts.append(state["text"])
        assert any("best so far" in text for text in texts), "its own words stand there"
        assert not any("about 0 s left" in text for text in texts)

    def test_closed_it_is_not_computed(self, made, jobs):
        board = made("search")
        board.look()
        replace(board, search=None).look()
        assert SLOT not in {slot for _, slot in jobs._slots}

    def test_a_draft_keeps_it_running(self, made, jobs):
        board = made("search")
        draft = board.turned({"sigma": 0.7})
        board.look()
        draft.look()
        assert SLOT in {slot for _, slot in jobs._slots}


class TestNoise:
    @pytest.mark.parametrize("methods", [("smooth_taylor",), ("smooth_taylor", "smooth_taylor_null")])
    @pytest.mark.parametrize("side", [0, 28])
    def test_the_null_of_each_method_is_a_line_of_its_own(self, made, jobs, methods, side):
        """Whether it is compared or not. It shares the gradients of its method."""
        experiment = replace(EXPERIMENT, samples=12, methods=methods)
        board = finish(jobs, replace(made("noise"), experiment=experiment, both=False, side=side))
        (figure,) = heads(board, "figure")
        lines = {trace["name"]: trace for trace in figure["figure"]["data"]}
        assert [*lines] == ["SmoothTaylor", "SmoothTaylor's null"]
        score = score_of(board.subject.model, X, 0, "logit", board.store)
        for method, line in zip(("smooth_taylor", "smooth_taylor_null"), lines.values(), strict=True):
            *_, true = convergence(score, X, method, NoiseCloud(experiment.sigma, experiment.seed, 12))
            known = {count: one for count, one in zip(true.counts, true.at(side), strict=True) if one == one}
            drawn = {x: y for x, y in zip(line["x"], line["y"], strict=True) if y is not None}
            assert drawn == pytest.approx(known)
            assert max(known) == 12

    @pytest.mark.parametrize("methods", [("smoothgrad",), ("smooth_taylor",), ("smooth_taylor_null",)])
    @pytest.mark.parametrize("both", [False, True])
    def test_its_words_are_of_the_lines_that_are_drawn(self, made, jobs, methods, both):
        """Each can be told apart: the threshold by its dashes, a null by its name."""
        board = replace(made("noise"), experiment=replace(EXPERIMENT, methods=methods), both=both)
        (figure,) = heads(finish(jobs, board), "figure")
        names = {trace["name"] for trace in figure["figure"]["data"]}
        assert ("SmoothTaylor's null is the gradients of" in figure["note"]) == ("SmoothTaylor's null" in names)
        (threshold,) = figure["figure"]["layout"]["shapes"]
        assert threshold["line"]["dash"] == "dash"
        assert f"{threshold['y0']}, the dashed line" in figure["note"]
        assert "grey" not in figure["note"]
        dashes = {trace["name"]: trace["line"]["dash"] for trace in figure["figure"]["data"]}
        assert {dash for name, dash in dashes.items() if "±" not in name} == {"solid"}
        assert {dash for name, dash in dashes.items() if "±" in name} == ({"dot"} if both else set())


class TestDownload:
    def test_it_says_how_far_it_is_and_ends_once(self, jobs):
        board = DownloadBoard(jobs, "me", "resnet18")
        jobs.ask("me", "weights", "resnet18", lambda: iter([0.0, 0.5]))
        jobs.step()
        jobs.step()
        (state,) = heads(board, "state")
        assert (state["share"], state["rerun"]) == (0.5, "")
        assert "50% of" in state["text"]
        jobs.step()
        assert heads(board, "state")[0]["rerun"] == "resnet18 done"

    def test_a_failure_ends_it_too(self, jobs):
        def broken():
            raise ValueError("no network")
            yield

        board = DownloadBoard(jobs, "me", "resnet18")
        jobs.ask("me", "weights", "resnet18", broken)
        jobs.step()
        assert heads(board, "state")[0]["rerun"] == "resnet18 failed"


class TestSanity:
    def test_the_maps_are_those_of_the_core(self, made, jobs):
        board = finish(jobs, made("strip"))
        subject = board.subject
        *_, true = randomisation(subject.model, X, {"A": ("smoothgrad", {"samples": 6, "sigma": 0.5})}, 0, stages=2)
        found = messages(board)
        tiles = [tile["title"] for tile in found["layout"][0]["tiles"]]
        assert tiles == ["Original", "1 layer random", "All 3 layers random", "Another class"]
        for stage, tile in zip(true.stages, tiles, strict=False):
            head, payload = found[f"map {tile} {stage.count}"]
            drawn = np.frombuffer(payload, "<f2").astype(float).reshape(40, 40) * head["unit"]
            assert np.abs(drawn - stage.maps["A"].numpy()).max() < 5e-3 * stage.maps["A"].abs().max()
            if stage.count:
                assert head["status"] == f"Rank correlation {stage.similarity('A', 'spearman')}"

    @pytest.mark.parametrize("output", ["logit", "probability"])
    def test_its_checks_are_of_the_chosen_score(self, made, jobs, output):
        board = made("strip")
        board = finish(jobs, replace(board, experiment=replace(board.experiment, output=output)))
        model, methods = board.subject.model, {"A": ("smoothgrad", {"samples": 6, "sigma": 0.5})}
        given = {"output": output}
        *_, random = randomisation(model, X, methods, 0, stages=2, **given)
        *_, beside = other_class(model, X, methods, 0, **given)
        *_, noise = model_perturbation(model, X, methods, 0, shares=(0.1, 1.0), seeds=1, **given)
        found = {name: view.snapshot for name, view in board.ask().items()}
        assert found["layers"].curve("smoothgrad")[-1][1].value == pytest.approx(random.curve("A")[-1][1].value)
        assert found["class"].absolute["smoothgrad"].value == pytest.approx(beside.absolute["A"].value)
        assert found["weights"].curve("smoothgrad")[0].mean == pytest.approx(noise.curve("A")[0].mean)
        assert {head["measure"] for head in heads(board, "map")} == {f"{output}/x"}

    def test_small_changes_of_the_photo_are_measured_as_by_the_core(self, made, jobs):
        board = finish(jobs, made("sanity"))
        panels = {panel.method: (panel.method, dict(panel.knobs)) for panel in board._panels}
        *_, true = robustness(board.subject.model, X, panels, 0, changes=sanity.CHANGES, seed=EXPERIMENT.seed)
        charts = {head["name"]: head for head in heads(board, "figure")}
        for chart, name in (("sanity-infidelity", "infidelity_share"), ("sanity-sensitivity", "max_sensitivity")):
            drawn = {trace["y"][0]: trace["x"][0] for trace in charts[chart]["figure"]["data"]}
            expected = {METHODS[method].title: true.value(method, name).value for method in panels}
            assert drawn == pytest.approx(expected)
            assert len(drawn) == len(panels)
            assert charts[chart]["help"]
        assert charts["sanity-sensitivity"]["gloss"].startswith("of 2 changes within ±1.")

    def test_the_rows_of_small_changes_fill_as_they_are_computed(self, made, jobs):
        board, seen = made("sanity"), []
        board.look()
        while jobs.step():
            charts = {head["name"]: head for head in heads(board, "figure")}
            if "sanity-infidelity" in charts:
                data = charts["sanity-infidelity"]["figure"]["data"]
                seen.append(sum(trace["x"][0] is not None for trace in data))
        assert sorted(set(seen)) == [0, 1, 2, 3, 4]
        assert seen == sorted(seen)

    def test_controls_are_flagged_and_every_method_has_a_line(self, made, jobs):
        (state,) = heads(finish(jobs, made("sanity")), "state")
        lines = dict(state["lines"])
        assert list(lines) == ["Integrated Gradients", "SmoothGrad", "Edges", "Centre"]
        for control in ("Edges", "Centre"):
            assert lines[control].startswith("look closer: changed little when all 3 layers were random")
            assert "look closer: changed little for another class" in lines[control]
            assert "entropy +0% when all layers are random" in lines[control]
        assert re.search(r"entropy [+-]\d+% when all layers are random", lines["SmoothGrad"])
        assert "nan" not in " ".join(lines.values())

    @pytest.mark.parametrize("choice", [{"mode": "independent"}, {"own_class": True}, {"measure": "hog"}, {"most": 0}])
    def test_every_choice_is_checked(self, made, jobs, choice):
        board = made("sanity")
        (state,) = heads(finish(jobs, replace(board, choice=replace(board.choice, **choice))), "state")
        assert state["state"] == "done"
        assert state["errors"] == []

    def test_another_measure_computes_nothing(self, made, jobs):
        board = finish(jobs, made("sanity"))
        other = replace(board, choice=replace(board.choice, measure="ssim", shown="edges"))
        (state,) = heads(other, "state")
        assert state["state"] == "done"
        assert not jobs.step()
        assert any("SSIM" in head["status"] for head in heads(other, "map"))

    def test_samples_are_limited_and_the_rest_is_as_set(self, made, jobs):
        board = replace(made("sanity"), experiment=replace(EXPERIMENT, samples=200, steps=100, sigma=0.3))
        knobs = {panel.method: dict(panel.knobs) for panel in board._panels}
        assert knobs["smoothgrad"]["samples"] == knobs["integrated_gradients"]["steps"] == 10
        assert knobs["smoothgrad"]["sigma"] == 0.3
        free = replace(board, choice=replace(board.choice, most=0))
        assert {panel.method: dict(panel.knobs) for panel in free._panels}["smoothgrad"]["samples"] == 200

    def test_a_model_without_parameters_is_told_and_the_class_is_checked(self, made, jobs, subject):
        board = replace(made("sanity"), subject=subject)
        (state,) = heads(finish(jobs, board), "state")
        assert state["state"] == "failed"
        assert [error.partition(":")[0] for error in state["errors"]] == ["Random layers", "Noise in the weights"]
        assert {head["name"] for head in heads(board, "figure")} == {"sanity-infidelity", "sanity-sensitivity"}
        assert all("changed little for another class" in line for _, line in state["lines"][2:])


def test_no_number_of_samples_follows_from_an_agreement_that_may_be_chance():
    flat = torch.zeros((224, 224))
    for agreement, words in ((0.3, "0.95 needs very roughly 20,000 samples"), (0.01, "yet"), (-0.02, "yet")):
        told = verdict(Convergence((300,), flat[None], ({224: agreement},), flat, 300, 300), 300, 0)
        assert told.startswith(f"R = 300 is not enough here: the two halves correlate at {agreement:.2f} only")
        assert told.endswith(words)
        assert ("cannot be told from the agreement of unrelated maps" in told) == (words == "yet")


def test_the_number_of_samples_that_is_needed_is_above_that_which_is_not_enough():
    flat = torch.zeros((224, 224))
    for samples, agreement in product(range(10, 501), (0.9, 0.92, 0.94, 0.945, 0.949, 0.9495, 0.9499)):
        found = Convergence((samples,), flat[None], ({224: agreement},), flat, samples, samples)
        told = verdict(found, samples, 0)
        (needed,) = re.findall(r"very roughly ([\d,]+) samples", told)
        assert int(needed.replace(",", "")) > samples
        assert "correlate at 0.95 only" not in told
