"""The sanity checks by command: one photo, and a folder whose table is continued."""

import json
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toys
from surveys import METHODS, TITLES, rows_of

from attribution import METHODS as ALL
from attribution import load_image
from attribution.__main__ import main as one_photo
from attribution.benchmark import sanity
from attribution.benchmark.__main__ import main as many_photos
from attribution.benchmark.cases import labelled, parse
from attribution.benchmark.intervals import SURE, chance, interval
from attribution.benchmark.run import digest_of, read_photo, seed_of
from attribution.benchmark.sanity import COLUMNS, VALUES
from attribution.benchmark.sanity_command import PHOTO
from attribution.similarity import LITTLE, MEASURES, Alike
from attribution.studies.other_class import other_class
from attribution.studies.perturbed import GONE, model_perturbation
from attribution.studies.randomisation import randomisation

ROOT = Path(__file__).parents[2]
QUICK = ["--stages", "2", "--levels", "0.1", "0.6"]


def survey(folder, out, *more):
    return many_photos(["sanity", str(folder), "--out", str(out), *METHODS, *QUICK, *more])


def test_one_photo(photo, model, capsys):
    assert one_photo(["sanity", str(photo), *METHODS, *QUICK]) == 0
    head, *lines, foot = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"class \d \((yes|no)\); the other class is \d \((yes|no)\)", head)
    assert [line.partition(":")[0] for line in lines] == [
        f"{label}, {check}"
        for label in ("Gradient", "SmoothGrad R=3", "Edges")
        for check in ("random layers", "noise in the weights", "class")
    ]
    assert foot.startswith("* the map changed little")
    assert "Edges, random layers: changed little when all 3 layers were random (rank correlation 1.00) *" in lines
    assert "Edges, class: changed little for another class: rank correlation 1.00, with signs 1.00 *" in lines
    assert "nan" not in "".join(lines)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (["--methods", "magic"], "'magic' is unknown"),
        (["--methods", "gradient:sigma=1"], "gradient has no knob 'sigma'"),
        (["--stages", "0"], "--stages 0 must be at least 1"),
        (["--levels", "0"], "--levels must be above 0"),
        (["--levels", "0.5", "nan"], "--levels must be above 0"),
        (["--target", "7"], "class 7 does not exist"),
        (["--other", "7"], "class 7 does not exist"),
        (["--other", "third"], "'third' must be second, least or the index of a class"),
    ],
)
def test_what_is_wrong_is_one_line(photo, model, capsys, wrong, line):
    assert one_photo(["sanity", str(photo), *wrong]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_a_folder_and_its_numbers(folder, model, tmp_path, capsys):
    out = tmp_path / "sanity.csv"
    assert survey(folder, out) == 0
    told, rows = capsys.readouterr().out, rows_of(out)
    assert list(rows[0]) == list(COLUMNS)
    assert [(row["photo"], row["method"]) for row in rows] == [
        (photo, method)
        for photo in ("below/coffee.png", "cat.png", "rocket.png")
        for method in ("gradient", "smoothgrad", "edges")
    ]
    gradient = [row for row in rows if row["method"] == "gradient"]
    for row in gradient:
        file = folder / row["photo"]
        seed = seed_of(0, digest_of(file.read_bytes()))
        x = model.prepare(load_image(file))
        *_, found = randomisation(model, x, {"A": ("gradient", {})}, stages=2, seed=seed)
        assert float(row["random_spearman"]) == pytest.approx(found.curve("A")[-1][1].value, abs=1e-5)
        assert float(row["entropy_rise"]) == pytest.approx(found.entropy_rise("A").value, abs=1e-5)
    values = np.array([[float(row["random_spearman"]) for row in gradient]])
    (low,), (high,) = interval(values)
    assert f"  Gradient: {values.mean():.3f} [{low:.3f}, {high:.3f}]\n" in told
    assert "  Edges: 1.000 [1.000, 1.000]\n" in told
    assert all(words in told for words in VALUES.values())
    assert "Share of the probability that is left, noise, mean over levels\n" in told
    assert "3 photos; means with 95 % t intervals" in told
    assert "nan" not in told.lower()


def test_what_is_there_is_not_computed_again(folder, model, tmp_path, capsys, monkeypatch):
    out = tmp_path / "sanity.csv"
    assert survey(folder, out, "--first", "2") == 0
    before = out.read_text()
    assert "2 photos" in capsys.readouterr().out
    # A line that was not written to its end is computed again.
    out.write_text(before + "rocket.png,half a li")
    asked = []
    monkeypatch.setattr("attribution.benchmark.survey.load_image", lambda of: asked.append(of) or load_image(of))
    assert survey(folder, out) == 0
    assert len(asked) == 1
    assert out.read_text().startswith(before)
    assert len(rows_of(out)) == 9
    assert survey(folder, out) == 0
    assert len(asked) == 1
    assert many_photos(["sanity", str(folder), "--out", str(out), *QUICK, "--methods", "gradient", "centre"]) == 0
    assert [row["method"] for row in rows_of(out)[9:]] == ["centre"] * 3


@pytest.mark.parametrize("wrong", [["--other", "7"], ["--stages", "2", "--target", "0"]])
def test_what_one_check_refuses_costs_none_of_the_others_work(photo, model, capsys, monkeypatch, wrong):
    """The second: the class has no probability, so that noise in the weights leaves no share of it."""
    made, counter = toys.counted(model)
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: made)
    drawn = []
    monkeypatch.setattr("attribution.studies.randomisation.Networks.random", lambda *given, **more: drawn.append(given))
    monkeypatch.setattr("attribution.studies.perturbed._probability", lambda *given: float("--target" not in wrong))
    assert one_photo(["sanity", str(photo), "--methods", "gradient", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not drawn
    assert counter.gradients <= 1


def test_two_runs_into_one_file_keep_the_rows_of_both(folder, model, tmp_path, monkeypatch):
    out, seen = tmp_path / "sanity.csv", []
    command = ["sanity", str(folder), "--out", str(out), *QUICK, "--methods"]

    def reading(folder, name):
        """At the second photo of the first run, the other one is run from beginning to end."""
        seen.append(name)
        if len(seen) == 2:
            assert many_photos([*command, "centre"]) == 0
        return read_photo(folder, name)

    monkeypatch.setattr("attribution.benchmark.survey.read_photo", reading)
    assert many_photos([*command, "gradient"]) == 0
    assert Counter(row["method"] for row in rows_of(out)) == {"gradient": 3, "centre": 3}


def test_what_is_not_defined_says_why(folder, model, tmp_path, capsys, monkeypatch):
    """LRP of a network with other layers than those that it knows."""
    other, _ = toys.counted(model)
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: other)
    out = tmp_path / "sanity.csv"
    assert many_photos(["sanity", str(folder), "--out", str(out), *QUICK, "--methods", "lrp", "--first", "1"]) == 0
    told = capsys.readouterr().out
    assert "LRP: not defined on 1 of 1 (LRP does not support toy" in told
    assert "nan" not in told.lower()
    (row,) = rows_of(out)
    assert row["random_spearman"] == ""
    assert "LRP does not support toy" in row["why"]


def test_a_photo_that_cannot_be_read_is_told_and_the_others_go_on(folder, model, tmp_path, capsys):
    (folder / "broken.png").write_bytes(b"no photo")
    assert survey(folder, tmp_path / "sanity.csv") == 1
    assert capsys.readouterr().err.startswith("broken.png: the file is not an image that can be read")
    assert len(rows_of(tmp_path / "sanity.csv")) == 9


def test_the_table_that_is_shipped_says_what_the_page_of_results_says():
    rows = rows_of(ROOT / "assets" / "sanity.csv")
    text = re.sub(r"(?<=\w)\n *(?=\w)", " ", (ROOT / "docs" / "results.md").read_text())
    section = text[text.index("## Sanity checks") :].partition("## Robustness")[0]
    assert f"the first {len({row['photo'] for row in rows})} of" in section
    for name, title in TITLES.items():
        line = next(line for line in section.splitlines() if line.startswith(f"| {title} |"))
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        columns = ("last_spearman", "random_spearman", "class_spearman", "noise_spearman", "entropy_rise")
        for column, cell in zip(columns, cells, strict=True):
            values = np.array([[float(row[column]) for row in rows if row["method"] == name]])
            (low,), (high,) = interval(values)
            assert [float(part) for part in re.findall(r"-?[\d.]+", cell)] == pytest.approx(
                [values.mean(), low, high], abs=0.006
            )
    flagged = {
        "random layers": Counter(row["method"] for row in rows if float(row["random_spearman"]) >= LITTLE),
        "noise": Counter(row["method"] for row in rows if little_changed_by_noise(row)),
        "class": Counter(row["method"] for row in rows if float(row["class_spearman"]) >= LITTLE),
    }
    assert all(found["edges"] == found["centre"] == 25 for found in flagged.values())
    assert set(flagged["random layers"]) == set(flagged["noise"]) == {"edges", "centre", "lrp"}
    assert f"When all layers are random, LRP is flagged on {flagged['random layers']['lrp']} of the" in section
    assert f"by noise in the weights on {flagged['noise']['lrp']}, and no other method on any" in section
    assert set(flagged["class"]) == {"edges", "centre", "lrp", "integrated_gradients"}
    assert flagged["class"]["lrp"] == 25
    assert f"(Integrated Gradients on {flagged['class']['integrated_gradients']})" in section
    last = sum(float(row["last_spearman"]) >= LITTLE for row in rows if row["method"] == "lrp")
    assert f"and on {last} when the last layer was random" in section
    kept, gradient = (
        np.array([float(row["random_spearman"]) for row in rows if row["method"] == name])
        for name in ("integrated_gradients", "gradient")
    )
    assert chance((kept - gradient)[None]) < SURE, "Integrated Gradients keeps more likeness"


def little_changed_by_noise(row):
    """The rule of `Perturbed.verdict`, at the first level at which the probability is gone."""
    levels = json.loads(row["perturbed"])
    gone = next((level for level in levels if level[1] <= GONE), None)
    return gone is not None and gone[2] >= LITTLE


def test_one_photo_in_a_file_is_the_row_of_the_folder(folder, model, tmp_path, capsys):
    """With the photo's own seed; the rise of the entropy is in it."""
    out, own = tmp_path / "folder.csv", tmp_path / "own.csv"
    chosen = ["--own-class", "--statistics"]
    assert survey(folder, out, *chosen) == 0
    expected = [one for one in rows_of(out) if one["photo"] == "cat.png"]
    given = [*METHODS, *QUICK, *chosen, "--seed", expected[0]["seed"], "--out", str(own)]
    assert one_photo(["sanity", str(folder / "cat.png"), *given]) == 0
    assert capsys.readouterr().out.endswith(f"written: {own}\n")
    assert rows_of(own) == [{name: one[name] for name in PHOTO} for one in expected]
    assert expected[0]["entropy_rise"]
    assert expected[0]["setting"].endswith('"other": "second", "own_class": true, "statistics": true}')
    assert one_photo(["sanity", str(folder / "cat.png"), *given]) == 2, "a file that is there is left as it is"


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (["--mode", "independent"], "mode", "independent"),
        (["--own-class"], "own_class", True),
        (["--statistics"], "statistics", True),
    ],
)
def test_one_photo_is_checked_as_it_is_told(photo, model, monkeypatch, given, name, value):
    asked = []
    monkeypatch.setattr(sanity, "randomisation", lambda *a, **knobs: asked.append(knobs) or randomisation(*a, **knobs))
    for more in ([], given):
        assert one_photo(["sanity", str(photo), "--methods", "gradient", *QUICK, *more]) == 0
    usual, chosen = asked
    assert {one: chosen[one] for one in chosen if chosen[one] is not usual[one] and one != "store"} == {name: value}


