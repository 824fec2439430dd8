"""The results file: its columns agree everywhere, and a file of an older format opens, reports and goes on."""

import csv
import gzip
import io
import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import toys
from skimage import data

from attribution import controls
from attribution.benchmark.__main__ import main
from attribution.benchmark.cases import ADAPTIVE, CONTROL, metrics, parse, subjects
from attribution.benchmark.measure import orders_said
from attribution.benchmark.report import report, rows
from attribution.benchmark.results import Results
from attribution.benchmark.rows import ROW, Row, Setting
from attribution.benchmark.run import Here, digest_of, run, seed_of
from attribution.benchmark.schema import FORMAT
from attribution.benchmark.thumbnails import MOST_BYTES, accepted, thumbnail
from attribution.images import load_image, to_picture
from attribution.studies.adaptive import FRESH

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
ENDS = (".db", ".db.gz")
JPEG = b"\xff\xd8\xff"
"""How a JPEG begins."""
SHIPPED = ("results.db.gz", "ig-family.db.gz", "headline.db.gz", "headline-probability.db.gz")
CASES = parse(("smooth_taylor:samples=3/5", "integrated_gradients:steps=3", "random_order"), subjects())
METRICS = metrics(["perturbation:window=5,regions=4,draws=3", "total_variation:smallest=12"])
SETTING = Setting("toy", "toy", 0)

# Format 1, letter for letter.
OLD_TABLES = """
CREATE TABLE photos (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, folder TEXT NOT NULL, error TEXT NOT NULL,
    UNIQUE (name, digest));
CREATE TABLE maps (
    id INTEGER PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photos, model TEXT NOT NULL, weights TEXT NOT NULL,
    method TEXT NOT NULL, knobs TEXT NOT NULL, base_seed INTEGER NOT NULL, seed INTEGER NOT NULL,
    target INTEGER NOT NULL, category TEXT NOT NULL, probability REAL NOT NULL, gradients INTEGER NOT NULL,
    computed INTEGER NOT NULL, seconds REAL NOT NULL, detail TEXT NOT NULL, error TEXT NOT NULL,
    UNIQUE (photo, model, weights, method, knobs, base_seed));
CREATE TABLE areas (
    map INTEGER NOT NULL REFERENCES maps ON DELETE CASCADE, metric TEXT NOT NULL, knobs TEXT NOT NULL,
    area REAL NOT NULL, curve TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (map, metric, knobs));
PRAGMA user_version = 1;
"""
OLD_COLUMNS = {
    "photos": "id, name, digest, folder, error",
    "maps": "id, photo, model, weights, method, knobs, base_seed, seed, target, category, probability, gradients, "
    "computed, seconds, detail, error",
    "areas": "map, metric, knobs, area, curve, note",
}
OLD_SELECT = """SELECT name, digest, folder, model, weights, base_seed, method, maps.knobs, seed, target, category,
    probability, gradients, computed, seconds, detail, metric, areas.knobs, area, curve, note
    FROM areas JOIN maps ON areas.map = maps.id JOIN photos ON maps.photo = photos.id
    ORDER BY name, digest, maps.id, metric"""
OLD_ROW = (
    *("photo", "digest", "folder", "model", "weights", "base_seed", "method", "knobs", "seed", "target", "category"),
    *("probability", "gradients", "computed", "seconds", "detail", "metric", "metric_knobs", "area", "curve", "note"),
)
CSV_HEADER = (
    "photo,digest,model,weights,target,category,probability,method,knobs,base_seed,seed,gradients,computed,seconds,"
    "detail,metric,metric_knobs,area,note"
)
# Formats 2 and 3 added these, in this order.
LATER = {"photos": ("thumbnail", "label"), "maps": ("output",), "areas": ()}
CSV_LATER = ",output,label"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("photos")
    for name in ("cat", "coffee", "rocket"):
        PIL.Image.fromarray(getattr(data, name)()[::4, ::4]).save(made / f"{name}.png")
    return made


@pytest.fixture
def own(folder, tmp_path) -> Path:
    """A copy of the folder, for tests that change it."""
    return shutil.copytree(folder, tmp_path / "photos")


