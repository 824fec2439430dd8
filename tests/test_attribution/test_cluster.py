"""Over a Ray cluster: machines come and go, workers die, and the rows are those of one process all the same."""

import fcntl
import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import toys
from machines import Machines, Watched, started, toy, within
from test_benchmark import CASES, METRICS, SETTING, content

from attribution.benchmark import cluster
from attribution.benchmark.cases import metrics, parse, subjects
from attribution.benchmark.cluster import Cluster, _room
from attribution.benchmark.measure import Task
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, run

ARGUMENTS = ("smooth_taylor:samples=2", "integrated_gradients:steps=2", "random_order")


@pytest.fixture(scope="module")
def head():
    pytest.importorskip("ray")
    with started() as made:
        yield made


@pytest.fixture
def machines(head, tmp_path, monkeypatch):
    """The machines of one test."""
    gates = tmp_path / "gates"
    gates.mkdir()
    monkeypatch.setattr(cluster, "Worker", toy(gates))
    made = Machines(head, gates)
    yield made
    made.end()


@pytest.fixture
def joined(machines):
    """Makes workers on the machines of the test."""
    made = []

    def join(**options):
        made.append(Cluster(machines.address, "toy", None, batch=8, patches=3, threads=1, gpus=0, **options))
        return made[0]

    yield join
    for one in made:
        one.close()


def alone(folder, file):
    """The rows of one process."""
    results = Results(file)
    assert run(folder, results, SETTING, CASES, METRICS, Here(toys.of_photos(), batch=8, patches=3)) == []
    return results.rows()


class TestMachines:
    """Of a cluster, on this machine."""

    @pytest.fixture
    def measured(self, folder, tmp_path, joined):
        """A run to its end: each case comes once, and the rows are those of one process."""

        def measured(told, **options):
            results = Results(tmp_path / "ray.db")
            with within():
                watched = Watched(joined(**options), told)
                assert run(folder, results, SETTING, CASES, METRICS, watched) == []
            assert len(watched.measured) == len(set(watched.measured)) == 3 * len(CASES)
            assert content(results.rows()) == content(alone(folder, tmp_path / "here.db"))
            return watched

        return measured

    def test_one_that_is_lost_stops_nobody(self, machines, measured):
        def told(task, number):
            if number == 1:
                lost.append(machines.of(task))
                machines.remove(lost[0])
                (left,) = names.difference(lost)
                machines.open(left)

        names, lost = {machines.add(), machines.add()}, []
        measured(told)
        assert lost

    def test_one_that_is_added_takes_the_place_of_one_that_is_lost(self, machines, measured):
        def told(task, number):
            if number == 1:
                added.append(machines.add())
                machines.open(added[0])
                machines.remove(first)

        first, added = machines.add(), []
        measured(told)
        assert added

    def test_one_that_is_added_takes_a_worker_that_had_no_room(self, machines, measured):
        def told(task, number):
            if number == 1:
                assert machines.of(task) == first
                added.append(machines.add())
            elif machines.of(task) in added:  # until then, the gate of the first is shut
                machines.open(first)
                machines.open(added[0])

        first, added = machines.add(), []
        assert len(measured(told, workers=2).workers) == 2

    def test_when_all_are_lost_the_run_ends_and_keeps_what_is_done(self, folder, tmp_path, machines, joined):
        only, results = machines.add(), Results(tmp_path / "ray.db")
        line = r"no machine that is left has room.*add a machine.*what is done is kept"
        with within():
            watched = Watched(joined(), lambda task, number: machines.remove(only))
            with pytest.raises(ValueError, match=line):
                run(folder, results, SETTING, CASES, METRICS, watched)
        watched.close()
        assert len(results.rows()) == len(METRICS)
        assert content(alone(folder, tmp_path / "ray.db")) == content(alone(folder, tmp_path / "here.db"))


