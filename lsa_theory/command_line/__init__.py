"""The command `lsa`: the library's answers as tables, JSON and figures.

Each command is a file with `arguments(parser)` and `answer(options)`, loaded when it is called;
what is heavy is loaded when an answer needs it, and nothing heavy for `--help`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import lsa_theory
from lsa_theory.command_line.parsing import Command, Parser, Refused, module

COMMANDS = {
    "minimum": "what training converges to: the gain, its loss, what it learns of each direction",
    "risk": "the exact risk of a trained layer, on its own law or on another",
    "shift": "a trained layer on a shifted law, beside least squares, ridge, Bayes and zero",
    "flow": "gradient flow on the population loss from the theorem's start",
    "phase": "ready-made phase diagrams: what holds where, over two settings at a time",
    "transience": "why in-context learning appears and goes away: theory, training, figures",
    "modular": "modular arithmetic from few and many tasks: exact ceilings, training, figures",
}
FAILED, REFUSED, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


def parser() -> Parser:
    """Of the whole command line."""
    made = Parser(
        prog="lsa",
        description="The exact theory of in-context learning in linear attention.",
        epilog="Exit code: 0 when answered, 1 when something failed on the way, 2 for bad input, "
        "130 when interrupted. docs/command_line.md has examples and the keys of --json.",
    )
    made.add_argument("--version", action="version", version=f"lsa {lsa_theory.__version__}")
    commands = made.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Command
    )
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    name = "lsa"
    try:
        options = _options(arguments)
        if options is None:
            return _printed("", 0)
        parts = (getattr(options, part, "") for part in ("command", "diagram", "action"))
        name = " ".join(filter(None, ("lsa", *parts)))
        return _answered(options)
    except KeyboardInterrupt as stop:
        return _said(f"{name}: interrupted{stop}", INTERRUPTED)
    except BrokenPipeError:
        return BROKEN_PIPE
    except Refused as refusal:
        return _said("{}: error: {}".format(*refusal.args), REFUSED)
    except ValueError as error:
        return _said(f"{name}: error: {error}", REFUSED)
    except MemoryError:
        return _said(f"{name}: error: there is not enough memory for this size", FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _said(f"{name}: error: {place}{error.strerror or error}", FAILED)
    except (ImportError, RuntimeError) as error:
        return _said(f"{name}: error: {error}", FAILED)


def _options(arguments: Sequence[str] | None) -> Any:
    """None if help or the version was asked for, which are printed by now."""
    try:
        return parser().parse_args(arguments)
    except SystemExit:
        return None


def _answered(options: Any) -> int:
    if options.plot is not None:
        from lsa_theory.extras import required

        required("--plot", "matplotlib", "sweep")  # before anything is computed
    from lsa_theory.command_line import files

    answer = module(options.command).answer(options)
    if options.plot is not None and answer.figure is not None:
        figure = answer.figure()
        answer.files[options.plot] = lambda: _drawn(figure, options.plot.suffix)
    for path, content in answer.files.items():
        files.written(path, content())
    code = _printed(f"{_text(options, answer)}\n", FAILED if answer.failure else 0)
    return _said(f"lsa {options.command}: {answer.failure}", code) if answer.failure else code


def _drawn(figure: Any, suffix: str) -> bytes:
    from lsa_theory.plots.saving import drawn

    return drawn(figure, suffix.lower())


def _text(options: Any, answer: Any) -> str:
    if options.json:
        from lsa_theory.command_line.answer import document

        return document(options.command, answer.data, list(answer.files))
    from lsa_theory.command_line.terminal import rendered

    return rendered(answer.tables, list(answer.files))


def _printed(text: str, code: int) -> int:
    """Text on stdout, in its encoding, with all that was printed before; returns the code."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), end="", flush=True)
    except OSError:
        _abandon_stdout()
        raise
    return code


def _abandon_stdout() -> None:
    """So that the interpreter does not fail on it once more as it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # it is no file of the system
        return


def _said(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return code
