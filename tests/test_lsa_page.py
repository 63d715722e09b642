"""docs/command_line.md says what `lsa` does: every option, and examples that are run."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex

import pytest
from commands import PAGE, shown

from lsa_theory.command_line import COMMANDS, parser

CHAPTERS, ACTIONS = ("transience", "modular"), ("theory", "train", "plot")
EXAMPLES = re.findall(r"^```console\n\$ (lsa (?!flow).*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)


def below(made, name):
    """The parser of a command or diagram, with its arguments."""
    action = next(a for a in made._actions if isinstance(a, argparse._SubParsersAction))
    found = action.choices[name]
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
        found.parse_known_args(["--help"])
    return found


def options(made):
    """Rows of the page's tables, but for settings of a diagram, which are those of its function, or
    of a model or an experiment, which are those of its class."""
    for group in made._action_groups:
        told = (group.title or "").startswith("settings")
        for action in group._group_actions if not told else []:
            if action.option_strings and action.dest not in ("help", "version", "list", "plot"):
                names = ", ".join(f"`{name}`" for name in action.option_strings)
                value = "" if action.nargs == 0 else f" `{action.metavar or action.dest.upper()}`"
                words = re.sub(r"(--[\w*-]+(?:=[\w,-]+)?)", r"`\1`", action.help)
                yield f"| {names}{value} | {words} |"


def test_every_option_is_on_the_page_in_its_own_words():
    made = parser()
    commands = {name: below(made, name) for name in COMMANDS}
    inner = [below(commands["phase"], "noise")]
    inner += [below(commands[name], action) for name in CHAPTERS for action in ACTIONS]
    expected = {row for one in [*commands.values(), *inner] for row in options(one)}
    page = set(re.findall(r"^\| `-.*\|$", PAGE, re.MULTILINE))
    assert page - expected == {"| `--plot` `FILE` | a figure: PNG, SVG or PDF |"}
    assert expected <= page


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_example_prints_what_the_page_shows(command, printed):
    assert shown(*shlex.split(command)[1:]) == printed


def test_examples_that_are_not_run_are_spelled_right():
    lines = re.findall(r"^lsa (?:phase|transience|modular) .*$", PAGE, re.MULTILINE)
    assert len(lines) == 11
    for line in lines:
        found = parser().parse_args(re.sub(r"\b[\w/]+/", "", line).split()[1:])
        assert found.command == line.split()[1]


def test_each_command_has_a_section_and_an_example():
    assert {command.split()[1] for command, _ in EXAMPLES} == set(COMMANDS) - {"flow", "phase"}
    assert re.findall(r"^## lsa (\w+)$", PAGE, re.MULTILINE) == list(COMMANDS)
