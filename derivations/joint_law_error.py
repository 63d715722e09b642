r"""The trained layer on any joint law: only means and covariances are seen.

A gain :math:`B` answers :math:`\hat y = h^\top B x_q` with :math:`h = \frac1M \sum_i y_i x_i`, of
pairs that are independent draws of one law with :math:`E[x x^\top] = \Lambda`,
:math:`E[xy] = \Lambda a` and :math:`\operatorname{Cov}(xy) = \Sigma`. The squared error is
quadratic in :math:`h` and in :math:`(x_q, y_q)`, so that nothing else of the law enters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import sympy

from derivations.algebra import (
    LENGTH,
    Words,
    mean,
    reduced,
    scalar,
    substituted,
    symbols,
    symmetric,
    without,
)
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import S, e, prediction, w, x
from derivations.setting import (
    GAMMA_DEFINED,
    GAMMA_INVERSE,
    LAMBDA,
    PAPER,
    B,
    I,
    U,
    n,
    noise,
    p,
    s,
    v,
)
from lsa_theory.single_index import linear_target, square_target
from lsa_theory.targets import TargetPrompts, prediction_error, theorem_4_2

M_symbol = sympy.Symbol("M", integer=True, positive=True)
M: Any = scalar(M_symbol)
residual = scalar("r")
a, c = symbols("a c")
(SIGMA,) = symmetric("Sigma")
TARGET = TargetPrompts(LAMBDA, M, a, SIGMA, residual)
TRACE = LAMBDA.trace()

# Gaussian features: y = <a, x> + ε and y = <a, x>² + ε
LINEAR = linear_target(a, LAMBDA, M, noise_variance=noise)
SQUARE = square_target(a, LAMBDA, M, noise_variance=noise)


def over_query(words: Words) -> Words:
    """The mean over a query as the context."""
    return substituted(mean(words), {"Lambda_q": LAMBDA})


def without_inverse(words: Words) -> Words:
    r"""By :math:`\Gamma^{-1} \Gamma = I`, no :math:`\Gamma^{-1}` beside a :math:`\Lambda`."""
    return reduced(words, {("Gamma^-1", "Lambda"): (n * I - TRACE * GAMMA_INVERSE) / (n + 1)})


@step(ANY)
def the_prediction() -> Identity:
    r"""At :math:`v = p = 0` the network's output is :math:`h^\top B x_q` with :math:`B = sU`; for
    linear labels :math:`h = S (w + e)`, the noise a feature :math:`e` of its own."""
    zero = {"v": 0 * v, "p": 0 * p}
    return Identity(substituted(prediction(w + e), zero), (S @ (w + e)) @ (s * U) @ x, r"\hat y")


@step(ANY)
def the_best_linear_predictor() -> Identity:
    r"""Any linear predictor :math:`c` has the error :math:`E(c^\top x - y)^2
    = c^\top \Lambda c - 2 c^\top E[xy] + E[y^2]`. With :math:`E[xy] = \Lambda a` and
    :math:`r = E[y^2] - a^\top \Lambda a` it is :math:`r` and the square of a norm: :math:`a` is the
    best, and :math:`r` the least error."""
    power = residual + a @ LAMBDA @ a  # E y²
    error = c @ LAMBDA @ c - 2 * c @ (LAMBDA @ a) + power
    label = r"E(c^\top x - y)^2"
    return Identity(error, residual + (c - a) @ LAMBDA @ (c - a), label)


@step(ANY)
def the_summary() -> Identity:
    r"""Of the :math:`M^2` pairs of terms in :math:`h h^\top`, :math:`M (M - 1)` are independent,
    with mean :math:`\Lambda a\, a^\top \Lambda` each, and :math:`M` are squares, with mean
    :math:`\Sigma + \Lambda a\, a^\top \Lambda`: so :math:`h` has covariance :math:`\Sigma / M`."""
    seen = (LAMBDA @ a).outer(LAMBDA @ a)
    pairs = (M * (M - 1) * seen + M * (SIGMA + seen)) / (M * M)
    return Identity(pairs, seen + SIGMA / M, r"E[h h^\top]")


@cache
def expected_excess() -> Words:
    r"""Of :math:`E(h^\top B x_q - a^\top x_q)^2`; a quadratic sees a mean and a covariance alone,
    so that a Gaussian may stand for :math:`h`."""
    missed = w @ B @ x - a @ x
    moments = {"mu": LAMBDA @ a, "Omega": SIGMA / M}
    return substituted(over_query(missed * missed), moments)


@step(ANY)
def the_error_of_any_gain() -> Iterator[Identity]:
    r"""The context is independent of the query, so :math:`c = B^\top h` may be put in the error of
    a linear predictor. What exceeds :math:`r` is averaged over query and context; with the mean
    :math:`\Lambda a` and the covariance :math:`\Sigma/M` of :math:`h` it is bias and variance, and
    the library's, for any gain: no symmetry is assumed."""
    missed = B.T @ LAMBDA @ a - a
    spread = (SIGMA @ B @ LAMBDA @ B.T).trace() / M
    label = r"E(\hat y - y_q)^2 - r"
    yield Identity(expected_excess(), missed @ LAMBDA @ missed + spread, label)
    yield Identity(
        prediction_error(B, TARGET).total, residual + expected_excess(), r"E(\hat y - y_q)^2"
    )


