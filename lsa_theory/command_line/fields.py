"""Options for the fields of a dataclass, and of the settings inside it: what has `as_dict`."""

from __future__ import annotations

import argparse
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Union, get_args, get_origin, get_type_hints

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import files
from lsa_theory.command_line.diagrams import descriptions


def add(parser: Any, kind: type, title: str, note: str = "") -> list[str]:
    """A group of options for a dataclass, and one for the settings inside it; returns the names of
    the fields. What was not given is not in the namespace."""
    words = descriptions(inspect.getdoc(kind) or "")
    hints = get_type_hints(kind)
    group = parser.add_argument_group(f"settings of {title}", note or None)
    names: list[str] = []
    for field in fields(kind):
        hint = _plain(hints[field.name])
        if is_settings(hint):
            names += add(parser, hint, f"the {field.name}")
        elif (options := _read(hint)) is not None and field.name not in parser_names(parser):
            options |= {"default": argparse.SUPPRESS, "dest": field.name}
            options["help"] = words.get(field.name, "").replace("%", "%%")
            group.add_argument(option(field.name), **options)
            names.append(field.name)
    return names


def is_settings(thing: Any) -> bool:
    """A dataclass, or an object of one, all of whose fields are settings or hold such."""
    return is_dataclass(thing) and hasattr(thing, "as_dict")


def option(name: str) -> str:
    """As it is written."""
    return f"--{name.replace('_', '-')}"


def parser_names(parser: Any) -> set[str]:
    """Of all options that it has."""
    return {action.dest for action in parser._actions}


def _plain(hint: Any) -> Any:
    """Of `X | None`, `X`."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint, *_) = (one for one in get_args(hint) if one is not type(None))
    return hint


def _read(hint: Any) -> dict[str, Any] | None:
    """How a field is read from the command line; None if it cannot be."""
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(hint) is tuple:
        return {"type": _tuple(len(get_args(hint))), "metavar": "X,X"}
    kinds: dict[Any, tuple[Callable[[str], Any], str]] = {
        int: (given.integer(0), "COUNT"),
        float: (given.finite, "X"),
        str: (str, "NAME"),
    }
    if hint not in kinds:
        return None
    convert, metavar = kinds[hint]
    return {"type": convert, "metavar": metavar}


def _tuple(count: int) -> Callable[[str], tuple[float, ...]]:
    return lambda text: tuple(given.series(count)(text))


def integers(text: str) -> tuple[int, ...]:
    """Whole numbers between commas."""
    return tuple(given.integer(0)(part) for part in text.split(","))


def changed(value: Any, changes: Mapping[str, Any]) -> Any:
    """A dataclass with other values of some fields, also of the settings inside it."""
    new = {}
    for field in fields(value):
        old = getattr(value, field.name)
        if is_settings(old):
            inner = changed(old, changes)
            if inner is not old:
                new[field.name] = inner
        elif field.name in changes:
            new[field.name] = changes[field.name]
    return replace(value, **new) if new else value


def names(value: Any) -> set[str]:
    """Of all fields of a dataclass, and of the settings inside it."""
    found: set[str] = set()
    for field in fields(value):
        inner = getattr(value, field.name)
        found |= {field.name}
        if is_settings(inner):
            found |= names(inner)
    return found


def given_of(options: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    """What was said on the command line."""
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def known(changes: Mapping[str, Any], values: tuple[Any, ...], words: str) -> None:
    """Refuses what none of the dataclasses has."""
    there = set().union(*(names(value) for value in values))
    for name in changes:
        if name not in there:
            files.refuse(option(name), f"left out {words}")
