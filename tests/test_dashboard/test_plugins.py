"""A method and a metric from a file of their own, registered at run time, are found everywhere without another line."""

import importlib.util
import io
import json
import re
import zipfile
from dataclasses import replace

import PIL.Image
import pytest
import toys
from page import alts, control, finish, query, rows
from skimage import data
from sources import ROOT

from attribution import METHODS, METRICS, Store, explain
from attribution.__main__ import main as command_line
from attribution.benchmark.cases import metrics, parse, subjects
from attribution.benchmark.report import report
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, run
from attribution.explain import curve
from dashboard import pages
from dashboard.charts import looks
from dashboard.experiment.experiment import FIELDS
from dashboard.pages import PAGES

pytestmark = pytest.mark.usefixtures("small_network")

SOURCE = '''
from typing import Annotated

import numpy as np

from attribution.engine.accumulate import accumulate
from attribution.engine.plans import NoiseCloud
from attribution.registry import Axes, Cost, Range, method, metric
from attribution.types import Curve


@method(
    "Local mean",
    gloss="gradients nearby, times the pixel",
    paper="Nobody et al. 2026, arXiv:0000.00000",
    cost=lambda knobs: Cost(knobs["samples"]),
)
def local_mean(score, x, *, samples: Annotated[int, Range(1, 500), "R, the noisy copies"] = 50, seed: int = 0):
    r"""$A = x \\odot \\frac1R \\sum_r \\nabla f_c(x + 0.1 \\epsilon_r)$."""
    yield from accumulate(score, x, NoiseCloud(0.1, seed, samples), lambda at: x * at.gradients)


@metric(
    "Concentration",
    label="Conc",
    better="higher",
    paper="Nobody et al. 2026, arXiv:0000.00000",
    axes=Axes("share of the pixels", "share of the map"),
    note="How much of the map lies in its largest values.",
)
def concentration(heatmap):
    """The share of the map in its largest values, against the share of the pixels."""
    values = np.sort(heatmap.abs().flatten().numpy())[::-1].cumsum()
    return Curve(np.linspace(0, 1, 11), np.interp(np.linspace(0, 1, 11), np.linspace(0, 1, len(values)), values))


@metric(
    "Answer to a blank",
    label="Blank",
    better="lower",
    paper="Nobody et al. 2026, arXiv:0000.00000",
    axes=Axes("step", "score"),
    cost=lambda knobs, pixels: Cost(passes=2),
    note="A metric that asks the model.",
)
def blank_answer(score, x, heatmap):
    """The score of the photo, and of its mean colour."""
    yield Curve(np.array([0.0, 1.0]), np.array([score.values(x[None]).item(), score.values(0 * x[None]).item()]))
'''


@pytest.fixture(autouse=True)
def registered(tmp_path_factory):
    """The file, imported as a user would; the registries are as they were afterwards."""
    tables = (METHODS, METRICS, looks.STYLES)
    before = [dict(table) for table in tables]
    file = tmp_path_factory.mktemp("plugin") / "local_mean.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("local_mean_plugin", file)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield
    for table, was in zip(tables, before, strict=True):
        table.clear()
        table.update(was)


OPEN = {"methods": "local_mean,smoothgrad", "own": "local_mean.samples:3", "curves": "concentration,blank_answer"}


def test_compare(page, jobs):
    app = finish(page(r="2", m="2", **OPEN), jobs)
    assert set(rows(app)) == {"Local mean", "SmoothGrad", "Random order"}
    row = rows(app)["Local mean"]
    assert row["Gradients"] == "3"
    assert float(row["Conc ↑"]) > 0
    assert float(row["Blank ↓"])
    titles = [m.value for m in app.main.markdown]
    assert any(title.startswith("**Concentration** · Conc, higher is better") for title in titles)
    assert any("gradients nearby, times the pixel" in title for title in titles)
    assert any("AUPC, AUTVC, Conc, Blank: the areas" in c.proto.help for c in app.main.caption)
    assert any(words.startswith("Local mean") for words in alts(app))
    control(app.number_input, "control-own-local_mean-samples").set_value(4).run()
    assert query(app, "own") == "local_mean.samples:4"
    finish(app, jobs)
    assert rows(app)["Local mean"]["Gradients"] == "4"


