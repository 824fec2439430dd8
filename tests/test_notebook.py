"""What Jupyter shows: maps, strips, curves, the linked viewer; and the example notebook, which is run."""

import ast
import base64
import html
import inspect
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import PIL.Image
import plotly.graph_objects as go
import pytest
import toys
from IPython.core.formatters import DisplayFormatter

from attribution import METRICS, curve, explain, heatmap, perturbation_curve, stream, total_variation_curve
from attribution.heatmaps import COLOURS, colour, limits, reduce_channels
from attribution.notebook import GAP, Explained, chart, strip
from attribution.types import CHART, Partial
from dashboard.notebook import show

ROOT = Path(__file__).parents[1]
X = toys.image()


def explained(**given) -> Explained:
    return explain(toys.linear(), X, "smoothgrad", 0, samples=3, **given)


def picture(png: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(png)))


def images(shown: str) -> list[np.ndarray]:
    """The pictures in some HTML."""
    return [picture(base64.b64decode(data)) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', shown)]


class TestMap:
    def test_a_result_is_what_it_was_with_its_title(self):
        found = explained()
        assert isinstance(found, Partial)
        assert (found.title, found.done, found.total, found.target) == ("SmoothGrad", 3, 3, 0)
        assert found.category == toys.linear().categories[0]
        assert found.halves is not None, "what a mean over noise has is kept"

    def test_the_picture_is_that_of_the_core(self):
        found = explained()
        assert (picture(found._repr_png_()) == colour(heatmap(found.attribution), COLOURS["inferno"])).all()
        assert (images(found._repr_html_())[0] == found.picture).all()

    def test_the_scale_has_the_values_of_both_ends_and_the_unit(self):
        found = explained()
        low, high = limits(reduce_channels(found.attribution))
        shown = found._repr_html_()
        assert f"<span>{low:.3g}</span><span>{high:.3g} {found.unit}</span>" in shown
        bar = images(shown)[1]
        anchors = [[int(COLOURS["inferno"][k][i : i + 2], 16) for i in (1, 3, 5)] for k in (0, -1)]
        assert bar[0, 0].tolist() == anchors[0]
        assert bar[0, -1].tolist() == anchors[1]

    def test_the_unit_is_that_of_its_settings(self):
        path = explain(toys.linear(), X, "integrated_gradients", 0, steps=2)
        assert (explained().unit, path.unit) == ("logit/x", "logit")

    def test_words_are_no_html(self):
        shown = replace(explained(), category='<img src=x onerror="f()">')._repr_html_()
        assert "<img src=x" not in shown
        assert "&lt;img src=x onerror=&quot;" in shown

    def test_a_blank_map_and_a_draft(self):
        found = explained()
        blank = replace(found, attribution=0 * found.attribution, total=9)
        assert "draft: 3 of 9 points" in blank._repr_html_()
        assert (blank.picture == blank.picture[0, 0]).all()

    def test_a_strip_has_each_with_its_own_scale(self):
        one, two = explained(), explained(seed=4)
        both = strip(one, two)
        assert [found._repr_html_() in both._repr_html_() for found in (one, two)] == [True, True]
        whole = picture(both._repr_png_())
        height, width = one.picture.shape[:2]
        assert whole.shape == (height, 2 * width + GAP, 3)
        assert (whole[:, :width] == one.picture).all()
        assert (whole[:, width + GAP :] == two.picture).all()

    def test_a_strip_of_none_is_a_line(self):
        with pytest.raises(ValueError, match=r"^strip: give one or more results of explain, each as its own argument$"):
            strip()

    def test_what_is_no_result_of_explain(self):
        (partial,) = stream(toys.linear(), X, "gradient", 0)
        for other in ([explained()], partial):
            for shown in (inspect.unwrap(strip), lambda one: inspect.unwrap(show)(toys.linear(), X, one)):
                with pytest.raises(ValueError, match=f"each as its own argument; this is a {type(other).__name__}"):
                    shown(other)


class TestCurves:
    def test_a_curve_is_a_figure_of_plotly(self):
        found = perturbation_curve(toys.linear(), X, explained().attribution, 0, window=1, regions=3, draws=1)
        bundle = found._repr_mimebundle_()
        figure = go.Figure(bundle[CHART])
        assert figure.data[0].x == tuple(found.x)
        assert figure.data[0].y == tuple(found.y)
        assert f"area {found.area:.4g}" in bundle["text/plain"]
        json.dumps(bundle)

    def test_its_ticks_and_its_note_are_kept(self):
        found = total_variation_curve(0 * explained().attribution)
        bundle = found._repr_mimebundle_()
        assert found.ticks
        assert go.Figure(bundle[CHART]).layout.xaxis.ticktext == found.ticks
        assert found.note
        assert found.note in bundle["text/plain"]

    def test_several_are_one_chart_with_the_titles_of_their_metric(self):
        one, two = (curve(toys.linear(), X, explained(seed=k).attribution, "insertion", 0) for k in (0, 1))
        bundle = chart({"A": one, "B": two}, "insertion")._repr_mimebundle_()
        figure = go.Figure(bundle[CHART])
        assert [line.name for line in figure.data] == ["A", "B"]
        assert figure.layout.yaxis.title.text == METRICS["insertion"].axes.y
        assert figure.layout.title.text == METRICS["insertion"].title
        assert bundle["text/plain"].endswith(f"A: area {one.area:.4g}; B: area {two.area:.4g}")

    @pytest.mark.parametrize("metric", ["nothing", "completeness_gap"])
    def test_what_is_no_curve_is_a_line(self, metric):
        with pytest.raises(ValueError, match=f"metric '{metric}' has no curve; use one of .*perturbation"):
            chart({}, metric)


def given(cell) -> dict:
    """What the viewer is given."""
    (source,) = re.findall(r'srcdoc="([^"]*)"', cell._repr_html_())
    (data,) = re.findall(r'<script id="given" type="application/json">(.*?)</script>', html.unescape(source))
    return json.loads(data)


class TestViewer:
    def test_it_is_given_the_photo_and_the_maps(self):
        found = explained()
        shown = given(show(toys.linear(), X, found))
        (held,) = shown["maps"]
        values = np.frombuffer(base64.b64decode(held["bytes"]), "<f2").astype(float) * held["unit"]
        np.testing.assert_allclose(values, found.attribution.sum(0).flatten(), rtol=2e-3, atol=1e-3 * held["unit"])
        assert (held["title"], held["status"], held["measure"]) == ("SmoothGrad", "3 points", "logit/x")
        assert len(base64.b64decode(shown["photo"]["bytes"])) == 3 * X.shape[1] * X.shape[2]

    def test_a_category_cannot_end_the_data(self):
        evil = '</script><script>alert(1)</script>"'
        cell = show(toys.linear(), X, replace(explained(), category=evil))
        assert given(cell)["maps"][0]["gloss"] == evil
        assert cell.page.count("<script") == 2

    def test_its_frame_reaches_nothing_around_it(self):
        shown = show(toys.linear(), X, explained())._repr_html_()
        assert 'sandbox="allow-scripts"' in shown
        assert "http" not in re.sub(r"http://www\.w3\.org", "", shown), "it asks nobody for anything"

    def test_what_does_not_fit_is_a_line(self):
        with pytest.raises(ValueError, match="give one or more results of explain"):
            show(toys.linear(), X)
        found = explained()
        with pytest.raises(ValueError, match="the map of SmoothGrad has 3 x 5 pixels, and x has 4 x 5"):
            show(toys.linear(), X, replace(found, attribution=found.attribution[:, :3], halves=None))


def displayed(code: str, names: dict) -> dict:
    """What Jupyter shows of a cell: the forms of the value of its last line. The cell is run in this process."""
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([last], []), "cell", "exec"), names)
        return {}
    forms, _ = DisplayFormatter().format(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    return forms


@pytest.mark.slow
def test_the_example_runs_and_shows_what_it_says():
    notebook, names = nbformat.read(ROOT / "docs" / "example.ipynb", 4), {}
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "no pictures in the repository"
    shown = [displayed(cell.source, names) for cell in notebook.cells if cell.cell_type == "code"]
    predicted, one, three, curves, viewer = filter(None, shown)
    assert "espresso" in predicted["text/plain"]
    assert "SmoothGrad" in one["text/html"]
    assert "image/png" in one
    assert three["text/html"].count("<figure") == 3
    assert len(go.Figure(curves[CHART]).data) == 3
    assert "<iframe" in viewer["text/html"]
