"""Arguments are checked where they enter: where a law or a layer is made, or a function is called.

Each refusal is one sentence that names the call, the argument, the rule and the value. JAX tracers
have no values to check; their shapes are checked all the same.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn

import numpy as np

from lsa_theory._typing import Array, Scalar
from lsa_theory.definiteness import has_cholesky_factor, is_symmetric, pivots
from lsa_theory.linalg import is_symbolic

EPSILON = float(np.finfo(np.float64).eps)
LARGEST_INTEGER = 2**53  # beyond it float64 no longer counts in ones


def refuse(call: str, argument: str, value: object, rule: str) -> NoReturn:
    """Raise the sentence; `value` is a phrase already, or is put in one."""
    phrase = value if isinstance(value, str) else described(value)
    raise ValueError(f"{call}({argument}={phrase}): must be {rule}")


def described(value: Any) -> str:
    """A value in one line of at most 32 characters."""
    if getattr(value, "ndim", 0):
        return f"array of shape {value.shape}"
    try:
        text = str(value) if isinstance(value, numbers.Number) else " ".join(repr(value).split())
    except ValueError:  # Python spells no integer of more than 4300 digits
        return "a number of more than 4300 digits"
    return text if len(text) <= 32 else f"{text[:29]}..."


def instance(call: str, argument: str, value: Any, kind: type) -> None:
    """Something of the class expected, or of one derived from it."""
    if not isinstance(value, kind):
        refuse(call, argument, described(value), f"a {kind.__name__}")


def is_tracer(value: object) -> bool:
    """Whether `value` is an abstract JAX array, or stands for a matrix of any dimension: something
    whose entries cannot be read."""
    if getattr(value, "symbolic", False):
        return True
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)


def integer(call: str, argument: str, value: Any, minimum: int = 1) -> Any:
    """An integer from `minimum` to 2^53."""
    if is_tracer(value) or getattr(value, "free_symbols", None):
        return value
    rule = f"an integer >= {minimum}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        refuse(call, argument, described(value), rule)
    value = int(value)
    if value < minimum:
        refuse(call, argument, value, rule)
    if value > LARGEST_INTEGER:
        refuse(call, argument, value, "at most 2^53 = 9007199254740992")
    return value


def real(call: str, argument: str, value: Any, *, minimum: float | None = None) -> Scalar:
    """A finite real number, at least `minimum`; exact rationals stay exact."""
    if is_tracer(value) or getattr(value, "free_symbols", None):
        return value
    rule = "a finite real number" + ("" if minimum is None else f" >= {minimum:g}")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not _is_real(value):
        refuse(call, argument, described(value), rule)
    number = exactly(value)
    if not np.isfinite(as_float(number)) or (minimum is not None and number < minimum):
        refuse(call, argument, value, rule)
    return int(number) if isinstance(value, numbers.Integral) else number


def option(
    call: str, argument: str, value: Any, rule: str, holds: Callable[[float], bool]
) -> float:
    """A real number, possibly infinite, of which the rule holds."""
    if not _is_real(value) or not holds(as_float(value)):
        refuse(call, argument, described(value), rule)
    return as_float(value)


def _is_real(value: Any) -> bool:
    scalar = hasattr(value, "__float__") and not getattr(value, "ndim", 0)
    complex_only = isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real)
    return scalar and not complex_only and not isinstance(value, (bool, np.bool_))


def as_float(number: Any) -> float:
    """As a float; infinite where an integer or a fraction is beyond float64."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")


def exactly(value: Any) -> Any:
    """A rational as a `Fraction`, another number as a float."""
    if isinstance(value, numbers.Rational):
        from fractions import Fraction  # as costly to import as a tenth of the package

        return Fraction(int(value.numerator), int(value.denominator))
    return float(value)


def rational(value: Scalar) -> Scalar:
    """A float as the rational that it is, so that it leaks no float into exact results."""
    from fractions import Fraction

    return Fraction(value) if isinstance(value, float) else value


