"""The command `lsa` in this process: what it answers, prints and refuses."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from lsa_theory.command_line import main

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "command_line.md").read_text("utf-8")
LAW = ("-c", "white:d=2", "-N", "5")


def ran(*arguments: Any) -> tuple[int, str, str]:
    """Exit code, and what was printed on stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def asked(*arguments: Any) -> Any:
    """The one strict JSON object that a command answers with, and nothing else."""
    code, out, err = ran(*arguments, "--json")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    return json.loads(out, parse_constant=pytest.fail)


def shown(*arguments: Any) -> str:
    """The tables that a command prints, none wider than a terminal."""
    code, out, err = ran(*arguments)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    return out


def refused(*arguments: Any, code: int = 2) -> str:
    """The one sentence with which a command ends, and nothing else."""
    found, out, err = ran(*arguments)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    return err[:-1]


def fill(monkeypatch: Any) -> None:
    """A disk on which nothing is left: what was written fails as it is synced."""

    def full(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size > 0
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("lsa_theory.files.os.fsync", full)


def section(command: str) -> str:
    """What the page says of a command."""
    after = re.split(rf"^##+ lsa {command}$", PAGE, maxsplit=1, flags=re.MULTILINE)[1]
    return re.split(r"^##+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def documented(command: str) -> set[str]:
    """The keys of a command's JSON, as the page has them; those that all commands have included."""
    return set(re.findall(r"^\| `(\w+)` \|", section(command), re.MULTILINE)) | {
        "command",
        "version",
        "files",
    }
