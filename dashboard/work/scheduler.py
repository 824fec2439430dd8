"""The scheduler: one worker, small chunks, sessions in turn, the latest request wins. No Streamlit.

A job is an iterator of snapshots; one chunk is one `next`. A session has named slots, and each slot watches one job.
A job that no slot watches is paused, and continues when a slot asks for it again. The latest unwatched jobs are kept,
finished or not. Equal keys are the same job, also across sessions.
"""

import atexit
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

logger = logging.getLogger(__name__)

LIVE = ("waiting", "running")
CLOSING = 5.0
"""Seconds to wait for the last chunk when the process ends."""
FORGET = 3600.0
"""Seconds after which even a stopped or failed slot is dropped, and a job, which may hold its photo."""


@dataclass(frozen=True)
class View:
    """The state of a job as a slot sees it: waiting, running, done, failed or stopped."""

    state: str
    snapshot: Any = None
    error: str = ""
    seconds: float = 0.0

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass
class Job:
    key: Hashable
    steps: Iterator[Any]
    view: View = field(default_factory=lambda: View("waiting"))
    last_step: int = -1
    wanted: float = 0.0


@dataclass
class Slot:
    job: Job
    asked: float
    stopped: View | None = None


class Scheduler:
    """Runs jobs, one chunk at a time. `step` runs one chunk; `start` calls it in a worker thread.

    A key may have a `rank`: within a session, jobs of the lowest rank run first. At most `keep` finished and `parked`
    unfinished jobs are kept unwatched, for an hour. The thread calls `tidied` now and then.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        patience: float = 10.0,
        keep: int = 64,
        parked: int = 16,
        changed: Callable[[Collection[str]], None] = lambda sessions: None,
        tidied: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock, self.patience, self.keep, self.parked = clock, patience, keep, parked
        self.changed, self.tidied = changed, tidied
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._slots: dict[tuple[str, str], Slot] = {}
        self._attended: set[str] = set()
        self._holds: dict[str, float] = {}
        self._served: dict[str, int] = {}
        self._steps = 0
        self._open = True
        self._thread: Thread | None = None
        self._change = Condition()

    def ask(self, session: str, slot: str, key: Hashable, start: Callable[[], Iterator[Any]]) -> View:
        """The present state for `key`; starts the job if there is none. Pages call this repeatedly to watch the job."""
        with self._change:
            held = self._slots.get((session, slot))
            if held is None or held.job.key != key:
                held = Slot(self._job(key, start), self.clock())
                self._slots[session, slot] = held
                self._change.notify()
            held.asked = self.clock()
            return held.stopped or held.job.view

    def _job(self, key: Hashable, start: Callable[[], Iterator[Any]]) -> Job:
        job = self._jobs.get(key)
        if job is None or job.view.state == "failed":
            job = self._jobs[key] = Job(key, start())
        job.wanted = self.clock()
        self._jobs.move_to_end(key)
        return job

    def finished(self, key: Hashable) -> Any:
        """The last snapshot of a job that is done and still held, or None."""
        with self._change:
            job = self._jobs.get(key)
            return job.view.snapshot if job is not None and job.view.state == "done" else None

    def leave(self, session: str, slot: str) -> None:
        """The slot stops watching its job. A job without slots is paused."""
        with self._change:
            self._slots.pop((session, slot), None)

    def only(self, session: str, slots: Collection[str]) -> None:
        """The session leaves all its slots but these."""
        with self._change:
            for name in [n for n in self._slots if n[0] == session and n[1] not in slots]:
                del self._slots[name]

    def attend(self, session: str, here: bool) -> None:
        """Whether a browser looks at the session's slots. As long as one does, they are kept without being asked."""
        with self._change:
            if here:
                self._attended.add(session)
                return
            self._attended.discard(session)
            for (owner, _), slot in self._slots.items():
                if owner == session:
                    slot.asked = self.clock()

    def hold(self, session: str, seconds: float) -> None:
        """Keeps the session's slots for so long without being asked: a page that cannot ask is looked at again."""
        with self._change:
            self._holds[session] = self.clock() + seconds

    def stop(self, session: str) -> None:
        """Stops the session's unfinished slots, until they ask for another key, or until `resume`."""
        with self._change:
            for (owner, _), slot in self._slots.items():
                if owner == session and slot.job.view.live:
                    slot.stopped = View("stopped", slot.job.view.snapshot, seconds=slot.job.view.seconds)

    def resume(self, session: str) -> None:
        """Stopped jobs continue at the next ask, and failed ones start again."""
        with self._change:
            for name in [n for n in self._slots if n[0] == session]:
                if self._at_rest(self._slots[name]):
                    del self._slots[name]

    @staticmethod
    def _at_rest(slot: Slot) -> bool:
        return slot.stopped is not None or slot.job.view.state == "failed"

    @property
    def sessions(self) -> int:
        """How many sessions look at a job of this worker."""
        with self._change:
            return len({owner for owner, _ in self._slots})

    def others(self, session: str, within: float = 3.0) -> int:
        """How many other sessions have unfinished work and asked for it within the last seconds."""
        with self._change:
            now = self.clock()
            present = [(o, s) for (o, _), s in self._slots.items() if o in self._attended or now - s.asked <= within]
            return len({owner for owner, slot in present if self._wanted(slot)} - {session})

    def _wanted(self, slot: Slot) -> bool:
        return slot.stopped is None and slot.job.view.live

    def step(self) -> bool:
        """Runs one chunk of the next job; False if there is no job."""
        with self._change:
            self._tidy()
            job = self._next()
            if job is None:
                return False
            self._steps = job.last_step = self._steps + 1
            job.view = View("running", job.view.snapshot, seconds=job.view.seconds)
        began = self.clock()
        state, snapshot, error = self._advance(job)
        with self._change:
            job.view = View(state, snapshot, error, job.view.seconds + self.clock() - began)
            watching = {owner for (owner, _), slot in self._slots.items() if slot.job is job}
        self.changed(watching)
        return True

    @staticmethod
    def _advance(job: Job) -> tuple[str, Any, str]:
        try:
            return "running", next(job.steps), ""
        except StopIteration:
            return "done", job.view.snapshot, ""
        except (ValueError, MemoryError) as error:
            return "failed", job.view.snapshot, str(error)
        except Exception as error:  # a failed job must not end the worker of all jobs
            logger.exception("job %s failed", job.key)
            return "failed", job.view.snapshot, f"unexpected {type(error).__name__}: {error}"

    def _tidy(self) -> None:
        now = self.clock()
        self._holds = {session: until for session, until in self._holds.items() if until > now}
        for name, slot in list(self._slots.items()):
            stays = name[0] in self._attended or name[0] in self._holds
            slot.job.wanted = now if stays else max(slot.job.wanted, slot.asked)
            # A stopped slot is kept longer: the user decided to stop it.
            if not stays and now - slot.asked > (FORGET if self._at_rest(slot) else self.patience):
                del self._slots[name]
        watched = {id(slot.job) for slot in self._slots.values() if slot.stopped is None}
        for live, most in ((True, self.parked), (False, self.keep)):
            resting = [k for k, job in self._jobs.items() if job.view.live == live and id(job) not in watched]
            late = {key for key in resting if now - self._jobs[key].wanted > FORGET}
            for key in late.union(resting[: max(0, len(resting) - most)]):
                # close() runs the clean-up of the generator. Only this thread runs jobs, so the job is not running now.
                getattr(self._jobs.pop(key).steps, "close", lambda: None)()

    def _next(self) -> Job | None:
        wanted: dict[str, list[Job]] = {}
        for (session, _), slot in self._slots.items():
            if self._wanted(slot):
                wanted.setdefault(session, []).append(slot.job)
        self._served = {s: turn for s, turn in self._served.items() if s in wanted}
        if not wanted:
            return None
        session = min(wanted, key=lambda s: self._served.get(s, -1))
        self._served[session] = self._steps + 1
        return min(wanted[session], key=lambda job: (getattr(job.key, "rank", 0), job.last_step))

    def start(self, name: str) -> "Scheduler":
        """Runs chunks in a worker thread until the process ends; waits while there is no work."""
        self._thread = Thread(target=self._work, daemon=True, name=name)
        self._thread.start()
        # A thread that is killed at exit during a model evaluation would crash the process.
        atexit.register(self.close)
        return self

    def close(self) -> None:
        """Stops the thread after its present chunk."""
        with self._change:
            self._open = False
            self._change.notify()
        if self._thread is not None:
            self._thread.join(CLOSING)

    def _work(self) -> None:
        while self._open:
            self.tidied()
            if not self.step():
                with self._change:
                    if self._open and self._next() is None:
                        self._change.wait(self.patience)
