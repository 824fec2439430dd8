"""Times contestants in turn, A B A B, and writes tables as CSV.

Only ratios within one run mean something on a shared machine: each is a ratio of medians. `apart`: each contestant has
a process of its own, because peers must not profit from what this project tells the C library; there are several of
them, because two processes that do the same can differ by a tenth for as long as they live. `together`: all in one
process, so that not even that differs.
"""

import csv
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # an idle process must not use the processors of the others

import platform
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

Make = Callable[..., Callable[[], Any]]
"""Prepares a contestant in its process; returns the call that is timed."""


@dataclass(frozen=True)
class Found:
    """Seconds of each round, and the peak memory of the process in MiB: before the first round, and after the last."""

    seconds: tuple[float, ...]
    before: float
    after: float

    @property
    def median(self) -> float:
        return median(self.seconds)


class Contestant:
    """A process that runs one call when it is told to."""

    def __init__(self, make: Make, given: Sequence[Any]) -> None:
        here, there = get_context("spawn").Pipe()
        self._pipe: Connection = here
        self._process = get_context("spawn").Process(target=_serve, args=(there, make, given), daemon=True)
        self._process.start()
        self.begun = self._answer()

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.join()

    def run(self) -> tuple[float, float]:
        """Seconds of one call, and the peak memory since the process began, MiB."""
        self._pipe.send("run")
        return self._answer()

    def _answer(self) -> tuple[float, float]:
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        found: tuple[float, float] = answer
        return found


def _serve(pipe: Connection, make: Make, given: Sequence[Any]) -> None:
    try:
        call = make(*given)
        call()  # the first call is not timed: it prepares kernels, and finds the size of batches
        pipe.send((0.0, _peak()))
        while True:
            pipe.recv()
            began = time.perf_counter()
            call()
            pipe.send((time.perf_counter() - began, _peak()))
    except EOFError:
        pass
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


Makes = Mapping[str, tuple[Make, Sequence[Any]]]


def apart(makes: Makes, rounds: int, lives: int = 3) -> dict[str, Found]:
    """Runs all contestants in turn, `rounds` times in each of `lives` sets of processes."""
    met: dict[str, list[tuple[float, float]]] = {name: [] for name in makes}
    begun: dict[str, float] = {}
    for _ in range(lives):
        with ExitStack() as stack:
            all_of = {name: stack.enter_context(Contestant(make, given)) for name, (make, given) in makes.items()}
            begun = {name: one.begun[1] for name, one in all_of.items()}
            for _ in range(rounds):
                for name, one in all_of.items():
                    met[name].append(one.run())
    return {name: Found(tuple(seconds for seconds, _ in runs), begun[name], runs[-1][1]) for name, runs in met.items()}


def together(makes: Makes, rounds: int) -> dict[str, tuple[float, ...]]:
    """Seconds of all contestants, which run in turn in one process of their own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(time_in_turn, dict(makes), rounds).result()


def time_in_turn(makes: Makes, rounds: int) -> dict[str, tuple[float, ...]]:
    """Seconds of all contestants, which run in turn in this process."""
    calls = {name: make(*given) for name, (make, given) in makes.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:  # the first call is not timed: it prepares kernels, and finds the size of batches
                found[name].append(time.perf_counter() - began)
    return {name: tuple(seconds) for name, seconds in found.items()}


def machine() -> dict[str, Any]:
    """What a table must say of where it was measured."""
    import torch

    try:
        named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        named = []
    processor = named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": processor,
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": device,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def write(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows as CSV, each with the machine, and prints them."""
    where, rows = machine(), list(rows)
    print(", ".join(f"{name} {value}" for name, value in where.items()))
    for row in rows:
        print("  ".join(f"{name} {_short(value)}" for name, value in row.items()))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.DictWriter(opened, [*rows[0], *where])
        table.writeheader()
        table.writerows({name: _short(value) for name, value in {**row, **where}.items()} for row in rows)


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
