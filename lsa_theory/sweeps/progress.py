"""How far a sweep is and how long it will take, on the standard error stream."""

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
    """

    def __init__(self, cells: int, done: int = 0, shown: bool | None = None) -> None:
        self.cells, self.done, self.known = cells, done, done
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

    def advance(self, cells: int) -> None:
        """So many cells more are done."""
        with self.lock:
            self.done += cells
            if self.bar is not None:
                self.bar.update(0, completed=self.done)
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
        cells = f"{self.done:,} of {self.cells:,} cells ({share:.0%})"
        return f"sweep: {cells}, {hours}:{minutes:02}:{seconds:02} left"

    def _draw(self) -> None:
        from rich import console
        from rich import progress as rich

        columns = [
            rich.TextColumn("sweep"),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TextColumn("{task.completed:,.0f} of {task.total:,.0f} cells"),
            rich.TimeElapsedColumn(),
            rich.TextColumn("left"),
            rich.TimeRemainingColumn(),
        ]
        with self.lock:
            if self.wanted:
                self.bar = rich.Progress(
                    *columns, console=console.Console(stderr=True), transient=True
                )
                self.bar.add_task("sweep", total=self.cells, completed=self.done)
                self.bar.start()
