"""The run: measures what the results file lacks, photo by photo, writes each case at once, and shows the time left."""

import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from tqdm import tqdm

from attribution.benchmark.cases import Case
from attribution.benchmark.labels import labels
from attribution.benchmark.measure import Measured, Task, Unreadable, measure, steady
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.models import Model

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
Found = tuple[Task, Measured | Unreadable | None]
"""A result of a task: one case, or that the photo cannot be read. None means that the task is finished."""


@runtime_checkable
class Workers(Protocol):
    """Measures tasks: in this process, or on a cluster."""

    digest: str
    device: str

    @property
    def workers(self) -> Sequence[object]: ...
    def work(self, to_do: Iterable[Task], read: Callable[[Task], bytes]) -> Iterator[Found]: ...
    def close(self) -> None: ...


def photos(folder: Path) -> list[Path]:
    """The photos of a folder and its subfolders, sorted by path.

    Raises ValueError when there are none, and for a folder that cannot be read: its photos would be missing unsaid.
    """
    try:
        if not folder.is_dir():
            raise ValueError(f"{folder}: there is no such folder")
        files = (Path(at, name) for at, _, names in os.walk(folder, onerror=_refuse) for name in names)
        found = sorted(file for file in files if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise ValueError(
            f"{error.filename} cannot be read ({error.strerror}); change its rights, or choose another folder"
        ) from None
    if not found:
        raise ValueError(f"{folder}: there is no photo in it; use JPEG, PNG, WebP, GIF, BMP or TIFF")
    return found


def _refuse(error: OSError) -> NoReturn:
    raise error


def digest_of(photo: bytes) -> str:
    return blake2b(photo, digest_size=16).hexdigest()


def seed_of(base: int, digest: str) -> int:
    """The seed of a photo. If all photos had one seed, the chance in the noise would not average out over photos."""
    return (base + int(digest[:8] or "0", 16)) % 1_000_000


def spelled(path: str) -> str:
    """The path as text for a file or a terminal: bytes that are not UTF-8 are written with backslashes."""
    return path.encode("utf-8", "backslashreplace").decode()


def read_photo(folder: Path, name: str) -> bytes:
    """The bytes of a photo. Raises Unreadable when it cannot be opened, or has a name that no file can hold as text."""
    if spelled(name) != name:
        raise Unreadable("the name of the file is not UTF-8; rename it")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror}") from None


def digests(folder: Path) -> dict[str, str]:
    """The digest of each photo of the folder, by name; empty for one that cannot be opened."""
    found = {}
    for file in photos(folder):
        name = file.relative_to(folder).as_posix()
        try:
            found[name] = digest_of(read_photo(folder, name))
        except Unreadable:
            found[name] = ""
    return found


def read(folder: Path, task: Task) -> bytes:
    """The bytes of the task's photo. Raises Unreadable as `read_photo`, and if it has changed since the run began."""
    data = read_photo(folder, task.name)
    if digest_of(data) != task.digest:
        raise Unreadable("was changed since the run began; run again")
    return data


def tasks(
    files: Mapping[str, str],
    known: Mapping[str, int],
    results: Results,
    setting: Setting,
    cases: Sequence[Case],
    metrics: Sequence[Case],
) -> Iterator[Task]:
    """A task for each photo that lacks results. `files` are the digests of the photos, and `known` their labels."""
    done, searched = results.done(setting), results.searched(setting)
    for name, digest in files.items():
        there = done.get((name, digest), set())
        lacking = ((c, tuple(m for m in metrics if (c.name, c.text, m.name, m.text) not in there)) for c in cases)
        wanted = tuple((case, missing) for case, missing in lacking if missing)
        if wanted:
            seed, label = seed_of(setting.seed, digest), known.get(name, -1)
            yield Task(name, digest, seed, wanted, setting.output, label, searched.get((name, digest), {}))