def measure(folder, file, cases=CASES, model=None, measures=METRICS, setting=SETTING):
    """The rows of the file after a run."""
    with closing(Results(file)) as results:
        run(folder, results, setting, cases, measures, Here(model or toys.of_photos(), patches=3))
        return results.rows()


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    """Puts a file that holds these cases there. Each set of cases is measured once."""
    place, known = tmp_path_factory.mktemp("measured"), {}

    def put(file, cases=CASES):
        if cases not in known:
            known[cases] = place / f"{len(known)}.db"
            measure(folder, known[cases], cases)
        shutil.copy(known[cases], file)
        return Results.read(file).rows()

    return put


@cache
def shipped_rows(name) -> list[Row]:
    return Results.read(ASSETS / name).rows()


def old_copy(file, made):
    """What the file holds, in a file of format 1."""
    with closing(sqlite3.connect(made, isolation_level=None)) as old:
        old.executescript(OLD_TABLES)
        old.execute("ATTACH ? AS new", (str(file),))
        for table, columns in OLD_COLUMNS.items():
            old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
    return made


def old_file(measured, made, cases=CASES):
    measured(made.with_suffix(".new"), cases)
    return old_copy(made.with_suffix(".new"), made)


def exact(found):
    """Every value of the rows that format 1 has."""
    return [{name: vars(row)[name] for name in ROW if name in OLD_ROW} | {"curve": row.curve.tolist()} for row in found]


def content(found):
    """All of the rows but the time they took and what the cases before them left to compute, in one order."""
    same = [{**row, "seconds": 0, "computed": 0} for row in exact(found)]
    return sorted(json.dumps(row) for row in same)


def read_as_before(file):
    """The rows by the query of format 1, decoded by hand."""
    with closing(sqlite3.connect(file)) as opened:
        found = [dict(zip(OLD_ROW, values, strict=True)) for values in opened.execute(OLD_SELECT)]
    texts = ("knobs", "detail", "metric_knobs", "curve")
    return [row | {name: json.loads(row[name]) for name in texts} for row in found]


def described(file):
    """For each table: its columns with their types and NOT NULL, and the sets of columns that are unique."""
    with closing(sqlite3.connect(file)) as opened:
        found = {}
        for table in OLD_COLUMNS:
            columns = opened.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,)).fetchall()
            indices = opened.execute('SELECT name FROM pragma_index_list(?) WHERE "unique"', (table,)).fetchall()
            unique = [
                tuple(name for (name,) in opened.execute("SELECT name FROM pragma_index_info(?)", index))
                for index in indices
            ]
            references = opened.execute(
                'SELECT "from", "table", on_delete FROM pragma_foreign_key_list(?)', (table,)
            ).fetchall()
            found[table] = set(columns), unique, references
        return found


