"""How well the halves of noise maps agree, by command: a folder whose table is continued, and one photo."""

import json
import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import toys
from sources import ROOT
from surveys import rows_of

from attribution import METHODS as ALL
from attribution import explain, load_image
from attribution.__main__ import main as one_photo
from attribution.agreement import agreements, needed
from attribution.benchmark.__main__ import main as many_photos
from attribution.benchmark.agreement_command import COLUMNS, CONSTANT, NO_HALVES, UNRELATED, VALUES, measured
from attribution.benchmark.intervals import interval
from attribution.benchmark.run import digest_of, seed_of
from attribution.types import Partial

METHODS = ["--methods", "smoothgrad:samples=20", "smooth_taylor:samples=20", "gradient"]


def survey(folder, out, *more):
    return many_photos(["agreement", str(folder), "--out", str(out), *METHODS, *more])


def halves_of(model, file, seed, method="smoothgrad", **more):
    found = explain(model, model.prepare(load_image(file)), method, samples=20, seed=seed, **more)
    return agreements(found.halves)


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_a_folder_and_its_numbers(folder, model, tmp_path, capsys, output):
    out = tmp_path / "agreement.csv"
    assert survey(folder, out, "--output", output) == 0
    told, rows = capsys.readouterr().out, rows_of(out)
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 9
    for row in (row for row in rows if row["method"] != "gradient"):
        file = folder / row["photo"]
        assert row["seed"] == str(seed_of(0, digest_of(file.read_bytes())))
        pixels, coarse = halves_of(model, file, int(row["seed"]), row["method"], output=output).items()
        for name, (side, value) in {"pixels": pixels, "28": coarse}.items():
            assert float(row[f"agreement_{name}"]) == pytest.approx(value, abs=1e-4)
            draws, cell = needed(value, 20, side**2), row[f"needed_{name}"]
            assert cell == "" if draws is None else float(cell) == pytest.approx(draws, rel=1e-3)
        assert (row["agreement_56"], row["needed_56"]) == ("", "")
        assert "the map has 48 x 48 pixels, not more than that" in row["why"]
        assert row["gradients"] == "20"
        assert json.loads(row["setting"]) == {"output": output}
    values = np.array([[float(row["agreement_28"]) for row in rows if row["method"] == "smoothgrad"]])
    (low,), (high,) = interval(values)
    assert f"  SmoothGrad R=20: {values.mean():.3f} [{low:.3f}, {high:.3f}]\n" in told
    assert all(title in told for title in VALUES.values())
    assert f"Gradient: not defined on 3 of 3 ({NO_HALVES})" in told
    assert "nan" not in told.lower()


def test_what_is_there_is_not_computed_again(folder, model, tmp_path, capsys, monkeypatch):
    out = tmp_path / "agreement.csv"
    assert survey(folder, out, "--first", "2") == 0
    before, asked = out.read_text(), []
    monkeypatch.setattr("attribution.benchmark.survey.load_image", lambda of: asked.append(of) or load_image(of))
    assert survey(folder, out) == 0
    assert len(asked) == 1
    assert out.read_text().startswith(before)
    assert survey(folder, out, "--seed", "1") == 0, "another seed is another row"
    assert len(rows_of(out)) == 18


def test_what_is_measured_otherwise_is_another_row(folder, model, tmp_path, monkeypatch):
    """Of another model, of other weights, with other knobs, of changed bytes."""
    out, first = tmp_path / "agreement.csv", folder / "below" / "coffee.png"

    def count(of=model, samples=2):
        monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: of)
        command = ["agreement", str(folder), "--out", str(out), "--first", "1"]
        assert many_photos([*command, "--methods", f"smoothgrad:samples={samples}"]) == 0
        return len(rows_of(out))

    assert [count(), count()] == [1, 1]
    assert count(replace(model, name="other")) == 2
    assert count(replace(model, digest="other")) == 3
    assert count(samples=3) == 4
    shutil.copy(folder / "cat.png", first)
    assert count() == 5