class Here:
    """Measures one photo after another in this process. Fixes the batch sizes of the model."""

    def __init__(self, model: Model, *, batch: int | None = None, patches: int = 50) -> None:
        self.model = model
        steady(self.model, batch, patches)
        self.digest, self.device, self.workers = self.model.digest, str(self.model.device), [self.model]

    def work(self, to_do: Iterable[Task], read: Callable[[Task], bytes]) -> Iterator[Found]:
        for task in to_do:
            try:
                for found in measure(task, read(task), self.model):
                    yield task, found
            except Unreadable as error:
                yield task, error
            yield task, None

    def close(self) -> None:
        """Does nothing: there is nothing to close."""


@dataclass
class Clock:
    """Estimates the time left from the time that the measured cases took."""

    took: dict[Case, list[float]] = field(default_factory=dict)
    left: dict[Case, int] = field(default_factory=dict)

    def plan(self, to_do: Iterable[Task]) -> None:
        for task in to_do:
            for case, _ in task.wanted:
                self.left[case] = self.left.get(case, 0) + 1

    def note(self, found: Measured) -> None:
        self.left[found.case] -= 1
        if not found.error:
            self.took.setdefault(found.case, []).append(found.seconds)

    def skip(self, task: Task) -> None:
        for case, _ in task.wanted:
            self.left[case] -= 1

    def seconds(self, at_once: int = 1) -> float | None:
        """The time left, with `at_once` photos in parallel, or None before the first case is measured.

        A case that has not been measured on any photo counts as the mean of the others.
        """
        if not self.took:
            return None
        usual = {case: statistics.median(seconds) for case, seconds in self.took.items()}
        other = statistics.fmean(usual.values())
        return sum(count * usual.get(case, other) for case, count in self.left.items()) / at_once


def spoken(seconds: float | None) -> str:
    """The time left, in words."""
    if seconds is None:
        return "the time left is not known yet"
    if seconds < 100:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 6000 else f"{seconds / 3600:.1f} h left"


def run(
    folder: Path,
    results: Results,
    setting: Setting,
    cases: Sequence[Case],
    metrics: Sequence[Case],
    workers: Workers,
) -> list[tuple[str, str, str]]:
    """Measures what is missing and shows the progress. Returns (photo, case, error) for what could not be measured.

    Each case is written when it is done: a process that is killed loses only the cases that it was measuring. Raises
    ValueError if the file holds results of the other score.
    """
    for other in results.outputs() - {setting.output}:
        raise ValueError(f"the file holds results of the {other}; choose another file for the {setting.output}")
    known, files = labels(folder), digests(folder)
    clock, where = Clock(), spelled(str(folder.resolve()))
    results.begin(where, {(name, files[name]): label for name, label in known.items() if name in files})
    to_do = list(tasks(files, known, results, setting, cases, metrics))
    failed: list[tuple[str, str, str]] = []
    clock.plan(to_do)
    total, every = sum(clock.left.values()), len(files) * len(cases)

    watched = sys.stderr.isatty()
    form = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} maps{postfix}"
    with tqdm(total=every, initial=every - total, bar_format=form, disable=not watched, dynamic_ncols=True) as bar:
        for task, found in workers.work(to_do, partial(read, folder)):
            name = spelled(task.name)
            if isinstance(found, Measured):
                results.add(name, task.digest, where, setting, found, task.label)
                clock.note(found)
                bar.update()
                if found.error:
                    failed.append((name, f"{found.case.name} {found.case.text}", found.error))
            elif found is not None:
                results.fail(name, task.digest, where, str(found))
                clock.skip(task)
                failed.append((name, "", str(found)))
                bar.update(len(task.wanted))
            bar.set_postfix_str(left := spoken(clock.seconds(len(workers.workers) or 1)))
            if found is None and not watched:
                count = every - sum(clock.left.values())
                print(f"{name}: {count} of {every} maps, {left}", file=sys.stderr, flush=True)
    return failed
