"""Words at given matrices, and the check that every derivative gets: against differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from numbers import Rational
from operator import matmul
from typing import Any

import numpy as np
import sympy

from derivations.algebra.letters import COMMUTING, SYMMETRIC, Letters, is_row
from derivations.algebra.words import DIMENSION, Words, wordy

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


def check_gradient(words: Words, variable: str, slope: Words) -> None:
    """Raises if a gradient is not what differences of the values at random matrices say."""
    direction = _drawn(variable + " moves" if variable[0].islower() else variable + " Moves")
    arrays, scalars = _point(words, slope)
    expected = (evaluated(slope, arrays, scalars) * direction).sum()
    _check(words, {variable: direction}, expected, arrays, scalars)


def check_derivative(words: Words, rates: Mapping[Any, Any], found: Words) -> None:
    """The same for a derivative along rates of change, of letters and of scalar symbols."""
    given = {variable: wordy(rate) for variable, rate in rates.items()}
    arrays, scalars = _point(words, found, *given.values(), variables=rates)
    moves = {str(name): evaluated(rate, arrays, scalars) for name, rate in given.items()}
    _check(words, moves, evaluated(found, arrays, scalars), arrays, scalars)


def _point(*involved: Words, variables: Iterable[Any] = ()) -> tuple[dict, dict]:
    """Arrays for all letters, numbers for all symbols."""
    letters = set().union(*(words.letters() for words in involved))
    letters |= {name for name in variables if isinstance(name, str)}
    symbols = {str(x) for words in involved for v in words.terms.values() for x in v.free_symbols}
    symbols |= {str(name) for name in variables if not isinstance(name, str)}
    scalars = {name: 1.5 + len(name) / 7 + k / 3 for k, name in enumerate(sorted(symbols))}
    return {name: _drawn(name) for name in letters}, scalars


def _check(
    words: Words, moves: Mapping[str, Any], expected: Any, arrays: dict, scalars: dict
) -> None:
    def moved(known: dict, h: float) -> dict:
        return {name: x + h * moves[name] if name in moves else x for name, x in known.items()}

    values = [evaluated(words, moved(arrays, h), moved(scalars, h)) for h in _steps()]
    gap = np.max(abs(_difference(values) - expected))
    if gap > ALLOWED * (np.max(abs(expected)) + max(np.max(abs(each)) for each in values) + 1):
        names = ", ".join(moves)
        raise ArithmeticError(f"derivative by {names}: off by {gap:.2g}, as differences say")


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
