"""The scheduler, stepped by hand: nothing here sleeps or waits."""

import threading
from types import SimpleNamespace

import pytest

from dashboard.controls import resources
from dashboard.work.scheduler import FORGET, Scheduler


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Jobs that count their chunks, and log which ran and which were closed."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.closed: list[str] = []

    def of(self, name: str, chunks: int = 3, error: Exception | None = None):
        def run():
            try:
                for chunk in range(1, chunks + 1):
                    self.log.append(name)
                    if error and chunk == 2:
                        raise error
                    yield chunk
            except GeneratorExit:
                self.closed.append(name)
                raise

        return run


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(clock) -> Scheduler:
    return Scheduler(clock=clock, patience=10.0, keep=2, parked=2)


def finish(jobs: Scheduler) -> int:
    steps = 0
    while jobs.step():
        steps += 1
        assert steps < 1000
    return steps


def test_a_job_runs_a_chunk_at_a_time(jobs, work):
    def ask():
        return jobs.ask("me", "map", "a", work.of("a"))

    assert (ask().state, ask().snapshot) == ("waiting", None)
    seen = []
    while jobs.step():
        seen.append((ask().state, ask().snapshot))
    assert seen == [("running", 1), ("running", 2), ("running", 3), ("done", 3)]
    assert work.log == ["a"] * 3
    assert not jobs.step()


def test_asking_again_starts_nothing(jobs, work):
    for _ in range(3):
        jobs.ask("me", "map", "a", work.of("a"))
    finish(jobs)
    assert jobs.ask("me", "map", "a", work.of("a")).state == "done"
    assert work.log == ["a"] * 3


def test_the_latest_wins_at_the_next_chunk(jobs, work):
    jobs.ask("me", "map", "old", work.of("old", 100))
    jobs.step()
    assert jobs.ask("me", "map", "new", work.of("new")).snapshot is None
    finish(jobs)
    assert work.log == ["old", "new", "new", "new"]


def test_a_slot_that_did_not_change_goes_on(jobs, work):
    jobs.ask("me", "path", "p", work.of("p", 4))
    jobs.ask("me", "noise", "sigma 1", work.of("sigma 1", 4))
    jobs.step(), jobs.step()
    jobs.ask("me", "noise", "sigma 2", work.of("sigma 2", 4))
    assert jobs.ask("me", "path", "p", work.of("p", 4)).snapshot == 1
    finish(jobs)
    assert work.log.count("p") == 4
    assert work.log.count("sigma 1") == 1
    assert work.log.count("sigma 2") == 4


def test_sessions_take_turns_however_many_jobs_each_has(jobs, work):
    for slot in "abc":
        jobs.ask("greedy", slot, ("greedy", slot), work.of("greedy", 10))
    jobs.ask("modest", "a", "modest", work.of("modest", 10))
    for _ in range(8):
        jobs.step()
    assert work.log.count("greedy") == work.log.count("modest") == 4


def test_a_newcomer_is_served_within_one_round(jobs, work):
    jobs.ask("early", "a", "early", work.of("early", 100))
    for _ in range(5):
        jobs.step()
    jobs.ask("late", "a", "late", work.of("late", 100))
    jobs.step(), jobs.step()
    assert "late" in work.log


def test_jobs_of_a_session_take_turns_and_lower_ranks_go_first(jobs, work):
    class Later(str):
        rank = 1

    for slot, key in (("c", Later("curve")), ("a", "map a"), ("b", "map b")):
        jobs.ask("me", slot, key, work.of(key, 3))
    finish(jobs)
    assert sorted(work.log[:2]) == ["map a", "map b"]
    assert sorted(work.log[:6]) == ["map a"] * 3 + ["map b"] * 3
    assert work.log[6:] == ["curve"] * 3


def test_what_is_finished_can_be_had_by_its_key(jobs, work):
    jobs.ask("me", "map", "a", work.of("a"))
    jobs.step()
    assert jobs.finished("a") is None
    finish(jobs)
    assert jobs.finished("a") == 3
    assert jobs.finished("b") is None


def test_equal_work_is_done_once_for_all(jobs, work):
    for session in ("one", "two"):
        jobs.ask(session, "map", "same", work.of("same"))
    finish(jobs)
    assert work.log == ["same"] * 3
    assert jobs.ask("two", "map", "same", work.of("same")).snapshot == 3


def test_shared_work_lives_as_long_as_one_looks(jobs, work):
    for session in ("one", "two"):
        jobs.ask(session, "map", "same", work.of("same", 4))
    jobs.step()
    jobs.ask("one", "map", "other", work.of("other", 1))
    finish(jobs)
    assert work.log.count("same") == 4
    assert not work.closed


