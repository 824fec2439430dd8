"""The run: what is still to be done, done photo by photo, written as it comes, with the time that is left."""

import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from attribution.benchmark.cases import Case
from attribution.benchmark.measure import Measured, Task, Unreadable, measure, steady
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.models import Model

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
Found = tuple[Task, Measured | Unreadable | None]
"""What came of a task: a case, or that the photo cannot be read; None when all of it is done."""


@runtime_checkable
class Workers(Protocol):
    """Who measures: this process, or a cluster."""

    digest: str
    device: str

    @property
    def workers(self) -> Sequence[object]: ...
    def work(self, to_do: Iterable[Task], read: Callable[[Task], bytes]) -> Iterator[Found]: ...
    def close(self) -> None: ...


def photos(folder: Path) -> list[Path]:
    """The photos of a folder and those below it, by name. Raises ValueError where there are none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder")
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        raise ValueError(f"{folder}: there is no photo in it; use JPEG, PNG, WebP, GIF, BMP or TIFF")
    return found


def digest_of(photo: bytes) -> str:
    return blake2b(photo, digest_size=16).hexdigest()


def seed_of(base: int, digest: str) -> int:
    """A seed for each photo: with one for all, the luck of a draw would not average out over photos."""
    return (base + int(digest[:8], 16)) % 1_000_000


def read(folder: Path, task: Task) -> bytes:
    """The task's photo. Raises Unreadable where it is gone, or another since the run began."""
    try:
        data = (folder / task.name).read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror}") from None
    if digest_of(data) != task.digest:
        raise Unreadable("was changed since the run began: run again")
    return data


def tasks(
    folder: Path, results: Results, setting: Setting, cases: Sequence[Case], metrics: Sequence[Case]
) -> Iterator[Task]:
    """A task for each photo that lacks something. A photo that cannot be opened is recorded here."""
    done = results.done(setting)
    for file in photos(folder):
        name = file.relative_to(folder).as_posix()
        try:
            digest = digest_of(file.read_bytes())
        except OSError as error:
            results.fail(name, "", str(folder.resolve()), f"cannot be opened: {error.strerror}")
            continue
        there = done.get((name, digest), set())
        lacking = ((c, tuple(m for m in metrics if (c.name, c.text, m.name, m.text) not in there)) for c in cases)
        wanted = tuple((case, missing) for case, missing in lacking if missing)
        if wanted:
            yield Task(name, digest, seed_of(setting.seed, digest), wanted)


class Here:
    """One photo after another, in this process. Fixes the batches of the model."""

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
        """Nothing is held beyond this process."""


@dataclass
class Clock:
    """The time that is left, from what the cases so far have taken."""

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
        """None while nothing is known. What has not been seen yet is taken to last as long as the rest does."""
        if not self.took:
            return None
        usual = {case: statistics.median(seconds) for case, seconds in self.took.items()}
        other = statistics.fmean(usual.values())
        return sum(count * usual.get(case, other) for case, count in self.left.items()) / at_once


def spoken(seconds: float | None) -> str:
    """A duration, as one says it."""
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
    """Measures what is missing and says how it goes. Returns (photo, case, error) of what could not be measured.

    Each case is in the file before the next one is begun: what ends the process loses that one case.
    """
    to_do = list(tasks(folder, results, setting, cases, metrics))
    clock, where = Clock(), str(folder.resolve())
    failed: list[tuple[str, str, str]] = []
    clock.plan(to_do)
    total, every = sum(clock.left.values()), len(photos(folder)) * len(cases)

    watched = sys.stderr.isatty()
    form = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} maps{postfix}"
    with tqdm(total=every, initial=every - total, bar_format=form, disable=not watched, dynamic_ncols=True) as bar:
        for task, found in workers.work(to_do, partial(read, folder)):
            if isinstance(found, Measured):
                results.add(task.name, task.digest, where, setting, found)
                clock.note(found)
                bar.update()
                if found.error:
                    failed.append((task.name, f"{found.case.name} {found.case.text}", found.error))
            elif found is not None:
                results.fail(task.name, task.digest, where, str(found))
                clock.skip(task)
                failed.append((task.name, "", str(found)))
                bar.update(len(task.wanted))
            left = spoken(clock.seconds(len(workers.workers) or 1))
            bar.set_postfix_str(left)
            if found is None and not watched:
                count = every - sum(clock.left.values())
                print(f"{task.name}: {count} of {every} maps, {left}", file=sys.stderr, flush=True)
    return failed
