"""Without a browser: what the commands print and write, and one line for what is wrong."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
import torch
import toys
from skimage import data

from attribution import METHODS, METRICS, MODELS, curve, explain, load_image
from attribution.__main__ import main
from attribution.agreement import agreements
from attribution.engine.score import OUTPUTS
from attribution.explain import one_channel
from attribution.heatmaps import COLOURS, DIVERGING, KINDS, colour, heatmap, overlay
from attribution.images import to_picture


@pytest.fixture
def photo(tmp_path):
    PIL.Image.fromarray(data.cat()).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_a_map_is_that_of_the_core(photo, tmp_path, capsys, lite0):
    out = [tmp_path / "map.npy", tmp_path / "map.png"]
    knobs = ["--sigma", "0.3", "--samples", "2", "--seed", "4"]
    files = ["--out", str(out[0]), "--out", str(out[1])]
    assert main(["explain", str(photo), "--device", "cpu", *knobs, *files]) == 0
    assert "smooth_taylor of class 282 (tiger cat): 2 gradients on cpu" in capsys.readouterr().out
    x = lite0.prepare(load_image(photo))
    expected = explain(lite0, x, "smooth_taylor", 282, sigma=0.3, samples=2, seed=4).attribution.numpy()
    np.testing.assert_allclose(np.load(out[0]), expected, rtol=1e-3, atol=1e-6)
    assert np.asarray(PIL.Image.open(out[1])).shape == (224, 224, 3)


def test_a_metric_is_that_of_the_core(photo, capsys, monkeypatch, lite0):
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: lite0)
    measured = ["--metric", "abpc", "--metric", "total_variation"]
    assert main(["explain", str(photo), "--method", "gradient", *measured]) == 0
    told = capsys.readouterr().out.splitlines()[1:]
    x = lite0.prepare(load_image(photo))
    made = explain(lite0, x, "gradient", 282).attribution
    area = {name: curve(lite0, x, made, name, 282).area for name in ("abpc", "total_variation")}
    assert told[0].startswith(f"ABPC: {area['abpc']:.3f}, higher is better")
    assert told[1] == f"AUTVC: {area['total_variation']:.2f}, lower is smoother, not more faithful"


def test_a_metric_that_is_not_defined_costs_neither_the_map_nor_the_others(tmp_path, capsys, monkeypatch):
    """SIC and AIC have no values between a photo of one colour and its blurred copy."""
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: toys.of_photos())
    PIL.Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    out = tmp_path / "map.npy"
    measured = [word for name in ("sic", "total_variation") for word in ("--metric", name)]
    command = ["explain", str(tmp_path / "grey.png"), "--method", "gradient", *measured, "--out", str(out)]
    assert main(command) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "SIC: " in told.err
    assert "AUTVC: " in told.out
    assert np.load(out).shape == (3, 48, 48)


def test_a_short_name_of_an_option_is_the_option(photo, capsys, monkeypatch):
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: toys.of_photos())
    assert main(["explain", str(photo), "--meth", "integrated_gradients", "--steps", "3"]) == 0
    assert "integrated_gradients of class" in capsys.readouterr().out
    assert main(["explain", str(photo), "--met", "gradient"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_told_before_the_map_is_made(photo, tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: asked.append(1))
    (tmp_path / "folder.npy").mkdir()
    assert main(["explain", str(photo), "--out", str(tmp_path / "folder.npy")]) == 2
    assert capsys.readouterr().err == f"attribution: {tmp_path / 'folder.npy'} cannot be written; choose another name\n"
    assert not asked


def test_output_without_greek_letters_says_all_the_rest(tmp_path):
    """As output that goes to a file on Windows."""
    command = [sys.executable, "-m", "attribution", "methods"]
    told = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, check=True)
    assert told.stdout.decode("cp1252").count("\n") > len(METHODS)
    assert "?" in told.stdout.decode("cp1252")


def test_a_map_that_is_not_larger_is_not_said_to_be_averaged(photo, capsys, monkeypatch):
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: toys.of_photos(28))
    for side, place in (("56", "pixel by pixel"), ("28", "pixel by pixel")):
        assert main(["explain", str(photo), "--settled", "0.1", "--side", side, "--most", "10"]) == 0
        assert capsys.readouterr().out.splitlines()[1].endswith(place)


def test_a_box_has_a_share_of_the_map_and_one_of_the_area(photo, capsys, monkeypatch):
    model = toys.of_photos()
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    x = model.prepare(load_image(photo))
    box = ["--box", "4", "8", "28", "40"]
    assert main(["explain", str(photo), "--method", "gradient", *box]) == 0
    values = one_channel(explain(model, x, "gradient").attribution, x).abs()
    share, area = float(values[8:40, 4:28].sum() / values.sum()), 24 * 32 / 48**2
    assert capsys.readouterr().out.splitlines()[1] == f"box: {share:.1%} of |attribution| in {area:.1%} of the area"
    assert main(["explain", str(photo), "--sigma", "0", "--samples", "2", *box]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "box: the map is blank"
    asked = []
    monkeypatch.setattr("attribution.explain_command.stream", asked.append)
    assert main(["explain", str(photo), "--method", "gradient", "--box", "4", "8", "4", "40"]) == 2
    told = capsys.readouterr().err
    assert "must be left < right <= 48" in told
    assert told.count("\n") == 1
    assert not asked, "it is told before the map is made"


def test_who_stops_while_the_map_is_measured_is_not_told_that_nothing_was_written(photo, tmp_path, capsys, monkeypatch):
    def stopping(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: toys.of_photos())
    monkeypatch.setattr("attribution.explain_command.curve", stopping)
    file = tmp_path / "map.npy"
    assert main(["explain", str(photo), "--method", "gradient", "--out", str(file), "--metric", "deletion"]) == 130
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == f"written: {file}"
    assert file.exists()
    assert told.err == "attribution: stopped\n"


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_the_score_that_is_explained_is_the_one_that_is_measured(photo, capsys, monkeypatch, output):
    model = toys.of_photos()
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    metrics = ("perturbation", "deletion")
    measured = [word for name in metrics for word in ("--metric", name)]
    assert main(["explain", str(photo), "--method", "gradient", "--output", output, *measured]) == 0
    told = capsys.readouterr().out.splitlines()[1:]
    x = model.prepare(load_image(photo))
    made = explain(model, x, "gradient", output=output).attribution
    for name, line in zip(metrics, told, strict=True):
        area, other = (curve(model, x, made, name, output=one).area for one in (output, *set(OUTPUTS) - {output}))
        metric = METRICS[name]
        assert line.startswith(f"{metric.label}: {area:.{metric.digits}f}, ")
        assert (f"{area:.{metric.digits}f}" == f"{other:.{metric.digits}f}") == (metric.output == "probability")


def test_the_lists_say_who_uses_one_score_alone(capsys):
    assert main(["methods"]) == 0
    methods = [line for line in capsys.readouterr().out.splitlines() if "whatever --output is" in line]
    said = {line.split(":")[0]: line.rpartition(". ")[2] for line in methods}
    alone = {name: method.output for name, method in METHODS.items() if method.output}
    assert said == {name: f"It explains the {output}, whatever --output is" for name, output in alone.items()}
    assert main(["metrics"]) == 0
    metrics = [line for line in capsys.readouterr().out.splitlines() if "measures the probability" in line]
    assert {line.split(":")[0] for line in metrics} == {name for name, one in METRICS.items() if one.output}
    assert alone.items() >= {"agi": "probability", "lrp": "logit"}.items()
    assert {METRICS[name].output for name in ("insertion", "deletion", "sic", "aic")} == {"probability"}


def test_draws_go_on_until_the_map_is_settled(photo, tmp_path, capsys, monkeypatch):
    model = toys.of_photos()
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    out, budget = tmp_path / "map.npy", ["--settled", "0.6", "--side", "28", "--most", "300"]
    assert main(["explain", str(photo), "--method", "smoothgrad", *budget, "--out", str(out)]) == 0
    made, told, _ = capsys.readouterr().out.splitlines()
    samples = int(told.partition("R = ")[2].partition(":")[0])
    assert made.startswith("smoothgrad of class ")
    assert f": {samples} gradients on cpu" in made
    done = explain(model, model.prepare(load_image(photo)), "smoothgrad", samples=samples)
    assert told.startswith(f"settled after R = {samples}: halves agree by {agreements(done.halves)[28]:.2f}, averaged")
    np.testing.assert_allclose(np.load(out), done.attribution.numpy(), rtol=1e-3, atol=1e-7)
    assert main(["explain", str(photo), "--method", "smooth_taylor", "--settled", "0.9999", "--most", "10"]) == 0
    assert "not settled after R = 10" in capsys.readouterr().out
    assert main(["explain", str(photo), "--method", "gradient", "--settled", "0.9"]) == 2
    assert "is not a mean over noise" in capsys.readouterr().err


def test_a_blank_map_is_said_to_be_blank_and_its_draws_end(photo, capsys, monkeypatch):
    """SmoothTaylor without noise is one: it multiplies by the noise."""
    model = toys.of_photos()
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    assert main(["explain", str(photo), "--sigma", "0", "--settled", "0.95"]) == 0
    head, told = capsys.readouterr().out.splitlines()
    assert head.startswith("smooth_taylor of class ")
    assert ": 10 gradients on " in head
    assert told == "the map is blank: nothing can settle (R = 10)"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_listed_with_its_knobs(name, capsys):
    assert main(["metrics"]) == 0
    told = capsys.readouterr().out
    assert f"{name}: {METRICS[name].title} ({METRICS[name].label}), " in told
    assert all(f"--{knob}: " in told for knob in METRICS[name].knobs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("over", [[], ["--over"]])
def test_every_kind_of_picture(photo, tmp_path, monkeypatch, kind, over):
    model, file = toys.of_photos(), tmp_path / "map.png"
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    assert main(["explain", str(photo), "--method", "gradient", "--kind", kind, "--out", str(file), *over]) == 0
    x = model.prepare(load_image(photo))
    values = heatmap(explain(model, x, "gradient").attribution, kind)
    assert (values.min() < 0) == (kind == "signed")
    if kind == "signed":
        expected = colour((values + 1) / 2, DIVERGING["on_light"])
    else:
        expected = colour(values, COLOURS["inferno"])
    if over:
        expected = overlay(expected, values.abs().sqrt(), to_picture(model.pixels(x)), 0.8)
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(file)), expected)


@pytest.mark.parametrize("name", METHODS)
def test_help_tells_of_every_knob(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "--method", name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for knob in METHODS[name].knobs:
        assert f"--{knob} " in told or f"--{knob}," in told


def test_a_knob_that_is_a_switch(photo, tmp_path, monkeypatch):
    model, file, made = toys.of_photos(), tmp_path / "map.npy", []
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: model)
    for switch, value in (("--antithetic", True), ("--no-antithetic", False)):
        assert main(["explain", str(photo), "--samples", "2", switch, "--out", str(file)]) == 0
        x = model.prepare(load_image(photo))
        made.append(explain(model, x, "smooth_taylor", samples=2, antithetic=value).attribution.numpy())
        np.testing.assert_allclose(np.load(file), made[-1], rtol=1e-4, atol=1e-7)
    assert not np.allclose(*made, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("more", [["--samples", "10"], ["--settled", "0.1", "--most", "10"]])
def test_the_class_and_the_network_are_the_ones_that_are_given(photo, tmp_path, capsys, monkeypatch, more):
    model, file, given = toys.of_photos(), tmp_path / "map.npy", []
    loaded = "attribution.explain_command.load_model"
    monkeypatch.setattr(loaded, lambda *asked, **options: given.append((asked, options)) or model)
    x = model.prepare(load_image(photo))
    _, (other, category, *_) = model.predict(x)
    network = ["--model", "resnet18", "--device", "cuda", "--precision", "tf32"]
    asked = ["--target", str(other), "--output", "probability", "--method", "smoothgrad", *network, *more]
    assert main(["explain", str(photo), *asked, "--out", str(file)]) == 0
    assert given == [(("resnet18", "cuda"), {"precision": "tf32"})]
    assert f"smoothgrad of class {other} ({category}): 10 gradients" in capsys.readouterr().out
    expected = explain(model, x, "smoothgrad", other, output="probability", samples=10).attribution.numpy()
    np.testing.assert_allclose(np.load(file), expected, rtol=1e-3, atol=1e-7)


def test_lists(capsys):
    assert main(["methods"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}: {entry.title}. {entry.paper}" in told for name, entry in METHODS.items())
    assert "of the noise; from 0 to 2147483647; default: 0" in told
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}: {card.title}" in told for name, card in MODELS.items())
    assert "efficientnet_lite0: EfficientNet-Lite0, 224 x 224 pixels; weights: here" in told


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (["--sigma", "9"], "smooth_taylor: sigma=9.0 must be a number from 0 to 2"),
        (["--target", "5000"], "class 5000 does not exist"),
        (["--method", "nope"], "--method: invalid choice: 'nope' (choose from 'agi', "),
        (["--method", "gradient", "--sigma", "0.3"], "unrecognized arguments: --sigma 0.3; --help lists the options"),
        (["--out", "map.jpg"], "map.jpg: give a name that ends in .png or .npy"),
        (["--out", "nowhere/map.png"], "there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(photo, capsys, change, line):
    assert main(["explain", str(photo), *change]) == 2
    told = capsys.readouterr().err
    assert told.startswith("attribution: ")
    assert line in told
    assert told.count("\n") == 1


class Refusing(torch.nn.Module):
    """A network that takes single photos only, as one that was exported with a batch of 1."""

    def forward(self, points):
        if len(points) > 1:
            raise RuntimeError("a batch of 1 is needed\nand a second line")
        return points.flatten(1)[:, :2]


def test_what_a_network_raises_is_one_line(photo, capsys, monkeypatch):
    model = toys.of_photos()
    refusing = replace(model, module=Refusing().eval())
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *_, **options: refusing)
    assert main(["explain", str(photo), "--method", "smoothgrad", "--samples", "8"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "attribution: a batch of 1 is needed"


def test_a_photo_that_is_not_there(tmp_path, capsys):
    assert main(["explain", str(tmp_path / "none.jpg")]) == 2
    assert "check the path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([], "attribution: the following arguments are required: command; --help lists the options"),
        (["explain"], "attribution: the following arguments are required: photo; --help lists the options"),
        (
            ["robustness", "x.jpg", "--count", "many"],
            "attribution: argument --count: invalid int value: 'many'",
        ),
        (["benchmark", "photos"], "attribution.benchmark: the following arguments are required: --out; --help"),
        (["benchmark", "report"], "attribution.benchmark: the following arguments are required: FILE; --help"),
        (
            ["benchmark", "sanity", "photos"],
            "attribution.benchmark: the following arguments are required: --out; --help",
        ),
    ],
)
def test_options_that_are_wrong_are_one_line(capsys, given, line):
    """And no list of all options."""
    assert main(given) == 2
    told = capsys.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == 1
