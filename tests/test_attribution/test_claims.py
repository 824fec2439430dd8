"""docs/results.md says what the shipped results files say."""

import re

import claims
import pytest
from claims import FILES, Decided, decide

NUMBER = r"[+−]?\d+\.\d+"
TOLD = re.compile(rf"([+−]{NUMBER[5:]})\s\[({NUMBER}),\s({NUMBER})\]")
PAGE = (claims.ASSETS.parent / "docs" / "results.md").read_text()
TABLES = PAGE.partition("## Sanity checks")[0]
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
    found = TOLD.findall(TABLES)
    assert len(found) > 30
    known = [(one.mean, one.low, one.high) for _, each in decided.values() for one in each]
    strangers = [like for like in found if not any(told(numbers, like) for numbers in known)]
    assert not strangers


def test_it_says_for_how_many_differences_each_file_was_corrected(decided):
    counts = [str(len(each)) for _, each in decided.values()]
    assert f"({', '.join(counts[:-1])} and {counts[-1]})" in re.sub(r"\s+", " ", PAGE)


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