def real_array(call: str, argument: str, value: Any, ndim: Collection[int]) -> Array:
    """A non-empty, finite array of one of the given numbers of dimensions: float64, an object
    array of `Fraction` if that is what came in, or a tracer as it is."""
    shape_rule = "a " + " or a ".join({1: "vector", 2: "matrix"}[n] for n in ndim)
    if is_tracer(value):
        if value.ndim not in ndim:
            refuse(call, argument, f"array of shape {value.shape}", shape_rule)
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        refuse(call, argument, "ragged sequence", f"{shape_rule} of numbers")
    if array.dtype.kind not in "iufO":
        refuse(call, argument, f"array of dtype {array.dtype}", f"{shape_rule} of real numbers")
    if array.ndim not in ndim:
        refuse(call, argument, array if array.ndim else value, shape_rule)
    if array.size == 0:
        refuse(call, argument, f"array of shape {array.shape}", "non-empty")
    return (
        _exact(call, argument, array) if array.dtype == object else _floats(call, argument, array)
    )


def _floats(call: str, argument: str, array: Array) -> Array:
    floats = np.array(array, dtype=np.float64)  # a copy: a law does not change with its source
    if not np.isfinite(floats).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        where = index[0] if len(index) == 1 else index
        refuse(call, argument, f"array with {floats[index]} at {where}", "finite")
    floats.flags.writeable = False
    return floats


def _exact(call: str, argument: str, array: Array) -> Array:
    for entry in array.flat:
        symbolic = getattr(entry, "free_symbols", None)
        if not symbolic and not isinstance(entry, numbers.Rational):
            rule = "of exact rationals (or symbols) when its dtype is object"
            refuse(call, argument, f"array with {described(entry)}", rule)
    exact = np.empty(array.shape, dtype=object)
    for index, entry in np.ndenumerate(array):
        exact[index] = exactly(entry) if isinstance(entry, numbers.Rational) else entry
    exact.flags.writeable = False
    return exact


def square(call: str, argument: str, array: Array, dimension: int | None = None) -> Array:
    """A square matrix, of the given dimension if there is one."""
    if array.shape[0] != array.shape[-1]:
        refuse(call, argument, f"array of shape {array.shape}", "square")
    if dimension is not None and array.shape[0] != dimension:
        refuse(call, argument, f"array of shape {array.shape}", f"of dimension {dimension}")
    return array


def covariance(call: str, argument: str, value: Any, dimension: int | None = None) -> Array:
    """A symmetric positive semi-definite matrix, or the vector of a diagonal one's entries.

    Symmetric up to `d · eps` times the largest entry (the mean with the transpose is kept), and
    positive semi-definite up to `d · eps` times the largest eigenvalue.
    """
    array = square(call, argument, real_array(call, argument, value, (1, 2)), dimension)
    if is_tracer(array):
        return array
    if is_symbolic(array):
        return array
    if array.ndim == 1:
        if (array < 0).any():
            entry = f"array with {described(array.min())} at {int(np.argmin(array))}"
            refuse(call, argument, entry, "non-negative (a vector is the diagonal of a matrix)")
        return array
    array = _symmetric(call, argument, array)
    if array.dtype != object:
        _check_positivity(call, argument, array)
    elif min(pivots(array)) < 0:  # exact, so no tolerance
        refuse(call, argument, "an indefinite matrix", "positive semi-definite")
    return array


def _symmetric(call: str, argument: str, array: Array) -> Array:
    if is_symmetric(array):
        return array
    gap = abs(array - array.T)
    i, j = (int(k) for k in np.unravel_index(np.argmax(gap), gap.shape))
    if array.dtype == object or gap[i, j] > len(array) * EPSILON * abs(array).max():
        entries = f"[{i}, {j}] = {described(array[i, j])} and [{j}, {i}] = {described(array[j, i])}"
        refuse(call, argument, f"array with {entries}", "symmetric")
    mean = (array + array.T) / 2
    mean.flags.writeable = False
    return mean


def _check_positivity(call: str, argument: str, array: Array) -> None:
    jitter = len(array) * EPSILON * array.diagonal().max()
    if not has_cholesky_factor(array, jitter):  # eigenvalues are needed to word a refusal only
        eigenvalues = np.linalg.eigvalsh(array)
        if eigenvalues[0] < -len(array) * EPSILON * abs(eigenvalues).max():
            value = f"matrix with eigenvalue {eigenvalues[0]:.6g}"
            refuse(call, argument, value, "positive semi-definite")


def vector(call: str, argument: str, value: Any, dimension: int) -> Array:
    """A vector of the given dimension."""
    array = real_array(call, argument, value, (1,))
    if len(array) != dimension:
        refuse(call, argument, f"array of shape {array.shape}", f"of dimension {dimension}")
    return array