def test_a_table_is_of_one_seed_one_score_and_one_model(folder, model, tmp_path, capsys, monkeypatch):
    """Whatever else the file holds."""

    def printed(of=model, *more):
        monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: of)
        command = ["agreement", str(folder), "--out", str(tmp_path / "agreement.csv")]
        assert many_photos([*command, "--methods", "smoothgrad:samples=4", *more]) == 0
        return capsys.readouterr().out

    first, larger = printed(), toys.of_photos(64)
    others = [(model, "--seed", "1"), (model, "--output", "probability")]
    others += [(replace(larger, digest="other"),), (replace(larger, name="other"),)]
    for other in others:
        assert printed(*other) != first
        assert printed() == first


def test_a_file_of_another_ending_that_is_there_goes_on(folder, model, tmp_path):
    out = tmp_path / "agreement.csv"
    assert survey(folder, out, "--first", "1") == 0
    other = out.rename(tmp_path / "agreement.txt")
    assert survey(folder, other) == 0
    assert len(rows_of(other)) == 9


def test_one_file_under_two_names_is_one_photo(folder, model, tmp_path, capsys):
    assert survey(folder, tmp_path / "once.csv") == 0
    once = capsys.readouterr().out
    shutil.copy(folder / "cat.png", folder / "the same.png")
    assert survey(folder, tmp_path / "twice.csv") == 0
    assert capsys.readouterr().out == once
    assert len(rows_of(tmp_path / "twice.csv")) == 4 * 3, "the file has a row for each name"


def test_a_map_without_gradients_has_none(folder, model, tmp_path):
    arguments = ["agreement", str(folder), "--out", str(tmp_path / "a.csv"), "--methods", "edges", "gradient"]
    assert many_photos(arguments) == 0
    assert [row["gradients"] for row in rows_of(tmp_path / "a.csv")] == ["0", "1"] * 3


def test_the_methods_of_a_photo_share_their_gradients(folder, monkeypatch, tmp_path):
    model, counter = toys.counted(toys.of_photos())
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: model)
    assert survey(folder, tmp_path / "agreement.csv", "--first", "1") == 0
    assert counter.gradients == 20 + 1


def a_map(halves):
    return Partial(halves.mean(0)[None], 20, 20, 20, 0, halves)


def test_an_estimate_needs_halves_that_agree():
    unrelated = toys.image(0, (2, 64, 64))
    found = measured(a_map(unrelated - unrelated.mean((1, 2), keepdim=True)))
    assert abs(found["agreement_pixels"].value) < 0.1
    assert found["needed_pixels"].why == UNRELATED
    unrelated[1] = 0
    assert {one.why for one in measured(a_map(unrelated)).values()} == {CONSTANT}


