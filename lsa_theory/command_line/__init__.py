"""The command `lsa`: the library's answers as tables, JSON and figures.

Each command is a file with `arguments(parser)` and `answer(options)`, loaded when it is called;
what is heavy is loaded when an answer needs it, and nothing heavy for `--help`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import lsa_theory

COMMANDS = {
    "minimum": "what training converges to: the gain, its loss, what it learns of each direction",
    "risk": "the exact risk of a trained layer, on its own law or on another",
    "shift": "a trained layer on a shifted law, beside least squares, ridge, Bayes and zero",
    "flow": "gradient flow on the population loss from the theorem's start",
}
FAILED, REFUSED, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


class Refused(Exception):
    """Bad input: the program's name and a sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(self.prog, message)


class _Command(_Parser):
    """Takes its arguments from the command's file when it is first called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)
        self.filled = False

    def parse_known_args(self, *given: Any, **options: Any) -> Any:
        if not self.filled:
            self.filled = True
            _module(self.prog.split()[-1]).arguments(self)
        return super().parse_known_args(*given, **options)


def parser() -> argparse.ArgumentParser:
    """Of the whole command line."""
    made = _Parser(
        prog="lsa",
        description="The exact theory of in-context learning in linear attention.",
        epilog="Exit code: 0 when answered, 1 when something failed on the way, 2 for bad input, "
        "130 when interrupted. docs/command_line.md has examples and the keys of --json.",
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"lsa {lsa_theory.__version__}")
    commands = made.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Command
    )
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    name = "lsa"
    try:
        options = parser().parse_args(arguments)
        name = f"lsa {options.command}"
        return _answered(options)
    except KeyboardInterrupt:
        return _said(f"{name}: interrupted", INTERRUPTED)
    except BrokenPipeError:
        _abandon_stdout()
        return BROKEN_PIPE
    except Refused as refusal:
        return _said("{}: error: {}".format(*refusal.args), REFUSED)
    except ValueError as error:
        return _said(f"{name}: error: {error}", REFUSED)
    except MemoryError:
        return _said(f"{name}: error: there is not enough memory for this size", FAILED)
    except OSError as error:
        _abandon_stdout()
        place = f"{error.filename}: " if error.filename else ""
        return _said(f"{name}: error: {place}{error.strerror or error}", FAILED)
    except (ImportError, RuntimeError) as error:
        return _said(f"{name}: error: {error}", FAILED)


def _module(name: str) -> Any:
    return import_module(f"lsa_theory.command_line.{name}")


def _answered(options: argparse.Namespace) -> int:
    if options.plot is not None:
        from lsa_theory.extras import required

        required("--plot", "matplotlib", "sweep")  # before anything is computed
    from lsa_theory.command_line import files

    answer = _module(options.command).answer(options)
    if options.plot is not None and answer.figure is not None:
        figure = answer.figure()
        answer.files[options.plot] = lambda path: _drawn(figure, path)
    for path, write in answer.files.items():
        files.written(path, write)
    _print(options, answer)
    return _said(f"lsa {options.command}: {answer.failure}", FAILED) if answer.failure else 0


def _drawn(figure: Any, path: Path) -> None:
    from lsa_theory.plots import saved

    saved(figure, path)


def _print(options: argparse.Namespace, answer: Any) -> None:
    if options.json:
        from lsa_theory.command_line.answer import document

        text = document(options.command, answer.data, list(answer.files))
    else:
        from lsa_theory.command_line.terminal import rendered

        text = rendered(answer.tables, list(answer.files))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def _said(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return code


def _abandon_stdout() -> None:
    """So that the interpreter does not fail on it once more as it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # it is no file of the system
        return
