"""The photos of a run, spread over a Ray cluster; what comes out is written here, by one process.

A worker loads the model once. One that is lost is replaced, and what its photo still lacked is measured again.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from attribution.benchmark.cases import Case
from attribution.benchmark.measure import Measured, Task, Unreadable, measure, steady
from attribution.benchmark.run import Found
from attribution.models import load_model

READY = 600
"""Seconds in which the workers must have loaded their models."""
TRIES = 3
"""How many workers a photo may cost before it is held to be the reason."""


class Worker:
    """Lives in a process of its own, somewhere on the cluster."""

    def __init__(self, model: str, device: str | None, batch: int | None, patches: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self.model = load_model(model, device)
        steady(self.model, batch, patches)

    def about(self) -> tuple[str, str, int]:
        """The digest of the weights, the device, and the process."""
        return self.model.digest, str(self.model.device), os.getpid()

    def measure(self, task: Task, photo: bytes) -> Iterator[Measured | Unreadable]:
        try:
            yield from measure(task, photo, self.model)
        except Unreadable as error:
            yield error


@dataclass
class _Held:
    """A worker and what it is at: the stream of what comes out, and what is still to come."""

    actor: Any
    process: int
    stream: Any = None
    task: Task | None = None


class Cluster:
    """Workers on the cluster at `address`, or on a cluster of this machine alone where there is none.

    `threads` of a processor and `gpus`, which may be a fraction, are each worker's. Raises ValueError when Ray is not
    installed, when nothing of the cluster is free for a worker, and when workers have different weights.
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
        there = ray.cluster_resources()
        gpus = (1.0 if there.get("GPU") else 0.0) if gpus is None else gpus
        fit = sum(_room(node["Resources"], threads, gpus) for node in ray.nodes() if node["Alive"])
        if fit < 1:
            ray.shutdown()
            raise ValueError(f"the cluster has no room for a worker of {threads} threads and {gpus:g} GPUs")
        made = ray.remote(num_cpus=threads, num_gpus=gpus)(Worker)
        self._make: Callable[[], Any] = lambda: made.remote(model, device, batch, patches, threads)
        actors = [self._make() for _ in range(min(fit, workers or fit))]
        try:
            known = ray.get([actor.about.remote() for actor in actors], timeout=READY)
        except (ray.exceptions.RayError, TimeoutError) as error:
            ray.shutdown()
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f"the workers did not start: {reason}") from None
        if len({digest for digest, _, _ in known}) > 1:
            ray.shutdown()
            raise ValueError(f"the workers have different weights of {model}: give all of them the same file")
        self.digest, self.device, _ = known[0]
        self.workers = [_Held(actor, process) for actor, (_, _, process) in zip(actors, known, strict=True)]

    def close(self) -> None:
        _ray().shutdown()

    def work(self, to_do: Iterable[Task], read: Callable[[Task], bytes]) -> Iterator[Found]:
        """What comes of the tasks, in no order, as it comes; None after all of a task."""
        ray, waiting = _ray(), deque(to_do)
        lost: dict[str, int] = {}
        while waiting or any(held.task for held in self.workers):
            for held in self.workers:
                while held.task is None and waiting:
                    task = waiting.popleft()
                    try:
                        photo = read(task)
                    except Unreadable as error:
                        yield task, error
                        yield task, None
                        continue
                    held.task = task
                    held.stream = held.actor.measure.options(num_returns="streaming").remote(task, photo)
            if not any(held.task for held in self.workers):
                return
            busy = {held.stream: held for held in self.workers if held.task}
            (ready,), _ = ray.wait(list(busy), num_returns=1)
            held = busy[ready]
            assert held.task is not None
            task = held.task
            try:
                found = ray.get(next(held.stream))
            except StopIteration:
                held.task = None
                yield task, None
            except ray.exceptions.RayActorError:
                held.task = None
                lost[task.digest] = lost.get(task.digest, 0) + 1
                self._replace(held)
                if lost[task.digest] < TRIES:
                    waiting.append(task)
                else:
                    yield task, Unreadable(f"{TRIES} workers were lost while they measured it: is it too large?")
            else:
                if isinstance(found, Measured):
                    held.task = _without(task, found.case)
                yield task, found

    def _replace(self, held: _Held) -> None:
        held.actor = self._make()
        digest, _, held.process = _ray().get(held.actor.about.remote(), timeout=READY)
        if digest != self.digest:
            raise ValueError("a new worker has different weights of the model: give all of them the same file")


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
