"""docs/results.md says what the shipped results files say."""

import csv
import re
from collections.abc import Iterable

import claims
import numpy as np
import pytest
from claims import AUPC, AUTVC, BLACK, FILES, UNIFORM, Decided, decide

from attribution.benchmark.__main__ import main
from attribution.benchmark.intervals import interval
from attribution.benchmark.results import Results
from attribution.benchmark.tables import tabulate

NUMBER = r"[+−]?\d+\.\d+"
TOLD = re.compile(rf"([+−]{NUMBER[5:]})\s+\[({NUMBER}),\s+({NUMBER})\](\\\*)?")
PAGE = (claims.ASSETS.parent / "docs" / "results.md").read_text()
TABLES = PAGE.partition("## Settled or luck")[0]
"""The part of the page that speaks of the results files."""


@pytest.fixture(scope="module")
def decided() -> dict[str, tuple[int, list[Decided]]]:
    return {name: decide(name) for name in FILES}


def told(numbers: tuple[float, float, float], like: tuple[str, str, str]) -> bool:
    """Whether these numbers, with as many decimals, are those of the page."""
    pairs = zip(numbers, like, strict=True)
    return all(f"{n:.{len(text.partition('.')[2])}f}" in forms(text) for n, text in pairs)


def forms(text: str) -> set[str]:
    """A number of the page as Python writes it. A negative one that is rounded to 0 may lack its sign."""
    plain = text.replace("−", "-").replace("+", "")
    return {plain, f"-{plain}"} if float(plain) == 0 else {plain}


def test_every_difference_with_its_interval_is_one_that_is_decided(decided):
    """And has a star if it is more than chance, and none if it is not."""
    found = TOLD.findall(TABLES)
    assert len(found) > 30
    every = [*decided.values(), *(decide(name, correct=True) for name in claims.LABELLED)]
    known = [one for _, each in every for one in each]
    for *like, star in found:
        verdicts = {one.sure for one in known if told((one.mean, one.low, one.high), like)}
        assert verdicts == {bool(star)}, like


REPORTED = re.findall(r"^python -m attribution.benchmark (report (\w+)\.db .+) --out (\S+\.csv)$", PAGE, re.MULTILINE)
SHIPPED = {"results": "results", "family": "ig-family", "headline": "headline", "probability": "headline-probability"}
"""The results files in assets, by their names on the page."""


@pytest.mark.parametrize(("command", "name", "table"), REPORTED)
def test_a_csv_file_is_what_its_command_writes(command, name, table, tmp_path):
    words = command.replace(f"{name}.db", str(claims.ASSETS / f"{SHIPPED[name]}.db.gz")).split()
    assert main([*words, "--out", str(tmp_path / table)]) == 0
    assert (tmp_path / table).read_bytes() == (claims.ASSETS / table).read_bytes()