class TestColumns:
    def test_csv_schema_and_row_agree(self, tmp_path):
        Results(tmp_path / "r.db").close()
        tables = described(tmp_path / "r.db")
        assert list(ROW) == [field.name for field in fields(Row)]
        for column in ROW.values():
            assert (column.name, column.type, 1) in tables[column.table][0]
        assert rows([]).splitlines() == [",".join(name for name, column in ROW.items() if column.csv)]

    def test_the_csv_is_as_it_was(self):
        assert rows([]) == f"{CSV_HEADER}{CSV_LATER}\n"

    def test_a_new_file_has_what_an_old_one_has(self, tmp_path):
        Results(tmp_path / "new.db").close()
        with closing(sqlite3.connect(tmp_path / "old.db")) as old:
            old.executescript(OLD_TABLES)
        new, old = described(tmp_path / "new.db"), described(tmp_path / "old.db")
        for table in OLD_COLUMNS:
            assert new[table][0] >= old[table][0]
            assert new[table][1:] == old[table][1:]
            with closing(sqlite3.connect(tmp_path / "new.db")) as opened:
                names = [name for (name,) in opened.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            assert set(names) == {*OLD_COLUMNS[table].split(", "), *LATER[table]}
            assert tuple(names[-len(LATER[table]) :] if LATER[table] else ()) == LATER[table]

    def test_every_column_holds_what_was_measured(self, folder, measured, tmp_path):
        """The query of format 1 finds in a new file what `rows` finds."""
        found = measured(tmp_path / "r.db")
        assert exact(found) == read_as_before(tmp_path / "r.db")
        assert len(found) == 3 * 4 * 2
        assert all(row.folder == str(folder) and row.gradients == row.computed for row in found if row.gradients == 3)

    def test_a_search_keeps_its_details(self, folder, tmp_path):
        cases = parse(["adaptive_noising:samples=2,iterations=1"], subjects(3))
        found = measure(folder, tmp_path / "r.db", cases, toys.of_photos(64), metrics(["total_variation"]))
        assert len(found) == 3
        for row in found:
            assert set(row.detail) == {"sigma", "search_area", "evaluations"}

    @pytest.mark.parametrize(
        ("table", "column", "value"),
        [
            *(("maps", name, text) for name in ("knobs", "detail") for text in ("[1]", "3", "{", "")),
            *(("areas", "knobs", text) for text in ("[1]", "3", "{", "")),
            *(("areas", "curve", text) for text in ('{"a": 1}', "{", '["a"]', "[NaN]", "")),
            *(("areas", "area", value) for value in ("wide", 9e999)),
            *(
                ("maps", name, "many")
                for name in ("target", "base_seed", "seed", "gradients", "seconds", "probability")
            ),
            *(("photos", name, b"bytes") for name in ("name", "digest", "folder")),
            *((table, "knobs", text) for table in ("maps", "areas") for text in ('{"sigma": [1]}', '{"draws": {}}')),
            *(("maps", name, b"bytes") for name in ("model", "weights", "category", "output")),
            *(("photos", "label", "x"), ("areas", "note", b"bytes")),
        ],
    )
    def test_what_is_no_result_is_said(self, measured, tmp_path, table, column, value):
        measured(tmp_path / "r.db", CASES[-1:])
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            opened.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (value,))
        with closing(Results(tmp_path / "r.db")) as results, pytest.raises(ValueError, match="measure it again"):
            results.rows()

    def test_an_infinite_area_of_an_earlier_version_is_measured_again(self, folder, measured, tmp_path):
        before = measured(tmp_path / "r.db", CASES[-1:])
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            opened.execute("UPDATE areas SET area = -9e999, curve = '[1.0, -Infinity]' WHERE rowid = 1")
        with pytest.raises(ValueError, match="measure it again"):
            Results.read(tmp_path / "r.db").rows()
        assert content(measure(folder, tmp_path / "r.db", CASES[-1:])) == content(before)


