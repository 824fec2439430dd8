"""What the tests of the benchmark and of its surveys share."""

import shutil
from pathlib import Path

import PIL.Image
import pytest
import toys
from skimage import data


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Path:
    """Three photos, one of them in a folder below, and a file that is none. No test may change it."""
    made = tmp_path_factory.mktemp("kept")
    (made / "below").mkdir()
    for name, photo in {"cat.png": data.cat(), "below/coffee.png": data.coffee(), "rocket.png": data.rocket()}.items():
        PIL.Image.fromarray(photo[::4, ::4]).save(made / name)
    (made / "notes.txt").write_text("not a photo")
    return made


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    """A copy of these photos."""
    return shutil.copytree(kept, tmp_path / "photos")


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