@step(ANY)
def what_the_trained_layer_misses() -> Iterator[Identity]:
    r"""At :math:`B = \Gamma^{-1}`, where
    :math:`\Gamma - \Lambda = \frac1N (\Lambda + \operatorname{tr}(\Lambda) I)`, the mean prediction
    misses :math:`\frac1N \Gamma^{-1} (\Lambda + \operatorname{tr}(\Lambda) I)\, a` of the best
    linear one."""
    rest = (LAMBDA + TRACE * I) / n
    yield Identity(GAMMA_DEFINED - LAMBDA, rest, r"\Gamma - \Lambda")
    label = r"I - \Gamma^{-1} \Lambda"
    left, right = I - GAMMA_INVERSE @ LAMBDA, GAMMA_INVERSE @ rest
    yield Identity(
        without_inverse(left - right), 0 * I, f"{label} - \\Gamma^{{-1}} (\\Gamma - \\Lambda)"
    )


@step(ANY)
def the_theorem(formula: Any = theorem_4_2) -> Iterator[Identity]:
    r"""The square of that gives the three terms in :math:`\frac{1}{N^2}`. The theorem, run on
    letters for matrices of any dimension, is the error of the gain :math:`\Gamma^{-1}`, term by
    term."""
    stated, found = formula(PAPER, TARGET), prediction_error(GAMMA_INVERSE, TARGET)
    missed = GAMMA_INVERSE @ (LAMBDA + TRACE * I) @ a / n
    bias = missed @ LAMBDA @ missed
    yield Identity(bias, stated.bias, r"\text{bias}")
    yield Identity(stated.variance, found.variance, r"\text{variance}")
    yield Identity(stated.linear_error, residual, r"\min_w E(\langle w, x \rangle - y)^2")
    label = r"\|(\Gamma^{-1} \Lambda - I)\, a\|_\Lambda^2 - \text{bias}"
    yield Identity(without_inverse(found.bias - bias), 0 * residual, label)


def label_covariance(signal: Words) -> Words:
    """`Cov(x y)` of labels that are a polynomial in a Gaussian x, and noise."""
    along = over_query(signal * x)
    return over_query((signal * signal) * x.outer(x)) + noise * LAMBDA - along.outer(along)


@step(ANY)
def gaussian_features() -> Iterator[Identity]:
    r"""For Gaussian :math:`x` and :math:`y = \langle a, x \rangle + \varepsilon`, moments of degree
    four give :math:`\Sigma`; for :math:`y = \langle a, x \rangle^2 + \varepsilon`, of which no
    linear predictor sees anything, those of degree six."""
    signal = a @ x
    stated = LINEAR.label_covariance.dense()
    yield Identity(label_covariance(signal), stated, r"\Sigma")
    yield Identity(over_query(signal * signal * x), LAMBDA @ SQUARE.coefficients, r"E[x y]")
    yield Identity(label_covariance(signal * signal), SQUARE.label_covariance.dense(), r"\Sigma")
    power = over_query(signal * signal * signal * signal) + noise
    yield Identity(power, SQUARE.linear_error, r"E[y^2]")


@step(ANY)
def linear_labels_from_the_network() -> Identity:
    r"""The same without :math:`\Sigma`: the squared error of the network on noisy linear labels is
    a polynomial in the sample covariance and the query, and its mean over both, with the task
    fixed, is this error."""
    error = (S @ (a + e)) @ B @ x - a @ x
    found = substituted(mean(error * error), {"Lambda": LAMBDA + noise * e.outer(e)})
    found = substituted(without(found, e), {"Lambda_q": LAMBDA, LENGTH: M_symbol})
    stated = prediction_error(B, LINEAR)
    return Identity(found, stated.excess, r"E(\hat y - \langle a, x_q \rangle)^2")


@step(ANY)
def cross_term_dropped() -> Identity:
    r""":math:`(\Lambda + \operatorname{tr}(\Lambda) I)^2` without its middle term."""
    b = GAMMA_INVERSE @ a
    bias = (b @ LAMBDA**3 @ b + TRACE * TRACE * (b @ LAMBDA @ b)) / (n * n)
    return Identity(bias, theorem_4_2(PAPER, TARGET).bias, r"\text{bias}")


@step(ANY)
def second_moment_for_covariance() -> Identity:
    r""":math:`E[y^2 x x^\top]` for :math:`\Sigma`, the mean of :math:`x y` counted twice."""
    signal = a @ x
    found = over_query((signal * signal) * x.outer(x)) + noise * LAMBDA
    return Identity(found, LINEAR.label_covariance.dense(), r"\Sigma")


chain = Chain(
    (
        the_prediction,
        the_best_linear_predictor,
        the_summary,
        the_error_of_any_gain,
        what_the_trained_layer_misses,
        the_theorem,
        gaussian_features,
        linear_labels_from_the_network,
    ),
    wrong=(cross_term_dropped, second_moment_for_covariance),
)
residuals = chain.residuals