def test_single_random_layers_are_a_check_of_their_own(folder, model, tmp_path, capsys):
    """It says nothing of all layers; each stage is the layer of this place alone, as in Python."""
    out, chosen = tmp_path / "sanity.csv", ["--first", "1", "--mode", "independent"]
    assert survey(folder, out, *chosen) == 0
    told, rows = capsys.readouterr().out, rows_of(out)
    assert "not defined on 1 of 1 (no stage has all layers random)" in told
    own = {"stages": 2, "seed": int(rows[0]["seed"]), "mode": "independent"}
    x = model.prepare(load_image(folder / rows[0]["photo"]))
    *_, found = randomisation(model, x, {"A": ("gradient", {})}, **own)
    assert rows[0]["random_spearman"] == rows[0]["entropy_rise"] == ""
    stages = [(count, spearman) for count, spearman, *_ in json.loads(rows[0]["randomised"])]
    assert stages == [(count, pytest.approx(one.value, abs=1e-5)) for count, one in found.curve("A")]


def test_each_level_of_noise_has_its_mean_and_its_ends(folder, model, tmp_path):
    out = tmp_path / "sanity.csv"
    assert survey(folder, out, "--first", "1", "--seeds", "3") == 0
    row = rows_of(out)[0]
    x = model.prepare(load_image(folder / row["photo"]))
    own = {"shares": (0.1, 0.6), "seeds": 3, "seed": int(row["seed"])}
    *_, found = model_perturbation(model, x, {"A": ("gradient", {})}, **own)
    expected = zip(found.scores(), *(found.curve("A", name) for name in MEASURES), strict=True)
    for (share, *means, ends), bands in zip(json.loads(row["perturbed"]), expected, strict=True):
        assert share == bands[0].share
        assert means == pytest.approx([band.mean for band in bands], abs=1e-5)
        assert ends == [pytest.approx([band.low, band.high], abs=1e-5) for band in bands]
        assert bands[1].low < bands[1].mean < bands[1].high