def test_sweep(page, jobs):
    app = page(r="2", m="2", **OPEN, sweep="local_mean:samples=1/2")
    app = finish(app.switch_page("views/sweep/page.py").run(), jobs)
    assert control(app.selectbox, "sweep-method").value == "local_mean"
    assert "complete: 2 maps" in next(p.proto.text for p in app.get("progress"))
    told = {m.value.split("**")[1]: m.proto.help for m in app.main.markdown if m.value.startswith("**")}
    assert told["Conc"] == "How much of the map lies in its largest values."
    assert told["Blank"] == "A metric that asks the model."


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_page_opens(page, jobs, name):
    app = page(r="2", m="2", **OPEN)
    app = app.switch_page(f"views/{name}/page.py").run()
    assert not app.exception
    assert not app.main.error


def test_a_mean_over_noise_can_be_followed_on_noise(page, jobs, monkeypatch):
    monkeypatch.setitem(METHODS, "another", replace(METHODS["smoothgrad"], name="another", title="Another mean"))
    app = finish(page(r="4", m="2", methods="another").switch_page("views/noise/page.py").run(), jobs)
    assert not app.main.error
    assert any(words.startswith("Another mean after 4 of 4 samples") for words in alts(app))


def test_the_command_line(capsys):
    assert command_line(["methods"]) == 0
    assert "local_mean: Local mean. Nobody et al. 2026" in capsys.readouterr().out
    assert command_line(["metrics"]) == 0
    assert "concentration: Concentration (Conc), higher is better. Nobody et al. 2026" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command_line(["explain", "x.png", "--method", "local_mean", "--help"])
    assert "R, the noisy copies" in capsys.readouterr().out


def test_the_benchmarks_tables(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    PIL.Image.fromarray(data.cat()[::3, ::3]).save(folder / "cat.png")
    results = Results(tmp_path / "r.db")
    cases, measured = (
        parse(["local_mean:samples=2", "gradient"], subjects()),
        metrics(["concentration", "blank_answer"]),
    )
    assert run(folder, results, Setting("toy", "toy", 0), cases, measured, Here(toys.of_photos(64))) == []
    told = report(results.rows(), "text", None, None)
    assert "Local mean R=2" in told
    assert "Conc" in told
    assert "Blank" in told


def test_the_export(page, jobs, monkeypatch):
    from dashboard.controls import session
    from dashboard.views.compare import export, live

    app = finish(page(r="2", m="2", **OPEN), jobs)
    experiment, subject = app.session_state[session.PRESENT]
    monkeypatch.setattr(session, "name", lambda: "another")
    board = live.board(experiment, subject)
    board.ask()
    while jobs.step():
        pass
    archive = zipfile.ZipFile(io.BytesIO(export.pack(experiment, subject, board.ask())))
    made = json.loads(archive.read("manifest.json"))["methods"]["local_mean"]
    assert made["title"] == "Local mean"
    assert made["Conc"] > 0
    assert made["Blank"] is not None
    assert "local_mean.npy" in archive.namelist()
    script = archive.read("reproduce.py").decode()
    assert "'local_mean': {'samples': 3, 'seed': 0}" in script
    assert "'concentration': {}" in script


def test_the_core(capsys):
    model, x = toys.convolutional(), toys.image()
    done = explain(model, x, "local_mean", 0, samples=3, store=Store())
    assert done.evaluations == METHODS["local_mean"].cost({"samples": 3}).gradients == 3
    assert curve(model, x, done.attribution, "concentration", 0).area > 0


def test_the_page_of_the_recipe_opens(page, jobs, tmp_path, monkeypatch):
    """CONTRIBUTING.md's example, as a folder and a line."""
    recipe = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    name, code = re.search(r"`dashboard/views/(\w+)/page\.py`:\n\n```python\n(.*?)^```", recipe, re.S | re.M).groups()
    (line,) = re.findall(r"^    (Page\(.*\)),$", recipe, re.M)
    written = eval(line, dict(vars(pages)))
    assert written.name == name
    file = tmp_path / name / "page.py"
    file.parent.mkdir()
    file.write_text(code)

    class Elsewhere(pages.Page):
        @property
        def file(self) -> str:
            return str(file)

    added = Elsewhere(written.name, written.title, written.icon, written.uses)
    monkeypatch.setattr(pages, "PAGES", (*pages.PAGES, added))
    app = page(r="2", m="2", sigma="0.3").switch_page(str(file)).run()
    assert not app.exception
    assert any("tiger cat" in m.value for m in app.main.markdown)
    assert any("The noise scale is 0.3." in c.value for c in app.main.caption)
    assert control(app.slider, "control-sigma").value == 0.3
    assert [slider.label for slider in app.sidebar.slider] == [FIELDS["sigma"].control.label], "and nothing else"
    app.text_input(key="hello-name").set_value("Ada").run()
    assert app.text_input(key="hello-name").value == "Ada"
