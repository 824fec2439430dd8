"""Infidelity and max-sensitivity by command: one photo, and a folder whose table is continued."""

import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
import toys
from sources import ROOT
from surveys import METHODS, TITLES, rows_of

from attribution import load_image
from attribution.__main__ import main as one_photo
from attribution.benchmark.__main__ import main as many_photos
from attribution.benchmark.intervals import SURE, chance, holm, interval
from attribution.benchmark.robustness_command import COLUMNS, PHOTO, changes_of, robustness_options, robustness_survey
from attribution.benchmark.run import digest_of, seed_of
from attribution.benchmark.survey import write
from attribution.studies.changed_image import FIGURES, Changes, robustness
from attribution.studies.robustness import error_of

QUICK = ["--count", "4", "--repeats", "2", "--noise", "0.2", "--radius", "0.05"]
CHANGES = Changes(noise=0.2, count=4, radius=0.05, repeats=2)


def survey(folder, out, *more):
    return many_photos(["robustness", str(folder), "--out", str(out), *METHODS, *QUICK, *more])


def measured(model, file, seed, **more):
    methods = {"A": ("smoothgrad", {"samples": 3, "seed": seed})}
    x = model.prepare(load_image(file))
    *_, found = robustness(model, x, methods, changes=CHANGES, seed=seed, **more)
    return {name: found.value("A", name).value for name in FIGURES}


def figures(row):
    return {name: float(row[name]) for name in FIGURES}


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_one_photo(photo, model, capsys, tmp_path, output):
    out = tmp_path / "table.csv"
    given = ["--seed", "5", "--output", output, "--target", "1", "--out", str(out)]
    assert one_photo(["robustness", str(photo), *METHODS, *QUICK, *given]) == 0
    head, noise, radius, titles, *lines, note, written = capsys.readouterr().out.splitlines()
    assert head == f"class 1 (yes), {output}, seed 5" or head == f"class 1 (no), {output}, seed 5"
    assert noise.startswith("infidelity: 4 changes of standard deviation 0.2, about ")
    assert radius.startswith("max-sensitivity: 2 changes within ±0.05, about ")
    assert titles.split() == list(FIGURES)
    assert [line.partition("  ")[0] for line in lines] == ["Gradient", "SmoothGrad R=3", "Edges"]
    expected = measured(model, photo, 5, output=output, target=1)
    assert [float(cell) for cell in lines[1].split()[-5:]] == pytest.approx(list(expected.values()), rel=1e-3)
    assert "Lower is better" in note
    assert "A map that knows nothing has about 0.75 with 4 changes" in note
    assert written == f"written: {out}"
    rows = rows_of(out)
    assert list(rows[0]) == list(PHOTO)
    assert figures(rows[1]) == pytest.approx(expected, rel=1e-4)
    assert json.loads(rows[1]["setting"]) == {**vars(CHANGES), "output": output}


def test_the_same_settings_give_the_same_numbers_in_a_folder(folder, model, tmp_path, capsys):
    out, own = tmp_path / "folder.csv", tmp_path / "own.csv"
    assert survey(folder, out) == 0
    row = next(row for row in rows_of(out) if (row["photo"], row["method"]) == ("cat.png", "smoothgrad"))
    given = ["--seed", row["seed"], "--out", str(own)]
    assert one_photo(["robustness", str(folder / "cat.png"), *METHODS, *QUICK, *given]) == 0
    alone = next(row for row in rows_of(own) if row["method"] == "smoothgrad")
    assert figures(alone) == pytest.approx(figures(row), rel=1e-5)
    assert alone["setting"] == row["setting"]


def test_a_folder_and_its_numbers(folder, model, tmp_path, capsys):
    out = tmp_path / "robustness.csv"
    assert survey(folder, out) == 0
    told, rows = capsys.readouterr().out, rows_of(out)
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 9
    smooth = [row for row in rows if row["method"] == "smoothgrad"]
    for row in smooth:
        file = folder / row["photo"]
        assert row["seed"] == str(seed_of(0, digest_of(file.read_bytes())))
        assert figures(row) == pytest.approx(measured(model, file, int(row["seed"])), rel=1e-4)
    values = np.array([[float(row["max_sensitivity"]) for row in smooth]])
    (low,), (high,) = interval(values)
    assert f"  SmoothGrad R=3: {values.mean():.3f} [{low:.3f}, {high:.3f}]\n" in told
    assert all(title in told for title in FIGURES.values())
    assert "3 photos; means with 95 % t intervals" in told
    assert "nan" not in told.lower()


