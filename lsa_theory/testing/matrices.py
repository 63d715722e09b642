"""Strategies for matrices: arrays, orthogonal matrices, covariances, commuting pairs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import log2
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lsa_theory import checks

VALUES = [Fraction(n, m) for m in (1, 2, 3) for n in (0, 1, -1, 2, -2, 3, -5)]
RATIONALS = st.sampled_from(VALUES)
POSITIVE = st.sampled_from([value for value in VALUES if value > 0])
DIMENSIONS = st.integers(1, 3)
SMALL = st.integers(-2, 2)
FEW = st.integers(0, 2)


def rationals() -> SearchStrategy[Fraction]:
    """A few small fractions of either sign, with the denominators 1, 2 and 3; shrinks to 0."""
    return RATIONALS


def positive_rationals() -> SearchStrategy[Fraction]:
    """Those of `rationals` that are positive; shrinks to 1."""
    return POSITIVE


def arrays(*shape: int, exact: bool = False) -> SearchStrategy[Any]:
    """Arrays of `rationals`; shrinks to zeros.

    Parameters
    ----------
    shape
        One integer a dimension of the array.
    exact
        Whether to give an object array of `fractions.Fraction` for one of float64.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(arrays(2, 2), lambda matrix: True).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return _array(shape, exact)


def orthogonal_matrices(
    dimension: int | SearchStrategy[int] = DIMENSIONS, *, exact: bool = False
) -> SearchStrategy[Any]:
    r"""Products of at most two reflections :math:`I - 2 r r^\top / r^\top r` in rational vectors.

    Orthogonal without rounding, hence rational too; shrinks to the identity.

    Parameters
    ----------
    dimension
        :math:`d`.
    exact
        As for `arrays`.

    Examples
    --------
    >>> from hypothesis import find
    >>> turn = find(orthogonal_matrices(2, exact=True), lambda q: abs(q[0, 0]) not in (0, 1))
    >>> print((turn @ turn.T == np.eye(2)).all())
    True
    """
    sizes = counts("orthogonal_matrices", "dimension", dimension)
    return _orthogonal(sizes, exact)


def covariances(
    dimension: int | SearchStrategy[int] = DIMENSIONS,
    *,
    spectrum: Sequence[Any] | None = None,
    condition: Any = 1e6,
    rank: int | SearchStrategy[int] | None = None,
    diagonal: bool = False,
    exact: bool = False,
) -> SearchStrategy[Any]:
    r"""Symmetric positive semi-definite matrices :math:`Q \operatorname{diag}(\lambda) Q^\top`.

    Parameters
    ----------
    dimension
        :math:`d`.
    spectrum
        All :math:`d` eigenvalues, so that only the orthogonal matrix is drawn (None: drawn too).
    condition
        The largest ratio of two eigenvalues that are not zero; ratios up to about the bound do
        occur. Float64 holds the least eigenvalue up to `d · eps` times the largest.
    rank
        How many eigenvalues are positive, from 0 to d (None: all).
    diagonal
        Whether to give the vector of the eigenvalues, in any order, which stands for a diagonal
        matrix wherever a covariance is asked for.
    exact
        As for `arrays`.

    Returns
    -------
    A strategy of arrays of shape (d, d), (d,) if diagonal. It shrinks to the identity, at rank 0
    to zeros.

    Raises
    ------
    ValueError
        Of an argument that is out of range, naming it; a rank that is drawn, when it is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> print(find(covariances(exact=True), lambda covariance: True))
    [[Fraction(1, 1)]]
    >>> find(covariances(2, spectrum=[1, 4]), lambda c: c[0, 1] != 0).trace().round(12).item()
    5.0
    >>> find(covariances(3, rank=2, diagonal=True), lambda c: c[0] > c[1])
    array([1., 0., 1.])
    """
    sizes = counts("covariances", "dimension", dimension)
    eigenvalues, fixed = eigenvalues_up_to(condition), None
    if spectrum is not None:
        fixed = _spectrum("covariances", spectrum)
        if isinstance(dimension, int) and len(fixed) != dimension:
            value = f"{len(fixed)} eigenvalues"
            checks.refuse("covariances", "spectrum", value, f"of dimension {dimension}")
        if rank is not None:
            checks.refuse("covariances", "rank", "given", "left out where a spectrum is given")
        sizes = st.just(len(fixed))
    ranks = None if rank is None else counts("covariances", "rank", rank, minimum=0)
    if isinstance(rank, int) and isinstance(dimension, int) and rank > dimension:
        checks.refuse("covariances", "rank", rank, f"at most the dimension {dimension}")
    return _covariance(sizes, eigenvalues, ranks, fixed, diagonal, exact)


def commuting_pairs(
    dimension: int | SearchStrategy[int] = DIMENSIONS,
    *,
    condition: Any = 1e6,
    rank: int | SearchStrategy[int] | None = None,
    diagonal: bool = False,
    exact: bool = False,
) -> SearchStrategy[tuple[Any, Any]]:
    """Two covariances of the same eigenvectors, as a tuple; arguments as for `covariances`.

    With a rank, both have it, but not for the same eigenvectors always.

    Examples
    --------
    >>> from hypothesis import find
    >>> left, right = find(commuting_pairs(2, exact=True), lambda pair: pair[0][0, 1] != 0)
    >>> print((left @ right == right @ left).all())
    True
    """
    sizes = counts("commuting_pairs", "dimension", dimension)
    ranks = None if rank is None else counts("commuting_pairs", "rank", rank, minimum=0)
    return _pair(sizes, eigenvalues_up_to(condition), ranks, diagonal, exact)