class TestWorkers:
    """That die, or do not start; on one machine."""

    EASY, HARD = (Task(name, name, 0, ((CASES[0], ()),)) for name in ("easy", "hard"))

    @pytest.fixture
    def work(self, machines, joined, monkeypatch):
        """What comes of tasks; `start` is what a worker does first, `hard` what it does at the task HARD."""

        def work(*tasks, workers=1, start=lambda: None, digest=lambda: "same", hard=lambda: os._exit(1)):
            class Kind:
                def __init__(self, *given):
                    start()

                def about(self):
                    return digest(), "cpu", os.getpid()

                def measure(self, task, photo):
                    from attribution.benchmark.measure import Measured  # here, as torch takes seconds to import

                    if task.name == "hard":
                        hard()
                    for case, _ in task.wanted:
                        yield Measured(case, task.seed)

            machines.add(workers)
            monkeypatch.setattr(cluster, "Worker", Kind)
            with within():
                return list(joined().work(tasks, lambda task: b""))

        return work

    def test_a_photo_that_none_survives_is_given_up(self, work, monkeypatch):
        monkeypatch.setattr(cluster, "TRIES", 2)
        easy, end, failed, last = work(self.EASY, self.HARD)
        assert (easy[1].case, end[1]) == (CASES[0], None)
        assert str(failed[1]) == "2 workers were lost while they measured it: is it too large?"
        assert last == (self.HARD, None)

    def test_other_weights_after_a_new_start_are_refused(self, work):
        with pytest.raises(ValueError, match="different weights of the model: give all of them the same file"):
            work(self.HARD, digest=lambda: str(os.getpid()))

    def test_what_a_worker_raises_is_told_in_its_own_words(self, work):
        def full():
            raise MemoryError("give a smaller --batch")

        with pytest.raises(MemoryError, match=r"^give a smaller --batch$"):
            work(self.HARD, hard=full)

    def test_one_that_does_not_start_is_told_and_the_other_goes_on(self, work, tmp_path, monkeypatch):
        gate, lines, started = (tmp_path / "told").open("w"), [], tmp_path / "started"
        fcntl.flock(gate, fcntl.LOCK_EX)

        def write(line, file):
            lines.append(line)
            gate.close()

        def wait():
            with (tmp_path / "told").open() as told:
                fcntl.flock(told, fcntl.LOCK_SH)

        monkeypatch.setattr(cluster.tqdm, "write", write)
        (task, found), _ = work(self.HARD, workers=2, start=lambda: started.open("x"), hard=wait)
        assert (task.name, found.case) == ("hard", CASES[0])
        (line,) = lines
        assert line.startswith("a worker did not start, the others go on: FileExistsError")

    def test_where_none_starts_the_reason_is_told(self, work):
        line = r"^the workers did not start: FileNotFoundError: .*'/no/weights'$"
        with pytest.raises(ValueError, match=line):
            work(self.EASY, start=Path("/no/weights").read_bytes)

    @pytest.mark.parametrize(
        ("resources", "threads", "gpus", "fit"),
        [
            ({"CPU": 4}, 1, 0, 4),
            ({"CPU": 4}, 3, 0, 1),
            ({"CPU": 4, "GPU": 1}, 2, 0.5, 2),
            ({"CPU": 2, "GPU": 1}, 2, 0.5, 1),
            ({"CPU": 8, "GPU": 2}, 1, 0.6, 2),
            ({"CPU": 8, "GPU": 4}, 1, 2, 2),
            ({"CPU": 8}, 1, 1, 0),
        ],
    )
    def test_how_many_fit_on_a_machine(self, resources, threads, gpus, fit):
        assert _room(resources, threads, gpus) == fit

    def test_a_cluster_without_room_says_so(self, head):
        with pytest.raises(ValueError, match="no room for a worker of 1000 threads"):
            Cluster(head.address, "efficientnet_lite0", "cpu", batch=4, patches=2, threads=1000)

    def test_one_that_is_lost_is_replaced_and_the_rows_are_the_same(self, folder, tmp_path, monkeypatch, lite0):
        """On a cluster that is started for the run, with a real network."""
        pytest.importorskip("ray")
        monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
        made = Cluster("local", "efficientnet_lite0", "cpu", batch=4, patches=2, threads=1, gpus=0, workers=1)
        with closing(made), within():
            assert (made.device, made.digest) == ("cpu", lite0.digest)
            (folder / "bad.jpg").write_text("no photo")
            killed = []

            def told(task, number):
                if number == 1:
                    at_it = next(h for h in made.workers if h.task and h.task.digest == task.digest)
                    killed.append(at_it.process)
                    os.kill(at_it.process, signal.SIGKILL)

            results, cases = Results(tmp_path / "ray.db"), parse(ARGUMENTS, subjects())
            measures = metrics(["perturbation:draws=2,regions=3", "total_variation"])
            setting = Setting("efficientnet_lite0", made.digest, 0)
            failed = run(folder, results, setting, cases, measures, Watched(made, told))
            assert [photo for photo, _, _ in failed] == ["bad.jpg"]
            assert killed
            assert killed[0] not in {held.process for held in made.workers}
        alone = replace(lite0, gradient_batch=type(lite0.gradient_batch)(), value_batch=type(lite0.value_batch)())
        here = Results(tmp_path / "here.db")
        run(folder, here, setting, cases, measures, Here(alone, batch=4, patches=2))
        assert content(results.rows()) == content(here.rows())
        assert results.errors() == here.errors()
