"""What the documents must say beside a number, or must not draw from it."""

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def text(name: str) -> str:
    return " ".join((DOCS / name).read_text().split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("methods.md", "22 to 35 % off that of 400 points"),
        ("methods.md", "by 0.38 to 0.44, and so did that of the PAIR library"),
        ("methods.md", '0.03 with `anchor="path"` and 0.49 with `anchor="image"`'),
        ("metrics.md", "values above the 99th percentile are clipped"),
        ("results.md", "AUTVC clips their few very large values at the 99th percentile"),
        ("results.md", "The maps of Guided IG and AGI [change with rounding]"),
    ],
)
def test_it_is_said_where_the_number_stands(name, said):
    assert said in text(name)


@pytest.mark.parametrize("name", ["results.md", "metrics.md"])
def test_no_equality_is_drawn_from_a_difference_that_is_not_seen(name):
    for said in (
        "is that of a random order",
        "does not make the other one worse",
        "as at 0.7",
        "tells none of the methods",
    ):
        assert said not in text(name)


def test_a_difference_that_was_not_decided_is_not_called_one():
    assert "much smoother" not in text("results.md")
    assert "lower only" not in text("results.md")
