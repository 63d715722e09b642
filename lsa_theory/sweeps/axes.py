"""Axes of a sweep: values with a symbol and a unit."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array


@dataclass(frozen=True, eq=False)
class Axis:
    """The values that one argument takes in a `sweep`, and how it is written.

    Parameters
    ----------
    values
        Real, finite, none twice, in any order. Integers stay integers.
    symbol
        As in a formula, say `r"$M/d$"`; empty: the argument's name.
    unit
        Empty for a pure number.
    label
        In words; empty: the argument's name.
    """

    values: Any
    symbol: str = ""
    unit: str = ""
    label: str = ""

    def attributes(self, name: str) -> dict[str, str]:
        """What the coordinate of the dataset says of itself; a pure number has the unit `1`."""
        return {
            "symbol": self.symbol or name,
            "units": self.unit or "1",
            "long_name": self.label or name,
        }


def checked_axes(call: str, axes: Any) -> dict[str, Axis]:
    """Every axis with its values as an array, in the given order."""
    if not isinstance(axes, Mapping) or not axes:
        checks.refuse(call, "axes", axes, "a mapping from an argument's name to its values")
    return {_name(call, name): _checked(call, name, given) for name, given in axes.items()}


def _name(call: str, name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        checks.refuse(call, "axes", f"an axis {name!r}", "named like an argument of the function")
    return name


def _checked(call: str, name: str, given: Any) -> Axis:
    axis = given if isinstance(given, Axis) else Axis(given)
    argument = f"axes[{name!r}]"
    values = _numbers(call, argument, axis.values)
    unique, counts = np.unique(values, return_counts=True)
    if len(unique) < len(values):
        phrase = f"{checks.described(unique[counts > 1][0].item())} twice"
        checks.refuse(call, argument, phrase, "without repeated values")
    return Axis(values, axis.symbol, axis.unit, axis.label)


def _numbers(call: str, argument: str, values: Any) -> Array:
    if isinstance(values, range):
        values = np.array(values, dtype=np.int64)
    array = checks.real_array(call, argument, values, (1,))
    if checks.is_tracer(array):
        checks.refuse(call, argument, "a traced array", "an array of numbers")
    integral = np.asarray(values).dtype.kind in "iu"
    numbers = np.asarray(values).astype(np.int64) if integral else array.astype(np.float64)
    numbers.flags.writeable = False
    return numbers


def require_increasing(call: str, name: str, values: Array) -> None:
    """Refuse an axis whose order matters and which does not increase."""
    falls = np.flatnonzero(np.diff(values) <= 0)
    if falls.size:
        first, second = values[falls[0]].item(), values[falls[0] + 1].item()
        phrase = f"{checks.described(first)} before {checks.described(second)}"
        checks.refuse(call, f"axes[{name!r}]", phrase, "increasing")
