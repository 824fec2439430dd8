"""The board of Compare, with a scheduler that is stepped by hand: what it shows, asks, and leaves."""

from dataclasses import replace

import numpy as np
import pytest
import toys
from page import toy_subject

from attribution import Store, explain
from attribution.heatmaps import reduce_channels
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.words import ORDERS
from dashboard.live import sheet
from dashboard.live.frames import unpack
from dashboard.stage.labels import Labels
from dashboard.views.compare import log
from dashboard.views.compare.board import CompareBoard
from dashboard.work.panel import PERTURBATION, VARIATION
from dashboard.work.scheduler import Scheduler
from dashboard.work.settle import Settle

X = toys.image(0, (3, 96, 96)).float()
EXPERIMENT = Experiment(samples=6, steps=4, methods=("integrated_gradients", "smoothgrad"))


@pytest.fixture
def subject():
    return toy_subject(X)


@pytest.fixture
def board(jobs, subject):
    return CompareBoard(jobs, "me", Store(), EXPERIMENT, subject)


def finish(jobs):
    while jobs.step():
        pass


def messages(board):
    return {part.name: unpack(part.make()) for part in board.look().parts}


def heads(board):
    return {name: head for name, (head, _) in messages(board).items()}


def test_at_first_there_is_the_photo_and_what_is_waited_for(board, subject):
    look = board.look()
    assert look.waiting
    assert [part.name for part in look.parts] == ["layout", "photo", "state"]
    found = messages(board)
    assert found["photo"][1] == subject.photo.tobytes()
    assert found["state"][0]["status"] == dict.fromkeys(EXPERIMENT.methods, "waiting for its turn")
    assert [tile["name"] for tile in found["layout"][0]["tiles"]] == list(EXPERIMENT.methods)
    notes = {chart["name"]: chart["note"] for chart in found["layout"][0]["charts"]}
    assert {name for name, note in notes.items() if note.endswith(ORDERS)} == {"perturbation"}, "AUTVC has no orders"


def test_a_draft_is_called_one_before_its_maps_come(board, jobs):
    turned = board.turned({"sigma": 0.7})
    turned.look()
    finish(jobs)
    names = [part.name for part in turned.look().parts]
    assert names.index("state") < names.index("map smoothgrad")


def test_a_draft_says_what_it_computes_and_no_more(board, jobs):
    draft = board.turned({"sigma": 0.7})
    assert heads(draft)["state"]["text"].startswith("draft · ")
    finish(jobs)
    assert heads(draft)["state"]["text"] == "draft"


@pytest.mark.parametrize(
    "hand", [lambda board: board.near(), lambda board: board.turned({"sigma": 0.7}).look()], ids=["near", "draft"]
)
def test_a_hand_at_a_knob_and_a_draft_hurry_and_what_is_let_go_does_not(board, subject, monkeypatch, hand):
    model = subject.model
    hurried = []
    monkeypatch.setattr(type(model.gradient_batch), "hurry", lambda batch, seconds: hurried.append(batch))
    board.look()
    assert hurried == []
    hand(board)
    assert [id(batch) for batch in hurried] == [id(model.gradient_batch), id(model.value_batch)]


def test_maps_and_curves_come_and_are_those_of_the_core(board, jobs, subject):
    board.look()
    finish(jobs)
    found = messages(board)
    assert not board.look().waiting
    assert found["state"][0]["text"] == "complete"
    for method, knobs in (("integrated_gradients", {"steps": 4}), ("smoothgrad", {"sigma": 0.5, "samples": 6})):
        head, payload = found[f"map {method}"]
        raw = np.frombuffer(payload, "<f2").astype(float).reshape(96, 96) * head["unit"]
        true = reduce_channels(explain(subject.model, X, method, 0, **knobs).attribution, "signed").numpy()
        assert np.abs(raw - true).max() < 1e-3 * np.abs(true).max()
        assert found[f"curve {PERTURBATION} {method}"][0]["done"]
    head, _ = found[f"curve {PERTURBATION} random_order"]
    assert head["done"]
    assert all(low <= y <= high for low, y, high in zip(head["low"], head["y"], head["high"], strict=True))
    assert "low" not in found[f"curve {PERTURBATION} smoothgrad"][0]


