"""Words at given matrices, and the check that every derivative gets: against differences."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from numbers import Rational
from operator import matmul
from typing import Any

import numpy as np
import sympy

from derivations.algebra.letters import COMMUTING, SYMMETRIC, Letters, is_row
from derivations.algebra.words import DIMENSION, SCALAR, Words

SIZE = 3  # of the matrices that derivatives are checked on
STEP, ALLOWED = 1e-3, 1e-6  # of the differences, whose error is of order STEP⁴


def evaluated(words: Words, arrays: Mapping[str, Any], scalars: Mapping[str, Any]) -> Any:
    """The number or the array that words stand for; columns are given as (d,) or (d, 1)."""
    columns = {name: array[:, None] if array.ndim == 1 else array for name, array in arrays.items()}
    size = len(next(iter(columns.values()))) if columns else 1
    known = {**scalars, str(DIMENSION): size}
    total: Any = 0
    for (traces, word), value in words.terms.items():
        found = _number(value, known)
        for trace in traces:
            matrix = _product(trace, columns, size)
            found = found * (matrix[0, 0] if is_row(trace[0]) else matrix.trace())
        total = total + (found if word is None else found * _product(word, columns, size))
    return total


def _number(value: sympy.Expr, known: Mapping[str, Any]) -> Any:
    """A coefficient; exact where all its symbols are."""
    names, parts = _function(value)
    above, below = parts(*(known[name] for name in names))
    exact = all(isinstance(x, Rational) for x in (above, below))
    return Fraction(above) / below if exact else above / below


@lru_cache
def _function(value: sympy.Expr) -> tuple[list[str], Any]:
    """The symbols of a coefficient, and its numerator and denominator as a function of them."""
    symbols = sorted(value.free_symbols, key=str)
    parts = sympy.fraction(sympy.together(value))
    return [str(x) for x in symbols], sympy.lambdify(symbols, parts)


def _product(word: Letters, columns: Mapping[str, Any], size: int) -> Any:
    factors = [columns[x[:-1]].T if x.endswith("'") else columns[x] for x in word]
    return reduce(matmul, factors) if factors else np.eye(size, dtype=int)


@lru_cache
def _drawn(name: str) -> Any:
    """The same array for a name in every check."""
    rng = np.random.default_rng(list(name.encode()))
    if name[0].islower():
        return rng.uniform(-1, 1, (SIZE, 1))
    if name in COMMUTING:
        basis = np.linalg.qr(_drawn("Basis"))[0]
        return (basis * rng.uniform(0.1, 1, SIZE)) @ basis.T
    matrix = rng.uniform(-1, 1, (SIZE, SIZE))
    return matrix @ matrix.T if name in SYMMETRIC else matrix


def check_gradient(words: Words, variable: str | sympy.Symbol, slope: Words) -> None:
    """Raises if a gradient is not what differences of the values at random matrices say."""
    arrays = {name: _drawn(name) for name in words.letters() | slope.letters()}
    names = {str(x) for v in words.terms.values() for x in v.free_symbols}
    scalars = {name: 1.5 + len(name) / 7 + k / 3 for k, name in enumerate(sorted(names))}
    if isinstance(variable, sympy.Symbol):
        if words.ndim != SCALAR or str(variable) not in scalars:
            return
        expected = evaluated(slope, arrays, scalars)
        moved = [scalars | {str(variable): scalars[str(variable)] + h} for h in _steps()]
        values = [evaluated(words, arrays, each) for each in moved]
    elif variable not in arrays:
        return
    else:
        direction = _drawn(variable + " moves" if variable[0].islower() else variable + " Moves")
        expected = (evaluated(slope, arrays, scalars) * direction).sum()
        moved = [arrays | {variable: arrays[variable] + h * direction} for h in _steps()]
        values = [evaluated(words, each, scalars) for each in moved]
    found = _difference(values)
    if abs(found - expected) > ALLOWED * (abs(found) + max(map(abs, values)) + 1):
        raise ArithmeticError(f"gradient by {variable}: {expected}, but differences say {found}")


def slope(expression: sympy.Expr, variable: sympy.Symbol) -> sympy.Expr:
    """The derivative of a SymPy expression, checked against differences at a random point."""
    found = sympy.diff(expression, variable)
    symbols = sorted(expression.free_symbols | {variable}, key=str)
    rng = np.random.default_rng(len(symbols))
    point = dict(zip(symbols, rng.uniform(0.5, 1.5, len(symbols)), strict=True))
    values = [
        complex(expression.subs(point | {variable: point[variable] + h}).evalf(30))
        for h in _steps()
    ]
    difference, expected = _difference(values), complex(found.subs(point).evalf(30))
    if abs(difference - expected) > ALLOWED * (abs(expected) + max(map(abs, values)) + 1):
        raise ArithmeticError(f"slope in {variable}: {expected}, differences say {difference}")
    return found


def _steps() -> list[float]:
    return [-2 * STEP, -STEP, STEP, 2 * STEP]


def _difference(values: list[Any]) -> Any:
    """Central, of order four."""
    far_below, below, above, far_above = values
    return (far_below - 8 * below + 8 * above - far_above) / (12 * STEP)
