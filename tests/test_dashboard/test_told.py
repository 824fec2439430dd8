"""What the stage tells the script: what becomes of it, and what the stage is told that was heard."""

import pytest
import streamlit as st

from dashboard.controls import boards, session
from dashboard.experiment.experiment import Experiment
from dashboard.stage import stage
from dashboard.views.compare import live


@pytest.fixture
def state(monkeypatch):
    """The state of a session."""
    held = {session.EXPERIMENT: Experiment()}
    monkeypatch.setattr(st, "session_state", held)
    return held


class TestOrder:
    """Several things come at once where the script was busy, or could not be reached."""

    @pytest.fixture(autouse=True)
    def point(self, state, monkeypatch):
        """A point of the chart of all results."""
        monkeypatch.setattr(live.log, "reopen", lambda number: session.put(Experiment(sigma=0.3, samples=number)))

    def test_all_of_them_are_done(self, state):
        live.heard({"sigma": 0.9, "random": "off", "settle": "28", "steps": 8})
        experiment = session.experiment()
        assert (experiment.sigma, experiment.steps, experiment.random) == (0.9, 8, "off")
        assert live.settle.BESIDE.choice == 28

    def test_the_last_one_counts(self, state):
        live.heard({"sigma": 0.9, "open": 7})
        assert session.experiment() == Experiment(sigma=0.3, samples=7)
        live.heard({"open": 8, "sigma": 0.9})
        assert session.experiment() == Experiment(sigma=0.9, samples=8)

    def test_again_they_change_nothing(self, state):
        told = {"open": 7, "sigma": 0.9, "random": "off", "settle": "28"}
        live.heard(told)
        once = dict(state)
        live.heard(told)
        assert state == once


class Interrupted(BaseException):
    """As Streamlit ends a run for another one."""


class TestNumber:
    @pytest.fixture
    def run(self, state, monkeypatch):
        """A run of the script, whose page hears with this function: the number that the stage is given, and what is
        called when the stage tells something."""
        shown = []
        monkeypatch.setattr(stage, "show", lambda page, token, knobs, given, told: shown.append((given["heard"], told)))
        monkeypatch.setattr(stage, "values", lambda page: {"sigma": 0.7, "number": 7})
        monkeypatch.setattr(boards.HUB, "show", lambda token, page, board: None)

        def run(heard):
            boards.live("compare", "somebody", None, heard)
            return shown[-1]

        return run

    def test_what_was_heard_is_said(self, run):
        number, told = run(lambda values: None)
        assert number == 0
        told()
        assert run(lambda values: None)[0] == 7

    @pytest.mark.parametrize(("error", "number"), [(Interrupted, 0), (ValueError, 7)])
    def test_what_was_interrupted_is_to_come_again_and_what_failed_is_not(self, run, error, number):
        def heard(values):
            raise error

        with pytest.raises(error):
            run(heard)[1]()
        assert run(heard)[0] == number