def test_the_state_names_the_curves_that_there_are(board, jobs):
    """A browser keeps those that it has until it hears that there are none of this setting yet. A draft has none."""
    while True:
        found = heads(board)
        assert found["state"]["curves"] == [name.removeprefix("curve ") for name in found if name.startswith("curve ")]
        if not jobs.step():
            break
    assert f"{PERTURBATION} smoothgrad" in found["state"]["curves"]
    turned = replace(board, experiment=replace(EXPERIMENT, sigma=0.7))
    assert f"{PERTURBATION} smoothgrad" not in heads(turned)["state"]["curves"]
    assert f"{PERTURBATION} integrated_gradients" in heads(turned)["state"]["curves"]
    assert "curves" not in heads(board.turned({"sigma": 0.7}))["state"]


def test_the_patches_of_a_whole_curve_are_sent_with_it(board, jobs):
    board.look()
    finish(jobs)
    head, payload = messages(board)[f"curve {PERTURBATION} smoothgrad"]
    assert len(payload) == len(head["replaced"]) * head["window"] ** 2 * 3


def test_a_pinned_map_has_its_words(board):
    """For those who cannot see it."""
    labels = Labels("SmoothGrad", "a pin", "AUPC 1", "the map in words")
    found = heads(replace(board, pins=((labels, np.zeros((96, 96))),)))
    assert found["map pin 0"]["words"] == "the map in words"
    assert found["layout"]["tiles"][-1] == {
        "name": "pin 0",
        "title": "SmoothGrad",
        "gloss": "a pin",
        "status": "AUPC 1",
    }


def test_a_message_is_made_once_for_all(board, jobs):
    board.look()
    finish(jobs)
    one, other = (next(part.make() for part in board.look().parts if part.name == "map smoothgrad") for _ in range(2))
    assert one is other


def test_what_has_not_changed_keeps_its_version(board, jobs):
    """So it is not sent again: another M leaves the map of the noise as it is."""
    board.look()
    finish(jobs)
    before = {part.name: part.version for part in board.look().parts}
    turned = replace(board, experiment=replace(EXPERIMENT, steps=8))
    turned.look()
    finish(jobs)
    after = {part.name: part.version for part in turned.look().parts}
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if "smoothgrad" in name or name in ("layout", "photo")} == set()
    assert "map integrated_gradients" in changed


class TestDraft:
    def test_it_has_maps_only_and_says_so(self, board, jobs):
        draft = board.turned({"sigma": 0.7})
        draft.look()
        finish(jobs)
        found = heads(draft)
        assert not any(name.startswith("curve") for name in found)
        assert found["state"]["draft"]
        assert "verdict" not in found["state"]

    def test_of_a_map_that_is_still_to_come_it_says_nothing(self, board, jobs):
        """So what stands on screen neither fades nor loses its words at each question."""
        board.look()
        finish(jobs)
        draft = board.turned({"sigma": 0.7})
        state = heads(draft)["state"]
        assert (list(state["status"]), state["old"]) == (["integrated_gradients"], [])
        finish(jobs)
        assert list(heads(draft)["state"]["status"]) == list(EXPERIMENT.methods)
        released = heads(replace(board, experiment=replace(EXPERIMENT, sigma=0.9)))["state"]
        assert released["status"]["smoothgrad"] == "waiting for its turn"
        assert released["old"] == ["smoothgrad"]

    def test_a_map_that_fails_is_faded_and_says_why(self, board, jobs, monkeypatch):
        def fails(*known):
            if known:
                raise ValueError("no such map")
            yield

        monkeypatch.setattr("dashboard.views.compare.board.map_work", fails)
        draft = board.turned({"sigma": 0.7})
        draft.look()
        finish(jobs)
        state = heads(draft)["state"]
        assert state["status"] == dict.fromkeys(EXPERIMENT.methods, "failed: no such map")
        assert state["old"] == [*EXPERIMENT.methods]

    def test_released_it_goes_on_from_there(self, board, jobs):
        draft = board.turned({"samples": 60})
        draft.look()
        while not heads(draft).get("map smoothgrad", {}).get("done"):
            jobs.step()
        reached = heads(draft)["map smoothgrad"]["done"]
        assert reached < 60
        released = replace(board, experiment=replace(EXPERIMENT, samples=60))
        assert heads(released)["map smoothgrad"]["done"] == reached

    def test_numbers_are_clamped_and_other_fields_are_refused(self, board):
        assert board.turned({"sigma": 99, "samples": -3}).experiment == replace(EXPERIMENT, sigma=2.0, samples=1)
        with pytest.raises(ValueError, match="'image' is no knob of the stage"):
            board.turned({"image": "coffee"})

    def test_only_what_is_looked_at_is_computed(self, board, jobs):
        """A hand that moves on leaves nothing behind that still takes time."""
        board.look()
        for sigma in (0.6, 0.7, 0.8):
            board.turned({"sigma": sigma}).look()
        watched = {slot for _, slot in jobs._slots}
        assert watched == {f"{method} map" for method in EXPERIMENT.methods}


