"""A Ray cluster whose machines are processes of this one: they come and go at the moment that a test says."""

import _thread
import fcntl
import os
import pickle
import threading
import zlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from travel import Sent

from attribution.benchmark.measure import Measured, Task
from attribution.benchmark.run import digest_of
from attribution.types import Curve

TESTS = Path(__file__).parent
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200, "health_check_failure_threshold": 3}
"""A machine that refuses connections is held to be lost after a second; one that is slow is waited for as ever."""
NO_SPARE = {"prestart_worker_first_driver": False, "enable_worker_prestart": False}
"""Ray starts no process before a worker needs it."""


@contextmanager
def started():
    """A Ray cluster whose first machine has room for no worker."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))  # for what the workers import
        first = {"num_cpus": 0, "include_dashboard": False, "include_log_monitor": False}
        made = Cluster(initialize_head=True, head_node_args={**first, "_system_config": {**SOON, **NO_SPARE}})
        yield made
        made.shutdown()


@contextmanager
def within(seconds=240):
    """Fails what stands still in Ray. Ray swallows the exception of pytest-timeout, but passes on an interrupt."""
    late = threading.Event()

    def interrupt():
        late.set()
        _thread.interrupt_main()

    timer = threading.Timer(seconds, interrupt)
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not late.is_set():
            raise
        pytest.fail(f"it has not ended after {seconds} s")
    finally:
        timer.cancel()


class Machines:
    """On each of them, a worker waits after each case until the gate of its machine is open."""

    def __init__(self, head, gates):
        self.head, self.gates, self.there, self.shutters = head, gates, {}, {}
        self.address = head.address

    def add(self, processors=1):
        machine = self.head.add_node(num_cpus=processors)
        self.there[machine.node_id] = machine
        self.shut(machine.node_id)
        return machine.node_id

    def shut(self, name):
        self.shutters[name] = (self.gates / name).open("w")
        fcntl.flock(self.shutters[name], fcntl.LOCK_EX)

    def open(self, name):
        self.shutters[name].close()

    def remove(self, name):
        """As if its power was lost. What it has begun never ends if its gate is shut."""
        self.head.remove_node(self.there[name], allow_graceful=False)

    def of(self, task):
        """Which one measures the task."""
        return (self.gates / task.digest).read_text()

    def end(self):
        for name, machine in self.there.items():
            self.open(name)
            if machine in self.head.worker_nodes:
                self.head.remove_node(machine, allow_graceful=False)


class Light(Task):
    """A task that a worker gets without the classes of the core. Each of its cases is bytes to it."""

    @classmethod
    def of(cls, task):
        return cls(**vars(task))

    def __reduce__(self):
        wanted = [pickle.dumps(one) for one in self.wanted]
        return SimpleNamespace, (), {"name": self.name, "digest": self.digest, "seed": self.seed, "wanted": wanted}


def made_up(digest: str, seed: int, wanted: bytes) -> Measured:
    """The result of a case, of which a worker knows the bytes: it differs with the photo, the case and the metric."""
    case, metrics = pickle.loads(wanted)
    curves = {}
    for metric in metrics:
        drawn = np.random.default_rng(zlib.crc32(f"{digest} {seed} {case} {metric}".encode())).random(4)
        curves[metric] = Curve(np.arange(4.0), drawn)
    return Measured(case, seed, 1, "yes", 0.5, gradients=3, curves=curves)


class Alone:
    """Makes the same up in this process, one photo after another."""

    workers = (None,)
    digest, device = "toy", "cpu"

    def work(self, to_do, read):
        for task in to_do:
            for one in task.wanted:
                yield task, made_up(digest_of(read(task)), task.seed, pickle.dumps(one))
            yield task, None

    def close(self):
        pass


def toy(gates):
    """A class of workers that make their results up. Each waits after a case until the gate of its machine is open."""

    # Ray sends a class that is made in a function as a whole; one of this module would have to be found by its name.
    class Toy:
        def __init__(self, *given):
            pass

        def about(self):
            return "toy", "cpu", os.getpid()

        def measure(self, task, photo):
            import ray

            here = ray.get_runtime_context().get_node_id()
            (gates / task.digest).write_text(here)
            for wanted in task.wanted:
                yield Sent(task, photo, wanted)
                with (gates / here).open() as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)

    return Toy


class Watched:
    """Workers. For each result `told` gets its task and its number, from 1 on, before the next is asked for.

    `task` makes what they get of each task.
    """

    def __init__(self, made, told, task=lambda one: one):
        self.made, self.told, self.task, self.measured = made, told, task, []
        self.digest, self.device = made.digest, made.device

    @property
    def workers(self):
        return self.made.workers

    def work(self, to_do, read):
        for task, found in self.made.work(map(self.task, to_do), read):
            if isinstance(found, Measured):
                self.measured.append((task.digest, found.case))
                self.told(task, len(self.measured))
            yield task, found

    def close(self):
        self.made.close()
