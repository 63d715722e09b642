"""The arguments of a ready-made diagram, from its function's signature and docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import files
from lsa_theory.command_line.covariances import features

SYMBOLS = {r"\Lambda": "Λ", r"\lambda": "λ", r"\sigma": "σ", r"\theta": "θ", r"\kappa": "κ"}
SYMBOLS |= {r"\beta": "β", r"\epsilon": "ε", r"\eta": "η", r"\ge": "≥", r"\bmod": "mod"}
GRID_HELP = "numbers between commas, LOW:HIGH:COUNT, or log:LOW:HIGH:COUNT"


def grid(text: str) -> list[Any]:
    """Numbers between commas; or so many from one to another, evenly spaced or in ratio."""
    head, colon, rest = text.partition(":")
    ratio = head == "log"
    parts = (rest if ratio else text).split(":")
    if not colon:
        return [_exact(text, part) for part in text.split(",")]
    if len(parts) != 3:
        files.refuse(text, GRID_HELP)
    low, high = (_exact(text, part) for part in parts[:2])
    if not low < high:
        files.refuse(text, f"{GRID_HELP}, with LOW < HIGH")
    count = files.number(parts[2])
    if count is None or not count.is_integer() or count < 2:
        files.refuse(text, f"{GRID_HELP}, with an integer COUNT >= 2")
    if ratio and not min(low, high) > 0:
        files.refuse(text, f"{GRID_HELP}, the last with positive numbers")
    return list((np.geomspace if ratio else np.linspace)(low, high, int(count)))


def _exact(text: str, part: str) -> Any:
    number = files.number(part)
    if number is None or not np.isfinite(number):
        files.refuse(text, f"finite numbers, has {part.strip()!r}")
    return int(part) if part.strip().removeprefix("-").isdecimal() else number


def whole(text: str) -> list[int]:
    """A grid of integers: those nearest to `grid`, each once."""
    values = grid(text)
    if ":" in text:
        return sorted({round(value) for value in values})
    for value in values:
        if not isinstance(value, int):
            files.refuse(text, f"integers, has {value}")
    return values


def arguments(parser: Any, function: Callable[..., Any]) -> list[str]:
    """An option for each parameter that a command line can spell; returns the names."""
    words = descriptions(inspect.getdoc(function) or "")
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = _kind(name, str(parameter.annotation))
        if kind is None or parameter.kind is parameter.VAR_KEYWORD:
            continue
        convert, metavar = kind
        default = parameter.default
        note = f" (default: {default})" if isinstance(default, int | float | str) else ""
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=convert,
            metavar=metavar,
            default=argparse.SUPPRESS,
            help=(words.get(name, "") + note).replace("%", "%%"),
        )
        names.append(name)
    return names


def _kind(name: str, annotation: str) -> tuple[Callable[[str], Any], str] | None:
    """How a parameter is read, and how its value is called."""
    if "covariance" in name:
        return given.read(features), "SPEC"
    if "Values" in annotation or "Sequence" in annotation:
        return given.read(whole if name.endswith("lengths") else grid), "VALUES"
    if annotation.startswith("int"):
        return given.integer(0), name.split("_")[-1].upper()
    if annotation.startswith("float"):
        return given.finite, name.split("_")[-1].upper()
    if annotation.startswith("str"):
        return str, name.split("_")[-1].upper()
    return None


def descriptions(docstring: str) -> dict[str, str]:
    """What the docstring says of each parameter or attribute, in plain text."""
    parts = (docstring.partition(f"{head}\n{10 * '-'}\n") for head in ("Parameters", "Attributes"))
    section = "".join(part[2] for part in parts)
    section = re.split(r"\n\n?[A-Z]\w+\n-{3,}\n|\nSource:", section)[0]
    found: dict[str, str] = {}
    for names, text in re.findall(r"^(\S.*)\n((?:[ ]+\S.*\n?|\n)+)", section, re.MULTILINE):
        for name in names.split(", "):
            found[name] = plain(text)
    return found


def plain(text: str) -> str:
    """reStructuredText with a little mathematics, in Unicode."""
    text = re.sub(r":math:`([^`]*)`", lambda found: _formula(found[1]), " ".join(text.split()))
    return text.replace("`", "").replace("None:", "default:")


def formulas(text: str) -> str:
    """Text with formulas between dollars, in Unicode."""
    return re.sub(r"\$([^$]*)\$", lambda found: _formula(found[1]), text)


def _formula(text: str) -> str:
    text = re.sub(r"\\(?:operatorname|mathrm){(\w+)}", r"\1", text)
    for name, symbol in SYMBOLS.items():
        text = text.replace(name, symbol)
    text = re.sub(r"\\(?:tfrac|frac)(?:{(.+?)}|(.)){?(.+?)}?(?=$|\W)", r"\1\2/\3", text)
    return text.replace(r"\,", " ").replace("^2", "²").replace("\\", "").replace("  ", " ")