class TestButtons:
    def test_stop_and_continue(self, board, jobs):
        board.look()
        jobs.step()
        board.press("stop")
        assert heads(board)["state"]["state"] == "stopped"
        assert not jobs.step()
        board.press("resume")
        board.look()
        finish(jobs)
        assert heads(board)["state"]["state"] == "done"

    @pytest.mark.parametrize(("field", "value"), [("evaluation", "paper"), ("curves", ("deletion",)), ("random", "on")])
    def test_a_curve_that_is_asked_of_a_stopped_map_stops_with_it(self, jobs, subject, field, value):
        """It would need the rest of the map, and show another map than the one above it."""
        model, asked = toys.counted(subject.model)
        subject = replace(subject, model=toys.in_batches_of(4, model))
        experiment = replace(EXPERIMENT, samples=40, methods=("smoothgrad",))
        board = CompareBoard(jobs, "me", Store(), experiment, subject)
        board.look()
        for _ in range(2):
            jobs.step()
        board.press("stop")
        board.look()
        board = replace(board, experiment=replace(experiment, **{field: value}))
        board.look()
        finish(jobs)
        assert asked.gradients == 8
        state = heads(board)["state"]
        there = {name for name in heads(board) if name.endswith(" smoothgrad")}
        assert there == {"map smoothgrad", f"curve {VARIATION} smoothgrad"}, "these need no more gradients"
        assert (state["state"], state["status"]["smoothgrad"].split(" ·")[0]) == ("stopped", "stopped at 8/40")
        board.press("resume")
        steps = [asked.gradients]
        board.look()
        while jobs.step():
            steps.append(asked.gradients)
        assert heads(board)["state"]["state"] == "done"
        assert np.diff(steps).max() == 4

    def test_others_do_nothing(self, board):
        board.press("delete")


def test_attended_work_goes_on_without_being_asked(hub, subject):
    now = [0.0]
    jobs = Scheduler(clock=lambda: now[0], patience=10, changed=hub.changed)
    board = CompareBoard(jobs, "me", Store(), EXPERIMENT, subject)
    hub.show("me", "page", board)
    line = hub.open("me", "page", lambda: None)
    board.look()
    now[0] = 100.0
    assert jobs.step(), "its browser is there"
    hub.close(line)
    now[0] = 105.0
    assert jobs.step(), "it may come back"
    now[0] = 111.0
    assert not jobs.step()


def test_each_chunk_wakes_who_looks_at_it(hub, jobs, board, subject):
    woken = []
    for name in ("me", "you"):
        hub.show(name, "page", replace(board, session=name, experiment=replace(EXPERIMENT, seed=len(name))))
        hub.open(name, "page", lambda name=name: woken.append(name))
    hub.board("me").look()
    while jobs.step():
        pass
    assert set(woken) == {"me"}


def test_what_is_finished_is_told(board, jobs):
    told = []
    board = replace(board, finished=lambda cells: told.append([cell.whole for cell in cells[:2]]) or ())
    board.look()
    finish(jobs)
    board.look()
    assert told == [[False, False], [True, True]]


def place(board, method):
    head = heads(board)[f"map {method}"]
    return head.get("knob"), head.get("at"), head.get("family")


