"""``python -m validation``: check every claim, print a table, write the report."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext as _quiet
from pathlib import Path
from typing import NoReturn

from validation.harness import inputs, registry

EXIT_FAILED, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog=inputs.COMMAND,
        description="Check every theorem and write a report: index.html and results.json.",
        epilog="Exit code: 0 when every claim holds and rejects its control, 1 when one does not, "
        "2 for bad input, 130 when interrupted (a former report stays as it was).",
        allow_abbrev=False,
    )
    add = made.add_argument
    add("--list", action="store_true", help="list the claims and stop")
    add("--only", metavar="STEM", action="append", default=[], help="only this claim; repeatable")
    add("--quick", action="store_true", help="fewer and smaller cases")
    add("--rows", metavar="FILE", type=Path, help="observations, CSV or NPY: adds their covariance")
    add("--covariance", metavar="FILE", type=Path, help="a covariance matrix to add, CSV or NPY")
    add("--context-length", metavar="N", help="context length for the claims that take one")
    add("--seed", metavar="INTEGER", default="0", help="seed of all random numbers (default: 0)")
    add("--out", metavar="FOLDER", default="report", help="default: report")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        return _command(parser().parse_args(arguments))
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except ValueError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED


def _command(options: argparse.Namespace) -> int:
    selected = registry.chosen(options.only, registry.stems())
    seed = inputs.integer("--seed", options.seed, 0)
    length = options.context_length
    length = None if length is None else inputs.integer("--context-length", length, 1)
    if options.list:
        for item in registry.entries(selected):
            print(f"{item.stem:<28}{item.claim.title if item.claim else item.error}")
        return 0
    covariances, rows = inputs.covariances(options.rows, options.covariance)
    folder = inputs.folder("--out", options.out)

    from rich.console import Console

    from validation.harness import report, runner, terminal
    from validation.harness.results import results
    from validation.harness.setting import Setting

    console = Console()
    setting = Setting(seed, options.quick, covariances, rows, length)
    with console.status("drawing cases") if console.is_terminal else _quiet():
        plans = [runner.plan(item, setting) for item in registry.entries(selected)]
    with terminal.progress(console, plans) as step:
        run = runner.run(plans, setting, step)
    found = results(run) | {"cpu_seconds": round(time.process_time(), 1)}  # imports included
    report.written(found, {c.entry.stem: c.figure for c in run.claims if c.figure}, folder)
    terminal.table(console, found)
    console.out(terminal.closing(found, str(folder / "index.html")), highlight=False)
    return 0 if run.passed else EXIT_FAILED
