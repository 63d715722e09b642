r"""One matrix is the minimiser for every zero-mean prior, with label noise.

On the block the prediction :math:`h^\top B x_q` is linear in the gain, so the loss is a quadratic
in `B`, and all that it knows of the context is :math:`C = E[h h^\top]`. Its normal equations are
solved by :math:`B_* = [(1 + \frac1N) \Omega\Lambda + \tau I]^{-1} \Omega` with
:math:`\tau = (\operatorname{tr}(\Lambda\Omega) + \sigma^2) / N > 0`, whether or not the covariances
are singular: the roots :math:`\Lambda = A A^\top`, :math:`\Omega = R R^\top`,
:math:`\Lambda_q = Q Q^\top` need no inverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from derivations.algebra import (
    Words,
    gradient,
    inverse_pair,
    reduced,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import S, averaged, e, expected_loss, w
from derivations.setting import (
    GAMMA_DEFINED,
    GAMMA_INVERSE,
    LAMBDA,
    OMEGA,
    PAPER,
    QUERY,
    ZERO_MEAN,
    B,
    I,
    mu,
    n,
    noise,
    p,
    s_symbol,
    v,
)
from lsa_theory.minimum import global_minimum, summary_moment
from lsa_theory.risk import population_loss

A, R, Q, D = symbols("A R Q D")
C, K_INVERSE = symmetric("C K^-1")
PAIRS = (n + 1) / n  # 1 + 1/N
TAU = ((LAMBDA @ OMEGA).trace() + noise) / n
SUMMARY = PAIRS * LAMBDA @ OMEGA @ LAMBDA + TAU * LAMBDA  # C
ROOTS = {"Lambda": A @ A.T, "Omega": R @ R.T, "Lambda_q": Q @ Q.T}


def bracket(pairs: Words, ridge: Words) -> Words:
    return pairs * OMEGA @ LAMBDA + ridge * I


def inverted(letter: str, pairs: Words, ridge: Words) -> dict[tuple[str, ...], Any]:
    """A letter declared to be the inverse of a bracket, and what follows for words."""
    (found,) = symbols(letter)
    inverse_pair(bracket(pairs, ridge), found)
    cleared = (I - ridge * found) / pairs
    return {("Omega", "Lambda", letter): cleared, (letter, "Omega", "Lambda"): cleared}


# T is the inverse of the bracket; the others belong to the wrong neighbours
RELATIONS = {
    **inverted("T", PAIRS, TAU),
    **inverted("T_1", 1 + 0 * n, TAU),
    **inverted("T_2", PAIRS, TAU - noise / n),
}
(T,) = symbols("T")
BEST = T @ OMEGA  # B_*


def same(left: Words, right: Words, label: str = "") -> Identity:
    return Identity(reduced(left, RELATIONS), reduced(right, RELATIONS), label)


def quadratic(gain: Words) -> Words:
    """The loss of a gain in terms of `C`, a letter."""
    linear = (gain.T @ LAMBDA @ OMEGA @ QUERY).trace()
    return (gain.T @ C @ gain @ QUERY).trace() / 2 - linear + (OMEGA @ QUERY).trace() / 2


def loss(gain: Words) -> Words:
    return substituted(quadratic(gain), {"C": SUMMARY})


@step(ANY)
def the_summary() -> Iterator[Identity]:
    r"""The summary's second moment is that of its mean :math:`E[h \mid w] = \Lambda w`, and a term
    from each pair that meets itself."""
    summary = S @ (w + e)
    found = averaged(summary.outer(summary), mu=0 * mu)
    yield Identity(found, SUMMARY, "C = E[h h^\\top]")
    yield Identity(summary_moment(ZERO_MEAN), SUMMARY, "C")


@step(ANY)
def the_quadratic() -> Iterator[Identity]:
    r"""On the block, with :math:`s U = B`, the loss over all parameters is
    :math:`L(B) = \frac12 \operatorname{tr}(B^\top C B \Lambda_q)
    - \operatorname{tr}(B^\top \Lambda\Omega\Lambda_q)
    + \frac12 \operatorname{tr}(\Omega\Lambda_q)`."""
    on_block = {"v": 0 * v, "p": 0 * p, "mu": 0 * mu, s_symbol: 1, "U": B}
    yield Identity(substituted(expected_loss(), on_block), loss(B), "L(0, 1, B, 0)")
    yield Identity(population_loss(B, ZERO_MEAN), loss(B), "L(B)")


@step(ANY)
def the_normal_equations() -> Iterator[Identity]:
    r"""The gradient is :math:`(C B - \Lambda\Omega) \Lambda_q`, and :math:`\Lambda` is a factor of
    its first part: it vanishes wherever
    :math:`[(1 + \frac1N) \Omega\Lambda + \tau I]\, B = \Omega`."""
    label = r"\partial L / \partial B = (C B - \Lambda\Omega) \Lambda_q"
    found = gradient(loss(B), "B")
    yield Identity(found, (SUMMARY @ B - LAMBDA @ OMEGA) @ QUERY, label)
    factor = bracket(PAIRS, TAU) @ B - OMEGA
    label = r"\Lambda \big( [(1 + \tfrac1N) \Omega\Lambda + \tau I] B - \Omega \big) \Lambda_q"
    yield Identity(LAMBDA @ factor @ QUERY, found, label)


@step(ANY)
def the_bracket_has_an_inverse() -> Iterator[Identity]:
    r"""With :math:`\Omega = R R^\top` and :math:`\Lambda = A A^\top` the matrix
    :math:`K = (1 + \frac1N) R^\top \Lambda R + \tau I` exceeds :math:`\tau I` by a square, so that
    it has an inverse, and with it the bracket has one: :math:`\frac1\tau (I - (1 + \frac1N)
    R K^{-1} R^\top \Lambda)`. The solution is :math:`B_* = R K^{-1} R^\top`, symmetric and
    positive semi-definite."""
    ridge, system = (substituted(each, {"Omega": R @ R.T}) for each in (TAU, bracket(PAIRS, TAU)))
    inner = PAIRS * R.T @ LAMBDA @ R + ridge * I
    known = {("R'", "Lambda", "R", "K^-1"): (I - ridge * K_INVERSE) / PAIRS}
    root = A.T @ R
    exceeds = substituted(inner - ridge * I, {"Lambda": A @ A.T})
    yield Identity(exceeds, PAIRS * root.T @ root, r"K - \tau I")
    inverse = I - PAIRS * R @ K_INVERSE @ R.T @ LAMBDA
    solution = R @ K_INVERSE @ R.T
    bracketed = r"[(1 + \tfrac1N) \Omega\Lambda + \tau I]"
    for product, right, label in (
        (system @ inverse, ridge * I, rf"{bracketed}\, \tau {bracketed}^{{-1}}"),
        (inverse @ system, ridge * I, rf"\tau {bracketed}^{{-1}}\, {bracketed}"),
        (system @ solution, R @ R.T, rf"{bracketed}\, R K^{{-1}} R^\top"),
    ):
        yield Identity(reduced(product, known), right, label)


@step(ANY)
def the_excess_is_a_sum_of_squares() -> Iterator[Identity]:
    r"""For a gain that differs by :math:`D` from :math:`B_*` the loss is larger by
    :math:`\frac12 \operatorname{tr}(D^\top C D \Lambda_q)`, which is
    :math:`\frac12 (1 + \frac1N) \|R^\top \Lambda D Q\|_F^2 + \frac12 \tau \|A^\top D Q\|_F^2`:
    no gain does better, and the others that do as well have :math:`A^\top D Q = 0`."""
    curved = (D.T @ SUMMARY @ D @ QUERY).trace() / 2
    yield same(loss(BEST + D) - loss(BEST), curved, "L(B_* + D) - L(B_*)")
    first, second = R.T @ LAMBDA @ D @ Q, A.T @ D @ Q
    squares = PAIRS * (first @ first.T).trace() + TAU * (second @ second.T).trace()
    label = r"\tfrac12 \operatorname{tr}(D^\top C D \Lambda_q)"
    yield Identity(substituted(curved, ROOTS), substituted(squares / 2, ROOTS), label)


@step(ANY)
def the_least_loss() -> Iterator[Identity]:
    r"""By the normal equations the least loss is
    :math:`\frac12 \operatorname{tr}(\Omega\Lambda_q)
    - \frac12 \operatorname{tr}(B_* \Lambda\Omega\Lambda_q)`. The bracket takes the cancellation
    out of it: a sum of two non-negative terms is left."""
    explained = (BEST @ LAMBDA @ OMEGA @ QUERY).trace()
    yield same(loss(BEST), ((OMEGA @ QUERY).trace() - explained) / 2, "L(B_*)")
    stated = (OMEGA @ QUERY).trace() + n * TAU * (BEST @ QUERY).trace()
    label = r"\tfrac12 \operatorname{tr}(\Omega\Lambda_q - B_* \Lambda\Omega\Lambda_q)"
    yield same(((OMEGA @ QUERY).trace() - explained) / 2, stated / (2 * (n + 1)), label)


@step(ANY)
def the_library(formula: Any = global_minimum) -> Iterator[Identity]:
    r"""The library's gain solves the normal equations, and its least loss is the loss there."""
    minimum = formula(ZERO_MEAN)
    label = r"[(1 + \tfrac1N) \Omega\Lambda + \tau I]\, B_*"
    yield same(bracket(PAIRS, TAU) @ minimum.gain, OMEGA, label)
    yield same(loss(minimum.gain), minimum.loss, "L(B_*)")