def test_the_chart_of_results_goes_with_the_last_of_them(board):
    """The photo that they were about can be removed. A draft says nothing of results."""
    past = sheet.part(f"figure {log.CHART}", {"part": "figure", "name": log.CHART})
    named = [
        heads(one)["layout"]["figures"]
        for more in ([past], [])
        for own in [replace(board, finished=lambda cells, more=more: more)]
        for one in (own, own.turned({"sigma": 0.7}))
    ]
    assert named == [[log.CHART], [log.CHART], [], [log.CHART]]


def test_a_map_says_where_it_is_among_those_of_other_values_of_its_knob(board, jobs):
    board.look()
    finish(jobs)
    more = replace(board, experiment=replace(EXPERIMENT, samples=9, steps=8))
    other = replace(board, experiment=replace(EXPERIMENT, sigma=0.9, baseline="white"))
    for method, knob, here, there in (("smoothgrad", "samples", 6, 9), ("integrated_gradients", "steps", 4, 8)):
        for one in (more, other):
            one.look()
            finish(jobs)
        assert place(board, method)[:2] == (knob, here)
        assert place(more, method)[:2] == (knob, there)
        assert place(more, method)[2] == place(board, method)[2]
        assert place(other, method)[2] != place(board, method)[2]


def test_a_part_of_a_mean_has_a_place_and_a_part_of_a_path_has_none(board, jobs):
    board.turned({"samples": 60, "steps": 60}).look()
    while len(heads(board.turned({"samples": 60, "steps": 60}))) < 5:
        jobs.step()
    draft = board.turned({"samples": 60, "steps": 60})
    knob, at, _ = place(draft, "smoothgrad")
    assert (knob, at) == ("samples", heads(draft)["map smoothgrad"]["done"])
    assert at < 60
    assert place(draft, "integrated_gradients") == (None, None, None)


def test_a_map_whose_r_or_m_is_its_own_has_no_place(board, jobs):
    """The controls of the page do not turn it, so a hand that turns them back must not change it."""
    own = (("expected_gradients", "samples", 20), ("left_ig", "steps", 5))
    methods = ("smoothgrad", "expected_gradients", "left_ig")
    board = replace(board, experiment=replace(EXPERIMENT, methods=methods, own=own))
    board.look()
    finish(jobs)
    assert place(board, "smoothgrad")[:2] == ("samples", 6)
    for method in methods[1:]:
        assert place(board, method) == (None, None, None)


def test_samples_go_on_until_the_maps_are_settled(board, jobs, subject):
    """The board says how far they are, asks for a run of the script when R is found, and counts them as work."""
    panel = EXPERIMENT.panel("smoothgrad", subject.image, subject.model.name, 0)
    knobs = tuple(("sigma", 0.0) if name == "sigma" else (name, value) for name, value in panel.knobs)
    bare = replace(panel, knobs=tuple(knob for knob in knobs if knob[0] != "samples"))
    board = replace(board, settle=Settle((bare,), 28, 40))
    state = heads(board)["state"]
    assert state["lines"][0][1] == "waiting · the first samples"
    assert state["settling"] == {"side": 28, "live": True, "share": 0.0, "text": "the first samples"}
    finish(jobs)
    state = heads(board)["state"]
    assert state["settling"] == {
        "side": 28,
        "live": False,
        "share": 0.25,
        "text": "settled at 28 cells after 10 samples",
    }
    assert heads(replace(board, settle=None))["state"]["settling"] == {}
    assert state["rerun"] == "R = 10"
    assert state["lines"] == [
        [
            "Until settled · halves agree by 0.95 at 28 cells, at most R = 40",
            "R = 10 is now set: SmoothGrad settled after 10 samples (1.00).",
        ]
    ]
    assert state["state"] == "done"


def test_a_budget_that_is_spent_is_told_in_short(board, jobs, subject):
    """Halves of noise that has nothing to find do not agree."""
    panel = EXPERIMENT.panel("smooth_taylor", subject.image, subject.model.name, 0)
    bare = replace(panel, knobs=tuple(knob for knob in panel.knobs if knob[0] != "samples"))
    board = replace(board, settle=Settle((bare,), 0, 10))
    heads(board)
    finish(jobs)
    assert heads(board)["state"]["settling"] == {
        "side": 0,
        "live": False,
        "share": 1.0,
        "text": "1 of 1 not settled pixel by pixel after 10: R stays",
    }
