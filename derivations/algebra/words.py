r"""Matrices of any dimension as words.

A `Words` is a sum of products of traces, times at most one open word, in letters that stand for
matrices and vectors of one dimension `d` that is never specified; coefficients are rational
functions of scalar symbols, `N` and `d` among them. It has the operators of an array, a vector
being one-dimensional, so that a formula written for NumPy runs on it: what comes out holds for
every dimension.

Vectors are in lower case, matrices in capitals. A trace reads the same from any letter and
backwards with transposed letters, :math:`v^\top P z` is a number, and these forms are unique: two
sums are equal for all matrices of every dimension if and only if they have the same terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import sympy

from derivations.algebra.letters import (
    Letters,
    cut,
    cyclic,
    is_column,
    is_row,
    least,
    transposed,
)
from derivations.algebra.printing import text
from lsa_theory.linalg import Diagonal

DIMENSION = sympy.Symbol("d", integer=True, positive=True)
SCALAR, VECTOR, MATRIX = range(3)


class Monomial(NamedTuple):
    """Traces, and the open word: None for a scalar."""

    traces: tuple[Letters, ...]
    open: Letters | None


ONE = Monomial((), None)


class Words:
    """`ndim` is that of an array: 0, 1 or 2."""

    symbolic = True  # the library takes it, like a JAX tracer, without looking at its values
    dtype = np.dtype(object)
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, ndim: int, terms: dict[Monomial, sympy.Expr]) -> None:
        self.ndim = ndim
        self.terms = {key: value for key, value in terms.items() if value != 0}

    # --- as an array -----------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Of dimension 1, which stands for any."""
        return (1,) * self.ndim

    def __len__(self) -> int:
        return 1

    @property
    def T(self) -> Words:
        if self.ndim != MATRIX:
            return self
        return self._with_open(lambda word: transposed(word))

    def trace(self) -> Words:
        return collected(
            SCALAR, ((c, traces, (word or (),), None) for c, (traces, word) in self._items())
        )

    def __matmul__(self, other: Any) -> Words:
        other = wordy(other)
        if SCALAR in (self.ndim, other.ndim):
            raise ValueError("Words: @ between a scalar and an array")
        if VECTOR == self.ndim == other.ndim:
            return _product(SCALAR, self, other, lambda a, b: ((*transposed(a), *b),))
        if self.ndim == VECTOR:  # v @ A is the vector A^T v
            return _product(VECTOR, self, other, lambda a, b: (*transposed(b), *a))
        return _product(other.ndim, self, other, lambda a, b: (*a, *b))

    def __rmatmul__(self, other: Any) -> Words:
        return wordy(other) @ self

    def __mul__(self, other: Any) -> Any:
        other = wordy(other)
        if self.ndim and other.ndim:
            return EntrywiseProduct(self, other)
        scalar, rest = (other, self) if self.ndim else (self, other)
        return collected(
            rest.ndim,
            (
                (a * b, (*left.traces, *right.traces), (), right.open)
                for left, a in scalar.terms.items()
                for right, b in rest.terms.items()
            ),
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Words:
        return self * (1 / coefficient(other))

    def __pow__(self, exponent: int) -> Words:
        power = self
        for _ in range(exponent - 1):
            power = power @ self if self.ndim == MATRIX else power * self
        return power

    def __add__(self, other: Any) -> Words:
        other = wordy(other, self.ndim)
        if other.ndim != self.ndim:
            raise ValueError(f"Words: a sum of arrays of dimension {self.ndim} and {other.ndim}")
        total = dict(self.terms)
        for key, value in other.terms.items():
            total[key] = sympy.expand(total.get(key, 0) + value)
        return Words(self.ndim, total)

    __radd__ = __add__

    def __neg__(self) -> Words:
        return -1 * self

    def __sub__(self, other: Any) -> Words:
        return self + -1 * wordy(other, self.ndim)

    def __rsub__(self, other: Any) -> Words:
        return -1 * self + other

    def diagonal(self) -> EntrywiseProduct:
        return EntrywiseProduct(self, identity())

    def sum(self) -> Words:
        if self.ndim:
            raise ValueError("Words: the sum of the entries depends on the coordinates")
        return self

    # --- as an expression ------------------------------------------------------------------------

    def outer(self, other: Words) -> Words:
        return _product(MATRIX, self, other, lambda a, b: (*a, *transposed(b)))

    def inverse(self) -> Words:
        """The one declared by `inverse_pair`, of a multiple too."""
        for matrix, inverse in INVERTIBLE:
            if matrix.terms.keys() == self.terms.keys():
                key = next(iter(matrix.terms))
                factor = sympy.cancel(self.terms[key] / matrix.terms[key])
                if (self - matrix * factor).is_zero():
                    return inverse / factor
        raise ValueError(f"Words: {self} has no declared inverse")

    def is_zero(self) -> bool:
        return all(sympy.cancel(value) == 0 for value in self.terms.values())

    def letters(self) -> set[str]:
        return {
            letter.rstrip("'")
            for traces, word in self.terms
            for part in (*traces, word or ())
            for letter in part
        }

    def __repr__(self) -> str:
        return text(self)

    def _items(self) -> Iterable[tuple[sympy.Expr, Monomial]]:
        return ((value, key) for key, value in self.terms.items())

    def _with_open(self, change: Callable[[Letters], Letters]) -> Words:
        return collected(
            self.ndim, ((c, traces, (), change(word or ())) for c, (traces, word) in self._items())
        )


def inverse_pair(matrix: Words, inverse: Words) -> None:
    """A letter declared to be the inverse of a matrix."""
    INVERTIBLE.append((matrix, inverse))


class EntrywiseProduct:
    """The entrywise product of two arrays: only its sum has a meaning in every basis."""

    def __init__(self, left: Words, right: Any) -> None:
        self.left, self.right = left, wordy(right)

    def __mul__(self, scalar: Any) -> EntrywiseProduct:
        return EntrywiseProduct(self.left, self.right * coefficient(scalar))

    __rmul__ = __mul__
    __array_ufunc__ = None

    def sum(self) -> Words:
        if self.left.ndim == VECTOR:
            return self.left @ self.right
        return (self.left @ self.right.T).trace()


# --- making them ---


Product = tuple[Any, tuple[Letters, ...], tuple[Letters, ...], Any]


def collected(ndim: int, products: Iterable[Product]) -> Words:
    """The sum of products, each a coefficient, traces in normal form, traces that are not, and an
    open word."""
    total: dict[Monomial, sympy.Expr] = {}
    for value, tidy, traces, word in products:
        found = list(tidy)
        pieces = [] if word is None else cut(word)
        kept = [piece for piece in pieces if not _is_number(piece)]
        found += [least(piece) for piece in pieces if _is_number(piece)]
        for trace in traces:
            found += cyclic(trace)
        value = value * DIMENSION ** found.count(())
        found = sorted(trace for trace in found if trace)
        key = Monomial(tuple(found), None if word is None else sum(kept, ()))
        total[key] = sympy.expand(total.get(key, 0) + value)
    return Words(ndim, total)


def _is_number(piece: Letters) -> bool:
    """Whether it leads from a row to a column."""
    return bool(piece) and is_row(piece[0]) and is_column(piece[-1])


def _product(
    ndim: int, left: Words, right: Words, joined: Callable[[Letters, Letters], Any]
) -> Words:
    def products() -> Iterator[Product]:
        for (traces, word), a in left.terms.items():
            for (more, other), b in right.terms.items():
                new = joined(word or (), other or ())
                parts = (new, None) if ndim == SCALAR else ((), new)
                yield a * b, (*traces, *more), *parts

    return collected(ndim, products())


def wordy(value: Any, ndim: int = SCALAR) -> Words:
    """A number or an entry of an operator as words; 0 as the zero of any dimension."""
    if isinstance(value, Words):
        return value
    if isinstance(value, Diagonal):
        return identity() * coefficient(value.entries)
    found = coefficient(value)
    if found == 0:
        return Words(ndim, {})
    return Words(SCALAR, {ONE: found})


def coefficient(value: Any) -> sympy.Expr:
    """A number, a symbol, or a scalar without traces; of an array, its one entry."""
    if isinstance(value, Words):
        if set(value.terms) - {ONE}:
            raise ValueError(f"Words: {value} is not a coefficient")
        return value.terms.get(ONE, sympy.Integer(0))
    if isinstance(value, np.ndarray):
        (value,) = set(value.ravel().tolist())
    return sympy.nsimplify(value) if isinstance(value, float) else sympy.sympify(value)


def identity() -> Words:
    return Words(MATRIX, {Monomial((), ()): sympy.Integer(1)})


INVERTIBLE = [(identity(), identity())]