class TestOldFiles:
    def test_it_opens_and_reports_the_same(self, measured, tmp_path):
        old = old_file(measured, tmp_path / "old.db")
        before = old.read_bytes()
        found = Results.read(old).rows()
        assert exact(found) == read_as_before(old) == exact(Results.read(old.with_suffix(".new")).rows())
        fresh = Results.read(old.with_suffix(".new")).rows()
        for form in ("text", "csv", "latex"):
            assert report(found, form, None, None) == report(fresh, form, None, None)
        assert old.read_bytes() == before, "who reads it does not change it"

    @pytest.mark.parametrize("name", SHIPPED)
    def test_the_shipped_files_are_read_as_before(self, name, tmp_path):
        (tmp_path / "r.db").write_bytes(gzip.decompress((ASSETS / name).read_bytes()))
        assert exact(shipped_rows(name)) == read_as_before(tmp_path / "r.db")

    @pytest.mark.parametrize("name", ["ig-family.db.gz", "results.db.gz"])
    def test_the_seeds_of_a_shipped_file_are_those_of_its_photos(self, name):
        """So a run that goes on adds maps with the noise of the maps that are there."""
        for row in shipped_rows(name):
            fresh = FRESH if row.method == ADAPTIVE else 0
            assert row.seed == seed_of(row.base_seed, row.digest) + fresh

    @pytest.mark.parametrize(
        ("name", "preset", "table"),
        [
            ("results.db.gz", "table1", "table1"),
            ("results.db.gz", "table2", "table2"),
            ("headline.db.gz", "headline", "headline"),
            ("headline-probability.db.gz", "headline", "headline-probability"),
        ],
    )
    def test_the_shipped_tables_are_those_of_the_shipped_files(self, name, preset, table):
        told = report(shipped_rows(name), "csv", preset, None)
        found, expected = (
            list(csv.DictReader(io.StringIO(text))) for text in (told, (ASSETS / f"{table}.csv").read_text())
        )
        for line, shipped in zip(found, expected, strict=True):
            assert line == shipped

    def test_it_goes_on(self, folder, measured, tmp_path):
        """What it holds is not computed again; what is added is what a fresh file has."""
        old = old_file(measured, tmp_path / "old.db", CASES[:2])
        before = exact(Results.read(old).rows())
        network, counter = toys.counted(toys.of_photos())
        assert exact(measure(folder, old, CASES[:2], network)) == before
        assert counter.gradients == counter.values == 0
        more = measure(folder, old)
        assert content(more) == content(measured(tmp_path / "fresh.db"))
        assert [row for row in exact(more) if row in before] == before
        assert Results.read(old).errors() == []

    def test_the_same_command_goes_on(self, folder, tmp_path, capsys):
        arguments = ["--metrics", "total_variation", "--model", "toys:of_photos", "--methods", "random_order"]
        assert main([str(folder), "--out", str(tmp_path / "first.db"), *arguments]) == 0
        old = old_copy(tmp_path / "first.db", tmp_path / "old.db")
        for file in (old, tmp_path / "fresh.db"):
            assert main([str(folder), "--out", str(file), *arguments, "smooth_taylor:samples=2"]) == 0
        assert content(Results.read(old).rows()) == content(Results.read(tmp_path / "fresh.db").rows())
        assert main(["report", str(old)]) == 0
        assert "3 photos" in capsys.readouterr().out

    def test_a_control_of_one_random_order_is_measured_again(self, folder, measured, tmp_path):
        """Files of 0.1 hold one order for each photo. In a file that goes on, all photos have as many."""
        file = tmp_path / "old.db"
        fresh = measured(file)
        with closing(sqlite3.connect(file)) as opened, opened:
            old = "map IN (SELECT id FROM maps WHERE method = 'random_order') AND metric = 'perturbation'"
            assert opened.execute(f"UPDATE areas SET area = 99, note = 'one' WHERE {old}").rowcount == 3
        network, counter = toys.counted(toys.of_photos())
        assert content(measure(folder, file, model=network)) == content(fresh)
        assert counter.gradients == 0 < counter.values
        counter.values = 0
        measure(folder, file, model=network)
        assert counter.values == 0, "each is measured again once"

    def test_the_control_of_a_shipped_file_has_as_many_orders_as_one_that_is_measured_now(self):
        """Else a run that goes on would measure it again."""
        assert controls.ORDERS == 8
        notes = [row.note for row in shipped_rows("headline.db.gz") if row.method == CONTROL]
        assert notes
        assert all(note.startswith(orders_said()) for note in notes)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_a_shipped_file_goes_on(self, name, folder, tmp_path):
        (tmp_path / "r.db").write_bytes(gzip.decompress((ASSETS / name).read_bytes()))
        (output,) = {row.output for row in shipped_rows(name)}
        of_it = {"cases": CASES[:2], "setting": replace(SETTING, output=output)}
        found = measure(folder, tmp_path / "r.db", **of_it)
        assert [row for row in exact(found) if row["model"] != "toy"] == exact(shipped_rows(name))
        mine = [row for row in found if row.model == "toy"]
        assert content(mine) == content(measure(folder, tmp_path / "fresh.db", **of_it))

    def test_it_is_upgraded_once_whoever_opens_it(self, measured, tmp_path):
        old = old_file(measured, tmp_path / "old.db", CASES[-1:])
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: Results(old).close(), range(6)))
        Results(tmp_path / "new.db").close()
        assert described(old) == described(tmp_path / "new.db")
        assert version(old) == version(tmp_path / "new.db") == FORMAT == 3

    def test_an_upgrade_that_is_cut_off_leaves_the_file_as_it_was(self, folder, measured, tmp_path, monkeypatch):
        class Cut(sqlite3.Connection):
            def execute(self, statement, *values):
                if statement.startswith("PRAGMA user_version ="):
                    raise sqlite3.OperationalError("disk full")
                return super().execute(statement, *values)

        old = old_file(measured, tmp_path / "old.db")
        before, rows_ = described(old), read_as_before(old)
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Cut))
        with pytest.raises(ValueError, match="disk full"):
            Results(old)
        monkeypatch.undo()
        assert (described(old), version(old), read_as_before(old)) == (before, 1, rows_)
        assert len(measure(folder, old)) == 3 * 4 * 2

    @pytest.mark.parametrize(
        "made",
        [
            "CREATE TABLE photos (x); PRAGMA user_version = 1",
            OLD_TABLES + "CREATE VIEW more AS SELECT 1",
            OLD_TABLES + "PRAGMA user_version = 0",
            OLD_TABLES + f"PRAGMA user_version = {FORMAT + 1}",
            OLD_TABLES + "ALTER TABLE photos ADD COLUMN thumbnail",
        ],
    )
    def test_another_file_is_not_upgraded(self, tmp_path, made):
        file = tmp_path / "other.db"
        with closing(sqlite3.connect(file)) as opened:
            opened.executescript(made)
        before = file.read_bytes()
        for refused in (Results, Results.read, lambda file: Results.from_bytes(file.read_bytes())):
            with pytest.raises(ValueError, match="not a results file"):
                refused(file)
        assert file.read_bytes() == before


