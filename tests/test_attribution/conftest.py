"""What the tests of the benchmark and of its surveys share."""

from pathlib import Path

import PIL.Image
import pytest
import toys
from skimage import data


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three photos, one of them in a folder below, and a file that is none."""
    made = tmp_path / "photos"
    (made / "below").mkdir(parents=True)
    for name, photo in {"cat.png": data.cat(), "below/coffee.png": data.coffee(), "rocket.png": data.rocket()}.items():
        PIL.Image.fromarray(photo[::4, ::4]).save(made / name)
    (made / "notes.txt").write_text("not a photo")
    return made


@pytest.fixture
def model(monkeypatch):
    """The network that surveys load: a toy."""
    made = toys.of_photos()
    monkeypatch.setattr("attribution.benchmark.survey.load_model", lambda *given: made)
    return made


@pytest.fixture
def photo(tmp_path) -> Path:
    """One photo in a file."""
    PIL.Image.fromarray(data.cat()).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"
