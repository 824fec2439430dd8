"""The hub, stepped by hand: who is woken, what is sent, and what is not."""

from dataclasses import dataclass, field, replace

import pytest

from dashboard.live.frames import pack, unpack
from dashboard.live.hub import SECONDS, Hub, Look, Part, Refused

SETTLED = {"part": "settled"}


@dataclass(frozen=True)
class Board:
    """Shows `values` under their names."""

    values: dict = field(default_factory=lambda: {"map": 1, "curve": 1})
    waiting: bool = False
    log: list = field(default_factory=list)

    def look(self):
        parts = [
            Part(name, value, lambda n=name, v=value: pack({"part": n, "value": v}))
            for name, value in self.values.items()
        ]
        return Look(tuple(parts), self.waiting)

    def turned(self, values):
        if "wrong" in values:
            raise ValueError("no such knob")
        return replace(self, values={**self.values, **values})

    def attend(self, here):
        self.log.append(here)

    def press(self, button):
        self.log.append(button)

    def near(self):
        self.log.append("near")


@pytest.fixture
def hub():
    return Hub(most=3, each=2, rest=2)


@pytest.fixture
def woken():
    return []


@pytest.fixture
def line(hub, woken):
    hub.show("me", "page", Board())
    return hub.open("me", "page", lambda: woken.append("me"))


def heard(line):
    """The heads of the messages that the line sends now."""
    return [unpack(message)[0] for message in line.news()]


def told(line):
    return {head["part"]: head["value"] for head in heard(line) if head["part"] not in ("answer", "settled")}


def answers(line):
    return [head["number"] for head in heard(line) if head["part"] == "answer"]


def test_a_message_is_what_it_was_packed_from():
    assert unpack(pack({"part": "map", "title": "σ"}, b"\0\1")) == ({"part": "map", "title": "σ"}, b"\0\1")


class TestWhatIsSent:
    def test_everything_once_then_what_is_new(self, hub, line):
        assert told(line) == {"map": 1, "curve": 1}
        assert told(line) == {}
        hub.board("me").values["map"] = 2
        assert told(line) == {"map": 2}

    def test_who_is_slow_skips_what_was_replaced(self, hub, line):
        for version in range(2, 9):
            hub.board("me").values["map"] = version
        assert told(line) == {"map": 8, "curve": 1}
        assert told(line) == {}

    def test_a_new_version_with_the_same_message_is_not_sent(self, hub, line):
        """The band of random orders grows by whole orders: most of its versions look like the one before."""
        hub.board("me").values["map"] = (1, 2)
        assert told(line) == {"map": [1, 2], "curve": 1}
        hub.board("me").values["map"] = [1, 2]
        assert told(line) == {}
        hub.board("me").values["map"] = 1
        assert told(line) == {"map": 1}

    def test_each_line_has_its_own_memory(self, hub, line):
        told(line)
        assert told(hub.open("me", "page", lambda: None)) == {"map": 1, "curve": 1}

    def test_a_line_that_was_cut_gets_everything_again(self, hub, line):
        told(line)
        hub.close(line)
        assert told(hub.open("me", "page", lambda: None)) == {"map": 1, "curve": 1}

    def test_nothing_of_another_session(self, hub, line):
        hub.show("you", "page", Board({"map": "yours"}))
        assert told(hub.open("you", "page", lambda: None)) == {"map": "yours"}
        assert told(line) == {"map": 1, "curve": 1}

    def test_what_was_away_is_sent_when_it_comes_back(self, hub, line):
        """A browser forgets what is not shown any more."""
        told(line)
        hub.show("me", "page", Board({"curve": 1}))
        told(line)
        hub.show("me", "page", Board())
        assert told(line) == {"map": 1}

    def test_a_draft_forgets_nothing(self, hub, line):
        told(line)
        hub.board("me").values.pop("curve")
        line.turn(1, {"map": 7})
        told(line)
        hub.show("me", "page", Board({"map": 7, "curve": 1}))
        assert told(line) == {}

    def test_nothing_of_another_page(self, hub, line):
        """While the next page opens, the last one still stands there and must not show its pictures."""
        hub.show("me", "next", Board({"map": "next"}))
        line.turn(1, {})
        line.press("stop")
        assert heard(line) == []
        assert told(hub.open("me", "next", lambda: None)) == {"map": "next"}
        assert "stop" not in hub.board("me").log