# --- behind them -------------------------------------------------------------------------------


def fractions(values: Sequence[Any]) -> Any:
    """A vector of `Fraction`, no rounding."""
    array = np.empty(len(values), dtype=object)
    array[:] = [Fraction(value) for value in values]
    return array


def carried(array: Any, exact: bool) -> Any:
    """An exact array as it is, or rounded to float64."""
    return array if exact else array.astype(np.float64)


def counts(call: str, argument: str, given: Any, minimum: int = 1) -> SearchStrategy[int]:
    """A strategy as it is; an integer, checked, as the strategy of that integer alone."""
    if isinstance(given, SearchStrategy):
        return given
    return st.just(checks.integer(call, argument, given, minimum))


def eigenvalues_up_to(condition: Any) -> SearchStrategy[int]:
    """Integers from 1 to the condition number; shrinks to 1."""
    bound = int(checks.real("covariances", "condition", condition, minimum=1))
    powers = [2**power for power in range(int(log2(bound)) + 1)]
    return st.integers(1, min(9, bound)) | st.sampled_from(powers)


def spectrum_of(draw: Any, d: int, eigenvalues: Any, ranks: SearchStrategy[int] | None) -> Any:
    """A vector of eigenvalues in any unit, then zeros."""
    rank = d if ranks is None else draw(ranks)
    if rank > d:
        checks.refuse("covariances", "rank", rank, f"at most the dimension {d}")
    unit = draw(POSITIVE)
    return unit * fractions([draw(eigenvalues) for _ in range(rank)] + [0] * (d - rank))


def turn_of(draw: Any, d: int) -> Any:
    """A product of reflections in vectors of small integers; a vector of zeros reflects nothing."""
    turn = identity = np.eye(d, dtype=int) * Fraction(1)
    for _ in range(draw(FEW)):
        r = fractions([draw(SMALL) for _ in range(d)])
        if r.any():
            turn = turn @ (identity - 2 * r[:, None] * r / (r @ r))
    return turn


def covariance_of(
    draw: Any, d: int, eigenvalues: Any, exact: bool, ranks: Any = None, diagonal: bool = False
) -> Any:
    """Inside another strategy: what `covariances` draws."""
    return of_spectra(draw, [spectrum_of(draw, d, eigenvalues, ranks)], diagonal, exact)[0]


def of_spectra(draw: Any, spectra: list[Any], diagonal: bool, exact: bool) -> tuple[Any, ...]:
    """`Q diag(λ) Q^T`, one `Q` for all; or the vectors λ, each in its own order."""
    d = len(spectra[0])
    if diagonal:
        orders = [list(draw(st.permutations(range(d)))) for _ in spectra]
        return tuple(carried(x[order], exact) for x, order in zip(spectra, orders, strict=True))
    turn = turn_of(draw, d)
    return tuple(carried((turn * spectrum) @ turn.T, exact) for spectrum in spectra)


def array_of(draw: Any, shape: tuple, exact: bool) -> Any:
    """Inside another strategy: what `arrays` draws."""
    drawn = fractions([draw(RATIONALS) for _ in range(int(np.prod(shape)))])
    return carried(drawn.reshape(shape), exact)


def squares_of(draw: Any, size: int, count: int) -> list[Any]:
    """Square arrays of rationals, from their first rows and columns on: those of a smaller size
    are drawn before the rest, so that a case shrinks to fewer features."""
    found = [np.full((size, size), Fraction(0)) for _ in range(count)]
    for place in sorted(np.ndindex(size, size), key=max):
        for matrix in found:
            matrix[place] = draw(RATIONALS)
    return found


@st.composite
def _array(draw: Any, shape: tuple, exact: bool) -> Any:
    return array_of(draw, shape, exact)


@st.composite
def _orthogonal(draw: Any, sizes: Any, exact: bool) -> Any:
    return carried(turn_of(draw, draw(sizes)), exact)


@st.composite
def _covariance(
    draw: Any, sizes: Any, eigenvalues: Any, ranks: Any, fixed: Any, diagonal: bool, exact: bool
) -> Any:
    d = draw(sizes)
    spectrum = spectrum_of(draw, d, eigenvalues, ranks) if fixed is None else fixed
    return of_spectra(draw, [spectrum], diagonal, exact)[0]


@st.composite
def _pair(draw: Any, sizes: Any, eigenvalues: Any, ranks: Any, diagonal: bool, exact: bool) -> Any:
    d = draw(sizes)
    first, second = (spectrum_of(draw, d, eigenvalues, ranks) for _ in range(2))
    if not diagonal:  # else both are put into any order
        second = second[draw(st.permutations(range(d)))]
    return of_spectra(draw, [first, second], diagonal, exact)


def _spectrum(call: str, spectrum: Sequence[Any]) -> Any:
    eigenvalues = checks.covariance(call, "spectrum", spectrum)
    if eigenvalues.ndim != 1:
        checks.refuse(call, "spectrum", eigenvalues, "a vector")
    return fractions(list(eigenvalues))
