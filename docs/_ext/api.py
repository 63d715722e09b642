"""The API: one page a module, each package with what it offers by name."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from markup import sentence, table

import lsa_theory

PACKAGE = lsa_theory.__name__


def pages() -> dict[str, str]:
    """By file name."""
    found = pkgutil.walk_packages(lsa_theory.__path__, f"{PACKAGE}.")
    names = [name for _, name, _ in found if not any(p.startswith("_") for p in name.split("."))]
    return {short(name): module_page(name, names) for name in [PACKAGE, *names]}


def short(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.") if name != PACKAGE else "index"


def module_page(name: str, names: list[str]) -> str:
    module = importlib.import_module(name)
    title = "API" if name == PACKAGE else short(name)
    members = "" if name != PACKAGE else "\n   :no-members:"
    parts = [f"# {title}", f"```{{eval-rst}}\n.. automodule:: {name}{members}\n```"]
    if offered := public(module):
        parts.append(table(["name", "what it is"], offered))
    children = [short(child) for child in names if child.rpartition(".")[0] == name]
    if children:
        listed = "\n".join(children)
        parts.append(f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n")
    return "\n\n".join(parts)


def public(module: ModuleType) -> list[list[object]]:
    """What a package takes from its modules under the same name, each with its first sentence."""
    source = Path(str(module.__file__))
    if source.name != "__init__.py":
        return []
    tree = ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    aliases = [alias for node in tree if isinstance(node, ast.ImportFrom) for alias in node.names]
    found = []
    for name in sorted(alias.asname for alias in aliases if alias.asname == alias.name):
        value = getattr(module, name)
        home = value.__name__ if isinstance(value, ModuleType) else value.__module__
        found.append([f"[`{name}`]({short(home)}.md)", sentence(value)])
    return found
