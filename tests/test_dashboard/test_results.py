"""Results: what is told of a file, and that a photo of it opens as it was measured."""

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import toys
from skimage import data
from streamlit.testing.v1 import AppTest

from attribution import MODELS
from attribution.benchmark.cases import metrics, parse, subjects
from attribution.benchmark.report import lines, spoken
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, digest_of, run
from attribution.benchmark.tables import tabulate
from attribution.metrics.total_variation import levels
from attribution.registry import METRICS, Axes, measures
from dashboard.charts import results as charts_of
from dashboard.charts.looks import COLOURS, GREY, STYLES
from dashboard.controls import resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.place import ASSETS
from dashboard.views.results import page as results_page
from dashboard.views.results import pairs as paired
from dashboard.work.scheduler import Scheduler

pytestmark = pytest.mark.usefixtures("small_network")

APP = Path(__file__).parents[2] / "dashboard" / "main.py"

BLACK = "integrated_gradients:baseline=black"
METHODS = ("integrated_gradients:steps=2", "smooth_taylor:samples=2,sigma=0.3/0.7", "random_order")
MEASURES = metrics(["perturbation:draws=10,window=5,regions=4", "total_variation:smallest=12"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("photos")
    for name in ("cat", "coffee", "rocket"):
        PIL.Image.fromarray(getattr(data, name)()[::3, ::3]).save(made / f"{name}.png")
    return made


@pytest.fixture(scope="module")
def file(folder, tmp_path_factory):
    """Measured by a toy that goes by the name of the embedded model."""
    made = tmp_path_factory.mktemp("results") / "r.db"
    results, setting = Results(made), Setting("efficientnet_lite0", "toy", 0)
    cases = parse((*METHODS, "adaptive_noising:samples=2,iterations=1"), subjects(10))
    run(folder, results, setting, cases, MEASURES, Here(toys.of_photos(64), patches=10))
    results.close()
    return made


@pytest.fixture(scope="module")
def table(file):
    return tabulate(Results(file).rows())


class TestPairs:
    def test_the_photos_that_differ_most_come_first(self, table):
        first, second, *_ = table.cases
        found = paired.pairs(table, "perturbation", first, second)
        assert [abs(pair.difference) for pair in found] == sorted((abs(p.difference) for p in found), reverse=True)
        for pair in found:
            k = table.photos.index(pair.photo)
            assert (pair.first, pair.second) == tuple(table.areas["perturbation"][:2, k])

    @pytest.mark.parametrize(
        ("mean", "p", "word"),
        [
            (-1, 0.01, "A is lower than that of B ("),
            (1, 0.01, "A is higher than that of B ("),
            (-1, 0.06, "A is not told apart from that of B ("),
        ],
    )
    def test_the_verdict_is_that_of_the_corrected_p(self, mean, p, word):
        differences = mean * np.array([1, 1.2, 0.9, 1.1] * 3)
        found = [paired.Pair(str(k), str(k), 20.0 + d, 20.0) for k, d in enumerate(differences)]
        told = paired.verdict(found, "perturbation", "A", "B", p, 120)
        assert f"AUPC of {word}" in told
        assert f"of B (p = {p:.3f} after Holm's correction for the 120 differences that can be chosen here)" in told
        assert f"on {(differences < 0).sum()} of 12 photos" in told
        for edge in (0.0496, 0.0504):
            assert f" of B (p = {edge} after" in paired.verdict(found, "perturbation", "A", "B", edge, 120)
        assert "one photo shows no more" in paired.verdict(found[:1], "perturbation", "A", "B", np.nan, 1)

    def test_all_pairs_of_the_table_count(self, table):
        """A difference that is sure alone is not sure as one of many."""
        ones = np.array([20.0, 21.0, 22.0])
        areas = ones + np.array([[0, 0, 0], [1, 1.2, 0.9], [3, -2, 0], [-1, 4, 2], [2, -2, 1]])
        assert len(areas) == len(table.cases)
        made = replace(table, areas={"perturbation": areas})
        one, other = made.cases[:2]
        two = replace(made, cases=made.cases[:2], areas={"perturbation": areas[:2]}, curves={})
        (alone, single), (p, among) = (paired.corrected(t, "perturbation", one, other) for t in (two, made))
        assert (single, among) == (1, 10)
        assert alone < 0.05 < p <= 10 * alone
        assert p == paired.corrected(made, "perturbation", other, one)[0]
        for t, words in ((two, "is lower than"), (made, "is not told apart from")):
            found = paired.pairs(t, "perturbation", one, other)
            assert words in paired.verdict(
                found, "perturbation", "A", "B", *paired.corrected(t, "perturbation", one, other)
            )

    def test_what_is_sure_has_a_star_in_the_table(self):
        """The correction here is for more differences than that of the table, and for those of the table too."""
        found = tabulate(Results.from_bytes((ASSETS / "ig-family.db.gz").read_bytes()).rows())
        against = found.find("integrated_gradients:baseline=mean")
        sure = 0
        for case, line in zip(found.cases, lines(found, against), strict=True):
            for metric in found.areas if case != against else ():
                p, among = paired.corrected(found, metric, case, against)
                assert p >= line[f"{measures()[metric].label.lower()}_difference_p"]
                sure += p < 0.05
        assert among == len(found.areas) * len(found.cases) * (len(found.cases) - 1) / 2
        assert sure > 0

    def test_a_difference_that_is_rounded_to_nothing_has_no_minus(self):
        """That of N = 20 noise baselines in AUTVC is one."""
        found = tabulate(Results.from_bytes((ASSETS / "results.db.gz").read_bytes()).rows())
        told = [spoken(line, found)["AUTVC difference"] for line in lines(found, found.find(BLACK))]
        assert any(" [-" in text and text.startswith("+0.00 [") for text in told)
        assert not any("-0.00" in text for text in told)

    def test_a_case_that_equals_another_is_said_to(self, table):
        """Such a difference is one of those that the others are corrected for."""
        made = replace(table, areas={"perturbation": np.ones_like(table.areas["perturbation"])})
        sure = paired.corrected(made, "perturbation", *made.cases[:2])
        assert sure == (1, len(made.cases) * (len(made.cases) - 1) / 2)
        found = paired.pairs(made, "perturbation", *made.cases[:2])
        assert paired.verdict(found, "perturbation", "A", "B", *sure) == "AUPC of A equals that of B on all 3 photos."

    def test_the_experiment_of_a_photo(self, table):
        ig, narrow, wide, *_ = table.cases
        photo = table.photos[0]
        row = table.rows[ig, photo]
        expected = Experiment(
            model="efficientnet_lite0",
            target=row.target,
            sigma=0.3,
            samples=2,
            steps=2,
            draws=1,
            seed=row.seed,
            methods=("integrated_gradients", "smooth_taylor"),
        )
        assert paired.experiment_of(table, ig, narrow, photo) == expected
        assert paired.experiment_of(table, wide, narrow, photo).sigma == 0.7, "the first has its way"

    def test_own_settings_of_one_method_are_not_those_of_the_other(self):
        found = tabulate(Results.from_bytes((ASSETS / "ig-family.db.gz").read_bytes()).rows())
        (left,) = (case for case in found.cases if case.name == "left_ig")
        made = paired.experiment_of(found, left, found.find(BLACK), found.photos[0])
        assert made.every_knob("integrated_gradients")["baseline"] == "black"
        assert made.every_knob("left_ig")["baseline"] == dict(left.knobs).get("baseline", "mean")

    def test_it_opens_with_the_score_that_was_measured(self, file):
        first, second = (case for case in tabulate(Results(file).rows()).cases if case.name == "smooth_taylor")
        for output in ("logit", "probability"):
            measured = tabulate([replace(row, output=output) for row in Results(file).rows()])
            assert paired.experiment_of(measured, first, second, measured.photos[0]).output == output

    def test_a_search_is_shown_at_what_it_found(self, table):
        search, photo = table.find("adaptive_noising"), table.photos[1]
        found = paired.experiment_of(table, search, table.cases[0], photo)
        assert found.sigma == pytest.approx(table.rows[search, photo].detail["sigma"], abs=1e-4)
        assert found.methods == ("smooth_taylor", "integrated_gradients")
        assert found.draws == 1, "its P is no N"
        assert found.seed == table.rows[search, photo].seed

    def test_a_photo_is_found_by_what_it_is(self, folder, tmp_path):
        cat = (folder / "cat.png").read_bytes()
        assert paired.find_photo(str(folder), "cat.png", digest_of(cat)) == cat
        assert paired.find_photo(str(folder), "cat.png", "another") is None
        assert paired.find_photo(str(tmp_path), "cat.png", digest_of(cat)) is None
        assert paired.find_photo("", "cat.png", digest_of(cat)) is None

    def test_no_name_leads_out_of_the_folder(self, folder, tmp_path):
        secret = folder.parent / "secret.png"
        PIL.Image.fromarray(data.cat()).save(secret)
        assert paired.find_photo(str(folder), "../secret.png", digest_of(secret.read_bytes())) is None

    def test_what_has_no_end_is_not_read(self, folder, monkeypatch):
        """A visitor types the folder, and the visitor's file has the names: `/dev` and `zero` would fill memory."""
        cat = (folder / "cat.png").read_bytes()
        assert paired.find_photo("/dev", "null", digest_of(b"")) is None
        monkeypatch.setattr(paired, "MOST_BYTES", len(cat) - 1)
        assert paired.find_photo(str(folder), "cat.png", digest_of(cat)) is None


class TestPacking:
    def test_it_is_the_same_but_for_where_the_photos_were(self, file):
        packed = Results.from_bytes(Results(file).pack()).rows()
        whole = Results(file).rows()
        for small, large in zip(packed, whole, strict=True):
            assert small.folder == ""
            assert large.folder
            np.testing.assert_allclose(small.curve, large.curve, atol=5.1e-5)
            nothing = np.zeros(0)
            assert vars(replace(small, curve=nothing)) | {"curve": 0} == vars(replace(large, folder="")) | {"curve": 0}

    def test_equal_files_are_packed_alike(self, file):
        assert Results(file).pack() == Results(file).pack()

    @pytest.mark.parametrize(
        "broken",
        [b"", b"not a file", gzip.compress(b"nothing"), gzip.compress(b"n" * 99)[:20]],
        ids=["nothing", "no file", "packed nothing", "cut off"],
    )
    def test_what_is_none_is_said(self, broken):
        with pytest.raises(ValueError, match=r"results file"):
            Results.from_bytes(broken)

    def test_what_unpacks_to_too_much_is_refused(self, monkeypatch):
        monkeypatch.setattr("attribution.benchmark.results.MOST_BYTES", 1000)
        with pytest.raises(ValueError, match="larger than 1 GB"):
            Results.from_bytes(gzip.compress(bytes(5000)))


@pytest.fixture(scope="module")
def shipped():
    return tabulate(Results.from_bytes((ASSETS / "headline.db.gz").read_bytes()).rows())


class TestNamesOfPoints:
    """A results file holds the heights of a curve, not the sides of the levels of a map."""

    def test_levels_of_a_known_model_have_their_sides(self, shipped):
        side = MODELS[shipped.model].size
        expected = [str(height) for height, _ in levels(side, side)]
        figure = results_page.bands(shipped, "total_variation", shipped.cases[:2])
        assert list(figure.layout.xaxis.ticktext) == expected
        assert figure.layout.xaxis.title.text == METRICS["total_variation"].axes.x

    def test_those_of_an_unknown_model_are_not_called_sides(self, shipped):
        figure = results_page.bands(replace(shipped, model="own"), "total_variation", shipped.cases[:2])
        assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2", "3", "4", "5"]
        assert figure.layout.xaxis.title.text == "point of the curve"


class TestFigures:
    def test_a_band_lies_round_its_curve(self):
        mean = np.array([1.0, 2, 3])
        axes = Axes("x", "y", (0, 2))
        band, line = charts_of.bands({"a": (mean, mean - 1, mean + 1)}, {"a": ("#000000", "solid")}, axes).data
        assert list(line.y) == [1, 2, 3]
        assert list(band.y) == [2, 3, 4, 2, 1, 0]
        assert list(band.x) == [0, 1, 2, 2, 1, 0]

    def test_no_two_of_many_lines_look_alike_and_methods_keep_their_look(self):
        series = [(f"{name} {k}", name) for k in range(3) for name in ("smoothgrad", "smooth_taylor", "random_order")]
        looks = charts_of.looks([*series, ("adaptive", "adaptive_noising")])
        assert len(set(looks.values())) == 10
        for name in ("smoothgrad", "smooth_taylor", "random_order"):
            assert looks[f"{name} 0"] == STYLES[name][:2]

    def test_bars_know_their_photos(self):
        bars = charts_of.differences([("a", 2.0), ("b", -1.0)], "AUPC").data[0]
        assert [list(made) for made in bars.customdata] == [[1, "b"], [0, "a"]]
        assert list(bars.y) == [-1.0, 2.0]

    def test_bars_below_zero_have_the_first_colour(self):
        bars = charts_of.differences([("a", 2.0), ("b", -1.0), ("c", 1.0)], "AUPC").data[0]
        assert list(bars.marker.color) == [COLOURS[0], COLOURS[5], COLOURS[5]]

    def test_chosen_means_are_named(self):
        points = [charts_of.Point(name, (1.0, 0.9, 1.1), (20.0, 19, 22)) for name in "abc"]
        figure = charts_of.means(points, {"b": ("#000000", "solid")}, ("across", "up"))
        assert {trace.name for trace in figure.data if trace.showlegend} == {"b"}
        assert figure.data[0].error_y.array == (2.0,)
        assert figure.data[0].error_y.arrayminus == (1.0,)


class TestPage:
    @pytest.fixture
    def another(self, monkeypatch):
        """Opens the page in a session of its own, without a browser."""
        scheduler = Scheduler(clock=lambda: 0.0)
        monkeypatch.setattr(resources, "scheduler", lambda: scheduler)

        def session() -> AppTest:
            app = AppTest.from_file(APP, default_timeout=60)
            for name, value in {"viewer": "static", "r": "2", "m": "2"}.items():
                app.query_params[name] = value
            return app.run().switch_page("views/results/page.py").run()

        return session

    @pytest.fixture
    def opened(self, another):
        return another()

    @pytest.fixture
    def held(self, opened, file):
        app = opened.file_uploader(key="results-file").upload("r.db", file.read_bytes(), "application/x-sqlite3").run()
        assert not app.exception
        return app

    def test_the_table(self, held, table):
        shown = held.dataframe[0].value
        assert list(shown["method"]) == [table.labels[case] for case in table.cases]
        means = table.areas["perturbation"].mean(1)
        assert [float(text.split(" ")[0]) for text in shown["AUPC"]] == pytest.approx(means, abs=0.006)
        assert any("3 photos" in caption.value for caption in held.main.caption)

    def test_the_tooltip_of_a_chart_does_not_say_that_random_orders_have_another_band(self, held):
        """All lines have the band that stands in the heading: the interval of their mean."""
        (drawn,) = [m for m in held.main.markdown if m.value.startswith("**AUPC** · mean curves, with 95 % bands")]
        assert "Regions are replaced by noise" in drawn.help
        assert "lowest to the highest" not in drawn.help

    def test_the_projects_own_runs_open_by_themselves(self, opened):
        own = opened.segmented_control(key="results-shipped")
        assert own.options == [
            "the SmoothTaylor paper's tables",
            "every method",
            "main methods and controls",
            "main methods, by the probability",
        ]
        titles = []
        for name in own.options:
            opened.segmented_control(key="results-shipped").set_value(name).run()
            assert not opened.exception
            assert not opened.main.error
            titles.append(" ".join(opened.dataframe[0].value["method"]))
        assert "SmoothTaylor σ=0.3 R=200" in titles[0]
        assert "Guided IG" in titles[1]
        assert "SmoothTaylor's null" in titles[2]
        assert titles[3] == titles[2]
        assert any("The probability is explained" in caption.value for caption in opened.main.caption)

    def test_a_file_of_the_project_is_read_once_for_all_sessions(self, another, monkeypatch):
        resources.read_once.clear()
        read, real = [], Results.from_bytes
        monkeypatch.setattr(Results, "from_bytes", lambda data: read.append(len(data)) or real(data))
        first, second = (another().dataframe[0].value for _ in range(2))
        assert len(read) == 1
        assert first.equals(second)

    def test_ones_own_file_is_kept_for_no_other_session(self, opened, file, monkeypatch):
        shared = []
        monkeypatch.setattr(resources, "read_once", lambda key, make: shared.append(key) or make())
        app = opened.file_uploader(key="results-file").upload("r.db", file.read_bytes(), "application/x-sqlite3").run()
        assert not app.exception
        assert any("3 photos" in caption.value for caption in app.main.caption)
        assert not shared

    def test_two_methods_are_told_apart_by_any_metric(self, opened):
        opened.segmented_control(key="results-shipped").set_value("every method").run()
        by = next(box for box in opened.main.selectbox if box.label == "Measure")
        assert by.options == ["AUPC", "AUTVC", "ABPC", "Insertion", "Deletion", "Insertion - Deletion"]
        by.select("insertion_less_deletion").run()
        assert not opened.exception
        assert any(m.value.startswith("Insertion - Deletion of Gradient is") for m in opened.main.markdown)

    def test_a_smoother_map_is_not_called_better(self, opened):
        (said,) = (m.value for m in opened.main.markdown if m.value.startswith("**AUPC against AUTVC**"))
        assert "better" not in said
        assert said.endswith("Further left: a smoother map, which is no merit by itself")

    def test_a_metric_that_was_only_begun_can_be_left_out(self, opened, file, tmp_path):
        more = tmp_path / "more.db"
        shutil.copy(file, more)
        with closing(sqlite3.connect(more)) as begun, begun:
            held = "SELECT map, 'insertion', knobs, area / 30, curve, note FROM areas WHERE metric = 'perturbation'"
            begun.execute(f"INSERT INTO areas {held} AND map IN (SELECT id FROM maps WHERE photo = 1)")
        app = opened.file_uploader(key="results-file").upload("m.db", more.read_bytes(), "application/x-sqlite3").run()
        assert any("1 photo (2 more lack a row" in caption.value for caption in app.main.caption)
        assert "Insertion" in app.dataframe[0].value.columns
        app.pills(key="results-metrics").set_value(["perturbation", "total_variation"]).run()
        assert not app.exception
        assert any("3 photos" in caption.value for caption in app.main.caption)
        assert "Insertion" not in app.dataframe[0].value.columns

    def changed(self, opened, file, tmp_path, sql):
        """The page with a file that was changed."""
        more = tmp_path / "more.db"
        shutil.copy(file, more)
        with closing(sqlite3.connect(more)) as begun, begun:
            begun.execute(sql)
        return opened.file_uploader(key="results-file").upload("m.db", more.read_bytes(), "application/x-sqlite3").run()

    def test_a_metric_that_is_not_known_here_is_left_out_and_said(self, opened, file, tmp_path):
        """Whoever measured the file has a metric of their own. With it, there are more than the usual two."""
        held = "SELECT map, 'mine', knobs, area, curve, note FROM areas WHERE metric = 'perturbation'"
        app = self.changed(opened, file, tmp_path, f"INSERT INTO areas {held}")
        assert not app.exception
        assert "Not shown, because they are not known here: mine." in [c.value for c in app.main.caption]
        assert {"AUPC", "AUTVC"} < set(app.dataframe[0].value.columns)

    def test_a_file_without_a_known_metric_is_one_line(self, opened, file, tmp_path):
        app = self.changed(opened, file, tmp_path, "UPDATE areas SET metric = 'my ' || metric")
        assert not app.exception
        (error,) = app.main.error
        assert error.value == "The metrics of this file are not known here: my perturbation, my total\\_variation."

    def test_photos_that_are_classified_correctly_can_be_shown_alone(self, opened, held, file, tmp_path):
        assert not held.main.toggle, "without labels there is no choice"
        labelled = tmp_path / "labelled.db"
        shutil.copy(file, labelled)
        with closing(sqlite3.connect(labelled)) as made, made:
            made.execute("UPDATE photos SET label = (SELECT target FROM maps WHERE photo = photos.id)")
            made.execute("UPDATE photos SET label = 999 WHERE name = 'cat.png'")
        data_ = labelled.read_bytes()
        app = opened.file_uploader(key="results-file").upload("l.db", data_, "application/x-sqlite3").run()
        said = "3 photos. The likeliest class is the label on 2 of 3 photos."
        assert any(said in caption.value for caption in app.main.caption)
        app.toggle(key="results-correct").set_value(True).run()
        assert not app.exception
        assert any("2 photos. They are those whose" in caption.value for caption in app.main.caption)

    def test_no_raw_names_are_shown(self, opened):
        rows = opened.segmented_control(key="results-preset")
        assert not {"table1", "table1-adaptive", "ig-family"} & set(rows.options)
        assert all("rule code" not in caption.value for caption in opened.main.caption)
        assert any("AUPC; AUTVC. " in caption.value for caption in opened.main.caption), "P = 50, as the paper has it"
        opened.segmented_control(key="results-shipped").set_value("main methods and controls").run()
        assert any("AUPC (P=10); AUTVC. " in caption.value for caption in opened.main.caption)

    def test_the_random_order_is_grey_in_every_chart(self, opened):
        specs = [json.loads(chart.proto.spec) for chart in opened.get("plotly_chart")]
        drawn = [trace for spec in specs for trace in spec["data"] if trace.get("name", "").startswith("Random order")]
        assert drawn
        for trace in drawn:
            colour = trace["line"]["color"] if trace["mode"] == "lines" else trace["marker"]["color"]
            assert colour == GREY

    def test_the_thumbnails_of_the_file_are_shown_without_its_folder(self, held):
        shown = [image.proto.imgs[0].alt for image in held.main.image]
        assert sorted(shown) == ["The photo cat.png", "The photo coffee.png", "The photo rocket.png"]

    def test_differences_are_to_what_is_chosen(self, held, table):
        box = next(box for box in held.main.selectbox if box.label == "Differences are relative to")
        box.select(table.cases[-1]).run()
        assert list(held.dataframe[0].value["AUPC difference"])[-1].startswith("+0.00")

    def test_rows_of_a_preset_that_are_not_there_are_a_line(self, held):
        held.session_state["results-preset"] = "table1-adaptive"
        held.run()
        assert not held.exception
        assert [e.value for e in held.main.error] == ["Nothing of table1-adaptive has been measured in this file yet."]

    def test_a_photo_opens_with_the_knobs_of_both(self, held, folder, table):
        assert not any(b.label == "Open in Compare" for b in held.main.button), "a file opens no folder by itself"
        held.main.text_input[0].set_value(str(folder)).run()
        assert sum(b.label == "Open in Compare" for b in held.main.button) == 3
        held.button(key="results-open-0").click().run()
        query = dict(held.query_params.items())
        assert query["sigma"] in ("0.3", ["0.3"])
        assert held.session_state["session-pinned-photo"].digest in table.photos
        row = table.rows[table.cases[0], held.session_state["session-pinned-photo"].digest]
        assert held.session_state[session.EXPERIMENT].seed == row.seed
        assert held.session_state[session.EXPERIMENT].target == row.target

    def test_without_the_folder_it_says_what_to_do(self, held):
        held.main.text_input[0].set_value("/nowhere").run()
        assert not any(b.label == "Open in Compare" for b in held.main.button)
        assert sum("Enter its folder above" in c.value for c in held.main.caption) == 3

    def test_photos_that_are_copied_there_later_are_found(self, held, folder, tmp_path):
        held.main.text_input[0].set_value(str(tmp_path)).run()
        assert not any(b.label == "Open in Compare" for b in held.main.button)
        for photo in folder.iterdir():
            shutil.copy(photo, tmp_path)
        held.run()
        assert sum(b.label == "Open in Compare" for b in held.main.button) == 3

    @pytest.mark.parametrize(
        "spoil",
        [
            "UPDATE maps SET method = 'magic'",
            "UPDATE maps SET knobs = '[]' WHERE id = 1",
            "UPDATE maps SET method = 'adaptive_noising'",
            """UPDATE maps SET detail = '{"sigma": "x"}'""",
            "UPDATE areas SET curve = 'null'",
            "UPDATE areas SET area = 'NaN'",
            "CREATE VIEW more AS SELECT 1",
            "DROP TABLE areas",
        ],
    )
    def test_a_file_that_was_tampered_with_is_one_line(self, opened, file, tmp_path, spoil):
        (tmp_path / "r.db").write_bytes(file.read_bytes())
        with sqlite3.connect(tmp_path / "r.db") as connection:
            connection.execute(spoil)
        app = opened.file_uploader(key="results-file").upload("r.db", (tmp_path / "r.db").read_bytes(), "").run()
        assert not app.exception
        assert len(app.main.error) == 1
        assert "\n" not in app.main.error[0].value

    def test_two_methods_are_told_apart(self, held, table):
        told = next(m.value for m in held.main.markdown if m.value.startswith("AUPC of "))
        assert table.labels[table.cases[0]] in told
        assert table.labels[table.cases[1]] in told

    def test_a_file_that_is_none_is_one_line(self, opened):
        opened.file_uploader(key="results-file").upload("r.db", b"nothing of the kind", "text/plain").run()
        assert not opened.exception
        assert [e.value for e in opened.main.error] == [
            "Not a results file of this version; choose one that the benchmark has written."
        ]

    def test_a_file_with_nothing_in_it_is_one_line(self, opened, tmp_path):
        Results(tmp_path / "r.db").close()
        app = opened.file_uploader(key="results-file").upload("r.db", (tmp_path / "r.db").read_bytes(), "").run()
        assert [e.value for e in app.main.error] == ["Nothing has been measured in this file yet."]