class TestNobodyLooks:
    def test_a_job_rests(self, jobs, work, clock):
        jobs.ask("gone", "map", "a", work.of("a", 100))
        jobs.step()
        clock.now = 9.9
        assert jobs.step()
        clock.now = 10.1
        assert not jobs.step()

    def test_looking_keeps_it_going(self, jobs, work, clock):
        for _ in range(5):
            clock.now += 9
            jobs.ask("here", "map", "a", work.of("a", 100))
            assert jobs.step()

    def test_coming_back_goes_on_where_it_was(self, jobs, work, clock):
        jobs.ask("gone", "map", "a", work.of("a", 4))
        jobs.step(), jobs.step()
        clock.now = 1000
        assert not jobs.step()
        assert jobs.ask("gone", "map", "a", work.of("a", 4)).snapshot == 2
        finish(jobs)
        assert jobs.ask("gone", "map", "a", work.of("a", 4)).snapshot == 4
        assert work.log == ["a"] * 4

    def test_so_does_going_back_to_an_unfinished_setting(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a", 4))
        jobs.step(), jobs.step()
        jobs.ask("me", "map", "b", work.of("b"))
        finish(jobs)
        assert jobs.ask("me", "map", "a", work.of("a", 4)).snapshot == 2
        finish(jobs)
        assert work.log.count("a") == 4

    def test_only_so_many_rest_and_the_others_are_closed(self, jobs, work):
        for key in "abcd":
            jobs.ask("me", "map", key, work.of(key, 100))
            jobs.step()
        assert work.closed == ["a"]
        assert jobs.ask("me", "map", "a", work.of("a")).snapshot is None


class TestStop:
    def test_what_there_is_stays(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a", 100))
        jobs.step(), jobs.step()
        jobs.stop("me")
        assert not jobs.step()
        view = jobs.ask("me", "map", "a", work.of("a"))
        assert (view.state, view.snapshot) == ("stopped", 2)
        assert not jobs.step(), "looking at a stopped job must not start it again"

    def test_it_is_not_forgotten_by_looking_away(self, jobs, work, clock):
        jobs.ask("me", "map", "a", work.of("a", 100))
        jobs.step()
        jobs.stop("me")
        clock.now = 1000
        jobs.step()
        assert jobs.ask("me", "map", "a", work.of("a", 100)).state == "stopped"
        assert not jobs.step()

    def test_but_not_kept_for_ever(self, jobs, work, clock):
        jobs.ask("me", "map", "a", work.of("a", 100))
        jobs.stop("me")
        clock.now = 3601
        jobs.step()
        assert not jobs._slots

    def test_continue_goes_on_where_it_was(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a"))
        jobs.step(), jobs.step()
        jobs.stop("me")
        jobs.step()
        jobs.resume("me")
        assert jobs.ask("me", "map", "a", work.of("a")).snapshot == 2
        finish(jobs)
        assert jobs.ask("me", "map", "a", work.of("a")).state == "done"
        assert work.log == ["a"] * 3

    def test_continue_after_others_took_the_room_begins_again(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a"))
        jobs.step()
        jobs.stop("me")
        for key in "bcd":
            jobs.ask("you", "map", key, work.of(key, 100))
            jobs.step()
        assert jobs.ask("me", "map", "a", work.of("a")).snapshot == 1
        jobs.ask("you", "map", "e", work.of("e"))
        jobs.resume("me")
        jobs.ask("me", "map", "a", work.of("a"))
        finish(jobs)
        assert jobs.ask("me", "map", "a", work.of("a")).snapshot == 3
        assert work.log.count("a") == 1 + 3

    def test_another_setting_is_not_stopped(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a"))
        jobs.step()
        jobs.stop("me")
        jobs.ask("me", "map", "b", work.of("b"))
        finish(jobs)
        assert jobs.ask("me", "map", "b", work.of("b")).state == "done"

    def test_finished_maps_are_not_stopped(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a", 1))
        finish(jobs)
        jobs.stop("me")
        assert jobs.ask("me", "map", "a", work.of("a")).state == "done"

    def test_others_go_on(self, jobs, work):
        for session in ("me", "you"):
            jobs.ask(session, "map", "same", work.of("same", 4))
        jobs.step()
        jobs.stop("me")
        finish(jobs)
        assert jobs.ask("you", "map", "same", work.of("same")).snapshot == 4
        assert jobs.ask("me", "map", "same", work.of("same")).snapshot == 1


class TestFailures:
    def test_a_value_error_is_its_line_and_the_last_snapshot_stays(self, jobs, work):
        jobs.ask("me", "map", "a", work.of("a", error=ValueError("no window fits")))
        finish(jobs)
        view = jobs.ask("me", "map", "a", work.of("a"))
        assert (view.state, view.snapshot, view.error) == ("failed", 1, "no window fits")

    def test_an_unexpected_error_does_not_end_the_worker(self, jobs, work, caplog):
        jobs.ask("me", "map", "a", work.of("a", error=KeyError("gone")))
        jobs.ask("me", "other", "b", work.of("b"))
        finish(jobs)
        assert jobs.ask("me", "map", "a", work.of("a")).error == "unexpected KeyError: 'gone'"
        assert jobs.ask("me", "other", "b", work.of("b")).state == "done"
        assert "failed" in caplog.text

    def test_a_job_that_fails_to_start_is_told_too(self, jobs):
        def start():
            raise ValueError("no such class")
            yield

        jobs.ask("me", "map", "a", start)
        finish(jobs)
        assert jobs.ask("me", "map", "a", start).error == "no such class"

    def test_failing_is_not_repeated_until_asked_for(self, jobs, work, clock):
        jobs.ask("me", "map", "a", work.of("a", error=ValueError("x")))
        finish(jobs)
        clock.now = 1000
        jobs.step()
        jobs.ask("me", "map", "a", work.of("a"))
        assert not jobs.step()
        jobs.resume("me")
        jobs.ask("me", "map", "a", work.of("a"))
        finish(jobs)
        assert jobs.ask("me", "map", "a", work.of("a")).state == "done"


class TestMemory:
    def test_coming_back_to_a_finished_setting_costs_nothing(self, jobs, work):
        for key in ("a", "b", "a"):
            jobs.ask("me", "map", key, work.of(key, 2))
            finish(jobs)
        assert work.log == ["a", "a", "b", "b"]

    def test_only_so_many_are_kept(self, jobs, work):
        for key in "abcd":
            jobs.ask("me", "map", key, work.of(key, 1))
            finish(jobs)
        jobs.ask("me", "map", "e", work.of("e", 1))
        finish(jobs)
        assert len(jobs._jobs) == 3, "two kept, and the one that is looked at"

    def test_seconds_are_those_spent_on_it(self, jobs, clock):
        def steps():
            for _ in range(3):
                clock.now += 0.5
                yield 1

        def other():
            clock.now += 5
            yield 1

        jobs.ask("me", "a", "a", steps)
        jobs.ask("me", "b", "b", other)
        finish(jobs)
        assert jobs.ask("me", "a", "a", steps).seconds == pytest.approx(1.5)


def test_how_many_sessions_look(jobs, work):
    assert jobs.sessions == 0
    jobs.ask("me", "map", "a", work.of("a"))
    jobs.ask("me", "curve", "b", work.of("b"))
    jobs.ask("you", "map", "a", work.of("a"))
    assert jobs.sessions == 2
    jobs.leave("you", "map")
    assert jobs.sessions == 1


def test_how_many_others_wait_and_look(jobs, work, clock):
    for session in ("me", "you", "they"):
        jobs.ask(session, "map", session, work.of(session))
    assert jobs.others("me") == 2
    clock.now = 3.5
    jobs.ask("you", "map", "you", work.of("you"))
    assert jobs.others("me") == 1, "a closed tab does not count"
    finish(jobs)
    assert jobs.others("me") == 0


def test_a_thread_of_its_own_wakes_up_for_work(work):
    """The one test with a thread: an event says when the job is done, not the clock."""
    jobs = Scheduler(patience=60).start("test worker")
    done = threading.Event()

    def steps():
        yield 1
        done.set()

    jobs.ask("me", "map", "a", steps)
    assert done.wait(30)
    jobs.close()
    assert not jobs._thread.is_alive()


def test_a_page_that_cannot_ask_has_its_work_kept_for_a_while(jobs, work, clock):
    jobs.ask("me", "map", "a", work.of("a", chunks=9))
    jobs.hold("me", 600.0)
    clock.now = 599.0
    assert jobs.step()
    clock.now = 601.0
    assert not jobs.step()


def test_work_that_nobody_wants_is_dropped_after_an_hour(jobs, work, clock):
    """It holds the photo of whoever asked for it, or what was computed from it."""
    for session in ("me", "you"):
        jobs.attend(session, True)
        jobs.ask(session, "map", session, work.of(session, chunks=99))
    jobs.ask("they", "map", "done", work.of("done", chunks=1))
    while len(work.log) < 6:
        jobs.step()
    clock.now = FORGET
    jobs.step()
    assert jobs.finished("done") == 1
    clock.now = 2 * FORGET
    jobs.attend("me", False)
    jobs.step()
    assert work.closed == []
    assert jobs.finished("done") is None
    clock.now += FORGET
    jobs.step()
    assert work.closed == []
    clock.now += 1.0
    jobs.step()
    assert work.closed == ["me"]


def test_the_thread_tidies_between_chunks(work):
    log = []
    jobs = Scheduler(tidied=lambda: log.append("tidied") or (len(log) > 2 and jobs.close()))
    jobs.ask("me", "map", "a", work.of("a"))
    jobs._work()
    assert log == ["tidied"] * 3
    assert work.log == ["a"] * 3


def test_the_workers_drop_what_is_kept_of_those_who_left(monkeypatch):
    log, given = [], []
    visits = SimpleNamespace(tidy=lambda: log.append("visits"))
    monkeypatch.setattr(resources, "kept", lambda: visits)
    monkeypatch.setattr(resources, "cells", lambda: SimpleNamespace(tidy=lambda: log.append("cells")))
    monkeypatch.setattr(resources, "HUB", SimpleNamespace(changed=None, tidy=lambda: log.append("boards")))
    worker = SimpleNamespace(start=lambda name: None)
    monkeypatch.setattr(resources, "Scheduler", lambda **how: given.append(how) or worker)
    resources.schedulers.__wrapped__()
    given[0]["tidied"]()
    assert log == ["boards", "visits", "cells"]
