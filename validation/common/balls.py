"""Balls, by Arb of python-flint: real numbers known up to a radius, as entries of object arrays.

Each operation adds to the radius what rounding its midpoint may have lost, so that whatever a
formula returns encloses its exact value. A formula that is spelt with operators runs on balls as it
does on rationals. Two things would break the enclosure and are refused: a float within a formula,
whose own rounding no radius knows of, and a comparison that the balls leave open.
"""

from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

BITS = 400  # of a midpoint: condition numbers of 1e12, to the fourth power, leave 240


class Ball(arb):
    """One real number, somewhere in the ball; not known, hence let pass where symbols are."""

    free_symbols = frozenset({"a number in the ball"})
    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        raise TypeError("a ball is no float: it has a midpoint and a radius")

    def _sympy_(self) -> Any:
        raise TypeError("a ball is no symbol, though it passes where symbols do")

    def __bool__(self) -> bool:
        return self != 0


def _lifted(name: str) -> Any:
    """The operation of `arb`, at `BITS` bits, with rationals for its operands and a ball for its
    result."""
    operation = getattr(arb, name)

    def method(self: Ball, *others: Any) -> Any:
        with ctx.workprec(BITS):
            found = operation(self, *(_operand(other) for other in others))
            return Ball(found) if isinstance(found, arb) else found

    return method


def _decided(name: str, holds: Any, fails: Any) -> Any:
    """The comparison, where it is the same for all numbers in the balls."""

    def method(self: Ball, other: Any) -> bool:
        other = _operand(other)
        if holds(self, other):
            return True
        if fails(self, other):
            return False
        raise ArithmeticError(f"{self.str(5)} {name} {arb(other).str(5)}: the balls leave it open")

    return method


def _operand(other: Any) -> Any:
    if isinstance(other, float):
        raise TypeError(f"{other!r}: must be a ball or exact, not a float that may be rounded")
    return ball(other) if isinstance(other, Rational) else other


for _name in ("add", "sub", "mul", "truediv", "pow"):
    for _side in ("", "r"):
        setattr(Ball, f"__{_side}{_name}__", _lifted(f"__{_side}{_name}__"))
for _name in ("__neg__", "__abs__", "sqrt", "exp"):
    setattr(Ball, _name, _lifted(_name))
for _name, _holds, _fails in (
    ("eq", arb.__eq__, arb.__ne__),
    ("ne", arb.__ne__, arb.__eq__),
    ("lt", arb.__lt__, arb.__ge__),
    ("ge", arb.__ge__, arb.__lt__),
    ("gt", arb.__gt__, arb.__le__),
    ("le", arb.__le__, arb.__gt__),
):
    setattr(Ball, f"__{_name}__", _decided(_name, _holds, _fails))


def ball(number: Any) -> Ball:
    """A rational, or a float as the rational that it is: a ball of radius 0 if it has few bits."""
    with ctx.workprec(BITS):
        top, bottom = Fraction(number).as_integer_ratio()
        return Ball(fmpq(int(top), int(bottom)))


def balls(numbers: Any) -> np.ndarray:
    """The same, entry by entry."""
    array = np.asarray(numbers)
    return np.array([ball(entry) for entry in array.flat], dtype=object).reshape(array.shape)


def eigenvalues(matrix: np.ndarray) -> list[Ball]:
    """Of a matrix with real ones, none of them twice, in ascending order."""
    with ctx.workprec(BITS):
        found = arb_mat(*matrix.shape, list(matrix.flat)).eig()
    return sorted(Ball(x.real) for x in found)


def midpoint(x: Ball) -> Fraction:
    top, power = x.mid().man_exp()
    return Fraction(int(top)) * Fraction(2) ** int(power)


def radius(x: Ball) -> float:
    """At least that of the ball, infinite if it is not bounded."""
    if not x.is_finite():
        return np.inf
    return 0.0 if x.is_exact() else float(np.nextafter(float(arb(x).rad()), np.inf))