@pytest.mark.parametrize(("count", "said"), [(1, "0 with 1 change,"), (3, "0.6667 with 3 "), (100, "0.99 with 100 ")])
def test_the_note_has_the_infidelity_of_a_map_that_knows_nothing(count, said, tmp_path):
    draws = np.random.default_rng(count).normal(size=(4000, 2, count))
    shares = [error_of(*one.tolist(), scaled=True) / np.mean(one[1] ** 2) for one in draws]
    assert np.mean(shares) == pytest.approx(1 - 1 / count, abs=0.02)
    given = robustness_options().parse_args([str(tmp_path), "--out", "table.csv", "--count", str(count)])
    assert f"A map that knows nothing has about {said}" in robustness_survey(given).note


def test_what_is_there_is_not_computed_again(folder, model, tmp_path, capsys, monkeypatch):
    out = tmp_path / "robustness.csv"
    assert survey(folder, out, "--first", "2") == 0
    before, asked = out.read_text(), []
    monkeypatch.setattr("attribution.benchmark.survey.load_image", lambda of: asked.append(of) or load_image(of))
    assert survey(folder, out) == 0
    assert len(asked) == 1
    assert out.read_text().startswith(before)
    assert survey(folder, out) == 0
    assert len(asked) == 1
    assert survey(folder, out, "--radius", "0.06") == 0, "another setting is another row"
    assert len(rows_of(out)) == 18


@pytest.mark.parametrize("command", ["robustness", "sanity", "agreement"])
def test_the_network_is_the_one_that_is_given(command, folder, photo, model, tmp_path, monkeypatch):
    """Over a folder, and of one photo."""
    loaded = []
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: loaded.append(given) or model)
    more = ["--methods", "gradient", "--model", "resnet18", "--device", "cuda"]
    assert many_photos([command, str(folder), "--out", str(tmp_path / "table.csv"), "--first", "1", *more]) == 0
    if command != "agreement":
        assert one_photo([command, str(photo), *more]) == 0
    assert set(loaded) == {("resnet18", "cuda")}
    assert len(loaded) == 1 + (command != "agreement")


