"""Models that the server was started with: 2, 10, 1,000 and 21,000 classes, grey and small, all over the page."""

import io
import runpy
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import by_heart
import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from page import QUICK, captions, complete, control, finish, query, shown

from attribution import MODELS, Store, load_model
from attribution.models import CATEGORIES, Model
from dashboard import options
from dashboard.controls import pins, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.subject import Subject
from dashboard.place import APP
from dashboard.views.compare import export
from dashboard.views.learn.lessons import LESSONS
from dashboard.views.results import pairs
from dashboard.views.sweep import controls as sweeps
from dashboard.views.sweep.sweep import choices, parse
from dashboard.work.models import Models, load_listed
from dashboard.work.panel import Cell, map_work
from dashboard.work.scheduler import Scheduler, View

MODULE = """
import torch
from torch import nn
from attribution import Model

def made(classes, channels=3, size=32, names=None):
    with torch.random.fork_rng():
        torch.manual_seed(classes)
        layers = [nn.Conv2d(channels, 4, 5, stride=3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten()]
        network = nn.Sequential(*layers, nn.Linear(36, classes))
    space = {"mean": (0.5,) * channels, "std": (0.25,) * channels}
    names = names or [f"kind {index}" for index in range(max(classes, 2))]
    return Model.wrap(network, size=size, categories=names, name=f"{classes} kinds", device="cpu", **space)

def one(): return made(1)
def two(): return made(2)
def ten(): return made(10, channels=1, size=28)
def many(): return made(21000)
def twins(): return made(12, names=["same"] * 12)
def failing(): raise OSError("no disk")
"""
FUNCTIONS = {"two": 2, "ten": 10, "many": 21000}
NAMES = {name: f"kinds_of_mine:{name}" for name in FUNCTIONS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a module and a file of weights, in which the server runs."""
    made = tmp_path_factory.mktemp("own")
    (made / "kinds_of_mine.py").write_text(MODULE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = timm.create_model("test_efficientnet").state_dict()
    (made / "weights").mkdir()
    safetensors.torch.save_file(state, made / "weights" / "mine, 1.safetensors")
    return made


FILE = "timm/test_efficientnet=weights/mine, 1.safetensors"


@pytest.fixture
def listed(folder, monkeypatch):
    """Starts the server with these models, which are off the list again after the test. The embedded one is small."""

    def load(name: str, device: torch.device) -> Model:
        return by_heart.model() if name == by_heart.EMBEDDED else load_listed(name, device)

    before = dict(MODELS)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = Models(load)
    monkeypatch.setattr(resources, "models", lambda: loaded)

    def start(*names: str) -> None:
        options.start([word for name in names for word in ("--model", name)])

    yield start
    MODELS.clear()
    MODELS.update(before)
    sys.modules.pop("kinds_of_mine", None)


class TestOptions:
    def test_several_stand_beside_the_built_in_ones(self, listed):
        built_in = list(MODELS)
        listed(NAMES["two"], FILE, NAMES["two"], "resnet18")
        assert list(MODELS) == [*built_in, NAMES["two"], FILE]
        assert MODELS[NAMES["two"]].title == "2 kinds"

    def test_no_two_have_one_title(self, listed):
        listed(NAMES["two"])
        sys.modules["kinds_of_mine"].again = sys.modules["kinds_of_mine"].two
        listed("kinds_of_mine:again")
        assert MODELS["kinds_of_mine:again"].title == "kinds_of_mine:again"

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("alexnet", "model 'alexnet' is unknown; use one of"),
            ("kinds_of_mine:failing", "kinds_of_mine:failing raised OSError: no disk"),
            ("kinds_of_mine:none", "the module kinds_of_mine has no none"),
            ("resnet18=weights/mine, 1.safetensors", "does not hold the weights of"),
        ],
    )
    def test_what_is_wrong_ends_the_server_in_a_line(self, listed, capsys, name, line):
        before = list(MODELS)
        with pytest.raises(SystemExit) as end:
            listed(name)
        assert end.value.code == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert told.startswith("dashboard: ")
        assert line in told
        assert list(MODELS) == before

    def test_the_server_ends_before_it_serves(self, monkeypatch, capsys):
        """Here, the file that Streamlit runs; test_folder starts a server that ends in this way."""
        monkeypatch.setattr(sys, "argv", [str(APP), "--model", "timm/nothing"])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(APP))
        assert end.value.code == 2
        assert capsys.readouterr().err.splitlines() == [
            "dashboard: timm has no network 'nothing'; look for its name in the documentation"
        ]


class TestOnlyTheList:
    def test_a_link_cannot_name_a_model(self, listed, page):
        app = page(**QUICK, model="kinds_of_mine:two")
        assert shown(app, "model") == "efficientnet_lite0"
        assert "kinds_of_mine" not in sys.modules
        assert not app.exception

    def test_nor_can_anything_else_on_the_page(self, listed):
        with pytest.raises(ValueError, match="model 'kinds_of_mine:two' is not on the list of this server"):
            Models().get("kinds_of_mine:two", torch.device("cpu"))
        with pytest.raises(ValueError, match="model: kinds_of_mine:two cannot be chosen here"):
            parse("gradient:model=kinds_of_mine%3Atwo")
        assert "kinds_of_mine" not in sys.modules


class TestPage:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_maps_and_classes(self, listed, page, jobs, name):
        listed(NAMES[name])
        count = FUNCTIONS[name]
        app = finish(page(**QUICK, model=NAMES[name], cls=str(count - 1)), jobs)
        assert (shown(app, "model"), shown(app, "target")) == (NAMES[name], count - 1)
        assert len(control(app.selectbox, "control-target").options) == count + 1
        assert any(f"kind {count - 1} ·" in one.replace("*", "") for one in captions(app))
        assert complete(app, 4) == 3
        control(app.selectbox, "control-target").set_value(0).run()
        assert query(app, "cls") == "0"
        assert not app.exception

    def test_classes_of_one_name_are_told_apart(self, listed, page):
        listed("kinds_of_mine:twins")
        app = page(**QUICK, model="kinds_of_mine:twins")
        for index in range(12):
            control(app.selectbox, "control-target").set_value(index).run()
            assert shown(app, "target") == index
        options = control(app.selectbox, "control-target").options
        assert len(set(options)) == len(options)
        assert not app.exception

    def test_the_names_of_a_thousand(self, listed, page, jobs):
        listed(FILE)
        app = finish(page(**QUICK, model=FILE, cls="282"), jobs)
        assert any("explained: tiger cat" in one.replace("*", "") for one in captions(app))
        assert complete(app, 4) == 3

    @pytest.mark.parametrize("cls", ["2", "282", "-1", "kind 1", "9" * 5000])
    def test_a_class_that_it_does_not_have_is_the_likeliest(self, listed, page, cls):
        listed(NAMES["two"])
        app = page(**QUICK, model=NAMES["two"], cls=cls)
        assert (shown(app, "model"), shown(app, "target")) == (NAMES["two"], -1)
        assert not app.exception

    def test_a_class_does_not_outlive_its_model(self, listed, page, jobs):
        listed(NAMES["many"], FILE)
        app = page(**QUICK, cls="282")
        control(app.selectbox, "control-model").set_value(FILE).run()
        assert shown(app, "target") == 282, "both have the classes of ImageNet"
        control(app.selectbox, "control-model").set_value(NAMES["many"]).run()
        assert shown(app, "target") == -1
        assert not app.exception

    def test_a_lesson_is_of_the_embedded_model_and_gives_ones_own_back(self, listed, page, jobs):
        listed(NAMES["two"])
        app = page(**QUICK, model=NAMES["two"], cls="1").switch_page("views/learn/page.py").run()
        app.button(key="learn-open-6").click().run()
        assert app.session_state["session-experiment"] == LESSONS[5].opens
        app.button(key="control-lesson-end").click().run()
        found = app.session_state["session-experiment"]
        assert (found.model, found.target) == (NAMES["two"], 1)

    @pytest.mark.parametrize("other", ["sweep", "path", "noise", "results", "sanity"])
    def test_the_other_pages(self, listed, page, jobs, other):
        listed(NAMES["ten"])
        app = page(**QUICK, model=NAMES["ten"], cls="7").switch_page(f"views/{other}/page.py").run()
        assert not app.exception
        while jobs.step():
            pass
        app.run()
        assert not app.exception
        assert not app.error

    def test_a_pin_tells_the_class_by_its_name(self, listed, page, jobs):
        listed(NAMES["ten"])
        app = finish(page(**QUICK, model=NAMES["ten"], cls="7"), jobs)
        (button,) = [one for one in app.button if one.label == "Pin"]
        button.click().run()
        (held,) = app.session_state[pins.PINS]
        assert held.experiment.unlike(Experiment())["class"] == "kind 7"
        control(app.selectbox, "control-model").set_value("efficientnet_lite0").run()
        app.button(key=f"control-pin-open-{held.id}").click().run()
        assert (shown(app, "model"), shown(app, "target")) == (NAMES["ten"], 7)


class TestSweep:
    def test_its_classes_are_those_of_the_model(self, listed):
        listed(NAMES["ten"])
        swept = parse("gradient:target=0/9", NAMES["ten"])
        assert [swept.title(place) for place in swept.places] == ["class kind 0", "class kind 9"]
        assert len(choices("target", "gradient", NAMES["ten"])) == 10
        with pytest.raises(ValueError, match="class: 10 cannot be chosen here"):
            parse("gradient:target=10", NAMES["ten"])

    def test_any_name_of_a_model_goes_through_a_link(self, listed):
        listed(NAMES["two"], FILE)
        swept = parse("gradient:model=efficientnet_lite0")
        swept = replace(swept, axes=(replace(swept.axes[0], values=("efficientnet_lite0", FILE, NAMES["two"])),))
        assert parse(swept.text) == swept
        assert parse("gradient:model=efficientnet_lite0").text == "gradient:model=efficientnet_lite0"

    def test_over_models_with_other_classes_each_has_its_likeliest(self, listed):
        listed(NAMES["two"], FILE)
        swept = parse("gradient:model=efficientnet_lite0")
        found = [swept.at(Experiment(target=282), (name,)).target for name in ("resnet18", FILE, NAMES["two"])]
        assert found == [282, 282, None]

    def test_on_the_page(self, listed, page, jobs):
        listed(NAMES["two"], NAMES["ten"])
        app = page(**QUICK, model=NAMES["ten"], sweep="gradient:target=0/9").switch_page("views/sweep/page.py")
        app.query_params["sweep"] = "gradient:target=0/9"
        app.query_params["model"] = NAMES["ten"]
        app = finish(app.run(), jobs)
        assert control(app.multiselect, "sweep-values-0").value == [0, 9]
        control(app.selectbox, "control-model").set_value(NAMES["two"]).run()
        assert not app.exception
        assert "target" not in query(app, "sweep"), "classes of the model before mean nothing"


def test_results_of_its_own_model_open(listed, tmp_path, monkeypatch):
    from attribution.benchmark.__main__ import main
    from attribution.benchmark.results import Results
    from attribution.benchmark.tables import tabulate

    listed(NAMES["ten"])
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("coffee", "rocket"):
        gallery_photo(name).save(photos / f"{name}.png")
    file = tmp_path / "r.db"
    run = [str(photos), "--out", str(file), "--model", NAMES["ten"], "--device", "cpu", "--methods", "gradient"]
    assert main([*run, "smoothgrad:samples=2", "--metrics", "total_variation"]) == 0
    table = tabulate(Results.read(file).rows())
    first, second, *_ = table.cases
    row = table.rows[first, table.photos[0]]
    found = pairs.experiment_of(table, first, second, table.photos[0])
    assert (found.model, found.target) == (NAMES["ten"], row.target)
    assert row.category == f"kind {row.target}"
    assert pairs.can_open(table)
    del MODELS[NAMES["ten"]]
    assert not pairs.can_open(table), "a server without it shows the table, and cannot open a photo"
    assert pairs.experiment_of(table, first, second, table.photos[0]).model == "efficientnet_lite0"


def anew(script, name):
    """Runs a script as a new process would: nothing of the own models is listed or loaded."""
    sys.modules.pop("kinds_of_mine", None)
    del MODELS[name]
    sys.path[:] = [str(script.parent), *(place for place in sys.path if Path(place or ".").resolve() != Path.cwd())]
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("name", [NAMES["ten"], FILE])
def test_an_exported_script_loads_it_by_its_name(listed, tmp_path, name):
    """Run in the folder of the server. What was exported is in another one."""
    listed(name)
    model, photo = load_model(name, "cpu"), gallery_photo("coffee")
    x = model.prepare(photo)
    predictions = tuple(model.predict(x, k=len(model.categories)))
    subject = Subject(photo, x, "coffee", model, predictions, predictions[0][0])
    experiment = Experiment(image="coffee", model=name, methods=("gradient",))
    (panel, *_) = experiment.panels("coffee", name, subject.target)
    *_, snapshot = map_work(panel, model, x, Store())
    packed = export.pack(experiment, subject, [Cell(panel, View("done", snapshot), ())])
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    assert export.manifest(experiment, subject, [])["model"]["name"] == name
    script = (tmp_path / "reproduce.py").read_text()
    assert "run it in the folder where the dashboard was started" in script
    anew(tmp_path / "reproduce.py", name)
    found, expected = (np.load(tmp_path / f"gradient{end}.npy") for end in ("-again", ""))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_the_embedded_models_script_is_as_it_was(lite0):
    photo = gallery_photo("coffee")
    x = lite0.prepare(photo)
    subject = Subject(photo, x, "coffee", lite0, tuple(lite0.predict(x, k=2)), 282)
    assert "model = load_model('efficientnet_lite0')\n" in export.script(Experiment(), subject, [])
    assert len(CATEGORIES) == 1000


def test_a_sweep_over_models_and_classes_is_of_the_same_classes(listed):
    """In another model the class of this number is another one."""
    listed(NAMES["ten"], FILE)
    models = {name: quote(name, safe="") for name in ("efficientnet_lite0", NAMES["ten"], FILE)}
    swept = parse(f"gradient:model={models['efficientnet_lite0']}/{models[FILE]},target=3/5")
    assert len(swept.places) == 4, "both have the classes of ImageNet"
    for text in ("model={},target=3/5", "target=3/5,model={}"):
        with pytest.raises(ValueError, match="these models have different classes"):
            parse(f"gradient:{text.format(models['efficientnet_lite0'] + '/' + models[NAMES['ten']])}")


class TestNotHereYet:
    """A model of the list that is not downloaded, with other classes than the one that is shown instead."""

    @pytest.fixture
    def away(self, listed, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        downloads = Scheduler(clock=lambda: 0.0)
        monkeypatch.setattr(resources, "downloads", lambda: downloads)

        def put(classes: int) -> str:
            names = tuple(f"kind {index}" for index in range(classes))
            MODELS["away"] = replace(MODELS["resnet18"], title="Away", categories=names)
            return "away"

        return put

    @pytest.mark.parametrize("cls", [5, 15000])
    def test_a_class_of_a_link_waits_for_its_model(self, away, page, cls):
        app = page(**QUICK, model=away(20000), cls=str(cls))
        assert not app.exception
        subject = app.session_state[session.PRESENT][1]
        assert subject.target == subject.predicted[0], "it is none of the model that is shown"
        assert control(app.selectbox, "control-target").disabled
        assert shown(app, "target") == -1
        assert app.session_state[session.EXPERIMENT].target == cls
        assert query(app, "cls") == str(cls)

    def test_a_sweep_over_classes_is_of_the_model_that_is_shown(self, away, page):
        app = page(**QUICK, model=away(2)).switch_page("views/sweep/page.py").run()
        control(app.selectbox, "sweep-axis-0").set_value("target").run()
        assert not app.exception
        sweep, subject = app.session_state[sweeps.SETTING], app.session_state[session.PRESENT][1]
        assert sweep.model == subject.model.name == "efficientnet_lite0"
        assert sweep.axes[0].values == tuple(index for index, *_ in subject.predictions[:4])

    def test_a_sweep_of_a_link_waits_for_its_model(self, away, page):
        app = page(**QUICK, model=away(20000), sweep="gradient:target=5/15000")
        app.switch_page("views/sweep/page.py").run()
        assert not app.exception
        assert control(app.selectbox, "sweep-axis-0").value == "sigma"
        assert app.session_state[sweeps.SETTING] == sweeps.parse("gradient:target=5/15000", "away")
        assert query(app, "sweep") == "gradient:target=5/15000", "a reload does not lose it"
        control(app.selectbox, "sweep-method").select("smoothgrad").run()
        assert query(app, "sweep").startswith("smoothgrad:sigma="), "until another one is chosen"
