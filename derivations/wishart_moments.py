r"""Moments of a sample covariance and of its inverse, one Gaussian at a time.

Stein's identity :math:`E[x_a f(x)] = \sum_c \Lambda_{ac} E[\partial_c f]` for each of the samples
in :math:`S = \frac1N \sum_i x_i x_i^\top` gives, for any matrix `B` and any function of `S`,

.. math::
    E[\operatorname{tr}(S B)\, F] = \operatorname{tr}(\Lambda B)\, E[F]
    + \frac1N E\big[ D F(S)[\Lambda B^\top S + S B \Lambda] \big].

Every moment follows from that of one `S` less, and those of the inverse from `S S^{-1} = I`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    derivative,
    mean,
    reduced,
    substituted,
    symbols,
)
from derivations.algebra.words import MATRIX, SCALAR, collected
from derivations.chain import ANY, Chain, Identity, step
from derivations.setting import LAMBDA, B, I, n
from lsa_theory.wishart import Expectation, expectation

S, P, A, D, PRECISION = symbols("S S^-1 A D Lambda^-1")
(x,) = symbols("x_q")
ONE = x.outer(x)  # of a sample of one


def as_words(found: Expectation) -> Words:
    """The library's expression, `N` and `d` symbols."""
    scale = found.expansion.scale
    front, t = scale.prefactor(LENGTH, DIMENSION), scale.variable(LENGTH, DIMENSION)
    products = (
        (front * sum(c * t**k for k, c in enumerate(term.coefficients)), (), term.traces, term.open)
        for term in found.terms
    )
    return collected(SCALAR if found.terms[0].open is None else MATRIX, products)


def cancelled(words: Words) -> Words:
    return reduced(words, {("Lambda", "Lambda^-1"): I, ("Lambda^-1", "Lambda"): I})


@step(ANY)
def one_sample_at_a_time(formula: Any = expectation) -> Iterator[Identity]:
    r"""The identity above, one side less the other, on words up to degree 4. Since `B` is any
    matrix, it gives open words too."""
    for text, rest in {
        "S": S,
        "S A S": S @ A @ S,
        "tr(S A) S": (S @ A).trace() * S,
        "S A S D S": S @ A @ S @ D @ S,
        "tr(S A S D) S": (S @ A @ S @ D).trace() * S,
    }.items():
        moved = derivative(rest, {"S": LAMBDA @ B.T @ S + S @ B @ LAMBDA})
        stated = (LAMBDA @ B).trace() * mean(rest) + mean(moved) / n
        name = text.replace("tr", r"\operatorname{tr}")
        label = (
            r"E[\operatorname{tr}(S B)\, F] - \operatorname{tr}(\Lambda B)\, E[F] - \tfrac1N E[D F]"
            rf" \big|_{{F = {name}}}"
        )
        yield Identity(as_words(formula(f"tr(S B) {text}")) - stated, 0, label)


def of_one_sample(words: Words) -> Words:
    """The mean over one Gaussian of the samples' law."""
    return substituted(mean(words), {"Lambda_q": LAMBDA})


@step(ANY)
def two_samples(formula: Any = expectation) -> Iterator[Identity]:
    r"""Of :math:`N^2` pairs of samples :math:`N (N - 1)` are independent, and in the others one
    sample meets itself."""
    met = LAMBDA @ (B + B.T) @ LAMBDA + (B @ LAMBDA).trace() * LAMBDA
    yield Identity(of_one_sample(ONE @ B @ ONE), met, r"E[x x^\top B x x^\top]")
    stated = ((n - 1) * LAMBDA @ B @ LAMBDA + met) / n
    yield Identity(as_words(formula("S B S")), stated, "E[S B S]")
    met = of_one_sample((x @ B @ x) * ONE)
    stated = ((n - 1) * (LAMBDA @ B).trace() * LAMBDA + met) / n
    label = r"E[\operatorname{tr}(S B)\, S]"
    yield Identity(as_words(formula("tr(S B) S")), stated, label)