def test_a_blank_map_and_a_small_one_say_why():
    """The mean of nothing agrees with itself; a map of 32 pixels is not averaged over 56 cells."""
    assert {one.why for one in measured(a_map(0 * toys.image(0, (2, 64, 64)))).values()} == {
        "the map is blank: it puts no pixel before another"
    }
    found = measured(a_map(toys.image(0, (2, 32, 32))))
    assert found["agreement_pixels"].defined
    assert found["agreement_28"].defined
    assert found["agreement_56"].why == "the map has 32 x 32 pixels, not more than that"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (["--methods", "magic"], "'magic' is unknown"),
        (["--seed", "-1"], "--seed -1 must be at least 0"),
        (["--first", "none"], "invalid int value: 'none'"),
        (["--first", "-1"], "--first -1 must be at least 1"),
        (["--first", "0"], "--first 0 must be at least 1"),
        (["--out", "nowhere/table.csv"], "there is no folder nowhere"),
        (["--out", "table.txt"], "table.txt: give a name that ends in .csv"),
    ],
)
def test_what_is_wrong_is_one_line(folder, tmp_path, capsys, monkeypatch, wrong, line):
    """Before a model is loaded."""
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: pytest.fail("it is too late"))
    monkeypatch.chdir(tmp_path)
    assert many_photos(["agreement", str(folder), "--out", str(tmp_path / "table.csv"), *wrong]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_gradients_are_shown_without_decimals(folder, model, tmp_path, capsys):
    assert survey(folder, tmp_path / "agreement.csv") == 0
    agreed, needs = capsys.readouterr().out.split("Gradients until", 1)
    assert re.search(r"SmoothGrad R=20: \d\.\d{3} \[", agreed)
    assert re.search(r"SmoothGrad R=20: \d+ \[-?\d+, \d+\]", needs)
    assert not re.search(r": \d+\.", needs)


def test_one_photo_says_how_well_its_halves_agree(photo, capsys, monkeypatch):
    model = toys.of_photos()
    monkeypatch.setattr("attribution.explain_command.load_model", lambda *given, **more: model)
    assert one_photo(["explain", str(photo), "--method", "smoothgrad", "--samples", "20"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "agree" in line)
    pixels, *pooled = halves_of(model, photo, 0).values()
    found = [float(number) for number in re.findall(r"0\.\d+", line)]
    assert found == pytest.approx([pixels, *pooled], abs=0.006)
    assert one_photo(["explain", str(photo), "--method", "gradient"]) == 0
    assert one_photo(["explain", str(photo), "--method", "smoothgrad", "--samples", "1"]) == 0
    told = capsys.readouterr().out
    assert "agree" not in told
    assert not math.isnan(pixels)


SIGMAS = (0.1, 0.3, 0.5)


def test_the_table_that_is_shipped_says_what_the_page_of_results_says():
    rows = rows_of(ROOT / "assets" / "agreement.csv")
    text = (ROOT / "docs" / "results.md").read_text().replace("−", "-")
    section = text[text.index("## Settled or luck") : text.index("## Sanity checks")]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cases = list(dict.fromkeys((row["method"], row["knobs"]) for row in rows))
    means = {}
    for line, (method, knobs) in zip(lines, cases, strict=True):
        _, title, *cells, _ = line.split("|")
        assert title.strip().startswith(ALL[method].title)
        mine = [row for row in rows if (row["method"], row["knobs"]) == (method, knobs)]
        assert len({row["photo"] for row in mine}) == len(mine) == 25
        assert {row["gradients"] for row in mine} == {"150"}
        for name, cell in zip(VALUES, cells, strict=True):
            values = np.array([float(row[name]) for row in mine if row[name]])
            if not len(values):
                assert cell.strip() == "–"
                continue
            (low,), (high,) = interval(values[None])
            expected = [values.mean(), low, high] if "[" in cell else [values.mean()]
            told = [float(number) for number in re.findall(r"-?[\d.]+", cell)]
            assert told == pytest.approx(expected, abs=0.0051 if "[" in cell else 0.51)
            means[method, json.loads(knobs).get("sigma"), name] = values.mean()
    pixels = {(m, sigma): means[m, sigma, "needed_pixels"] for m in ("smoothgrad", "smooth_taylor") for sigma in SIGMAS}
    assert round(pixels["smoothgrad", 0.5] / pixels["smoothgrad", 0.1]) == 8
    assert round(pixels["smooth_taylor", 0.5] / pixels["smooth_taylor", 0.1]) == 5
    ratio = [pixels["smooth_taylor", sigma] / pixels["smoothgrad", sigma] for sigma in SIGMAS]
    assert [round(min(ratio)), round(max(ratio))] == [5, 8]
    pooled = ("needed_56", "needed_28")
    ratio = [
        means["smooth_taylor", sigma, name] / means["smoothgrad", sigma, name] for sigma in SIGMAS for name in pooled
    ]
    assert [round(min(ratio), 1), round(max(ratio), 1)] == [1.3, 2.1]
