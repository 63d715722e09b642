"""The few operations that operators cannot spell, chosen by the type of their argument.

A formula of this package is written once, with `@`, `.T`, `.trace()` and `.sum()`, and runs on
float64, on object arrays of exact rationals, on JAX tracers, and on symbols for matrices of any
dimension. A one-dimensional covariance is a diagonal matrix: `operator` wraps it as `Diagonal`,
which multiplies in O(d) and becomes dense beside a dense partner.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped


def is_traced(*arrays: Array) -> bool:
    """Whether any argument is a JAX array, concrete or abstract."""
    jax = sys.modules.get("jax")
    return jax is not None and any(isinstance(array, jax.Array) for array in arrays)


def is_exact(*arrays: Array) -> bool:
    """Whether any argument is an object array: exact rationals or symbols."""
    return any(getattr(array, "dtype", None) == np.dtype(object) for array in arrays)


def is_symbolic(array: Array) -> bool:
    """Whether any entry holds a symbol."""
    return is_exact(array) and any(getattr(entry, "free_symbols", None) for entry in array.flat)


def namespace(*arrays: Array) -> Any:
    """The module whose functions take these arrays: JAX's NumPy if any is traced."""
    if is_traced(*arrays):
        import jax.numpy as jnp

        return jnp
    return np


def select(condition: Any, value: Any, otherwise: Any) -> Any:
    """`value` where the condition holds: by `if` for one that is known, else entry by entry."""
    if not is_traced(condition) and not np.ndim(condition):
        return value if condition else otherwise
    return namespace(condition, value, otherwise).where(condition, value, otherwise)


@dataclass(frozen=True, eq=False)
class Diagonal:
    """A diagonal matrix, with the operators of a matrix."""

    entries: Array
    __array_ufunc__ = None  # NumPy leaves `dense @ diagonal` and the like to this class

    @property
    def T(self) -> Diagonal:
        return self

    def trace(self) -> Scalar:
        return self.entries.sum()

    def dense(self) -> Array:
        return self.entries[:, None] * np.eye(len(self.entries), dtype=int)

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Diagonal):
            return Diagonal(self.entries * other.entries)
        return self.entries * other if other.ndim == 1 else self.entries[:, None] * other

    def __rmatmul__(self, other: Any) -> Any:
        return other * self.entries

    def __mul__(self, scalar: Scalar) -> Diagonal:
        return Diagonal(self.entries * scalar)

    __rmul__ = __mul__

    def __truediv__(self, scalar: Scalar) -> Diagonal:
        return Diagonal(self.entries / scalar)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Diagonal):
            return Diagonal(self.entries + other.entries)
        return self.dense() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-1) * other

    def __rsub__(self, other: Any) -> Any:
        return (-1) * self + other


def operator(array: Shaped[Array, "d ..."]) -> Any:
    """The matrix that `array` stands for: `Diagonal` for a vector, itself for a matrix."""
    return Diagonal(array) if array.ndim == 1 else array


def array(matrix: Any) -> Array:
    """The inverse of `operator`: a vector for a `Diagonal`."""
    return matrix.entries if isinstance(matrix, Diagonal) else matrix


def dense(array: Shaped[Array, "d ..."]) -> Shaped[Array, "d d"]:
    """A vector made into the diagonal matrix that it stands for."""
    return Diagonal(array).dense() if array.ndim == 1 else array


def diagonal(matrix: Any) -> Array:
    """The diagonal of an operator."""
    return matrix.entries if isinstance(matrix, Diagonal) else matrix.diagonal()


def identity(dimension: int) -> Diagonal:
    """The identity, in integers, so that it leaks no float into rationals."""
    return Diagonal(np.ones(dimension, dtype=int))


def product_trace(left: Any, right: Any) -> Scalar:
    """`tr(left @ right)` in O(d²), in O(d) if either is diagonal."""
    if isinstance(left, Diagonal) or isinstance(right, Diagonal):
        return (diagonal(left) * diagonal(right)).sum()
    if is_exact(left, right) or is_traced(left, right):
        return (left * right.T).sum()
    return np.einsum("ij,ji->", left, right)


def outer(left: Shaped[Array, " m"], right: Shaped[Array, " n"]) -> Shaped[Array, "m n"]:
    symbolic = getattr(left, "symbolic", False)
    return left.outer(right) if symbolic else left[:, None] * right[None, :]


def squared_norm(array: Array) -> Scalar:
    """The squared Euclidean or Frobenius norm."""
    return (array * array).sum()


def concatenate(arrays: list[Array], axis: int = 0) -> Array:
    return namespace(*arrays).concatenate(arrays, axis=axis)


def square_root(value: Scalar) -> Scalar:
    """The root of a scalar, float64, traced or a symbol."""
    if hasattr(value, "free_symbols"):
        return sys.modules["sympy"].sqrt(value)
    return namespace(value).sqrt(value if is_traced(value) else np.float64(value))


def exponential(value: Array) -> Array:
    """The exponential of float64, of traced arrays, and of a symbol."""
    if hasattr(value, "free_symbols"):
        return sys.modules["sympy"].exp(value)
    return namespace(value).exp(value if is_traced(value) else np.asarray(value, dtype=np.float64))


