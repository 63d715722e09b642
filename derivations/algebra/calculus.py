r"""Means, derivatives, substitutions and relations of words, each term by term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy

from derivations.algebra.letters import COMMUTING, SYMMETRIC, Letters, declare, transposed
from derivations.algebra.numbers import check_derivative, check_gradient
from derivations.algebra.words import (
    DIMENSION,
    MATRIX,
    ONE,
    SCALAR,
    VECTOR,
    Monomial,
    Product,
    Words,
    collected,
    wordy,
)
from lsa_theory.wishart.grammar import INVERSE, Word
from lsa_theory.wishart.inverse import Scale
from lsa_theory.wishart.terms import mean as expansion

LENGTH = sympy.Symbol("N", integer=True, positive=True)


def symbol(name: str) -> Words:
    """A scalar, a column if lower case, or a matrix; names of one or more letters."""
    return Words(VECTOR if name[0].islower() else MATRIX, {Monomial((), (name,)): sympy.Integer(1)})


def symbols(names: str) -> list[Words]:
    """Columns and matrices of free entries by their names, with spaces between."""
    return _declared(names, "of free entries")


def symmetric(names: str) -> list[Words]:
    """Matrices that are their own transposes."""
    found = _declared(names, "symmetric")
    SYMMETRIC.update(names.split())
    return found


def functions_of_covariance(names: str) -> list[Words]:
    """Symmetric matrices that commute with Λ and with each other."""
    found = _declared(names, "a function of Λ")
    COMMUTING.update(names.split())
    SYMMETRIC.update(names.split())
    return found


def _declared(names: str, kind: str) -> list[Words]:
    for name in names.split():
        declare(name, kind)
    return [symbol(name) for name in names.split()]


def scalar(value: Any) -> Words:
    """A SymPy symbol, named by a string, or an expression."""
    found = sympy.Symbol(value) if isinstance(value, str) else sympy.sympify(value)
    return Words(SCALAR, {ONE: found})


# --- expectation ---


def mean(words: Words) -> Words:
    """Over the sample `S` (or its inverse), the query `x_q` and the task `w`, by the engine of
    `lsa_theory.wishart`, for any `N` and any dimension."""
    return collected(words.ndim, _means(words))


def _means(words: Words) -> Iterator[Product]:
    for (traces, word), value in words.terms.items():
        given = Word(traces, word)
        scale = Scale(given.letters.count(INVERSE))
        front = value * scale.prefactor(LENGTH, DIMENSION)
        variable = scale.variable(LENGTH, DIMENSION)
        for term in expansion(given):
            weight = sum(c * variable**k for k, c in enumerate(term.coefficients))
            yield front * weight, (), term.traces, term.open


# --- derivatives ---


def gradient(words: Words, variable: str | sympy.Symbol) -> Words:
    """Of a scalar, with respect to a matrix or a column, entry by entry, or to a scalar symbol;
    checked against differences at random matrices."""
    if isinstance(variable, sympy.Symbol):
        changed = {key: sympy.diff(value, variable) for key, value in words.terms.items()}
        found = Words(words.ndim, changed)
        check_derivative(words, {variable: 1}, found)
        return found
    if words.ndim != SCALAR or variable in SYMMETRIC:
        raise ValueError("gradient: of a scalar, by a matrix of free entries")
    ndim = VECTOR if variable[0].islower() else MATRIX
    found = collected(ndim, _slopes(words, variable))
    check_gradient(words, variable, found)
    return found


def _slopes(words: Words, variable: str) -> Iterator[Product]:
    for (traces, _), value in words.terms.items():
        for k, trace in enumerate(traces):
            others = (*traces[:k], *traces[k + 1 :])
            for i, letter in enumerate(trace):
                rest = trace[i + 1 :] + trace[:i]
                if letter == variable:  # d tr(X R) / dX = R^T
                    yield value, others, (), transposed(rest)
                elif letter == variable + "'":
                    yield value, others, (), rest


def derivative(words: Words, rates: Mapping[str | sympy.Symbol, Any]) -> Words:
    """Along a direction or a flow, given the rate of change of each variable; checked too."""
    total = wordy(0, words.ndim)
    for variable, rate in rates.items():
        if isinstance(variable, sympy.Symbol):
            total = total + gradient(words, variable) * rate
        else:
            total = total + collected(words.ndim, _moved(words, variable, rate))
    check_derivative(words, rates, total)
    return total


def _moved(words: Words, variable: str, rate: Words) -> Iterator[Product]:
    """One occurrence of a letter at a time replaced by its rate."""
    for (traces, word), value in words.terms.items():
        for k, part in enumerate((*traces, word or ())):
            others = (*traces[:k], *traces[k + 1 :])
            for i, letter in enumerate(part):
                if letter.rstrip("'") == variable:
                    for c, more, new in _options(rate, letter):
                        changed = (*part[:i], *new, *part[i + 1 :])
                        if k < len(traces):
                            yield value * c, (), (*others, *more, changed), word
                        else:
                            yield value * c, (), (*traces, *more), changed


def _options(words: Words, letter: str) -> list[tuple[sympy.Expr, tuple[Letters, ...], Letters]]:
    """The terms of what stands in the place of a letter, or of its transpose."""
    turn = transposed if letter.endswith("'") else tuple
    return [(value, traces, turn(word or ())) for (traces, word), value in words.terms.items()]


# --- substitution ---


def substituted(words: Words, values: Mapping[str | sympy.Symbol, Any]) -> Words:
    """Letters replaced by words, and scalar symbols by expressions or, where the coefficients are
    polynomials in them, by scalar words."""
    letters = {name: new for name, new in values.items() if isinstance(name, str)}
    wordier = {k: v for k, v in values.items() if k not in letters and isinstance(v, Words)}
    plain = {k: v for k, v in values.items() if k not in letters and k not in wordier}
    changed = (
        (c * sympy.sympify(value).subs(plain, simultaneous=True), (), traces, word)
        for (parts, last), value in words.terms.items()
        for c, traces, word in _expanded(parts, last, letters)
    )
    found = collected(words.ndim, changed)
    for name, new in wordier.items():
        found = _by_powers(found, name, new)
    return found


def _expanded(parts: Any, last: Any, values: Mapping[str, Words]) -> Iterator[tuple[Any, Any, Any]]:
    """Every way to take one term for each letter that is replaced."""
    found: list[tuple[Any, tuple[Letters, ...], list[Letters]]] = [(sympy.Integer(1), (), [])]
    for part in (*parts, *([] if last is None else [last])):
        found = [(c, more, [*done, ()]) for c, more, done in found]
        for letter in part:
            name = letter.rstrip("'")
            kept: list[Any] = [(sympy.Integer(1), (), (letter,))]
            options = _options(values[name], letter) if name in values else kept
            found = [
                (a * b, t + u, [*done[:-1], done[-1] + new])
                for a, t, done in found
                for b, u, new in options
            ]
    for c, more, done in found:
        word = None if last is None else done.pop()
        yield c, (*more, *done), word


def _by_powers(words: Words, name: sympy.Symbol, new: Words) -> Words:
    """A scalar symbol replaced by scalar words, by Horner's rule."""
    total = wordy(0, words.ndim)
    for key, value in words.terms.items():
        power = wordy(0)
        for c in sympy.Poly(value, name).all_coeffs():
            power = power * new + wordy(c)
        total = total + power * Words(words.ndim, {key: sympy.Integer(1)})
    return total


# --- a unit vector ---


def without(words: Words, unit: Words) -> Words:
    """The words given that `unit` is a unit vector which every other letter annihilates."""
    ((letter,),) = (word or () for _, word in unit.terms)
    norm = (letter + "'", letter)

    def kept() -> Iterator[Product]:
        for (traces, word), value in words.terms.items():
            rest = tuple(trace for trace in traces if trace != norm)
            if not any(x.rstrip("'") == letter for part in (*rest, word or ()) for x in part):
                yield value, rest, (), word

    return collected(words.ndim, kept())
