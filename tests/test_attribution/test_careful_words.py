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
