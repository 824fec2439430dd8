"""The hub: sessions show boards, browsers look at them through lines, and each line sends only what is new.

The script of a page gives the hub the board of its session. A browser opens a line with the token of that session and
the name of the page. When a worker has finished a chunk, the lines of the sessions that look at it wake up. A line that
is slow to send skips what is replaced in the meantime, so nothing piles up.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol

from dashboard.live.frames import pack

Values = Mapping[str, Any]
"""Values of the experiment, by the names of its fields."""
SECONDS = 3600.0
"""How long a board is kept that nobody looks at: it holds the photo of its session."""


@dataclass(frozen=True)
class Part:
    """A part of the page. Equal versions have the same content; `make` gives the message."""

    name: str
    version: Hashable
    make: Callable[[], bytes] = field(compare=False)


@dataclass(frozen=True)
class Look:
    """What a board shows now, in the order in which it is sent. What says that all is complete is the last part.

    `waiting`: a map that was asked for has no first points yet.
    """

    parts: tuple[Part, ...]
    waiting: bool = False


class Board(Protocol):
    """What a page shows of an experiment. Boards do not change; a turned knob is another board."""

    def look(self) -> Look:
        """Asks for the work, and returns what there is of it."""
        ...

    def turned(self, values: Values) -> "Board":
        """The board of a draft, with other values of the experiment. Raises ValueError for a field that is no knob."""
        ...

    def attend(self, here: bool) -> None:
        """Whether a browser looks at the board: without one, its work rests after a while."""
        ...

    def press(self, button: str) -> None:
        """The buttons "stop" and "resume"."""
        ...

    def near(self) -> None:
        """A hand is at a knob: soon there may be a question, and its answer should come soon."""
        ...


class Refused(ValueError):
    """The line is not opened; the message says why."""


@dataclass
class Shown:
    """A board of a page, and when it was shown or last left."""

    page: str
    board: Board
    at: float


class Hub:
    """All boards and lines of the process. Thread-safe: scripts, workers and sockets use it at the same time.

    At most `most` lines are open, and `each` of one session. At most `rest` boards are kept that nobody looks at.
    """

    def __init__(
        self, most: int = 200, each: int = 4, rest: int = 64, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most, self.each, self.rest, self.clock = most, each, rest, clock
        self._boards: OrderedDict[str, Shown] = OrderedDict()
        self._lines: dict[str, list[Line]] = {}
        self._lock = RLock()

    def show(self, session: str, page: str, board: Board) -> None:
        """The session shows this board of a page from now on. A draft ends. Lines of other pages get nothing of it."""
        with self._lock:
            before = self._shown(session)
            lines = list(self._lines.get(session, ()))
            self._boards[session] = Shown(page, board, self.clock())
            self._boards.move_to_end(session)
            self.tidy()
            if lines:
                if before is not None:
                    before.attend(False)
                board.attend(True)
        for line in lines:
            line.settle()

    def tidy(self) -> None:
        """Of the boards that nobody looks at, only the latest are kept: a line to them may be opened soon, or again.
        A worker calls it too: there may be no other visitor."""
        with self._lock:
            old = self.clock() - SECONDS
            resting = [session for session in self._boards if session not in self._lines]
            fresh = [session for session in resting if self._boards[session].at > old]
            for session in set(resting).difference(fresh[max(0, len(fresh) - self.rest) :]):
                self._boards.pop(session).board.attend(False)

    def board(self, session: str, page: str | None = None) -> Board | None:
        """What the session shows; None if that is not the page of this name."""
        with self._lock:
            return self._shown(session, page)

    def _shown(self, session: str, page: str | None = None) -> Board | None:
        shown = self._boards.get(session)
        return shown.board if shown is not None and page in (None, shown.page) else None

    def open(self, token: str, page: str, wake: Callable[[], None]) -> "Line":
        """A line to a page of the session of this token. `wake` is called, from any thread, when there may be news.

        Raises Refused for an unknown token, and if there are too many lines.
        """
        with self._lock:
            board = self._shown(token)
            if board is None:
                raise Refused("no page of this session is open")
            if sum(map(len, self._lines.values())) >= self.most:
                raise Refused(f"the server shows pictures to {self.most} viewers at most")
            if len(self._lines.get(token, ())) >= self.each:
                raise Refused(f"a session has {self.each} viewers at most")
            line = Line(self, token, page, wake)
            self._lines.setdefault(token, []).append(line)
            board.attend(True)
        return line

    def close(self, line: "Line") -> None:
        """The line is not used any more."""
        with self._lock:
            held = self._lines.get(line.session, [])
            if line in held:
                held.remove(line)
            if not held:
                self._lines.pop(line.session, None)
                shown = self._boards.get(line.session)
                if shown is not None:
                    shown.at = self.clock()
                    shown.board.attend(False)
                self.tidy()

    def changed(self, sessions: Collection[str]) -> None:
        """Called by workers: there is something new for these sessions."""
        with self._lock:
            lines = [line for session in sessions for line in self._lines.get(session, ())]
        for line in lines:
            line.wake()

    @property
    def lines(self) -> int:
        """The number of open lines."""
        with self._lock:
            return sum(map(len, self._lines.values()))


class Line:
    """What one browser has asked and has been sent."""

    def __init__(self, hub: Hub, session: str, page: str, wake: Callable[[], None]) -> None:
        self.hub, self.session, self.page, self.wake = hub, session, page, wake
        self._sent: dict[str, tuple[Hashable, int]] = {}
        """Of each part the last version, and the hash of its message: a new version can have the same message."""
        self._draft: Board | None = None
        self._question: int | None = None
        self._wrong = self._settled = False

    def turn(self, number: int, values: Values) -> None:
        """A question: what would it be with these values? Its answer is a draft, until the session shows a board."""
        board = self.hub.board(self.session, self.page)
        self._question, self._wrong = number, False
        if board is not None:
            try:
                self._draft = board.turned(values)
            except ValueError:  # a browser that shows this page does not ask so
                self._wrong = True
        self.wake()

    def settle(self) -> None:
        """The session shows a board: drafts are over. The browser waits for this, so it is told."""
        self._draft, self._settled = None, True
        self.wake()

    def drop(self) -> None:
        """The browser has no knob in a hand: the draft of a question that came late is over."""
        self._draft = None
        self.wake()

    def press(self, button: str) -> None:
        """A button of the page."""
        board = self.hub.board(self.session, self.page)
        if board is not None:
            board.press(button)
        self.wake()

    def near(self) -> None:
        """A hand is at a knob of the page."""
        board = self.hub.board(self.session, self.page)
        if board is not None:
            board.near()

    def news(self) -> Iterator[bytes]:
        """The messages of all parts that are newer than what was sent. At the end, the answer to the last question.

        Every question is answered, unless a newer one has come: a browser does not ask while it waits.
        """
        draft, question = self._draft, self._question
        board = draft or self.hub.board(self.session, self.page)
        if board is None:
            return
        look = board.look()
        if self._settled:
            self._settled = False
            yield pack({"part": "settled"})
        if draft is None:  # the browser forgets what is not shown any more; a draft shows a part of the page only
            names = {part.name for part in look.parts}
            self._sent = {name: sent for name, sent in self._sent.items() if name in names}
        for part in look.parts:
            sent = self._sent.get(part.name)
            if sent is None or sent[0] != part.version:
                message = part.make()
                self._sent[part.name] = part.version, hash(message)
                if sent is None or sent[1] != hash(message):
                    yield message
        done = draft is None or self._wrong or not look.waiting
        if question is not None and self._question == question and done:
            self._question = None
            yield pack({"part": "answer", "number": question})


HUB = Hub()
"""The hub of this process."""
