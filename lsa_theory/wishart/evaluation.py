"""The value of an expansion: one source for float64, exact rationals and JAX tracers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.checks import refuse
from lsa_theory.definiteness import rank
from lsa_theory.linalg import concatenate, dense, identity, is_exact, is_traced, solve
from lsa_theory.wishart.grammar import (
    COVARIANCE,
    INVERSE,
    PRECISION,
    QUERY,
    QUERY_COVARIANCE,
    TASK,
    TASK_COVARIANCE,
    TASK_MEAN,
    Letters,
    Word,
)
from lsa_theory.wishart.terms import Expansion, Term

CALL = "Expectation.evaluate"
MOMENTS = {
    COVARIANCE: "covariance",
    TASK_MEAN: "task_mean",
    TASK_COVARIANCE: "task_covariance",
    QUERY_COVARIANCE: "query_covariance",
}


def value(
    expansion: Expansion, covariance: Any, context_length: Any, moments: Any, constants: Any
) -> Any:
    """A scalar, or a matrix where the word is open; `moments` are those of the task and query."""
    matrices = _matrices(expansion.word, covariance, moments, constants)
    length = checks.integer(CALL, "context_length", context_length)
    d = len(matrices[COVARIANCE])
    _check_existence(expansion, length, d)
    if PRECISION in {letter for term in expansion.terms for letter in _letters(term)}:
        if not is_traced(matrices[COVARIANCE]) and rank(matrices[COVARIANCE]) < d:
            refuse(CALL, "covariance", "a singular matrix", "invertible for a word in S^-1")
        matrices[PRECISION] = solve(matrices[COVARIANCE], _unit(matrices[COVARIANCE]))
    n = length
    if not (checks.is_tracer(length) or hasattr(length, "free_symbols")):
        n = Fraction(length) if is_exact(matrices[COVARIANCE]) else float(length)
    total = _total(list(expansion.terms), _Products(matrices), n, d, expansion)
    return expansion.scale.prefactor(n, d) * total


def _letters(term: Term) -> Letters:
    return sum(term.traces, term.open or ())


def _unit(matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
    unit = identity(len(matrix)).dense()
    return unit.astype(object if is_exact(matrix) else np.float64)


def _check_existence(expansion: Expansion, length: Any, d: int) -> None:
    excess = expansion.scale.least_excess
    unknown = checks.is_tracer(length) or hasattr(length, "free_symbols")
    if excess is None or unknown or length - d > excess:
        return
    rule = f"above d + {excess} = {d + excess} for the expectation to exist at all constants"
    refuse(CALL, "context_length", length, rule)


# --- the matrices --------------------------------------------------------------------------------


def _matrices(
    word: Word, covariance: Any, moments: dict[str, Any], constants: dict[str, Any]
) -> dict[str, Array]:
    """Λ, the task's and the query's moments, and the constants, of one arithmetic and of shapes
    that fit."""
    names = {letter.rstrip("'") for letter in word.letters}
    given = {COVARIANCE: checks.covariance(CALL, "covariance", covariance)}
    given |= _law(names, given[COVARIANCE], moments)
    names -= {"S", INVERSE, COVARIANCE, TASK, TASK_MEAN, TASK_COVARIANCE, QUERY, QUERY_COVARIANCE}
    for name in sorted(names - set(constants)):
        refuse(CALL, name, None, f"a matrix, since the word holds {name}")
    for name in sorted(set(constants) & set(MOMENTS)):
        refuse(CALL, name, constants[name], f"left out, or given as {MOMENTS[name]}")
    for name in sorted(set(constants) - names):
        have = ", ".join(sorted(names)) or "none"
        refuse(CALL, name, constants[name], f"left out: the word's constants are {have}")
    for name in sorted(names):
        given[name] = checks.real_array(CALL, name, _kept(constants[name], given), (1, 2))
    given = {
        name: dense(array) if array.ndim == 1 else array
        for name, array in _of_one_kind(given).items()
    }
    _check_shapes(word, given)
    return given


def _law(names: set[str], covariance: Array, moments: dict[str, Any]) -> dict[str, Array]:
    """The moments of the task and the query, where a word holds them: by default, as of prompts,
    the identity and zero, and the covariance of the context."""
    d, found = len(covariance), {}
    wanted = {
        "task_covariance": (TASK, TASK_COVARIANCE),
        "task_mean": (TASK, TASK_MEAN),
        "query_covariance": (QUERY, QUERY_COVARIANCE),
    }
    unit = np.ones(d, dtype=int).astype(object if is_exact(covariance) else np.float64)
    default = {"task_covariance": unit, "task_mean": 0 * unit, "query_covariance": covariance}
    for argument, (vector, letter) in wanted.items():
        value, held = moments[argument], bool(names & {vector, letter})
        if value is not None and not held:
            refuse(CALL, argument, value, f"left out: the word holds neither {vector} nor {letter}")
        if held:
            value = default[argument] if value is None else _kept(value, {COVARIANCE: covariance})
            check = checks.vector if letter == TASK_MEAN else checks.covariance
            found[letter] = check(CALL, argument, value, d)
    if TASK_MEAN in found:
        found[TASK_MEAN] = found[TASK_MEAN][:, None]  # a column
    return found


def _kept(constant: Any, given: dict[str, Array]) -> Any:
    """Integers stay exact beside an exact covariance."""
    exact = is_exact(given[COVARIANCE]) and not is_traced(constant)
    return np.asarray(constant, dtype=object) if exact and _integers(constant) else constant


def _integers(constant: Any) -> bool:
    try:
        return np.asarray(constant).dtype.kind in "iu"
    except ValueError:  # ragged
        return False


def _of_one_kind(given: dict[str, Array]) -> dict[str, Array]:
    """All exact, or none: a float among rationals makes the result one."""
    arrays = given.values()
    symbolic = any(
        getattr(entry, "free_symbols", None)
        for array in arrays
        if is_exact(array)
        for entry in array.flat
    )
    if symbolic or all(is_exact(array) for array in arrays):
        return given
    return {k: a.astype(np.float64) if is_exact(a) else a for k, a in given.items()}


def _check_shapes(word: Word, given: dict[str, Array]) -> None:
    d = len(given[COVARIANCE])

    def shape(letter: str) -> tuple[int, ...]:
        name = letter.rstrip("'")
        size = given[name].shape if name in given else (d, 1 if name in (TASK, QUERY) else d)
        return size[::-1] if letter.endswith("'") else size

    for left, right in _neighbours(word):
        (_, columns), (rows, _) = shape(left), shape(right)
        if columns != rows:
            name = next((x for x in (right.rstrip("'"), left.rstrip("'")) if x in given), None)
            rule = f"of a shape that fits: {left} has {columns} columns and {right} {rows} rows"
            argument = "covariance" if name is None else MOMENTS.get(name, name)
            refuse(CALL, argument, given[name or COVARIANCE], rule)


def _neighbours(word: Word) -> Iterator[tuple[str, str]]:
    yield from pairwise(word.open or ())
    for trace in filter(None, word.traces):
        yield from pairwise((*trace, trace[0]))


class _Products:
    """Products of matrices, each prefix once."""

    def __init__(self, matrices: dict[str, Array]) -> None:
        self.d = len(matrices[COVARIANCE])
        self.found: dict[Letters, Array] = {(): _unit(matrices[COVARIANCE])}
        for name, matrix in matrices.items():
            self.found[(name,)], self.found[(name + "'",)] = matrix, matrix.T

    def __getitem__(self, letters: Letters) -> Array:
        if letters not in self.found:
            self.found[letters] = self[letters[:-1]] @ self.found[letters[-1:]]
        return self.found[letters]

    def shape(self, letter: str) -> tuple[int, int]:
        if (letter,) in self.found:
            rows, columns = self.found[(letter,)].shape
            return rows, columns
        vector = letter.rstrip("'") in (TASK, QUERY)
        size = (self.d, 1) if vector else (self.d, self.d)
        return size[::-1] if letter.endswith("'") else size

    def trace(self, letters: Letters) -> Shaped[Array, "1"]:
        return self[letters].diagonal().sum(keepdims=True)


# --- the sum -------------------------------------------------------------------------------------


def _total(terms: list[Term], products: _Products, n: Scalar, d: int, expansion: Expansion) -> Any:
    if not terms:
        return _zero(expansion.word, products)
    scalars = _scalars(terms, products, expansion.scale.variable(n, d))
    if terms[0].open is None:
        return scalars.sum()
    order = sorted(range(len(terms)), key=lambda k: terms[k].open or ())
    total: Any = 0
    for word, group in groupby(order, key=lambda k: terms[k].open):
        total = total + scalars[np.array(list(group))].sum() * products[word or ()]
    return total


def _zero(word: Word, products: _Products) -> Any:
    """The mean of an odd word, a scalar or a matrix of its shape."""
    zero = 0 * products[()][0, 0]
    if word.open is None:
        return zero
    if not word.open:  # a multiple of the identity
        return np.full((products.d, products.d), zero)
    rows, columns = products.shape(word.open[0])[0], products.shape(word.open[-1])[1]
    return np.full((rows, columns), zero)


def _scalars(terms: list[Term], products: _Products, variable: Scalar) -> Shaped[Array, " terms"]:
    """A polynomial in the variable times a product of traces, for each term."""
    words = sorted({trace for term in terms for trace in term.traces})
    index = {trace: k + 1 for k, trace in enumerate(words)}  # 0: a factor 1
    unit = products[()][0, :1] ** 0
    traces = concatenate([unit, *map(products.trace, words)])
    factors = np.zeros((len(terms), max(len(term.traces) for term in terms) or 1), dtype=int)
    order = max(len(term.coefficients) for term in terms)
    coefficients = np.zeros((len(terms), order), dtype=np.int64)
    for k, term in enumerate(terms):
        factors[k, : len(term.traces)] = [index[trace] for trace in term.traces]
        coefficients[k, : len(term.coefficients)] = term.coefficients
    numbers = coefficients.astype(object if is_exact(traces) else np.float64)
    weight = numbers[:, -1]
    for power in range(order - 2, -1, -1):  # Horner's rule
        weight = weight * variable + numbers[:, power]
    return weight * traces[factors].prod(axis=1)
