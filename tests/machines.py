"""A Ray cluster whose machines are processes of this one: they come and go at the moment that a test says."""

import _thread
import fcntl
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import toys

from attribution.benchmark.measure import Measured, measure, steady

TESTS = Path(__file__).parent
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200, "health_check_failure_threshold": 3}
"""A machine that refuses connections is held to be lost after a second; one that is slow is waited for as ever."""


@contextmanager
def started():
    """A Ray cluster whose first machine has room for no worker."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))  # for what the workers import
        first = {"num_cpus": 0, "include_dashboard": False, "include_log_monitor": False, "_system_config": SOON}
        made = Cluster(initialize_head=True, head_node_args=first)
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


def toy(gates):
    """A class of workers with a toy for a model. Each waits after a case until the gate of its machine is open."""

    # Ray sends a class that is made in a function as a whole; one of this module would have to be found by its name.
    class Toy:
        def __init__(self, model, device, batch, patches, threads):
            self.model = toys.of_photos()
            steady(self.model, batch, patches)

        def about(self):
            return self.model.digest, "cpu", os.getpid()

        def measure(self, task, photo):
            import ray

            here = ray.get_runtime_context().get_node_id()
            (gates / task.digest).write_text(here)
            for found in measure(task, photo, self.model):
                yield found
                with (gates / here).open() as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)

    return Toy


class Watched:
    """Workers. For each result `told` gets its task and its number, from 1 on, before the next is asked for."""

    def __init__(self, made, told):
        self.made, self.told, self.measured = made, told, []
        self.digest, self.device = made.digest, made.device

    @property
    def workers(self):
        return self.made.workers

    def work(self, to_do, read):
        for task, found in self.made.work(to_do, read):
            if isinstance(found, Measured):
                self.measured.append((task.digest, found.case))
                self.told(task, len(self.measured))
            yield task, found

    def close(self):
        self.made.close()
