"""Covariances as they are written on a command line.

=============================  =====================================================================
`spectrum:1,2,3`               diagonal, with these eigenvalues
`power:d=50,exponent=1.2`      diagonal, eigenvalue `i**-1.2` for i = 1 ... 50
`spiked:d=30,spikes=10,5`      diagonal, eigenvalues 10 and 5, then 1 for the other 28
`white:d=20`                   the identity
`rows:FILE`                    of observations, one a row: centred, divided by their number
`moments:FILE`                 the same, not centred: the mean of `x x^T`
`FILE`                         a matrix, or the diagonal of one: NPY, or text of numbers
=============================  =====================================================================

`power`, `spiked` and `white` take `scale=`, a factor on all eigenvalues.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.command_line import files

Fields = dict[str, list[str]]
MOST = 10**7  # features


def covariance(text: str) -> Shaped[Array, "d ..."]:
    """The covariance that a text stands for: (d,) if it is diagonal by its kind."""
    with np.errstate(over="ignore"):  # what is not finite is refused
        return _covariance(text)


def features(text: str) -> Shaped[Array, "d ..."]:
    """The same of features, which are not all 0."""
    found = covariance(text)
    if not found.any():
        refuse(text, "other than 0")
    return found


def _covariance(text: str) -> Shaped[Array, "d ..."]:
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS:
        found = KINDS[kind](text, rest)
    elif (colon and kind.isalpha() and len(kind) > 1 and not Path(text).exists()) or not text:
        refuse(text, f"a file, or of a kind among {', '.join(KINDS)}")
    else:
        found = files.numbers(text)
    return checks.covariance(f"covariance {text}", "matrix", found)


def refuse(text: str, rule: str) -> NoReturn:
    raise ValueError(f"{text or repr(text)}: must be {rule}")


def _spectrum(text: str, rest: str) -> Shaped[Array, " d"]:
    return np.array([_number(text, "each eigenvalue", one) for one in rest.split(",")])


def _power(text: str, rest: str) -> Shaped[Array, " d"]:
    fields = _fields(text, rest, required=("d", "exponent"))
    exponent = _single(text, fields, "exponent")
    return _scaled(text, fields, np.arange(1, _dimension(text, fields) + 1.0) ** -exponent)


def _spiked(text: str, rest: str) -> Shaped[Array, " d"]:
    fields = _fields(text, rest, required=("d", "spikes"))
    spikes = [_number(text, "each of spikes", one) for one in fields["spikes"]]
    d = _dimension(text, fields)
    if len(spikes) > d:
        refuse(text, f"of at most d = {d} spikes, has {len(spikes)}")
    return _scaled(text, fields, np.concatenate([spikes, np.ones(d - len(spikes))]))


def _white(text: str, rest: str) -> Shaped[Array, " d"]:
    fields = _fields(text, rest, required=("d",))
    return _scaled(text, fields, np.ones(_dimension(text, fields)))


def _rows(text: str, rest: str) -> Shaped[Array, "d d"]:
    table = _observations(text, rest)
    centred = table - table.mean(axis=0)
    return centred.T @ centred / len(table)


def _moments(text: str, rest: str) -> Shaped[Array, "d d"]:
    table = _observations(text, rest)
    return table.T @ table / len(table)


KINDS: dict[str, Callable[[str, str], Array]] = {
    "spectrum": _spectrum,
    "power": _power,
    "spiked": _spiked,
    "white": _white,
    "rows": _rows,
    "moments": _moments,
}


def _observations(text: str, name: str) -> Shaped[Array, "n d"]:
    table = files.numbers(name, label=text)
    if table.ndim != 2:
        refuse(text, f"a table, one observation a row, is of shape {table.shape}")
    if len(table) < 2 or (table == table[0]).all():
        refuse(text, f"of observations that vary, has {len(table)} equal row(s)")
    return table


def _fields(text: str, rest: str, required: tuple[str, ...]) -> Fields:
    """`name=value` parts; a part without a name goes on with the list before it."""
    fields: Fields = {}
    name = ""
    for part in rest.split(","):
        key, equals, value = part.partition("=")
        if equals:
            name = key.strip()
            if name not in (*required, "scale"):
                refuse(text, f"of {', '.join(required)} and scale, has {name!r}")
            if name in fields:
                refuse(text, f"of one {name}, has two")
            fields[name] = []
        elif not name:
            refuse(text, f"written name=value, with {', '.join(required)}")
        fields[name].append(value if equals else part)
    for name in required:
        if name not in fields:
            refuse(text, f"given {name}= as well")
    return fields


def _single(text: str, fields: Fields, name: str) -> float:
    if len(fields[name]) > 1:
        refuse(text, f"of one number {name}, has {len(fields[name])}")
    return _number(text, name, fields[name][0])


def _number(text: str, what: str, written: str) -> float:
    number = files.number(written)
    if number is None or not np.isfinite(number):
        refuse(text, f"such that {what} is a finite number, is {written.strip()!r}")
    return number


def _dimension(text: str, fields: Fields) -> int:
    d = _single(text, fields, "d")
    if d != int(d) or not 1 <= d <= MOST:
        refuse(text, f"such that d is an integer from 1 to {MOST}, is {fields['d'][0].strip()!r}")
    return int(d)


def _scaled(text: str, fields: Fields, eigenvalues: Array) -> Array:
    return (_single(text, fields, "scale") if "scale" in fields else 1.0) * eigenvalues
