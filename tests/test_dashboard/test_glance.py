"""One glance at the map of a random network: what it is, when it is computed, and what is said of it."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import PIL.Image
import pytest
import toys
from page import alts, captions, control, finish, toy_subject
from skimage import data

from attribution import Store
from attribution.engine import weights
from attribution.engine.batches import BatchSize
from attribution.engine.states import digest_of
from attribution.engine.weights import Networks
from attribution.similarity import edges, spearman
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import READING
from dashboard.live.frames import unpack
from dashboard.views.compare import board as board_of
from dashboard.views.compare import glance
from dashboard.views.compare.board import CompareBoard
from dashboard.views.sanity.board import Choice, SanityBoard
from dashboard.views.sanity.words import INFIDELITY, LAYERS
from dashboard.work.glance import Glance, Glanced, glance_work
from dashboard.work.panel import Cell
from dashboard.work.sanity import Layers, layers_work
from dashboard.work.scheduler import View

METHODS = ("integrated_gradients", "smoothgrad", "smooth_taylor", "gradient", "lrp", "edges", "centre")
pytestmark = pytest.mark.usefixtures("small_network")
EXPERIMENT = Experiment(samples=4, steps=4, methods=METHODS)


@pytest.fixture(autouse=True)
def random_network():
    """As the page has it, unlike in the other tests."""


@pytest.fixture
def subject():
    """With fixed batches: a result then depends on its point alone, bit for bit."""
    fixed = {"gradient_batch": BatchSize(4, fixed=True), "value_batch": BatchSize(4, fixed=True)}
    model = replace(toys.of_photos(), name="efficientnet_lite0", **fixed)
    source = PIL.Image.fromarray(data.cat())
    return Subject(source, model.prepare(source), "photo", model, tuple(model.predict(model.prepare(source), k=2)), 0)


@pytest.fixture
def board(jobs, subject):
    return CompareBoard(jobs, "me", Store(), replace(EXPERIMENT, methods=("smoothgrad", "edges")), subject)


@pytest.fixture
def begun(monkeypatch):
    """The glances whose work has begun, in order."""
    found = []

    def spied(key, *known):
        found.append(key.panel.method)
        yield from glance_work(key, *known)

    monkeypatch.setattr(board_of, "glance_work", spied)
    return found


def state(board):
    return next(unpack(part.make())[0] for part in board.look().parts if part.name == "state")


def run(jobs):
    while jobs.step():
        pass


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_it_is_the_last_stage_of_sanity_to_the_last_bit(jobs, subject, output):
    """Of the same score. A store that methods share changes nothing."""
    experiment = replace(EXPERIMENT, output=output, seed=3)
    checked = SanityBoard(jobs, "me", Store(), experiment, subject, Choice(most=0))
    *_, random = layers_work(Layers(checked._panels, "cascading", False, 3, output), subject.model, subject.x, Store())
    last, store = random.stages[-1], Store()
    assert last.count == len(random.layers)
    for panel in experiment.panels(subject.image, subject.model.name, subject.target)[:-1]:
        *_, found = glance_work(Glance(panel, 3), subject.model, subject.x, store)
        np.testing.assert_array_equal(found.heat, last.maps[panel.method].numpy().astype(np.float32))
        assert str(found.alike) == str(last.similarity(panel.method, "spearman"))
        assert found.finding.flagged == random.verdict(panel.method).flagged


def test_the_shared_model_stays_as_it_is(board, jobs, subject):
    before = digest_of(subject.model.module)
    board.look()
    run(jobs)
    assert state(board)["random"]["smoothgrad"]["there"]
    assert digest_of(subject.model.module) == before
    assert not any(entry.requires_grad for entry in subject.model.module.parameters())


def test_it_comes_after_all_maps_and_curves_and_costs_nothing_at_return(board, jobs, begun):
    board.look()
    while not begun:
        assert jobs.step()
    assert all(view.state == "done" for cell in board.ask() for view in cell.views)
    run(jobs)
    other = replace(board, experiment=replace(board.experiment, sigma=0.1))
    other.look()
    run(jobs)
    assert begun == ["smoothgrad", "edges", "smoothgrad"], "edges have no σ"
    board.look()
    run(jobs)
    assert len(begun) == 3


def test_it_stops_with_its_map(board, jobs, begun):
    """It needs the whole map, and would compute the rest of it."""
    silent = replace(board.experiment, random="off", samples=40)
    board = replace(board, experiment=silent)
    board.look()
    jobs.step()
    board.press("stop")
    board.look()
    board = replace(board, experiment=replace(silent, random="on"))
    board.look()
    run(jobs)
    assert begun == []
    assert state(board)["state"] == "stopped"
    board.press("resume")
    board.look()
    run(jobs)
    assert begun == ["smoothgrad", "edges"]
    assert state(board)["state"] == "done"


def test_all_who_look_share_one_random_network(subject, monkeypatch):
    """Many visitors would fill the memory with copies of it."""
    monkeypatch.setattr("dashboard.work.glance.NETWORKS", Networks())
    made = []
    mixed = weights.mixed
    monkeypatch.setattr(weights, "mixed", lambda *given: made.append(given) or mixed(*given))
    store = Store()
    for sigma in (0.1, 0.2):
        panels = replace(EXPERIMENT, sigma=sigma).panels(subject.image, subject.model.name, subject.target)
        at_work = [glance_work(Glance(panel, 3), subject.model, subject.x, store) for panel in panels[:3]]
        while at_work:
            at_work = [work for work in at_work if next(work, None)]
    assert len(made) == 1


def test_nothing_is_computed_while_it_is_off_or_a_hand_drags(board, jobs, begun):
    off = replace(board, experiment=replace(board.experiment, random="off"))
    off.look()
    run(jobs)
    assert state(off)["state"] == "done"
    assert state(off)["random"] == {}
    draft = board.turned({"sigma": 0.2})
    draft.look()
    run(jobs)
    assert begun == []
    assert "random" not in state(draft)


def test_work_that_a_hand_interrupts_goes_on_afterwards(board, jobs, begun):
    board.look()
    while not begun:
        jobs.step()
    board.turned({"sigma": 0.2}).look()
    run(jobs)
    board.look()
    run(jobs)
    assert begun == ["smoothgrad", "edges"]
    assert state(board)["random"]["smoothgrad"]["there"]


def test_what_is_told_and_sent(board, jobs):
    """A method that looks at no network is flagged."""
    waiting = state(board)["random"]["edges"]
    assert waiting == {"there": False, "said": "computed after the curves", "flagged": False, "number": ""}
    run(jobs)
    found = {part.name: unpack(part.make()) for part in board.look().parts}
    told = found["state"][0]["random"]
    assert told["edges"] == {
        "there": True,
        "said": "changed little when all 3 layers were random (rank correlation 1.00)",
        "flagged": True,
        "number": "1.00",
    }
    assert told["smoothgrad"]["said"].startswith("changed when all 3 layers were random (rank correlation ")
    assert not told["smoothgrad"]["flagged"]
    head, payload = found["random smoothgrad"]
    assert (head["part"], head["name"]) == ("random", "smoothgrad")
    assert len(payload) == 2 * 48 * 48
    assert not {"wrong", "best"} & set(" ".join(one["said"] for one in told.values()).split())
    assert "Those of the random network use 4 gradients." in found["state"][0]["spent"]


def test_it_is_counted_as_work(board, jobs):
    whole = state(replace(board, experiment=replace(board.experiment, random="off")))
    board.look()
    while all(cell.random is None or cell.random.snapshot is None for cell in board.ask()):
        assert jobs.step()
    last = state(board)
    assert last["state"] == "live"
    assert last["share"] < 1
    assert "random network: SmoothGrad" in last["text"]
    assert whole["text"] != last["text"]
    run(jobs)
    assert state(board)["text"] == "complete"


def test_a_network_without_parameters_has_no_random_one(jobs):
    """That is said, and is no failure."""
    x = toys.image(0, (3, 96, 96)).float()
    board = CompareBoard(jobs, "me", Store(), replace(EXPERIMENT, methods=("smoothgrad",)), toy_subject(x))
    board.look()
    run(jobs)
    found = state(board)
    assert (found["state"], found["errors"]) == ("done", [])
    told = found["random"]["smoothgrad"]
    assert not told["there"]
    assert told["said"].startswith("There is no map of the random network: ")
    assert told["number"] == "none", "or its empty place looks as if it was still to come"
    assert "no parameters" in told["said"]


def test_a_failure_is_told():
    panel = EXPERIMENT.panel("edges", "photo", "toy", 0)
    cell = Cell(panel, View("done"), random=View("failed", Glanced(0.5), "out of memory"))
    assert glance.words(cell) == "The map of the random network failed: out of memory"
    assert glance.told([cell])["edges"]["number"] == "none"
    assert glance.parts([cell]) == []


def test_the_link_leads_to_the_same_photo_and_methods():
    experiment = replace(EXPERIMENT, image="coffee", methods=("lrp", "edges"))
    address = urlsplit(glance.link(experiment))
    assert address.path == "sanity"
    assert Experiment.from_query({name: one for name, (one,) in parse_qs(address.query).items()}) == experiment
    assert glance.link(Experiment()) == "sanity"


def test_on_the_page_it_is_a_switch(page, jobs):
    app = finish(page(rand="on", r="4", m="4", methods="smoothgrad,edges"), jobs)
    assert sum("All layers of the network random: changed" in words for words in captions(app)) == 2
    assert "Edges. All layers of the network random: changed little when all 3 layers were random" in " ".join(
        alts(app)
    )
    before = len(app.main.image)
    app = control(app.segmented_control, "control-random").set_value("off").run()
    assert len(app.main.image) == before - 2
    assert app.query_params["rand"] in ("off", ["off"])
    assert not any("random:" in words for words in captions(app))


def test_unrelated_maps_are_not_said_to_have_a_rank_correlation_of_0():
    """Of absolute maps: those of nothing but noise had 0.22 to 0.33, because they are large at the same places."""
    for said in (READING, LAYERS["cascading"]):
        assert "unrelated" in said
        assert "about 0.3" in said
    assert "rank correlation of up to about 0.3" in LAYERS["cascading"], "it stands below every similarity"


def test_unrelated_maps_with_a_few_large_values_are_alike_by_hog_alone():
    """Cubes of noise: HOG sees the cells that hold a large value, and almost nothing in the others."""
    one, other = (toys.image(seed, (1, 224, 224))[0] ** 3 for seed in (0, 1))
    assert abs(spearman(one, other).value) < 0.05
    assert edges(one, other).value > 0.7
    assert "HOG can be far higher" in LAYERS["cascading"]


def test_a_map_that_knows_nothing_is_not_said_to_have_an_infidelity_of_1():
    assert "A map that knows nothing has about 0.99" in INFIDELITY