class TestThumbnails:
    def test_each_photo_has_its_own_as_the_model_sees_it(self, folder, tmp_path):
        model = toys.of_photos(120)
        measure(folder, tmp_path / "r.db", CASES[:1], model)
        found = Results(tmp_path / "r.db").thumbnails()
        assert len(found) == len(set(found.values())) == 3
        for photo in folder.iterdir():
            picture = PIL.Image.open(io.BytesIO(found[digest_of(photo.read_bytes())]))
            assert (picture.format, picture.size) == ("JPEG", (96, 96))
            seen = to_picture(model.pixels(model.prepare(load_image(photo))))
            expected = np.asarray(PIL.Image.fromarray(seen).resize((96, 96)), float)
            assert np.abs(np.asarray(picture) - expected).mean() < 6, "the crop, upright, in its colours"

    def test_it_is_not_enlarged_and_never_large(self):
        model = toys.of_photos(48)
        assert PIL.Image.open(io.BytesIO(thumbnail(model, torch.zeros(3, 48, 48)))).size == (48, 48)
        noise = torch.randn(3, 300, 400, generator=torch.Generator().manual_seed(0))
        made = thumbnail(model, noise)
        assert PIL.Image.open(io.BytesIO(made)).size == (96, 72)
        assert accepted(made) == made
        assert len(made) < MOST_BYTES / 2

    def test_it_is_stored_once_and_stays(self, folder, measured, tmp_path, monkeypatch):
        measured(tmp_path / "r.db", CASES[:1])
        first = Results(tmp_path / "r.db").thumbnails()
        measure(folder, tmp_path / "r.db", CASES[1:2], toys.of_photos(64))
        assert Results(tmp_path / "r.db").thumbnails() == first, "another model's does not replace it"
        monkeypatch.setattr("attribution.benchmark.thumbnails.to_picture", None)
        measure(folder, tmp_path / "r.db", CASES[:3])
        assert Results(tmp_path / "r.db").thumbnails() == first, "nor does an empty one"
        with closing(Results(tmp_path / "r.db")) as results:
            for photo in folder.iterdir():
                results.fail(photo.name, digest_of(photo.read_bytes()), "", "gone")
            assert results.thumbnails() == first
        assert all(first.values())

    def test_no_row_fails_for_it(self, folder, measured, tmp_path, monkeypatch):
        whole = measured(tmp_path / "whole.db", CASES[:2])
        monkeypatch.setattr("attribution.benchmark.thumbnails.to_picture", None)
        assert content(measure(folder, tmp_path / "r.db", CASES[:2])) == content(whole)
        with closing(Results(tmp_path / "r.db")) as results:
            assert results.errors() == []
            assert set(results.thumbnails().values()) == {b""}

    def test_a_photo_has_it_though_its_cases_fail(self, own, tmp_path, monkeypatch):
        def refuses(*given, **knobs):
            raise ValueError("not this one")

        monkeypatch.setattr("attribution.benchmark.measure.explain", refuses)
        (own / "bad.jpg").write_text("no photo")
        assert measure(own, tmp_path / "r.db", CASES[:1]) == []
        found = Results(tmp_path / "r.db").thumbnails()
        assert found.pop(digest_of(b"no photo")) == b""
        assert len(found) == 3
        assert all(found.values())

    def test_an_old_file_has_none_until_its_photos_are_measured(self, own, measured, tmp_path):
        old = old_file(measured, tmp_path / "old.db", CASES[:1])
        digests = {photo.name: digest_of(photo.read_bytes()) for photo in own.iterdir()}
        assert Results.read(old).thumbnails() == Results(old).thumbnails() == dict.fromkeys(digests.values(), b"")
        (own / "cat.png").unlink()
        measure(own, old, CASES[:2])
        fresh = Results(tmp_path / "old.new").thumbnails()
        assert Results.read(old).thumbnails() == fresh | {digests["cat.png"]: b""}

    @pytest.mark.parametrize("name", SHIPPED)
    def test_the_file_says_of_every_photo_whether_it_has_one(self, name):
        assert set(Results.read(ASSETS / name).thumbnails()) == {row.digest for row in shipped_rows(name)}

    def test_shipped_files_hold_none(self):
        """They were measured on photos that may not be passed on, not even small."""
        found = [file for place in ("assets", "docs") for file in (ROOT / place).rglob("*") if file.name.endswith(ENDS)]
        assert {file.name for file in found} >= set(SHIPPED)
        for file in found:
            held = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            assert JPEG not in held, file
            assert not any(Results.read(file).thumbnails().values()), file

    def test_a_pack_can_leave_them_out(self, measured, tmp_path, capsys):
        measured(tmp_path / "r.db", CASES[-1:])
        for name, more in (("with.db.gz", []), ("without.db.gz", ["--no-thumbnails"])):
            assert main(["pack", str(tmp_path / "r.db"), "--out", str(tmp_path / name), *more]) == 0
        kept, left = (Results.read(tmp_path / name) for name in ("with.db.gz", "without.db.gz"))
        assert all(kept.thumbnails().values())
        assert set(left.thumbnails().values()) == {b""}
        assert JPEG in gzip.decompress((tmp_path / "with.db.gz").read_bytes()), "so the test above can fail"
        assert JPEG not in gzip.decompress((tmp_path / "without.db.gz").read_bytes())
        assert content(left.rows()) == content(kept.rows())

    def test_they_survive_packing(self, measured, tmp_path):
        measured(tmp_path / "r.db", CASES[-1:])
        with closing(Results(tmp_path / "r.db")) as results:
            assert Results.from_bytes(results.pack()).thumbnails() == results.thumbnails()
            assert all(results.thumbnails().values())
        old = old_copy(tmp_path / "r.db", tmp_path / "old.db")
        assert set(Results.from_bytes(Results.read(old).pack()).thumbnails().values()) == {b""}

    @pytest.mark.parametrize("given", [["--help"], ["pack", "--help"]])
    def test_help_says_that_a_pack_has_them(self, given, capsys):
        with pytest.raises(SystemExit):
            main(given)
        assert "with a thumbnail of each photo" in " ".join(capsys.readouterr().out.split())

    @pytest.mark.parametrize("lacking", ["again.png", "cat.png"])
    def test_one_photo_under_two_names_has_one(self, own, tmp_path, lacking):
        shutil.copy(own / "cat.png", own / "again.png")
        measure(own, tmp_path / "r.db", CASES[:1])
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
            opened.execute("UPDATE photos SET thumbnail = x'' WHERE name = ?", (lacking,))
        found = Results(tmp_path / "r.db").thumbnails()
        assert len(found) == 3
        assert all(found.values())

    def test_what_is_none_of_ours_is_ignored(self, measured, tmp_path):
        """Neither read when it is large, nor decoded when it claims to be."""
        small = jpeg((96, 96))
        wrong = {
            "large": small + bytes(MOST_BYTES),
            "huge": small.replace(b"\x00\x60\x00\x60\x03", b"\xff\xff\xff\xff\x03"),
            "wider": jpeg((97, 4)),
            "of another kind": png((8, 8)),
            "broken": small[:20],
            "no picture": b"<svg>",
            "text": "x" * 100,
            "a number": 7,
        }
        assert wrong["huge"] != small
        measured(tmp_path / "r.db", CASES[-1:])
        for name, stored in (wrong | {"ours": small}).items():
            with closing(sqlite3.connect(tmp_path / "r.db")) as opened, opened:
                opened.execute("UPDATE photos SET thumbnail = ?", (stored,))
            expected = small if name == "ours" else b""
            assert set(Results.read(tmp_path / "r.db").thumbnails().values()) == {expected}, name

    def test_a_file_that_lacks_the_column_is_said_to(self, tmp_path):
        with closing(sqlite3.connect(tmp_path / "r.db")) as opened:
            opened.executescript(OLD_TABLES + "PRAGMA user_version = 2")
        with pytest.raises(ValueError, match="thumbnails of the results file cannot be read"):
            Results.read(tmp_path / "r.db").thumbnails()


def version(file):
    with closing(sqlite3.connect(file)) as opened:
        return opened.execute("PRAGMA user_version").fetchone()[0]


def saved(size, form):
    made = io.BytesIO()
    PIL.Image.new("RGB", size).save(made, form)
    return made.getvalue()


jpeg, png = partial(saved, form="JPEG"), partial(saved, form="PNG")
