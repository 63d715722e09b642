"""What a Python function is made of, so that a changed one is noticed: code, defaults, closure,
and the globals that it reads."""

from __future__ import annotations

import dis
import hashlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

OWN = "lsa_theory"  # its sources are digested as a whole


def is_library(module: str | None) -> bool:
    """Whether a module is Python's, this package's, or installed: told by its version."""
    root = (module or "").partition(".")[0]
    if root in sys.stdlib_module_names or root == OWN:
        return root != "__main__"
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


def is_named(item: Any) -> bool:
    """Whether a function or class of a library can be found again under its name."""
    module, name = getattr(item, "__module__", None), getattr(item, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or not is_library(module):
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not None and inspect.unwrap(found) is inspect.unwrap(item)


def library_name(item: Any) -> str:
    """`module.qualname`, with the version of a third-party library."""
    root = item.__module__.partition(".")[0]
    release = getattr(sys.modules[root], "__version__", "")
    suffix = f" {release}" if release and root != OWN else ""
    return f"{item.__module__}.{item.__qualname__}{suffix}"


def module_name(module: ModuleType) -> str:
    """A library's name and version; of a person's own module the digest of its file."""
    if is_library(module.__name__):
        root = sys.modules[module.__name__.partition(".")[0]]
        return f"{module.__name__} {getattr(root, '__version__', '')}".strip()
    file = getattr(module, "__file__", None)
    content = Path(file).read_bytes() if file else b""
    return f"{module.__name__} {hashlib.sha256(content).hexdigest()}"


def code_digest(code: CodeType) -> str:
    """The SHA-256 of bytecode, names and constants, nested code included; not of line numbers."""
    digest = hashlib.sha256(code.co_code + b"\0" + code.co_exceptiontable)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    digest.update(repr((names, counts)).encode())
    for constant in code.co_consts:
        digest.update(_constant(constant).encode() + b"\0")
    return digest.hexdigest()


def _constant(constant: Any) -> str:
    if isinstance(constant, CodeType):
        return f"code {code_digest(constant)}"
    if isinstance(constant, frozenset):  # its order depends on the process
        return f"frozenset {sorted(map(_constant, constant))}"
    if isinstance(constant, tuple):
        return f"tuple {list(map(_constant, constant))}"
    return f"{type(constant).__name__} {constant!r}"


def reads(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Name and value of what a function has from elsewhere: defaults, closure, globals."""
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    for parameter in parameters:
        if parameter.default is not parameter.empty:
            yield f"default of {parameter.name}", parameter.default
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:  # a name that is bound later
            yield name, None
    for name in sorted(set(_globals_of(function.__code__))):
        if name in function.__globals__:  # else a builtin
            yield name, function.__globals__[name]


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