@step(ANY)
def three_samples(formula: Any = expectation) -> Iterator[Identity]:
    r"""In the same way, two of three samples meet in three ways, and one meets itself twice. The
    sum is the published third moment (Letac and Massam, Scand. J. Statist. 31, 2004)."""
    square, trace = LAMBDA @ LAMBDA, LAMBDA.trace()
    twice = of_one_sample(ONE @ ONE)
    pairs = twice @ LAMBDA + of_one_sample(ONE @ LAMBDA @ ONE) + LAMBDA @ twice
    thrice = of_one_sample(ONE @ ONE @ ONE)
    counted = ((n - 1) * (n - 2) * LAMBDA @ square + (n - 1) * pairs + thrice) / (n * n)
    yield Identity(as_words(formula("S^3")), counted, "E[S^3]")
    published = (
        (n * n + 3 * n + 4) * LAMBDA @ square
        + (2 * n + 2) * trace * square
        + ((n + 1) * square.trace() + trace * trace) * LAMBDA
    )
    yield Identity(n * n * counted, published, "N^2\\, E[S^3]")


@step(ANY)
def one_inverse(formula: Any = expectation) -> Identity:
    r"""With :math:`F = S^{-1}`, whose derivative is :math:`-S^{-1} (\cdot) S^{-1}`, the mean of
    :math:`S S^{-1} = I` gives
    :math:`I = \Lambda M - \frac1N (\operatorname{tr}(\Lambda M) I + \Lambda M)` for
    :math:`M = E[S^{-1}]`."""
    scaled = cancelled(LAMBDA @ as_words(formula("S^-1")))
    return Identity(scaled - (scaled.trace() * I + scaled) / n, I, r"E[S S^{-1}]")


@step(ANY)
def two_inverses(formula: Any = expectation) -> Iterator[Identity]:
    r"""The same for :math:`S S^{-1} B S^{-1} = B S^{-1}` and for :math:`S S^{-1}
    \operatorname{tr}(S^{-1} B) = \operatorname{tr}(S^{-1} B) I`. Both hold for the stated moments,
    and are linear in their coefficients, which they determine."""

    def stated(text: str) -> Words:
        return as_words(formula(text))

    def left(word: Words, met: Words) -> Words:
        return cancelled(LAMBDA @ word - (met + LAMBDA @ word) / n)

    between, beside = stated("S^-1 B S^-1"), stated("tr(S^-1 B) S^-1")
    square = stated("S^-1 Lambda S^-1")
    met = stated("tr(Lambda S^-1) B S^-1") + (LAMBDA @ between).trace() * I + B.T @ square
    yield Identity(left(between, met), B @ stated("S^-1"), r"E[S S^{-1} B S^{-1}]")
    met = stated("tr(Lambda S^-1) tr(S^-1 B)") * I + (B + B.T) @ square
    right = stated("tr(S^-1 B)") * I
    yield Identity(left(beside, met), right, r"E[\operatorname{tr}(S^{-1} B)\, S S^{-1}]")


@step(ANY)
def transposed_pairing_dropped() -> Identity:
    r"""A sample that meets itself pairs in two ways; one of them forgotten, :math:`E[S B S]` is
    :math:`\Lambda B \Lambda + \frac1N \operatorname{tr}(B \Lambda) \Lambda`."""
    stated = LAMBDA @ B @ LAMBDA + (B @ LAMBDA).trace() * LAMBDA / n
    return Identity(mean(S @ B @ S), stated, "E[S B S]")


@step(ANY)
def inverse_of_the_mean() -> Identity:
    r""":math:`E[S^{-1}] = \Lambda^{-1}`."""
    return Identity(mean(P), PRECISION, "E[S^{-1}]")


chain = Chain(
    (one_sample_at_a_time, two_samples, three_samples, one_inverse, two_inverses),
    wrong=(transposed_pairing_dropped, inverse_of_the_mean),
)
residuals = chain.residuals
