"""Every annotated shape of the library is checked, and what checks them does."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import lsa_theory
from tests import shapes

SOURCE = """
from __future__ import annotations
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
import numpy as np
from lsa_theory._typing import Array, Shaped
if TYPE_CHECKING:
    from nowhere import Unknown

def product(left: Shaped[Array, "m d"], right: Shaped[Array, "d n"]) -> Shaped[Array, "m n"]:
    return left @ right

def wrong(left: Shaped[Array, "m d"]) -> Shaped[Array, "d m"]:
    return left

def pair(left: Shaped[Array, "d d"]) -> tuple[Shaped[Array, " d"] | None, float]:
    return left, 1.0

def inner(size: int, array: Array) -> Array:
    def local(array: Shaped[Array, "d d"]) -> Array:
        return product(array, array)
    return local(array)

def name(size: int) -> str:
    return size

def half(share: float, unknown: Unknown = None) -> float:
    return share / 2

def rows(array: Shaped[Array, "d d"]) -> Iterator[Array]:
    yield from array

@lru_cache
def cached(size: int) -> int:
    return size

@dataclass(frozen=True)
class Law:
    covariance: Shaped[Array, "d d"]
    mean: Shaped[Array, " d"]
    length: int = 1

    @property
    def size(self) -> int:
        return float(len(self.mean))

    @cached_property
    def root(self) -> Shaped[Array, "d d"]:
        return self.mean

    @classmethod
    def white(cls, size: int) -> Law:
        return cls(np.eye(size), np.ones(size))

    @staticmethod
    def total(array: Shaped[Array, " d"]) -> float:
        return array.sum()
"""
FLAT, SQUARE, WIDE = np.ones(3), np.eye(3), np.ones((2, 3))


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("with_shapes")
    (folder / "with_shapes.py").write_text(SOURCE)
    finder = shapes.CheckedFinder("with_shapes")
    sys.path.insert(0, str(folder))
    sys.meta_path.insert(0, finder)
    import with_shapes

    yield with_shapes
    sys.meta_path.remove(finder)
    sys.path.remove(str(folder))
    del sys.modules["with_shapes"]


ACCEPTED = {
    "sizes that fit": lambda m: m.product(WIDE, SQUARE),
    "sizes of an earlier call": lambda m: (m.product(WIDE, SQUARE), m.product(SQUARE, WIDE.T)),
    "an integer for a float": lambda m: m.half(1),
    "a type that is never imported": lambda m: m.half(1.0, 3),
    "a generator": lambda m: list(m.rows(SQUARE)),
    "a local function": lambda m: m.inner(3, SQUARE),
    "fields": lambda m: m.Law(SQUARE, FLAT),
    "a cache": lambda m: m.cached(3),
    "a class method": lambda m: m.Law.white(3),
}
REFUSED = {
    "sizes of two arguments": lambda m: m.product(WIDE, WIDE),
    "sizes within one": lambda m: m.rows(WIDE),
    "a number of axes": lambda m: m.product(WIDE, FLAT),
    "no array": lambda m: m.product(WIDE, 1.0),
    "the result's sizes": lambda m: m.wrong(WIDE),
    "the result's sizes inside": lambda m: m.pair(SQUARE),
    "a local function": lambda m: m.inner(3, WIDE),
    "an argument's type": lambda m: m.half("1"),
    "the result's type": lambda m: m.name(3),
    "a cached function": lambda m: m.cached(1.5),
    "sizes of two fields": lambda m: m.Law(SQUARE, np.ones(2)),
    "a field's type": lambda m: m.Law(SQUARE, FLAT, 1.5),
    "a property": lambda m: m.Law(SQUARE, FLAT).size,
    "a cached property": lambda m: m.Law(SQUARE, FLAT).root,
    "a class method": lambda m: m.Law.white("3"),
    "a static method": lambda m: m.Law.total(SQUARE),
}


@pytest.mark.parametrize("call", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(module, call):
    call(module)


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_refused(module, call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call(module)


def test_what_is_local_to_a_call_is_forgotten_after_a_refusal(module):
    with pytest.raises(jaxtyping.TypeCheckError):
        module.product(WIDE, WIDE)
    module.product(np.ones((4, 5)), np.ones((5, 6)))
    assert isinstance(np.ones(7), jaxtyping.Shaped[np.ndarray, " d"])


# --- the library's ------------------------------------------------------------------------------


def package_modules() -> list[str]:
    found = pkgutil.walk_packages(lsa_theory.__path__, "lsa_theory.")
    return [name for _, name, _ in found if not name.endswith("__main__")]


def annotated_in(module) -> Iterator:
    """Classes, functions, methods and properties that the module defines, jitted ones included."""
    own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
    classes = [value for value in own if inspect.isclass(value)]
    yield from classes
    for value in own + [member for kind in classes for member in vars(kind).values()]:
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if callable(value) and not inspect.isclass(value):
            function = inspect.unwrap(value)
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function


def shaped_parts(annotation: object) -> list[type]:
    """The jaxtyping shapes inside an annotation, unions and tuples included."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return [annotation]
    return [part for item in getattr(annotation, "__args__", ()) for part in shaped_parts(item)]


def real_shapes(module) -> int:
    """How many shapes the module's annotations hold; raises if one does not resolve to a shape."""
    count = 0
    for item in annotated_in(module):
        written = inspect.get_annotations(item)
        resolved = inspect.get_annotations(item, eval_str=True)  # NameError if behind a guard
        for argument, annotation in resolved.items():
            wanted = str(written[argument]).count("Shaped[")
            assert len(shaped_parts(annotation)) >= wanted, f"{item.__qualname__}: {argument}"
            count += wanted
    return count


@pytest.mark.parametrize("name", package_modules())
def test_module_is_instrumented_and_its_shapes_are_real(name):
    module = importlib.import_module(name)
    assert type(module.__spec__.loader).__name__ == "CheckedLoader"
    if "import Array, Shaped" in Path(module.__file__).read_text():
        assert real_shapes(module) > 0


GUARDED = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from lsa_theory._typing import Array, Shaped
def total(array: Shaped[Array, "d d"]): return array.sum()
"""
INERT = """
from __future__ import annotations
from typing import Any
class Shaped:
    def __class_getitem__(cls, item): return Any
def total(array: Shaped[Any, "d d"]): return array.sum()
"""


@pytest.mark.parametrize(("source", "failure"), [(GUARDED, NameError), (INERT, AssertionError)])
def test_unchecked_shapes_are_noticed(source, failure):
    module = types.ModuleType("unchecked")
    exec(source, vars(module))
    with pytest.raises(failure):
        real_shapes(module)


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(jaxtyping.TypeCheckError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_wrong_shape_is_refused_where_the_package_is_imported_eagerly():
    from lsa_theory.linalg import solve

    assert np.allclose(solve(2 * np.eye(3), np.eye(3)), np.eye(3) / 2)
    assert "matrix" in refusal(solve, np.zeros((2, 3)), np.eye(3))
    assert "right" in refusal(solve, np.eye(3), np.eye(2))


def test_wrong_shape_is_refused_where_the_package_is_imported_lazily():
    assert "gradient_flow" not in vars(lsa_theory)  # but for __getattr__
    assert lsa_theory.gradient_flow.__module__ == "lsa_theory.flow"
    from lsa_theory.flow.polynomial import split

    v_and_s, u_and_p = split(np.arange(4.0), 1)
    assert v_and_s.size == u_and_p.size == 2
    assert "flat" in refusal(split, np.zeros((2, 2)), 1)