def test_a_mean_over_levels_is_one_of_all_levels(photo, model):
    """Without those where the map is blank, or the score is lost, it would be that of weaker or of stronger noise."""
    cases = labelled(parse(["gradient", "edges"], ALL))
    found = sanity.check(model, model.prepare(load_image(photo)), cases, sanity.Setting(2, (0.1, 0.6)), 0)
    whole = {label: sanity.row(found, label) for label in cases}
    first, second = found.noise.levels
    assert float(whole["Gradient"]["noise_spearman"]) == pytest.approx(
        (first.alike["Gradient"]["spearman"].value + second.alike["Gradient"]["spearman"].value) / 2, abs=1e-6
    )
    alike = {**second.alike, "Gradient": dict.fromkeys(MEASURES, Alike(math.nan, "the map is blank"))}
    noise = replace(found.noise, levels=(first, replace(second, alike=alike, score=math.nan)))
    gradient, edges = (sanity.row(replace(found, noise=noise), label) for label in cases)
    assert {name for name in VALUES if not gradient[name]} == {"noise_score", *(f"noise_{name}" for name in MEASURES)}
    assert gradient["why"] == (
        "on 1 of 2 networks with noise: the map is blank; on 1 of 2 networks with noise: it has no finite score"
    )
    assert [name for name in VALUES if not edges[name]] == ["noise_score"]
    assert edges["noise_spearman"] == whole["Edges"]["noise_spearman"]


