"""The project's source files and what each imports; every file is read once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def sources(package: str) -> tuple[Path, ...]:
    found = (path for path in (ROOT / package).rglob("*.py") if "_build" not in path.parts)
    return tuple(sorted(found))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Its import statements and its calls, wherever they stand."""
    wanted = ast.Import | ast.ImportFrom | ast.Call
    return tuple(node for node in ast.walk(tree(path)) if isinstance(node, wanted))


@cache
def imported(path: Path, inside_functions: bool = True) -> frozenset[str]:
    """The absolute names that a file imports; `from a import b` gives both a and a.b."""
    home = dotted(path).split(".")
    package = home if path.name == "__init__.py" else home[:-1]
    names: set[str] = set()
    for node in nodes(path) if inside_functions else tree(path).body:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            names |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def roots(path: Path, inside_functions: bool = True) -> set[str]:
    return {name.split(".")[0] for name in imported(path, inside_functions)}


def requested(path: Path) -> set[str]:
    """The packages that a file imports, as a statement or through `extras.required`."""
    calls = (node for node in nodes(path) if isinstance(node, ast.Call))
    asked = (call.args[1] for call in calls if getattr(call.func, "id", "") == "required")
    names = (name.value for name in asked if isinstance(name, ast.Constant))
    return roots(path) | {name.split(".")[0] for name in names}
