"""What checks the annotations of the library does check them."""

from __future__ import annotations

import sys

import jaxtyping
import numpy as np
import pytest

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
