"""What a swept function returns, in one form: a number for each variable."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array

VALUE = "value"  # the variable of a function that returns a single number
REAL = "biuf"


def named(call: str, result: Any, axes: Iterable[str]) -> dict[str, Any]:
    """The variables that a function returned, a lone one as `value`."""
    variables = dict(result) if isinstance(result, Mapping) else {VALUE: result}
    rule = "a number, or a mapping of names to numbers"
    for name in variables:
        if not isinstance(name, str) or not name.isidentifier():
            checks.refuse(call, "function", f"a result named {name!r}", f"a function to {rule}")
    if clash := set(variables) & set(axes):
        taken = f"a result named {min(clash)!r}"
        checks.refuse(call, "function", taken, "a function whose results are not named as an axis")
    if not variables:
        checks.refuse(call, "function", "an empty mapping returned", f"a function to {rule}")
    return variables


def arrays(call: str, result: Any, axes: Iterable[str], shape: tuple[int, ...]) -> dict[str, Array]:
    """The variables in float64, each of the given shape."""
    return {
        name: _checked(call, name, value, shape)
        for name, value in named(call, result, axes).items()
    }


def _checked(call: str, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    try:
        array = np.asarray(value)
        if array.dtype == object and all(isinstance(one, numbers.Real) for one in array.flat):
            array = array.astype(np.float64)  # of fractions, of integers beyond 64 bits
    except (TypeError, ValueError, OverflowError):
        array = np.array("not a number")
    if array.dtype.kind not in REAL:
        phrase = f"{name} = {checks.described(value)} returned"
        checks.refuse(call, "function", phrase, "a function to real numbers")
    if array.shape != shape:
        wanted = "numbers" if not shape else f"arrays of shape {shape}, a number a cell"
        phrase = f"{name} of shape {array.shape} returned"
        checks.refuse(call, "function", phrase, f"a function to {wanted}")
    return array.astype(np.float64)
