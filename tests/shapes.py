"""The library under test checks its annotations at every call, types and shapes.

jaxtyping's own import hook does so at several times the price: it checks the arguments twice and
binds them to their names, which nothing but its message needs. Here beartype checks them once,
within a scope in which jaxtyping holds what `d` is.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

HERE = "_checked_"  # the decorator's name in the modules
SCOPE = jaxtyping.jaxtyped("context")
TYPES = BeartypeConf(  # an int is a float, as the type checker has it
    is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError
)


def checked(item: Any) -> Any:
    """The function with its arguments and its result checked; the dataclass, its fields."""
    if inspect.isclass(item):
        made = vars(item).get("__init__")
        if dataclasses.is_dataclass(item) and made and not hasattr(made, "__wrapped__"):
            item.__init__ = checked(made)
        return item
    if inspect.isgeneratorfunction(item):  # beartype alone would wait for the first `next`
        return jaxtyping.jaxtyped(item, typechecker=beartype(conf=TYPES))
    written = item.__annotations__
    item.__annotations__ = {name: resolved(a, item.__globals__) for name, a in written.items()}
    shaped = any(map(shapes, item.__annotations__.values()))
    typed = beartype(conf=TYPES)(item)
    item.__annotations__ = written
    return scoped(typed) if shaped else typed


def scoped(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with sizes of its own."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        with SCOPE:
            return function(*arguments, **options)

    return call


def resolved(annotation: Any, names: dict[str, Any]) -> Any:
    try:
        return eval(annotation, names) if isinstance(annotation, str) else annotation
    except NameError:  # behind `if TYPE_CHECKING`
        return Any


def shapes(annotation: Any) -> list[type]:
    """The shapes inside an annotation, unions and tuples included."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return [annotation]
    return [part for item in getattr(annotation, "__args__", ()) for part in shapes(item)]


class Decoration(ast.NodeTransformer):
    """Every function is decorated innermost, every class outermost, after `@dataclass`."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list.append(ast.copy_location(ast.Name(HERE, ast.Load()), node))
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list.insert(0, ast.copy_location(ast.Name(HERE, ast.Load()), node))
        return self.generic_visit(node)


class CheckedLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> Any:  # from the source: bytecode on disk has no checks
        path = self.get_filename(fullname)
        tree = Decoration().visit(ast.parse(self.get_data(path), path))
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, HERE, checked)
        super().exec_module(module)


class CheckedFinder(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self.package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = CheckedLoader(spec.loader.name, spec.loader.path)
        return spec


def install(package: str) -> None:
    """From now on the package is imported with its annotations checked."""
    assert package not in sys.modules, f"{package} was imported before its shapes could be checked"
    sys.meta_path.insert(0, CheckedFinder(package))
