"""What the makers of the anchors share: spelling, laws by rational factors, the bowl of a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import sympy
from sympy import QQ

from lsa_theory import LinearSelfAttention
from validation.harness.oracle import RationalLaw, loss

LAW = ("context", "context_length", "noise", "task", "mean", "query")
VALUES = [Fraction(n, m) for m in (1, 2) for n in (-2, -1, 1, 3)]
Case = dict[str, Any]


class Topic(NamedTuple):
    """Rows of the table: the inputs of each, and what follows from them."""

    cases: Callable[[], list[Case]]
    values: Callable[[Case], Case]


# --- spelling ----------------------------------------------------------------------------------


def spelt(value: Any) -> Any:
    """Fractions as strings, arrays of them as nested lists; `read` is the inverse."""
    if isinstance(value, dict):
        return {name: spelt(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [spelt(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return np.vectorize(str, otypes=[object])(value).tolist()
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def read(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: read(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return fractions(value)
    return Fraction(value) if isinstance(value, str) else value


def fractions(rows: Any) -> Any:
    """An object array of `Fraction`; of a number, one `Fraction`."""
    array = np.array(rows, dtype=object)
    exact = np.array([Fraction(entry) for entry in array.flat], dtype=object)
    return exact.reshape(array.shape)[()]


def rational(array: Any) -> Any:
    """The same numbers as the coefficients of polynomials are."""
    return np.vectorize(lambda x: QQ(x.numerator, x.denominator), otypes=[object])(array)


def drawn(rng: np.random.Generator, *shape: int) -> Any:
    """A few small fractions, none of them 0."""
    return np.array(VALUES, dtype=object)[rng.integers(len(VALUES), size=shape)]


# --- the loss on the block, by the oracle ------------------------------------------------------


def law_of(case: Case, **changes: Any) -> RationalLaw:
    return RationalLaw(**({name: case[name] for name in LAW if name in case} | changes))


def on_block(gain: Any, scale: Any = Fraction(1)) -> LinearSelfAttention:
    return LinearSelfAttention.from_block(gain, scale)


@dataclass(frozen=True, eq=False)
class Bowl:
    """The loss as a function of the gain: quadratic, so that differences give it exactly."""

    law: RationalLaw

    def at(self, gain: Any) -> Fraction:
        return loss(on_block(gain), self.law)

    @property
    def dimension(self) -> int:
        return len(self.law.context)

    @cached_property
    def top(self) -> Fraction:
        """Of the zero predictor."""
        return self.at(np.zeros((self.dimension,) * 2, dtype=int) * Fraction(1))

    @cached_property
    def _units(self) -> list[Any]:
        d = self.dimension
        return [unit.reshape(d, d) for unit in np.eye(d * d, dtype=int) * Fraction(1)]

    @cached_property
    def slope(self) -> Any:
        """The gradient at the gain 0, (d²,)."""
        return fractions([(self.at(unit) - self.at(-unit)) / 2 for unit in self._units])

    @cached_property
    def hessian(self) -> Any:
        """(d², d²)."""
        units, plus = self._units, [self.at(unit) for unit in self._units]
        second = [p + self.at(-unit) - 2 * self.top for p, unit in zip(plus, units, strict=True)]
        found = np.diag(np.array(second, dtype=object))
        for i, j in combinations(range(len(units)), 2):
            both = self.at(units[i] + units[j])
            found[i, j] = found[j, i] = both - plus[i] - plus[j] + self.top
        return found

    @cached_property
    def gain(self) -> Any:
        """Where the gradient vanishes; the least such matrix, if there are many."""
        found = sympy.Matrix(self.hessian).pinv() @ sympy.Matrix(-self.slope)
        return fractions(found.tolist()).reshape((self.dimension,) * 2)

    @cached_property
    def least(self) -> Fraction:
        return self.at(self.gain)
