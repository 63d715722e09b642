r"""Exact expectations of words in a sample covariance, for any `N` and any dimension.

For :math:`S = \frac1N \sum_{i=1}^N x_i x_i^\top`, :math:`x_i \sim N(0, \Lambda)` in
:math:`\mathbb R^d`, the expectation of a product of traces of words in `S` and constant matrices,
times at most one open word, is a finite sum of such products in Λ and the constants: for instance

.. math::
    E[S B S] = \Lambda B \Lambda + \frac1N \big( \Lambda B^\top \Lambda
        + \operatorname{tr}(B \Lambda) \Lambda \big).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import mul
from typing import Any

from lsa_theory.checks import refuse
from lsa_theory.wishart import evaluation
from lsa_theory.wishart.grammar import (
    COVARIANCE,
    PRECISION,
    QUERY_COVARIANCE,
    TASK_COVARIANCE,
    TASK_MEAN,
    Letters,
)
from lsa_theory.wishart.terms import COLUMNS, Expansion, Term, expansion

GREEK = {TASK_MEAN: r"\mu", TASK_COVARIANCE: r"\Omega", QUERY_COVARIANCE: r"\Lambda_q"}


def expectation(word: Any) -> Expectation:
    r"""The expectation of a word, symbolic in `N` and in the dimension: for instance

    .. math::
        E[S B S] = \Lambda B \Lambda + \tfrac1N \big( \Lambda B^\top \Lambda
            + \operatorname{tr}(B \Lambda) \Lambda \big), \qquad
        E[S^{-1}] = \frac{N}{N - d - 1} \Lambda^{-1} .

    Over the sample, and over the Gaussian vectors that the word holds, all independent: the task
    :math:`w \sim N(\mu, \Omega)` and the query :math:`x_q \sim N(0, \Lambda_q)`. Words in one
    :math:`S^{-1}` have an expectation for :math:`N > d + 1`, in two for :math:`N > d + 3`.

    Parameters
    ----------
    word
        A string, factors side by side, as in `"tr(S A) tr(S) S"`: `S`, `S^-1`, `Lambda` (or `Λ`),
        the identity `I`, the columns `w` and `x_q` as in `"w' S A w"`, constant matrices by name,
        traces, brackets, positive powers. `B'` and `B.T` are the transpose of `B`. Names are
        separated by spaces. At most 12 letters `S`, or at most two letters `S^-1` and no `S`, and
        8 of each vector.

    Raises
    ------
    ValueError
        The word does not parse (the sentence names the character), its degree is above the limit,
        or the expectation has more than 250,000 terms.

    Notes
    -----
    Results are cached. Eight letters `S` with two different constants between them take under a
    second; with more than six different products of constants some six seconds, or they are refused
    for the number of their terms.
    """
    if not isinstance(word, str):
        refuse("expectation", "word", word, "a string")
    return Expectation(" ".join(word.split()), expansion(word))


@dataclass(frozen=True, repr=False)
class Expectation:
    """The expectation of `word`, a sum of terms."""

    word: str
    expansion: Expansion

    def __repr__(self) -> str:
        return f"expectation({self.word!r})"

    @property
    def terms(self) -> tuple[Term, ...]:
        return self.expansion.terms

    def evaluate(
        self,
        *,
        covariance: Any,
        context_length: Any,
        task_mean: Any = None,
        task_covariance: Any = None,
        query_covariance: Any = None,
        **constants: Any,
    ) -> Any:
        """The value, a matrix where the word is open.

        float64 arrays give float64; arrays of `Fraction` or SymPy numbers give exact rationals;
        JAX tracers can be differentiated. A vector stands for a diagonal matrix. Constants need
        not be square if the word's products make sense. The moments of the task and the query are
        by default those of `GaussianPrompts`: mean 0, the identity, and the context's covariance.

        Raises
        ------
        ValueError
            A constant is missing, unknown or of a shape that does not fit; Λ is singular in a word
            in `S^-1`; or the expectation does not exist: it needs `N > d + 1` for one `S^-1` and
            `N > d + 3` for two. (A traced or symbolic `context_length` is not checked.)
        """
        moments = {
            "task_mean": task_mean,
            "task_covariance": task_covariance,
            "query_covariance": query_covariance,
        }
        return evaluation.value(self.expansion, covariance, context_length, moments, constants)

    def latex(self) -> str:
        """The sum in LaTeX, leading orders first."""
        front, variable = self.expansion.scale.latex
        terms = " + ".join(_latex_term(term, variable) for term in self.terms)
        return rf"{front} \left( {terms} \right)" if front else terms or "0"

    def sympy(self) -> Any:
        """A SymPy expression in matrix symbols of shape (d, d) and the symbols `N` and `d`."""
        import sympy

        n = sympy.Symbol("N", integer=True, positive=True)
        d = sympy.Symbol("d", integer=True, positive=True)
        total = self._sum(sympy, n, d)
        front = self.expansion.scale.prefactor(n, d)
        return front * total

    def _sum(self, sympy: Any, n: Any, d: Any) -> Any:
        def matrix(letter: str) -> Any:
            if letter == PRECISION:
                return sympy.MatrixSymbol(COVARIANCE, d, d).inv()
            name = letter.rstrip("'")
            symbol = sympy.MatrixSymbol(name, d, 1 if name in COLUMNS else d)
            return symbol.T if letter.endswith("'") else symbol

        def product(letters: Letters) -> Any:
            return reduce(mul, map(matrix, letters)) if letters else sympy.Identity(d)

        def scalar(term: Term) -> Any:
            variable = self.expansion.scale.variable(n, d)
            weight = sum(c * variable**k for k, c in enumerate(term.coefficients))
            return weight * sympy.Mul(*(sympy.Trace(product(word)) for word in term.traces))

        if not self.terms:
            open_word = self.expansion.word.open
            return sympy.Integer(0) if open_word is None else 0 * product(open_word)
        if self.terms[0].open is None:
            return sympy.Add(*map(scalar, self.terms))
        terms = sorted(self.terms, key=lambda term: term.open or ())
        return sympy.MatAdd(
            *(
                sympy.Add(*map(scalar, group)) * product(word or ())
                for word, group in groupby(terms, key=lambda term: term.open)
            )
        ).doit(deep=False)


def _latex_term(term: Term, variable: str) -> str:
    weights = [
        str(c) if k == 0 else rf"\frac{{{c}}}{{{variable}{f'^{{{k}}}' if k > 1 else ''}}}"
        for k, c in enumerate(term.coefficients)
        if c
    ]
    weight = weights[0] if len(weights) == 1 else rf"\left( {' + '.join(weights)} \right)"
    traces = [_latex_trace(word, count) for word, count in Counter(term.traces).items()]
    matrix = [] if term.open is None else [_latex_word(term.open) or "I"]
    parts = [*([] if weight == "1" else [weight]), *traces, *matrix]
    return r" \, ".join(parts) or "1"


def _latex_trace(word: Letters, count: int) -> str:
    """A number from the mean to the mean is not written as a trace."""
    shown = rf"\operatorname{{tr}}({_latex_word(word)})" if word else "d"
    for k, letter in enumerate(word):
        if letter == TASK_MEAN + "'" and word[k - 1] == TASK_MEAN:
            shown = _latex_word(word[k:] + word[:k])
            shown = shown if count == 1 else f"({shown})"
    return shown if count == 1 else f"{shown}^{{{count}}}"


def _latex_word(letters: Letters) -> str:
    runs = [(letter, len(list(group))) for letter, group in groupby(letters)]
    return " ".join(_latex_power(letter, count) for letter, count in runs)


def _latex_power(letter: str, count: int) -> str:
    if letter in (COVARIANCE, PRECISION):
        power = -count if letter == PRECISION else count
        return r"\Lambda" if power == 1 else rf"\Lambda^{{{power}}}"
    name = letter.rstrip("'")
    if name in GREEK:
        name = GREEK[name]
    else:
        name = name if len(name) == 1 else rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
    if not letter.endswith("'"):
        return name if count == 1 else f"{name}^{{{count}}}"
    return rf"{name}^{{\top}}" if count == 1 else rf"({name}^{{\top}})^{{{count}}}"