def test_the_other_class_is_the_one_that_is_named(photo, model, capsys):
    target = model.predict(model.prepare(load_image(photo)), k=1)[0][0]
    assert one_photo(["sanity", str(photo), "--methods", "gradient", *QUICK, "--other", str(1 - target)]) == 0
    assert f"the other class is {1 - target} " in capsys.readouterr().out


def test_the_probability_is_another_check(folder, model, tmp_path, capsys):
    """Its rows stand beside those of the logit, whose setting is the text that it was before there was a choice."""
    out = tmp_path / "sanity.csv"
    assert survey(folder, out, "--first", "1") == 0
    assert survey(folder, out, "--first", "1", "--output", "probability") == 0
    rows = rows_of(out)
    assert [row["method"] for row in rows] == ["gradient", "smoothgrad", "edges"] * 2
    assert rows[0]["setting"] == '{"stages": 2, "levels": [0.1, 0.6], "seeds": 1, "other": "second"}'
    assert rows[3]["setting"].endswith('"other": "second", "output": "probability"}')
    file = folder / rows[3]["photo"]
    methods, own = {"A": ("gradient", {})}, {"stages": 2, "seed": int(rows[3]["seed"])}
    *_, found = randomisation(model, model.prepare(load_image(file)), methods, output="probability", **own)
    assert float(rows[3]["random_spearman"]) == pytest.approx(found.curve("A")[-1][1].value, abs=1e-5)
    assert "1 photo; means" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_every_check_is_of_the_class_and_the_score_that_are_chosen(photo, model, tmp_path, output):
    """Also of a class that is not the likeliest one."""
    out, x = tmp_path / "own.csv", model.prepare(load_image(photo))
    target = 1 - model.predict(x, k=1)[0][0]
    chosen = ["--target", str(target), "--output", output, "--seed", "5", "--out", str(out)]
    assert one_photo(["sanity", str(photo), "--methods", "gradient", *QUICK, "--seeds", "1", *chosen]) == 0
    (row,) = rows_of(out)
    given = (model, x, {"A": ("gradient", {})}, target)
    *_, random = randomisation(*given, stages=2, seed=5, output=output)
    *_, noise = model_perturbation(*given, shares=(0.1, 0.6), seeds=1, seed=5, output=output)
    *_, contrast = other_class(*given, output=output)
    expected = {
        "class": target,
        "random_spearman": random.curve("A")[-1][1].value,
        "noise_spearman": np.mean([band.mean for band in noise.curve("A")]),
        "noise_score": np.mean([band.mean for band in noise.scores()]),
        "class_spearman": contrast.absolute["A"].value,
        "class_pearson": contrast.signed["A"].value,
    }
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected, abs=1e-5)


def test_another_file_is_left_as_it_is(folder, model, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert survey(folder, other) == 2
    assert "is no table of sanity checks" in capsys.readouterr().err
    assert other.read_text() == "a,b\n1,2\n"