@step(ANY)
def in_the_paper() -> Iterator[Identity]:
    r"""For :math:`\Omega = I`, :math:`\sigma = 0`, :math:`\Lambda_q = \Lambda` the gain is
    :math:`\Gamma^{-1}` and the least loss
    :math:`\frac12 [\operatorname{tr} \Lambda - \operatorname{tr}(\Gamma^{-1} \Lambda^2)]
    = \frac1{2N} \operatorname{tr}\big( (\Lambda + \operatorname{tr}(\Lambda) I)\,
    \Gamma^{-1} \Lambda \big)`."""
    minimum, trace = global_minimum(PAPER), LAMBDA.trace()
    # Γ^{-1} Λ from Γ^{-1} Γ = I
    known = {("Gamma^-1", "Lambda"): (I - trace * GAMMA_INVERSE / n) / PAIRS}
    yield Identity(reduced(GAMMA_DEFINED @ minimum.gain, known), I, r"\Gamma B_*")
    stated = (trace - (GAMMA_INVERSE @ LAMBDA @ LAMBDA).trace()) / 2
    label = r"\tfrac12 [\operatorname{tr} \Lambda - \operatorname{tr}(\Gamma^{-1} \Lambda^2)]"
    yield Identity(reduced(minimum.loss - stated, known), 0, rf"\min L - {label}")
    positive = ((LAMBDA + trace * I) @ GAMMA_INVERSE @ LAMBDA).trace() / (2 * n)
    label += (
        r" - \tfrac1{2N} \operatorname{tr}((\Lambda + \operatorname{tr}(\Lambda) I)\,"
        r" \Gamma^{-1} \Lambda)"
    )
    yield Identity(reduced(stated - positive, known), 0, label)


@step(ANY)
def a_pair_forgotten() -> Iterator[Identity]:
    r"""`N` for `N + 1`: :math:`[\Omega\Lambda + \tau I] B = \Omega`."""
    (inverse,) = symbols("T_1")
    yield same(SUMMARY @ inverse @ OMEGA, LAMBDA @ OMEGA, "C B")


@step(ANY)
def noise_forgotten() -> Iterator[Identity]:
    r""":math:`\tau = \operatorname{tr}(\Lambda\Omega) / N`."""
    (inverse,) = symbols("T_2")
    yield same(SUMMARY @ inverse @ OMEGA, LAMBDA @ OMEGA, "C B")


chain = Chain(
    (
        the_summary,
        the_quadratic,
        the_normal_equations,
        the_bracket_has_an_inverse,
        the_excess_is_a_sum_of_squares,
        the_least_loss,
        the_library,
        in_the_paper,
    ),
    wrong=(a_pair_forgotten, noise_forgotten),
)
residuals = chain.residuals