def resolvent(weight: Any, matrix: Any, scale: Scalar, shift: Scalar) -> Any:
    """`(scale · weight @ matrix + shift · I)^{-1} @ weight` for symmetric positive semi-definite
    `weight`, `matrix` and positive `scale`, `shift`: symmetric positive semi-definite again.

    In floating point by Cholesky factors of a matrix whose condition number is at most
    `1 + scale · tr(weight @ matrix) / shift`, whatever those of `weight` and `matrix`.
    """
    if isinstance(weight, Diagonal) and isinstance(matrix, Diagonal):
        return Diagonal(weight.entries / (scale * weight.entries * matrix.entries + shift))
    parts = array(weight), array(matrix), scale, shift
    if is_exact(*parts) or is_traced(*parts):
        system = scale * (weight @ matrix) + shift * identity(len(array(matrix)))
        if getattr(system, "symbolic", False):
            return system.inverse() @ weight
        return solve(system, dense(array(weight)))
    return _symmetric_resolvent(weight, matrix, scale, shift)


def _symmetric_resolvent(weight: Any, matrix: Any, scale: float, shift: float) -> Any:
    from scipy.linalg import solve_triangular

    if isinstance(weight, Diagonal) and (weight.entries == 1).all():
        return _positive_inverse(matrix, scale, shift)
    root = factor(weight)
    inner = scale * (root.T @ (matrix @ root))
    inner[np.diag_indices_from(inner)] += shift
    right = dense(array(root.T))
    try:
        half = solve_triangular(np.linalg.cholesky(inner), right, lower=True)
    except np.linalg.LinAlgError:
        half = _clipped_root(inner, shift) @ right
    return half.T @ half


def _clipped_root(matrix: Shaped[Array, "d d"], shift: float) -> Shaped[Array, "d d"]:
    """A root of the inverse of a matrix that is at least `shift · I` but for rounding: eigenvalues
    are raised to `shift`. Wanted where `scale · d · eps` is no longer small beside it."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(eigenvalues.clip(min=shift))).T


def factor(matrix: Any) -> Any:
    """A square `F` with `F @ F.T = matrix`, for a symmetric positive semi-definite matrix."""
    sqrt = namespace(array(matrix)).sqrt
    if isinstance(matrix, Diagonal):
        return Diagonal(sqrt(matrix.entries))
    eigenvalues, vectors = eigenbasis(matrix)
    return vectors * sqrt(eigenvalues.clip(min=0.0))


def _positive_inverse(
    matrix: Shaped[Array, "d d"], scale: Scalar, shift: Scalar
) -> Shaped[Array, "d d"]:
    """The inverse of `scale · matrix + shift · I`, symmetric to the last bit."""
    from scipy.linalg.lapack import dpotrf, dpotri

    system = scale * matrix
    system.flat[:: len(matrix) + 1] += shift
    # the transpose of a C-ordered symmetric matrix is what LAPACK reads without a copy
    factor, failed = dpotrf(system.T, lower=True, overwrite_a=True, clean=False)
    if failed:
        half = _clipped_root(scale * matrix + shift * np.eye(len(matrix)), shift)
        return half.T @ half
    inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
    return _mirrored(inverse)


WIDTH = 64  # of the blocks in which a transpose fits the cache


def _mirrored(lower: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
    """The lower triangle copied onto the upper one, in place."""
    for k in range(0, len(lower), WIDTH):
        lower[:k, k : k + WIDTH] = lower[k : k + WIDTH, :k].T
        block = lower[k : k + WIDTH, k : k + WIDTH]
        block[:] = np.tril(block) + np.tril(block, -1).T
    return lower


def eigenbasis(matrix: Any) -> tuple[Shaped[Array, " d"], Any]:
    """Eigenvalues of a symmetric matrix, and its eigenvectors as the columns of an operator: in
    ascending order, but for a diagonal matrix, whose own order and basis are kept."""
    if isinstance(matrix, Diagonal):
        return matrix.entries, identity(len(matrix.entries))
    return namespace(matrix).linalg.eigh(matrix)


def solve(matrix: Shaped[Array, "d d"], right: Shaped[Array, "d m"]) -> Shaped[Array, "d m"]:
    """`matrix^{-1} @ right`: by LU in floating point, by exact elimination on objects."""
    if is_exact(matrix, right) and not is_traced(matrix, right):
        return _exact_solution(matrix, right)
    return namespace(matrix, right).linalg.solve(matrix, right)


def _exact_solution(matrix: Array, right: Array) -> Array:
    """Gauss–Jordan elimination on an object array; raises `LinAlgError` if singular."""
    dimension = len(matrix)
    table = np.concatenate([matrix, right], axis=1).astype(object)
    for column in range(dimension):
        pivots = [row for row in range(column, dimension) if table[row, column] != 0]
        if not pivots:
            raise np.linalg.LinAlgError("Singular matrix")
        table[[column, pivots[0]]] = table[[pivots[0], column]]
        table[column] = table[column] / table[column, column]
        for row in range(dimension):
            if row != column and table[row, column] != 0:
                table[row] = table[row] - table[row, column] * table[column]
    return table[:, dimension:]
