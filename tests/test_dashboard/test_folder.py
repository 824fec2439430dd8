"""A folder of photos beside the gallery: what is listed, what can be read, and what the page shows of it."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from page import QUICK, captions, complete, control, finish, query, shown

from attribution import load_image
from attribution.benchmark import run as benchmark
from dashboard import options
from dashboard.controls import knobs, photo, session, thumbnails
from dashboard.experiment import folder as folders
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.folder import FOLDER, Folder

pytestmark = pytest.mark.usefixtures("small_network")

ROOT = Path(__file__).parents[2]
TEAL, RED = (0, 128, 128), (200, 30, 30)


def save(file: Path, colour: tuple[int, int, int] = TEAL, size: tuple[int, int] = (300, 260)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("RGB", size, colour).save(file, "PNG" if file.suffix == ".png" else "JPEG")
    return file


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """The folder of the server, closed again after the test: `opened()` lists what lies in `tmp_path / photos`."""
    for name, value in vars(FOLDER).items():
        monkeypatch.setattr(FOLDER, name, value)

    def listed() -> Folder:
        FOLDER.open(tmp_path / "photos")
        return FOLDER

    return listed


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match="--photos") as error:
        Folder().open(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


def test_what_may_not_be_read_is_one_line(tmp_path, monkeypatch):
    """The server of a container runs as another user than the one who owns the folder."""
    save(tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text("a.jpg,1")
    opened = Path.open

    def closed(self, *rest, **named):
        if self.name == "labels.csv":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, *rest, **named)

    monkeypatch.setattr(Path, "open", closed)
    assert "labels.csv cannot be read (Permission denied)" in refusal(tmp_path)


def without_rights(monkeypatch, *names: str) -> None:
    """Folders of these names may not be listed. The rights of files do not bind an administrator."""
    listed = os.scandir

    def scandir(path):
        if Path(path).name in names:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_that_may_not_be_listed_is_not_empty(tmp_path, monkeypatch):
    save(tmp_path / "mine" / "a.jpg")
    without_rights(monkeypatch, "mine")
    assert "mine cannot be read (Permission denied)" in refusal(tmp_path / "mine")


def test_a_subfolder_that_may_not_be_listed_is_said(tmp_path, monkeypatch, capsys, opened):
    for name in ("a.jpg", "theirs/b.jpg"):
        save(tmp_path / "photos" / name)
    without_rights(monkeypatch, "theirs")
    assert opened().names == ("a.jpg",)
    (line,) = capsys.readouterr().err.splitlines()
    assert "theirs cannot be read (Permission denied); its photos are left out" in line


class TestListing:
    def test_photos_are_named_by_their_paths_sorted(self, tmp_path, opened):
        for name in ("b.jpg", "a.JPEG", "dogs/rex.png", ".hidden.jpg", ".thumbs/c.jpg"):
            save(tmp_path / "photos" / name)
        (tmp_path / "photos" / "notes.txt").write_text("none")
        (tmp_path / "photos" / "folder.jpg").mkdir()
        assert opened().names == ("a.JPEG", "b.jpg", "dogs/rex.png")

    def test_the_same_files_are_photos_as_in_the_benchmark(self):
        assert set(folders.SUFFIXES) == benchmark.SUFFIXES

    def test_nothing_is_read_at_the_start(self, tmp_path, opened, monkeypatch):
        file = save(tmp_path / "photos" / "a.jpg")
        monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("a file was opened"))
        assert opened().names == ("a.jpg",)
        assert file.exists()

    def test_no_folder(self, tmp_path):
        assert "there is no such folder" in refusal(tmp_path / "nowhere")
        assert "there is no such folder" in refusal(save(tmp_path / "a.jpg"))

    def test_an_empty_one(self, tmp_path):
        assert "the folder is empty" in refusal(tmp_path)

    def test_one_full_of_what_is_no_photo(self, tmp_path):
        for k in range(3):
            (tmp_path / f"{k}.txt").write_text("no photo")
        assert "none of its 3 files is a photo; use JPEG" in refusal(tmp_path)

    def test_a_huge_one(self, tmp_path, monkeypatch):
        for k in range(4):
            save(tmp_path / f"{k}.jpg")
        monkeypatch.setattr(folders, "MOST_PHOTOS", 3)
        assert "it has 4 photos, and at most 3 are shown" in refusal(tmp_path)
        monkeypatch.setattr(folders, "MOST_FILES", 2)
        assert "it has more than 2 files" in refusal(tmp_path)

    def test_the_search_in_a_huge_one_ends(self, tmp_path, monkeypatch):
        """A disk has millions of files."""
        seen = []

        def endless(root, onerror):
            for k in range(10**9):
                seen.append(k)
                yield str(root), [], [f"{k}.jpg"]

        monkeypatch.setattr(folders, "MOST_FILES", 20)
        monkeypatch.setattr(os, "walk", endless)
        refusal(tmp_path)
        assert len(seen) == 21

    def test_names_that_a_link_cannot_hold_are_left_out(self, tmp_path, opened):
        save(tmp_path / "photos" / "a.jpg")
        save(tmp_path / "photos" / "line\nbreak.jpg")
        save(Path(os.fsdecode(os.fsencode(tmp_path / "photos") + b"/\xff.jpg")))
        assert opened().names == ("a.jpg",)

    def test_a_refused_folder_leaves_the_one_before_it(self, tmp_path, opened):
        save(tmp_path / "photos" / "a.jpg")
        opened()
        with pytest.raises(ValueError, match="no such folder"):
            FOLDER.open(tmp_path / "nowhere")
        assert FOLDER.names == ("a.jpg",)


OUTSIDE = ("../secret.png", "sub/../../secret.png", "a.jpg/../../secret.png", "/etc/passwd", "./a.jpg", "a.jpg\0", "..")


class TestNothingOutsideIsReached:
    @pytest.fixture
    def secret(self, tmp_path) -> Path:
        save(tmp_path / "photos" / "a.jpg")
        save(tmp_path / "photos" / "sub" / "b.jpg")
        return save(tmp_path / "secret.png", RED)

    @pytest.mark.parametrize("name", [*OUTSIDE, "secret.png"])
    def test_by_a_name(self, opened, secret, name):
        assert name not in opened()
        assert Experiment.from_query({"img": name}).image == "cat"
        with pytest.raises(ValueError, match="not in the folder"):
            FOLDER.read(name)

    def test_by_its_absolute_path(self, opened, secret):
        assert str(secret) not in opened()
        with pytest.raises(ValueError, match="not in the folder"):
            FOLDER.read(str(secret))

    def test_by_a_link_in_the_folder(self, tmp_path, opened, secret):
        (tmp_path / "photos" / "link.png").symlink_to(secret)
        (tmp_path / "photos" / "loop.png").symlink_to(tmp_path / "photos" / "loop.png")
        save(tmp_path / "other" / "c.jpg")
        (tmp_path / "photos" / "others").symlink_to(tmp_path / "other")
        (tmp_path / "photos" / "alias.png").symlink_to(tmp_path / "photos" / "a.jpg")
        assert opened().names == ("a.jpg", "alias.png", "sub/b.jpg"), "a link within the folder is a photo of it"

    def test_by_a_photo_that_became_a_link(self, tmp_path, opened, secret):
        opened()
        file = tmp_path / "photos" / "a.jpg"
        file.unlink()
        file.symlink_to(secret)
        for ask in (FOLDER.read, FOLDER.stamp):
            with pytest.raises(ValueError, match="not in the folder any more"):
                ask("a.jpg")

    def test_by_a_folder_that_became_a_link(self, tmp_path, opened, secret):
        opened()
        sub = tmp_path / "photos" / "sub"
        (sub / "b.jpg").unlink()
        sub.rmdir()
        sub.symlink_to(save(tmp_path / "other" / "b.jpg").parent)
        with pytest.raises(ValueError, match="not in the folder any more"):
            FOLDER.read("sub/b.jpg")

    def test_by_labels_that_are_a_link(self, tmp_path, opened, secret):
        (tmp_path / "words.csv").write_text("a.jpg,secret\n")
        (tmp_path / "photos" / "labels.csv").symlink_to(tmp_path / "words.csv")
        assert not opened().labels

    def test_the_page_opens_the_cat(self, opened, secret, page):
        opened()
        for name in ("../secret.png", str(secret)):
            app = page(**QUICK, img=name)
            assert shown(app, "image") == "cat"
            assert "not on this server" in app.sidebar.info[0].value


class TestReading:
    def test_a_photo(self, tmp_path, opened):
        file = save(tmp_path / "photos" / "a.jpg")
        assert opened().read("a.jpg") == file.read_bytes()

    def test_one_that_is_too_large(self, tmp_path, opened, monkeypatch):
        file = save(tmp_path / "photos" / "a.jpg")
        opened()
        monkeypatch.setattr(folders, "MOST_BYTES", file.stat().st_size)
        FOLDER.read("a.jpg")
        monkeypatch.setattr(folders, "MOST_BYTES", file.stat().st_size - 1)
        with pytest.raises(ValueError, match="it has more than"):
            FOLDER.read("a.jpg")

    def test_one_that_has_gone(self, tmp_path, opened):
        file = save(tmp_path / "photos" / "a.jpg")
        opened()
        file.unlink()
        with pytest.raises(ValueError, match="not in the folder any more"):
            FOLDER.read("a.jpg")

    def test_a_thumbnail_is_decoded_small_and_has_the_same_picture(self):
        """Its mean colour, in each of four quarters."""
        image = PIL.Image.new("RGB", (1600, 1200), TEAL)
        image.paste(RED, (800, 0, 1600, 600))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=95)
        small, whole = load_image(data.getvalue(), least=192), load_image(data.getvalue())
        assert whole.size == (1600, 1200)
        assert 192 <= min(small.size) < 600
        quarters = [np.asarray(image.resize((2, 2))) for image in (small, whole)]
        np.testing.assert_allclose(*quarters, atol=6)

    def test_the_photos_near_one_are_a_part_of_the_folder(self, tmp_path, opened):
        for k in range(30):
            save(tmp_path / "photos" / f"{k:02}.jpg", size=(16, 16))
        opened()
        assert FOLDER.near("cat") == FOLDER.names[:12]
        parts = {FOLDER.near(name) for name in FOLDER.names}
        assert sorted(name for part in parts for name in part) == list(FOLDER.names), "each photo is in one part"
        assert all(name in FOLDER.near(name) for name in FOLDER.names)


class TestLabels:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("file,class\na.jpg,1\n", "dog"),
            ("a.jpg,1", "dog"),
            ("\ufeffa.jpg,1", "dog"),
            ("a.jpg,a   wolf", "a wolf"),
            ('"a.jpg","a wolf, grey"', "a wolf, grey"),
            ("a.jpg,7", "7"),
            ("a.jpg,-1", "-1"),
            ("b.jpg,1", ""),
            ("a.jpg", ""),
            ("", ""),
            (f"a.jpg,{'x' * 500}", "x" * 80),
        ],
    )
    def test_what_they_say(self, tmp_path, opened, text, told):
        save(tmp_path / "photos" / "a.jpg")
        (tmp_path / "photos" / "labels.csv").write_text(text)
        assert opened().label("a.jpg", ["cat", "dog"]) == told

    @pytest.mark.parametrize(
        ("data", "why"),
        [(b"a.jpg,\xff\xfe", "no CSV file in UTF-8"), (b'a.jpg,"' + b"x" * 200_000, "no CSV file in UTF-8")],
    )
    def test_those_that_cannot_be_read_are_a_line(self, tmp_path, data, why):
        save(tmp_path / "a.jpg")
        (tmp_path / "labels.csv").write_bytes(data)
        with pytest.raises(ValueError, match=why) as error:
            Folder().open(tmp_path)
        assert "labels.csv" in str(error.value)
        assert "\n" not in str(error.value)

    def test_so_are_too_many(self, tmp_path, monkeypatch):
        save(tmp_path / "a.jpg")
        (tmp_path / "labels.csv").write_text("a.jpg,1\n" * 100)
        monkeypatch.setattr(folders, "MOST_LABELS", 799)
        with pytest.raises(ValueError, match="it has more than"):
            Folder().open(tmp_path)


class TestOptions:
    def ended(self, capsys, *arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            options.start(arguments)
        assert end.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("dashboard: ")
        return line

    def test_a_folder_is_opened(self, tmp_path, opened):
        save(tmp_path / "photos" / "a.jpg")
        options.start(["--photos", str(tmp_path / "photos")])
        assert FOLDER.names == ("a.jpg",)

    def test_none_is_needed(self, opened):
        options.start([])
        assert FOLDER.names == ()

    def test_wrong_ones_are_a_line_and_a_status(self, tmp_path, capsys):
        assert "no such folder" in self.ended(capsys, "--photos", str(tmp_path / "nowhere"))
        assert "expected one argument" in self.ended(capsys, "--photos")
        assert "unrecognized arguments: --photo" in self.ended(capsys, f"--photo={tmp_path}")
        assert "unrecognized arguments: x" in self.ended(capsys, "x")

    def test_the_server_ends_before_it_serves(self, tmp_path):
        command = ["-m", "streamlit", "run", "dashboard/app.py", "--server.headless=true", "--server.port=0", "--"]
        done = subprocess.run(
            [sys.executable, *command, "--photos", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            f"dashboard: --photos {tmp_path}: the folder is empty; use JPEG, PNG, WebP, GIF, BMP or TIFF"
        ]


class TestThumbnails:
    def test_they_are_made_once_for_each_version_of_a_photo(self, tmp_path, opened, monkeypatch):
        file = save(tmp_path / "photos" / "a.jpg")
        opened()
        made = []
        monkeypatch.setattr(thumbnails, "load_image", lambda *a, **b: made.append(a) or load_image(*a, **b))
        first = thumbnails.picture("a.jpg")
        assert thumbnails.picture("a.jpg") == first
        assert len(made) == 1
        save(file, RED)
        os.utime(file, (1, 1))
        assert thumbnails.picture("a.jpg") != first
        assert len(made) == 2

    def test_so_many_are_kept_and_no_more(self):
        assert thumbnails._of_folder.cache_info().maxsize == thumbnails.MOST

    def test_what_is_no_photo_is_its_name(self, tmp_path, opened):
        save(tmp_path / "photos" / "a.jpg")
        (tmp_path / "photos" / "[b](c).jpg").write_bytes(b"no photo")
        opened()
        assert thumbnails.picture("[b](c).jpg") == ""
        assert thumbnails.label("[b](c).jpg") == r"\[b\]\(c\).jpg"
        assert thumbnails.label("a.jpg").startswith("![a.jpg](data:image/jpeg;base64,")

    @pytest.mark.parametrize("name", ["cat", "camera"])
    def test_the_gallery_has_pictures_too(self, name):
        assert thumbnails.label(name).startswith(f"![{name}](data:image/jpeg;base64,")


class TestPage:
    @pytest.fixture
    def folder(self, tmp_path, opened) -> Path:
        for k in range(14):
            save(tmp_path / "photos" / f"{k:02}.jpg", (k * 15, 128, 128))
        (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
        (tmp_path / "photos" / "labels.csv").write_text("file,class\n13.jpg,282\n02.jpg,my *own* class\n")
        opened()
        return tmp_path / "photos"

    def test_without_a_folder_there_is_no_search(self, page):
        assert not [box for box in page(**QUICK).sidebar.selectbox if "folder" in box.label]

    def test_a_photo_is_found_by_its_name(self, folder, page, jobs):
        app = page(**QUICK, cls="3")
        box = control(app.selectbox, "control-folder")
        assert box.label == "Search the folder: 15 photos"
        assert box.value is None
        app = finish(box.set_value("13.jpg").run(), jobs)
        assert (shown(app, "image"), shown(app, "target")) == ("13.jpg", -1)
        assert query(app, "img") == "13.jpg"
        assert complete(app, 4) == 3
        assert control(app.selectbox, "control-folder").value == "13.jpg"
        assert "labels.csv says: tiger cat" in [c.value for c in app.sidebar.caption]
        app = control(app.pills, "control-image").set_value("cat").run()
        assert control(app.selectbox, "control-folder").value is None
        assert not [c for c in app.sidebar.caption if "labels.csv" in c.value]

    def test_a_link_opens_it_and_its_words_are_no_markdown(self, folder, page):
        app = page(**QUICK, img="02.jpg")
        assert shown(app, "image") == "02.jpg"
        assert not app.sidebar.info
        assert r"labels.csv says: my \*own\* class" in [c.value for c in app.sidebar.caption]
        assert app.session_state[session.PRESENT][1].source.getpixel((0, 0)) == pytest.approx((30, 128, 128), abs=3)

    def test_all_choices_are_pictures(self, folder, page):
        app = page(**QUICK, img="02.jpg")
        labels = control(app.pills, "control-image").options
        assert sum(label.startswith("![") for label in labels) == len(labels) == 6 + 12
        assert any(label.startswith("![02.jpg](") for label in labels)
        app = page(**QUICK, img="13.jpg")
        labels = control(app.pills, "control-image").options
        assert [label for label in labels if not label.startswith("![")] == ["broken.jpg"]

    def test_the_stage_shows_them(self, folder, page, monkeypatch):
        app = page(**QUICK, img="02.jpg")
        monkeypatch.setattr(session.st, "session_state", app.session_state)
        knob = knobs._photos()
        assert knob.value == "02.jpg"
        assert [option.value for option in knob.options][6:] == list(FOLDER.names[:12])
        assert all(option.picture for option in knob.options)

    def test_one_that_is_no_photo_is_a_line_and_the_last_stays(self, folder, page, jobs):
        app = finish(page(**QUICK, img="02.jpg"), jobs)
        app = control(app.selectbox, "control-folder").set_value("broken.jpg").run()
        (error,) = app.sidebar.error
        assert error.value.startswith("broken.jpg was not used: the file is not an image that can be read")
        assert str(folder) not in error.value, "where the folder lies is nobody's business"
        assert shown(app, "image") == "02.jpg"
        assert complete(app, 4) == 3
        app = control(app.pills, "control-image").set_value("00.jpg").run()
        assert not app.sidebar.error, "once another photo is chosen, it is no longer news"

    def test_a_link_to_it_opens_the_cat(self, folder, page):
        app = page(**QUICK, img="broken.jpg")
        assert shown(app, "image") == "cat"
        assert "broken.jpg was not used" in app.sidebar.error[0].value

    def test_one_that_goes_while_it_is_shown(self, folder, page):
        app = page(**QUICK, img="02.jpg")
        (folder / "02.jpg").unlink()
        app.run()
        assert shown(app, "image") == "cat"
        assert app.sidebar.error[0].value == "02.jpg was not used: it is not in the folder any more."
        assert not app.exception

    def test_one_that_changes_is_read_again(self, folder, page):
        app = page(**QUICK, img="02.jpg")
        save(folder / "02.jpg", RED)
        app.run()
        assert app.session_state[session.PRESENT][1].source.getpixel((0, 0)) == pytest.approx(RED, abs=3)

    def test_it_is_read_once(self, folder, page, monkeypatch):
        read = []
        monkeypatch.setattr(photo, "load_image", lambda data: read.append(len(data)) or load_image(data))
        page(**QUICK, img="02.jpg").run()
        assert len(read) == 1

    def test_a_pin_opens_it_by_its_name(self, folder, page, jobs):
        app = finish(page(**QUICK, img="02.jpg"), jobs)
        app.button(key="compare-pin").click().run()
        control(app.pills, "control-image").set_value("cat").run()
        next(b for b in app.sidebar.button if b.label == "Open").click().run()
        assert shown(app, "image") == "02.jpg"

    def test_a_link_to_a_photo_of_another_server(self, page, jobs):
        app = finish(page(**QUICK, img="02.jpg", sigma="0.3"), jobs)
        assert (shown(app, "image"), shown(app, "sigma")) == ("cat", 0.3)
        assert app.sidebar.info[0].value == "The photo of this link is not on this server: another one is shown."
        assert captions(app)
        app = control(app.pills, "control-image").set_value("rocket").run()
        assert not app.sidebar.info
