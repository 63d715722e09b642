"""How far work is and how long it will take, on the standard error stream."""

from __future__ import annotations

import sys
import time
from threading import Lock, Timer
from types import TracebackType
from typing import Any

PATIENCE = 2.0  # seconds: what is done by then shows nothing
BETWEEN = 10.0  # seconds between lines where there is no terminal to draw on


class Progress:
    """A bar on a terminal, now and then a line elsewhere; a context manager.

    Parameters
    ----------
    cells, done
        In all, and those known from the start, which say nothing about the speed.
    shown
        None: after two seconds, if the stream is a terminal. True: also elsewhere. False: never.
    name, unit
        What the work is, and what it is made of.
    """

    def __init__(
        self,
        cells: int,
        done: int = 0,
        shown: bool | None = None,
        *,
        name: str = "sweep",
        unit: str = "cells",
    ) -> None:
        self.cells, self.done, self.known = cells, done, done
        self.name, self.unit, self.note = name, unit, ""
        self.bar: Any = None
        self.lock = Lock()
        terminal = sys.stderr.isatty()
        self.lines = bool(shown) and not terminal
        self.timer = Timer(PATIENCE, self._draw)
        self.timer.daemon = True
        self.wanted = terminal and shown is not False
        self.started = self.said = time.monotonic()

    def __enter__(self) -> Progress:
        if self.wanted:
            self.timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.timer.cancel()
        with self.lock:
            self.wanted = False
            if self.bar is not None:
                self.bar.stop()

    def advance(self, cells: int, note: str = "") -> None:
        """So many cells more are done; what is to be said of them."""
        with self.lock:
            self.done += cells
            self.note = note
            if self.bar is not None:
                self.bar.update(0, completed=self.done, note=note)
        now = time.monotonic()
        if self.lines and (now - self.said >= BETWEEN or self.done == self.cells):
            self.said = now
            print(self.line(now - self.started), file=sys.stderr, flush=True)

    def line(self, elapsed: float) -> str:
        """Cells done and an estimate of the time that is left."""
        share = self.done / self.cells
        left = elapsed * (self.cells - self.done) / max(self.done - self.known, 1)
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        cells = f"{self.done:,} of {self.cells:,} {self.unit} ({share:.0%})"
        left_over = f"{hours}:{minutes:02}:{seconds:02} left"
        return "; ".join(filter(None, (f"{self.name}: {cells}, {left_over}", self.note)))

    def _draw(self) -> None:
        from rich import console
        from rich import progress as rich

        columns = [
            rich.TextColumn(self.name),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + self.unit),
            rich.TimeElapsedColumn(),
            rich.TextColumn("left"),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[note]}"),
        ]
        with self.lock:
            if self.wanted:
                self.bar = rich.Progress(
                    *columns, console=console.Console(stderr=True), transient=True
                )
                self.bar.add_task(self.name, total=self.cells, completed=self.done, note=self.note)
                self.bar.start()
