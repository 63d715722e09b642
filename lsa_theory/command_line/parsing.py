"""The parser of the command line: one sentence instead of a page of usage."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn


class Refused(Exception):
    """Bad input: the program's name and a sentence."""


class Parser(argparse.ArgumentParser):
    """Raises `Refused`; knows no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False} | options)

    def error(self, message: str) -> NoReturn:
        raise Refused(self.prog, message)


class Command(Parser):
    """Takes its arguments when it is first called: from a function, or from the command's file."""

    def __init__(self, fill: Callable[[Any], None] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.fill, self.filled = fill, False

    def parse_known_args(self, *given: Any, **options: Any) -> Any:
        if not self.filled:
            self.filled = True
            fill = self.fill or module(self.prog.split()[-1]).arguments
            fill(self)
        return super().parse_known_args(*given, **options)


def module(name: str) -> Any:
    """The file of a command."""
    return import_module(f"lsa_theory.command_line.{name}")