def test_a_method_that_has_no_map_says_why(photo, model, capsys, monkeypatch, tmp_path):
    other, _ = toys.counted(model)
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: other)
    out = tmp_path / "table.csv"
    assert one_photo(["robustness", str(photo), *QUICK, "--methods", "lrp", "gradient", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    (line,) = (line for line in told.splitlines() if line.startswith("LRP"))
    assert "LRP does not support toy" in line
    assert "nan" not in told.lower()
    missing, there = rows_of(out)
    assert {missing[name] for name in FIGURES} == {""}
    assert "LRP does not support toy" in missing["why"]
    assert there["why"] == ""
    assert all(math.isfinite(value) for value in figures(there).values())


def test_a_blank_map_is_said_to_be_blank(photo, model, capsys, tmp_path):
    """SmoothTaylor without noise is one. Its max-sensitivity is not 0, the lowest of all."""
    out, methods = tmp_path / "table.csv", ["smooth_taylor:sigma=0,samples=3", "gradient"]
    assert one_photo(["robustness", str(photo), *QUICK, "--methods", *methods, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    (line,) = (line for line in told.splitlines() if line.startswith("SmoothTaylor"))
    assert line.endswith("  -  the map is blank: it puts no pixel before another")
    assert told.count("blank:") == 1
    blank, there = rows_of(out)
    assert (blank["max_sensitivity"], blank["why"]) == ("", "the map is blank: it puts no pixel before another")
    assert float(blank["infidelity_share"]) == 1
    assert there["why"] == ""


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (["--methods", "magic"], "'magic' is unknown"),
        (["--count", "0"], "--count 0 must be at least 1"),
        (["--repeats", "-1"], "--repeats -1 must be at least 1"),
        (["--noise", "nan"], "--noise nan must be above 0"),
        (["--radius", "0"], "--radius 0.0 must be above 0"),
        (["--seed", "-1"], "--seed -1 must be at least 0"),
        (["--target", "7"], "class 7 does not exist"),
        (["--out", "table.txt"], "table.txt: give a name that ends in .csv"),
        (["--out", "nowhere/table.csv"], "nowhere/table.csv: there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(photo, model, capsys, wrong, line):
    assert one_photo(["robustness", str(photo), *wrong]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_a_table_that_cannot_be_replaced_is_told_before_the_first_photo(folder, model, tmp_path, capsys, monkeypatch):
    out, access = tmp_path / "table.csv", os.access
    assert survey(folder, out, "--first", "1") == 0
    written = out.read_bytes()
    capsys.readouterr()
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and access(path, mode))
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *_: pytest.fail("it was told too late"))
    assert survey(folder, out) == 2
    assert "table.csv cannot be written: its folder cannot be changed" in capsys.readouterr().err
    assert out.read_bytes() == written


def test_a_name_that_is_not_utf_8_is_written_with_backslashes(photo, model, tmp_path):
    named = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    photo.rename(named)
    assert one_photo(["robustness", str(named), *METHODS, *QUICK, "--out", str(tmp_path / "own.csv")]) == 0
    assert {row["photo"] for row in rows_of(tmp_path / "own.csv")} == {"caf\\udce9.png"}


@pytest.mark.parametrize("raised", [KeyboardInterrupt, OSError])
def test_nothing_is_left_of_a_table_that_could_not_be_written(tmp_path, monkeypatch, raised):
    write(tmp_path / "own.csv", ["a"], [{"a": "1"}])

    def ends(*_):
        raise raised

    monkeypatch.setattr(Path, "replace", ends)
    with pytest.raises(raised):
        write(tmp_path / "own.csv", ["a"], [{"a": "2"}])
    assert [file.name for file in tmp_path.iterdir()] == ["own.csv"]
    assert rows_of(tmp_path / "own.csv") == [{"a": "1"}]


def test_what_is_not_given_is_as_in_python(folder):
    asked = robustness_options().parse_args([str(folder), "--out", "table.csv"])
    assert changes_of(asked) == Changes()


def test_files_of_others_stay(folder, photo, model, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert survey(folder, other) == 2
    assert "is no table of robustness" in capsys.readouterr().err
    assert survey(folder, photo) == 2, "a file that is no text"
    assert f"{photo} is no table of robustness; choose another name" in capsys.readouterr().err
    assert survey(folder, folder) == 2
    assert f"{folder} cannot be written; choose another name" in capsys.readouterr().err
    assert one_photo(["robustness", str(photo), *METHODS, *QUICK, "--out", str(other)]) == 2
    assert "already exists; choose another name" in capsys.readouterr().err
    assert other.read_text() == "a,b\n1,2\n"


def test_the_table_that_is_shipped_says_what_the_page_of_results_says():
    rows = sorted(rows_of(ROOT / "assets" / "robustness.csv"), key=lambda row: row["photo"])
    text = (ROOT / "docs" / "results.md").read_text().replace("−", "-")
    section = text[text.index("## Robustness") :]
    assert len({row["photo"] for row in rows}) == 25

    def values(method, name):
        return np.array([float(row[name]) for row in rows if row["method"] == method])

    def three(found):
        (low,), (high,) = interval(found[None])
        return [found.mean(), low, high]

    for name, title in {**TITLES, "edges": "Edges", "centre": "Centre"}.items():
        line = next(line for line in section.splitlines() if line.startswith(f"| {title} |"))
        told = [[float(part) for part in re.findall(r"[\d.]+", cell)] for cell in line.split("|")[2:-1]]
        for column, cell in zip(("infidelity_share", "max_sensitivity"), told, strict=True):
            assert cell == pytest.approx(three(values(name, column)), abs=0.0006)
    surely_less = [
        ("infidelity_share", "gradient", "integrated_gradients"),
        ("infidelity_share", "integrated_gradients", "smooth_taylor"),
        ("max_sensitivity", "smoothgrad", "integrated_gradients"),
        ("max_sensitivity", "integrated_gradients", "gradient"),
    ]
    not_told_apart = [("infidelity_share", name, "edges") for name in ("smoothgrad", "smooth_taylor", "lrp", "centre")]
    claimed = [*surely_less, *not_told_apart]
    differences = np.stack([values(one, name) - values(other, name) for name, one, other in claimed])
    assert [p < SURE for p in holm(chance(differences))] == [True] * 4 + [False] * 4
    for found in differences[:3]:
        mean, low, high = three(found)
        assert f"({mean:.3f} [{low:.3f}, {high:.3f}])" in section