class TestDrafts:
    def test_a_question_is_answered_with_what_would_be(self, line):
        told(line)
        line.turn(1, {"map": 7})
        assert [(head["part"], head.get("value"), head.get("number")) for head in heard(line)] == [
            ("map", 7, None),
            ("answer", None, 1),
        ]

    def test_it_is_answered_once_there_is_something_to_see(self, hub, woken):
        hub.show("me", "page", Board(waiting=True))
        line = hub.open("me", "page", lambda: None)
        line.turn(1, {"map": 7})
        assert answers(line) == []
        hub.show("me", "page", Board())
        line.turn(2, {"map": 7})
        assert answers(line) == [2]
        assert answers(line) == []

    def test_the_newest_question_counts(self, line):
        line.turn(1, {"map": 7})
        line.turn(2, {"map": 8})
        assert answers(line) == [2]

    def test_a_draft_is_of_what_the_session_shows_not_of_the_last_draft(self, line):
        line.turn(1, {"map": 7})
        told(line)
        line.turn(2, {"curve": 9})
        assert told(line) == {"map": 1, "curve": 9}

    def test_it_ends_when_the_session_shows_a_board(self, hub, line):
        line.turn(1, {"map": 7})
        told(line)
        hub.show("me", "page", Board({"map": 7, "curve": 2}))
        assert heard(line) == [SETTLED, {"part": "curve", "value": 2}], "and the map is there already"

    def test_the_browser_is_told_of_each_board(self, hub, line):
        """It let go of a knob and waits for that, even if nothing has changed."""
        told(line)
        hub.show("me", "page", Board())
        assert heard(line) == [SETTLED]
        assert heard(line) == []

    @pytest.mark.parametrize("end", ["board", "drop"])
    def test_a_question_whose_draft_is_over_is_answered(self, hub, line, end):
        """A browser asks nothing while it waits for an answer."""
        hub.show("me", "page", Board(waiting=True))
        line.turn(1, {"map": 7})
        assert answers(line) == []
        line.drop() if end == "drop" else hub.show("me", "page", Board(waiting=True))
        assert answers(line) == [1]
        assert answers(line) == []

    def test_a_wrong_question_is_answered_and_changes_nothing(self, line):
        told(line)
        line.turn(1, {"wrong": 1})
        assert heard(line) == [{"part": "answer", "number": 1}]

    def test_a_question_that_comes_late_is_dropped(self, hub, line):
        """It came by the socket, the board by the script: the browser, with no knob in a hand, says so."""
        line.turn(1, {"map": 7})
        assert told(line) == {"map": 7, "curve": 1}
        line.drop()
        assert told(line) == {"map": 1}


class TestWaking:
    def test_only_the_sessions_that_look(self, hub, line, woken):
        hub.show("you", "page", Board())
        hub.open("you", "page", lambda: woken.append("you"))
        hub.changed({"you"})
        assert woken == ["you"]
        hub.changed({"me", "nobody"})
        assert woken == ["you", "me"]

    def test_a_new_board_a_question_and_a_button_wake(self, hub, line, woken):
        hub.show("me", "page", Board())
        line.turn(1, {})
        line.press("stop")
        assert woken == ["me"] * 3
        assert hub.board("me").log == [True, "stop"]

    def test_a_hand_that_comes_near_wakes_nobody(self, hub, line, woken):
        """It is the board that is told: there is nothing new to send."""
        line.near()
        assert woken == []
        assert hub.board("me").log == [True, "near"]
        hub.show("me", "another page", Board())
        line.near()
        assert hub.board("me").log == [True]


class TestAttending:
    def test_a_board_is_attended_from_its_first_line_to_its_last(self, hub, line):
        log = hub.board("me").log
        other = hub.open("me", "page", lambda: None)
        hub.close(line)
        assert log == [True, True]
        hub.close(other)
        assert log == [True, True, False]

    def test_the_next_board_is_attended_in_its_place(self, hub, line):
        first, second = hub.board("me"), Board()
        hub.show("me", "page", second)
        assert first.log == [True, False]
        assert second.log == [True]

    def test_a_board_that_is_dropped_is_attended_no_more(self, hub, line):
        """Else its work would keep its turn for ever: it closes its last line, and later sessions come."""
        board = hub.board("me")
        hub.close(line)
        for name in ("you", "they"):
            hub.show(name, "page", Board())
        assert hub.board("me") is None
        assert board.log[-1] is False

    def test_closing_twice_is_closing(self, hub, line):
        hub.close(line)
        hub.close(line)
        assert hub.lines == 0


class TestBounds:
    def test_nobody_knows_this_session(self, hub):
        with pytest.raises(Refused, match="no page of this session is open"):
            hub.open("guessed", "page", lambda: None)

    def test_lines_of_a_session(self, hub, line):
        hub.open("me", "page", lambda: None)
        with pytest.raises(Refused, match="a session has 2 viewers at most"):
            hub.open("me", "page", lambda: None)

    def test_lines_of_all(self, hub, line):
        hub.open("me", "page", lambda: None)
        for name in ("you", "they"):
            hub.show(name, "page", Board())
        hub.open("you", "page", lambda: None)
        with pytest.raises(Refused, match="the server shows pictures to 3 viewers at most"):
            hub.open("they", "page", lambda: None)

    def test_boards_that_nobody_looks_at(self, hub, line):
        for name in "abc":
            hub.show(name, "page", Board())
        assert [hub.board(name) is None for name in ("me", "a", "b", "c")] == [False, True, False, False]
        hub.show("d", "page", Board())
        assert hub.board("b") is None, "the oldest that nobody looks at"

    def test_who_has_just_left_can_come_back(self, hub, line):
        """A socket is cut for a moment, though the page was opened long before those of others."""
        for name in ("you", "they"):
            hub.show(name, "page", Board())
        hub.close(line)
        assert hub.open("me", "page", lambda: None)
        assert hub.board("you") is None, "the oldest that nobody looks at"

    def test_a_board_that_was_left_an_hour_ago(self):
        """It holds the photo of its session, for which the page promises an hour at most."""
        now = [0.0]
        hub = Hub(clock=lambda: now[0])
        for name in ("me", "you"):
            hub.show(name, "page", Board())
        line, _ = (hub.open(name, "page", lambda: None) for name in ("me", "you"))
        now[0] = 2 * SECONDS
        hub.tidy()
        assert hub.board("me"), "who looks has it as long as it takes"
        hub.close(line)
        now[0] += SECONDS - 1
        hub.tidy()
        assert hub.board("me")
        now[0] += 1
        hub.tidy()
        assert hub.board("me") is None
        assert hub.board("you")

    def test_a_board_that_was_never_looked_at(self):
        now = [0.0]
        hub = Hub(clock=lambda: now[0])
        hub.show("me", "page", Board())
        now[0] = SECONDS
        hub.tidy()
        assert hub.board("me") is None
