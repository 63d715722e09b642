"""Progress is shown where somebody looks, when it takes long, with what is left."""

from __future__ import annotations

import io
import threading

import pytest

from lsa_theory import sweep
from lsa_theory.sweeps import progress
from lsa_theory.sweeps.progress import Progress


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def stream(monkeypatch):
    def made(terminal):
        stream = Stream(terminal)
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        return stream

    return made


AXES = {"a": [1.0, 2.0], "b": [1.0, 2.0]}


@pytest.mark.parametrize(("terminal", "shown"), [(True, None), (False, None), (True, False)])
def test_a_short_sweep_says_nothing(stream, terminal, shown):
    shown_to = stream(terminal)
    sweep(lambda a, b: a, AXES, how="each", progress=shown)
    assert shown_to.getvalue() == ""


def test_a_bar_on_a_terminal_once_patience_ends(stream, monkeypatch):
    shown_to = stream(True)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    drawn = threading.Event()
    draw = Progress._draw

    def noted(self):
        draw(self)
        drawn.set()

    monkeypatch.setattr(Progress, "_draw", noted)
    with Progress(1000, 200) as shown:
        assert drawn.wait(20)
        shown.advance(300)
        shown.bar.refresh()
    assert "500 of 1,000 cells" in shown_to.getvalue()
    assert "50%" in shown_to.getvalue()


def test_nothing_is_drawn_after_the_end(stream):
    shown_to = stream(True)
    with Progress(10) as shown:
        pass
    shown._draw()
    assert shown.bar is None
    assert shown_to.getvalue() == ""


def test_lines_where_there_is_no_terminal(stream, monkeypatch):
    shown_to = stream(False)
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    sweep(lambda a, b: a, AXES, how="each", cells_per_shard=1, progress=True)
    lines = shown_to.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("sweep: 1 of 4 cells (25%), ")
    assert lines[-1] == "sweep: 4 of 4 cells (100%), 0:00:00 left"


def test_what_is_left_follows_from_what_was_computed_here(stream):
    stream(False)
    shown = Progress(1000, 400)
    shown.advance(100)
    assert shown.line(60.0) == "sweep: 500 of 1,000 cells (50%), 0:05:00 left"
    assert shown.line(3600.0).endswith("5:00:00 left")
