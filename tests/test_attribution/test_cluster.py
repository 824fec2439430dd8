"""Over a Ray cluster: machines come and go, workers die, and the rows are those of one process all the same.

A worker takes seconds to start. So one run tells as much as it can, and tests share it.
"""

import fcntl
import os
import signal
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from machines import TESTS, Alone, Light, Machines, Watched, started, toy, within
from test_benchmark import CASES, METRICS, SETTING, content
from travel import Sent

from attribution import load_model
from attribution.benchmark import cluster
from attribution.benchmark.cluster import Cluster, _room
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Setting
from attribution.benchmark.run import Here, run


@pytest.fixture(scope="module")
def head():
    pytest.importorskip("ray")
    with started() as made:
        yield made


@pytest.fixture(scope="class")
def machines(head, tmp_path_factory):
    """Those that the tests of a class share."""
    made = Machines(head, tmp_path_factory.mktemp("gates"))
    yield made
    made.end()


@contextmanager
def joined(machines, kind, **options):
    """Workers of a kind on the machines."""
    with within():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "Worker", kind)
            made = Cluster(machines.address, "toy", None, batch=8, patches=3, threads=1, gpus=0, **options)
        with closing(made):
            yield made


def alone(folder, file):
    """The rows of one process."""
    results = Results(file)
    assert run(folder, results, SETTING, CASES, METRICS, Alone()) == []
    return results.rows()


@pytest.fixture(scope="class")
def told(machines, kept, tmp_path_factory):
    """Of two workers: a run to its end, while machines come and go, and one whose last machine is lost.

    `added` are the machines in their order, and `at` is the machine of each result.
    """
    told = SimpleNamespace(added=[machines.add()], at=[], place=tmp_path_factory.mktemp("told"))

    def come_and_go(task, number):
        told.at.append(machines.of(task))
        if number == 1:
            told.added.append(machines.add())
        elif number == 2:
            told.workers = len(made.workers)
            machines.remove(told.added[0])
            told.added.append(machines.add())
        elif number == 3:
            machines.remove(told.added[2])
            machines.open(told.added[1])  # until now, it stood at its first result

    with joined(machines, toy(machines.gates), workers=2) as made:
        watched, results = Watched(made, come_and_go, Light.of), Results(told.place / "ray.db")
        told.failed = run(kept, results, SETTING, CASES, METRICS, watched)
        told.rows, told.measured = results.rows(), watched.measured
        machines.shut(told.added[1])
        lost, results = lambda task, number: machines.remove(told.added[1]), Results(told.place / "lost.db")
        with pytest.raises(ValueError, match=r"^") as told.end:
            run(kept, results, SETTING, CASES, METRICS, Watched(made, lost, Light.of))
        told.kept = results.rows()
    return told


class TestMachines:
    """Of a cluster, on this machine."""

    def test_one_that_is_added_takes_a_worker_that_had_no_room(self, told):
        assert told.at[:2] == told.added[:2]
        assert told.workers == 2

    def test_one_that_is_added_takes_the_place_of_one_that_is_lost(self, told):
        assert told.at[2] == told.added[2]

    def test_one_that_is_lost_stops_nobody(self, told):
        """One of three is left. It finishes what the other two had begun."""
        assert told.at[3:] == [told.added[1]] * (3 * len(CASES) - 3)
        assert told.failed == []

    def test_each_case_comes_once_and_the_rows_are_those_of_one_process(self, told, kept, tmp_path):
        assert len(told.measured) == len(set(told.measured)) == 3 * len(CASES)
        assert content(told.rows) == content(alone(kept, tmp_path / "here.db"))

    def test_when_all_are_lost_the_run_ends_and_keeps_what_is_done(self, told, kept):
        assert told.end.match(r"no machine that is left has room.*add a machine.*what is done is kept")
        assert len(told.kept) == len(METRICS)
        assert content(alone(kept, told.place / "lost.db")) == content(told.rows)


EASY, SLOW, DEADLY, LARGE = (Light(name, name, 0, ((CASES[0], ()),)) for name in ("easy", "slow", "deadly", "large"))