def test_each_results_file_has_its_csv_files():
    surveys = {"agreement.csv", "robustness.csv", "sanity.csv"}
    assert {table for *_, table in REPORTED} == {file.name for file in claims.ASSETS.glob("*.csv")} - surveys


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("## Every method", "ig-family"),
        ("## Main methods", "headline"),
        ("### The probability", "headline-probability"),
    ],
)
def test_the_tables_are_those_of_the_csv_files(section, name):
    """The same methods in the same order, and each number to its digits."""
    with (claims.ASSETS / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    head, _, *lines = TABLES[TABLES.index(section) :].partition("\n| method |")[2].partition("\n\n")[0].splitlines()
    columns = [column.strip(" ↑↓").lower() for column in head.strip("|").split("|")]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for column, cell in zip(columns, line.split("|")[2:-1], strict=True):
            ends = [row[f"{column}_{end}"] for end in ("low", "high")] if "[" in cell else []
            numbers = re.findall(r"−?\d+(?:\.\d+)?", cell)
            assert len(numbers) == 1 + len(ends), line
            for text, value in zip(numbers, [row[column], *ends], strict=True):
                assert f"{float(value):.{len(text.partition('.')[2])}f}" in forms(text), line


def test_it_says_for_how_many_differences_each_file_was_corrected(decided):
    counts = [str(len(each)) for _, each in decided.values()]
    assert f"({', '.join(counts[:-1])} and {counts[-1]})" in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("name", claims.LABELLED)
def test_it_says_what_is_decided_otherwise_on_photos_that_are_classified_correctly(name, decided):
    """All such differences, and no others."""
    photos, right = decide(name, correct=True)
    beside = zip(decided[name][1], right, strict=True)
    otherwise = [of_these for one, of_these in beside if one.sure != of_these.sure]
    section = PAGE[PAGE.index(f"(../assets/{name})") :]
    _, there, said = section.partition(f"On the {photos} photos that the model classifies correctly")
    assert there
    said = said.partition("\n- ")[0]
    found = TOLD.findall(said.partition("\n\n")[0])
    assert len(found) == len(otherwise)
    for one, (*like, _) in zip(otherwise, found, strict=True):
        assert told((one.mean, one.low, one.high), like)


@pytest.mark.parametrize("name", FILES)
def test_it_names_each_file(name):
    assert f"(../assets/{name})" in PAGE


def test_metrics_says_how_small_a_difference_is_seen():
    page = re.sub(r"\s+", " ", (claims.ASSETS.parent / "docs" / "metrics.md").read_text())
    can = claims.resolution("headline.db.gz")
    assert f"over {can.photos} photos" in page
    assert f"a standard deviation of {can.spread:.1f} (median over all pairs of cases)" in page
    assert f"{can.photos} photos can then show a difference of about {can.seen:.1f} (power 80 %)" in page
    assert f"A difference of 0.5 needs about {round(can.needed, -1)} photos" in page


class Numbers:
    """What a results file of the project says."""

    def __init__(self, name: str) -> None:
        self.rows = Results.read(claims.ASSETS / name).rows()
        self.table = tabulate(self.rows)

    def areas(self, measure: str, case: str) -> np.ndarray:
        return self.table.areas[measure][self.table.cases.index(self.table.find(case))]

    def means(self, measure: str, *cases: str) -> list[float]:
        return [self.areas(measure, case).mean() for case in cases]

    def lower(self, measure: str, pairs: Iterable[tuple[str, str]]) -> np.ndarray:
        """By how much the first of each pair is lower, (pairs, photos)."""
        return np.stack([self.areas(measure, other) - self.areas(measure, one) for one, other in pairs])

    def searched(self, objective: str, name: str) -> float:
        """The mean of a detail of the searches for an objective."""
        found = {row.photo: row.detail[name] for row in self.rows if row.knobs.get("objective") == objective}
        return float(np.mean(list(found.values())))


def ends(values: np.ndarray) -> list[float]:
    return [values.min(), values.max()]


def uncertain(differences: np.ndarray) -> list[float]:
    """Half the length of the shortest and of the longest interval."""
    low, high = interval(differences)
    return ends((high - low) / 2)


GRID = (0.3, 0.5, 0.7)
MORE = [(claims.taylor(sigma, 200), claims.taylor(sigma, 100)) for sigma in GRID]
BESIDE = [(claims.taylor(sigma, 150), f"smoothgrad:sigma={sigma},samples=150") for sigma in GRID]
ADAPTED = [("adaptive_noising:objective=autvc", claims.taylor(sigma, 150)) for sigma in GRID]
NOISE = f"{UNIFORM},draws=1"
LOWEST = [claims.taylor(sigma) for sigma in (0.3, 0.1)]
SAID = {
    "results.db.gz": {
        "from R = 100 to 200 by {} to {}.": lambda of: ends(of.lower(AUTVC, MORE).mean(1)),
        "At 2 ({}) it is higher": lambda of: of.means(AUTVC, claims.taylor(2)),
        "The lowest AUTVC is at σ = 0.01 ({})": lambda of: of.means(AUTVC, claims.taylor(0.01)),
        "It is lowest at σ = 0.3 ({}) and 0.1 ({}).": lambda of: of.means(AUPC, *LOWEST),
        "falls from {} to {} with one baseline": lambda of: of.means(AUPC, BLACK, NOISE),
        "(R = 150: by {} to {})": lambda of: ends(of.lower(AUTVC, BESIDE).mean(1)),
        "they differ by at most {}, with intervals of ±{} to ±{}.": lambda of: [
            abs(of.lower(AUPC, BESIDE).mean(1)).max(),
            *uncertain(of.lower(AUPC, BESIDE)),
        ],
        "then lowers it to {}, by {} to {} against": lambda of: [
            *of.means(AUTVC, ADAPTED[0][0]),
            *ends(of.lower(AUTVC, ADAPTED).mean(1)),
        ],
        "({} in the search itself)": lambda of: [of.searched("autvc", "search_area")],
        "it lowers that to {}:": lambda of: of.means(AUPC, "adaptive_noising:objective=aupc"),
        "The search itself had shown {} (with P = 10),": lambda of: [of.searched("aupc", "search_area")],
        "σ was {} and {} on average": lambda of: [of.searched(name, "sigma") for name in ("autvc", "aupc")],
        "eight random orders has an AUPC of {}.": lambda of: of.means(AUPC, claims.ORDER),
    },
    "ig-family.db.gz": {
        "Its AUTVC is {}, where Integrated Gradients has {} and the gradient {};": lambda of: of.means(
            AUTVC, "ggig", claims.MEAN, "gradient"
        ),
        "surely above IDG (+{}) and LRP (+{}).": lambda of: [
            -of.lower("abpc", [("expected_gradients", other)]).mean() for other in ("idg", "lrp")
        ],
    },
}
"""Sentences with numbers that have no interval beside them, by file; and what these numbers are."""


@pytest.mark.parametrize("name", SAID)
def test_the_numbers_in_the_text_are_those_of_the_file(name):
    of, page = Numbers(name), re.sub(r"\s+", " ", TABLES)
    for sentence, found in SAID[name].items():
        (given,) = re.findall(re.escape(sentence).replace(r"\{\}", r"(\d+\.\d+)"), page)
        for text, number in zip([given] if isinstance(given, str) else given, found(of), strict=True):
            assert f"{number:.{len(text.partition('.')[2])}f}" == text, sentence


def test_more_samples_lower_the_autvc_of_every_photo():
    assert (Numbers("results.db.gz").lower(AUTVC, MORE) > 0).all()


def test_the_lowest_aupc_is_where_it_says():
    cases = [claims.taylor(sigma) for sigma in (0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 1, 2)]
    means = dict(zip(cases, Numbers("results.db.gz").means(AUPC, *cases), strict=True))
    assert sorted(cases, key=means.get)[:2] == LOWEST


def test_it_says_how_small_a_difference_fifty_photos_show():
    can = claims.resolution("results.db.gz")
    assert can.photos == 50
    assert f"whose AUPC differs by about {can.seen:.1f} (80 %" in re.sub(r"\s+", " ", PAGE)


def test_it_says_how_small_a_difference_of_the_probability_is_seen():
    page = re.sub(r"\s+", " ", PAGE)
    can, logit = (claims.resolution(name) for name in ("headline-probability.db.gz", "headline.db.gz"))
    assert f"on the same {can.photos} photos" in page
    assert f"a difference of about {can.seen:.1f} in AUPC can be seen here, of {logit.seen:.1f} above" in page
