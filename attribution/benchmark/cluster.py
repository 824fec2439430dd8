"""Measures the photos of a run on a Ray cluster. One process, this one, receives all results.

A worker is a Ray actor that loads the model once. Ray decides on which machine it runs, and restarts it on another if
that machine is lost. The photo of a lost worker is given to another worker, which measures only the missing cases.
"""

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tqdm import tqdm

from attribution.benchmark.cases import Case
from attribution.benchmark.measure import Measured, Task, Unreadable, measure, steady
from attribution.benchmark.run import Found
from attribution.models import load_model

READY = 600
"""Seconds that a run without any worker waits for one to load its model."""
LOOK = 1
"""Seconds after which a run without any worker looks again whether a machine has room for one."""
TRIES = 3
"""How many workers may be lost while they measure a photo, before the photo counts as the reason."""


class Worker:
    """Runs in its own process on a machine of the cluster."""

    def __init__(self, model: str, device: str | None, batch: int | None, patches: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self.model = load_model(model, device)
        steady(self.model, batch, patches)

    def about(self) -> tuple[str, str, int]:
        """The digest of the weights, the device, and the process."""
        return self.model.digest, str(self.model.device), os.getpid()

    def measure(self, task: Task, photo: bytes) -> Iterator[Measured | Unreadable]:
        """Yields each case when it is measured, or one Unreadable if the photo cannot be decoded."""
        try:
            yield from measure(task, photo, self.model)
        except Unreadable as error:
            yield error


@dataclass(eq=False)
class _Held:
    """A worker. `awaited` is its next answer: its description while it starts, the results while it measures."""

    actor: Any
    awaited: Any = None
    task: Task | None = None
    process: int | None = None
    """None until the worker has started, and again when it is lost."""

    def start(self) -> None:
        """Asks for its description. The answer comes when Ray has started it and its model is loaded."""
        self.task = self.process = None
        self.awaited = self.actor.about.remote()

    def give(self, task: Task, photo: bytes) -> None:
        """Starts a task, without Ray's retries: these would measure the whole photo again, on the same worker."""
        self.task = task
        self.awaited = self.actor.measure.options(num_returns="streaming", max_task_retries=0).remote(task, photo)

    def free(self) -> None:
        self.task = self.awaited = None


class Cluster:
    """Workers on the cluster at `address`, or on a cluster of this machine alone where there is none.

    `threads` of a processor and `gpus`, which may be a fraction, are each worker's. There are as many `workers` as fit,
    or as many as given: those without room start once a machine with room is added. Returns once the first has started.
    Raises ValueError when Ray is not installed, when no machine has room for a worker, and when no worker starts.
    """

    def __init__(
        self,
        address: str | None,
        model: str,
        device: str | None,
        *,
        batch: int | None,
        patches: int,
        threads: int,
        gpus: float | None = None,
        workers: int | None = None,
    ) -> None:
        ray = _ray()
        options: Mapping[str, Any] = {"address": address} if address else {"include_dashboard": False}
        try:
            ray.init(log_to_driver=False, **options)
        except ConnectionError as error:
            raise ValueError(f"no Ray cluster answers at {address}: {str(error).partition(chr(10))[0]}") from None
        try:
            share = (1.0 if ray.cluster_resources().get("GPU") else 0.0) if gpus is None else gpus
            self._needs = threads, share
            fit = self._fit()
            if not fit:
                raise ValueError(f"the cluster has no room for a worker of {threads} threads and {share:g} GPUs")
            # A worker is started again however often it is lost, and asked who it is until it answers.
            made = ray.remote(num_cpus=threads, num_gpus=share, max_restarts=-1, max_task_retries=-1)(Worker)
            arguments = model, device, batch, patches, threads
            self._held = [_Held(made.remote(*arguments)) for _ in range(workers or fit)]
            self.digest = self.device = ""
            for held in self._held:
                held.start()
            while not self.workers:
                self._welcome(self._next())
        except BaseException:
            ray.shutdown()
            raise

    @property
    def workers(self) -> Sequence[_Held]:
        """Those that have started and are not lost."""
        return [held for held in self._held if held.process is not None]

    def close(self) -> None:
        _ray().shutdown()

    def work(self, to_do: Iterable[Task], read: Callable[[Task], bytes]) -> Iterator[Found]:
        """Yields the results of all tasks as they arrive, in any order, and None after the last of each task.

        A task whose worker is lost is given to another. Raises ValueError when no worker is left and none can
        start, and when a worker has other weights than the first; results that were yielded before stay valid.
        """
        waiting, lost = deque(to_do), Counter[str]()
        while True:
            yield from self._give_out(waiting, read)
            if not waiting and not self._measuring():
                return
            held = self._next()
            if held.task is None:
                self._welcome(held)
            else:
                yield from self._take(held, held.task, waiting, lost)

    def _measuring(self) -> bool:
        return any(held.task for held in self._held)

    def _give_out(self, waiting: deque[Task], read: Callable[[Task], bytes]) -> Iterator[Found]:
        """Gives a task to each free worker, as long as there are tasks."""
        for held in self._held:
            while held.awaited is None and waiting:
                task = waiting.popleft()
                try:
                    held.give(task, read(task))
                except Unreadable as error:
                    yield task, error
                    yield task, None

    def _next(self) -> _Held:
        """Waits for a worker that answered. Raises ValueError if none is running and none can start."""
        ray, end = _ray(), time.monotonic() + READY
        awaited = {held.awaited: held for held in self._held if held.awaited is not None}
        # Measuring a case has no time limit. A start has: there may be no machine for it any more.
        patience = None if self._measuring() else LOOK
        while True:
            ready, _ = ray.wait(list(awaited), num_returns=1, timeout=patience)
            if ready:
                return awaited[ready[0]]
            if not self._fit():
                raise ValueError(
                    "every worker is lost, and no machine that is left has room for one: add a machine to the cluster "
                    "and run the same command again; what is done is kept"
                )
            if time.monotonic() > end:
                raise ValueError(
                    f"no worker has started for {READY} s: look whether something else holds the cluster's processors "
                    "or GPUs, and run the same command again; what is done is kept"
                )

    def _welcome(self, held: _Held) -> None:
        """Handles the start of a worker. One whose model cannot be loaded is dropped if others are left."""
        ray = _ray()
        try:
            digest, device, held.process = ray.get(held.awaited)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            self._held.remove(held)
            if not self._held:
                raise ValueError(f"the workers did not start: {reason}") from None
            tqdm.write(f"a worker did not start, the others go on: {reason}", file=sys.stderr)
            return
        held.free()
        if not self.digest:
            self.digest, self.device = digest, device
        if digest != self.digest:
            raise ValueError("a new worker has different weights of the model: give all of them the same file")

    def _take(self, held: _Held, task: Task, waiting: deque[Task], lost: Counter[str]) -> Iterator[Found]:
        """Yields the next result of a task. The task of a lost worker is put back, but not after `TRIES` losses."""
        ray = _ray()
        try:
            found = ray.get(next(held.awaited))
        except StopIteration:
            held.free()
            yield task, None
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error  # what the worker raised, without Ray's page about it
        except ray.exceptions.RayError:
            held.start()
            lost[task.digest] += 1
            if task.wanted and lost[task.digest] < TRIES:
                waiting.append(task)
                return
            if task.wanted:
                yield task, Unreadable(f"{TRIES} workers were lost while they measured it: is it too large?")
            yield task, None
        else:
            if isinstance(found, Measured):
                held.task = _without(task, found.case)
            yield task, found

    def _fit(self) -> int:
        """How many workers the machines that are there have room for, if nothing else runs on them."""
        return sum(_room(node["Resources"], *self._needs) for node in _ray().nodes() if node["Alive"])


def _room(resources: Mapping[str, float], threads: int, gpus: float) -> int:
    """How many workers fit on one machine of the cluster; a share of a GPU is of one, not of two halves."""
    by_processor = int(resources.get("CPU", 0) // threads)
    if not gpus:
        return by_processor
    whole = int(resources.get("GPU", 0))
    return min(by_processor, whole * int(1 / gpus) if gpus <= 1 else int(whole // gpus))


def _without(task: Task, case: Case) -> Task:
    return replace(task, wanted=tuple((c, metrics) for c, metrics in task.wanted if c != case))


def _ray() -> Any:
    # Ray would report its use to its makers over the network; nobody was asked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ValueError("Ray is not installed; run pip install 'attribution-dashboard[ray]'") from None
    return ray