def kind(start=lambda: None, digest="same", **at):
    """A class of workers. `start` is what one does first, `at` what it does at the task of a name."""

    class Kind:
        def __init__(self, *given):
            start()

        def about(self):
            return digest.format(os.getpid()), "cpu", os.getpid()

        def measure(self, task, photo):
            at.get(task.name, lambda: None)()
            for wanted in task.wanted:
                yield Sent(task, photo, wanted)

    return Kind


@pytest.fixture(scope="class")
def machine(machines):
    """The cluster, with room for two workers on one machine."""
    machines.add(processors=2)
    return machines


class TestWorkers:
    """That die, or do not start; on one machine."""

    def test_a_photo_that_none_survives_is_given_up_and_what_a_worker_raises_is_told(self, machine, monkeypatch):
        """In its own words."""

        def full():
            raise MemoryError("give a smaller --batch")

        monkeypatch.setattr(cluster, "TRIES", 2)
        with joined(machine, kind(deadly=lambda: os._exit(1), large=full), workers=1) as made:
            easy, end, failed, last = made.work([EASY, DEADLY], lambda task: b"")
            assert (easy[1].case, end[1]) == (CASES[0], None)
            assert str(failed[1]) == "2 workers were lost while they measured it: is it too large?"
            assert last == (DEADLY, None)
            with pytest.raises(MemoryError, match=r"^give a smaller --batch$"):
                list(made.work([LARGE], lambda task: b""))

    def test_one_that_does_not_start_is_told_and_after_a_new_start_other_weights_are_refused(
        self, machine, tmp_path, monkeypatch
    ):
        """Meanwhile the other goes on."""
        gate, lines, started, failed = (tmp_path / "told").open("w"), [], tmp_path / "started", tmp_path / "failed"
        fcntl.flock(gate, fcntl.LOCK_EX)

        def write(line, file):
            lines.append(line)
            gate.close()

        def start():
            try:
                started.touch(exist_ok=False)
            except FileExistsError:
                if not failed.exists():
                    failed.touch()
                    raise

        def wait():
            with (tmp_path / "told").open() as told:
                fcntl.flock(told, fcntl.LOCK_SH)

        monkeypatch.setattr(cluster.tqdm, "write", write)
        with joined(machine, kind(start, "of {}", slow=wait, deadly=lambda: os._exit(1)), workers=2) as made:
            (task, found), _ = made.work([SLOW], lambda task: b"")
            assert (task.name, found.case) == ("slow", CASES[0])
            (line,) = lines
            assert line.startswith("a worker did not start, the others go on: FileExistsError")
            with pytest.raises(ValueError, match="different weights of the model: give all of them the same file"):
                list(made.work([DEADLY], lambda task: b""))

    def test_where_none_starts_the_reason_is_told(self, machine):
        line = r"^the workers did not start: FileNotFoundError: .*'/no/weights'$"
        with pytest.raises(ValueError, match=line), joined(machine, kind(Path("/no/weights").read_bytes)):
            pass

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

    def test_one_that_is_lost_is_replaced_and_the_rows_are_the_same(self, folder, tmp_path, monkeypatch):
        """On a cluster that is started for the run, by workers that load the model by its name."""
        pytest.importorskip("ray")
        monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
        name = "toys:wrapped"
        here = load_model(name, "cpu")
        made = Cluster("local", name, "cpu", batch=4, patches=2, threads=1, gpus=0, workers=1)
        with closing(made), within():
            assert (made.device, made.digest) == ("cpu", here.digest)
            (folder / "bad.jpg").write_text("no photo")
            killed = []

            def told(task, number):
                if number == 1:
                    at_it = next(h for h in made.workers if h.task and h.task.digest == task.digest)
                    killed.append(at_it.process)
                    os.kill(at_it.process, signal.SIGKILL)

            results, setting = Results(tmp_path / "ray.db"), Setting(name, made.digest, 0)
            failed = run(folder, results, setting, CASES, METRICS, Watched(made, told))
            assert [photo for photo, _, _ in failed] == ["bad.jpg"]
            assert killed
            assert killed[0] not in {held.process for held in made.workers}
        alone = Results(tmp_path / "here.db")
        run(folder, alone, setting, CASES, METRICS, Here(here, batch=4, patches=2))
        assert content(results.rows()) == content(alone.rows())
        assert results.errors() == alone.errors()
