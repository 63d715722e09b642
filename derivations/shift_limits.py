r"""Long contexts forgive every shift but that of the covariates.

The layer is trained to its minimum on prompts of length `N` and tested at length `M` on another
law. With :math:`\epsilon = \frac1N` and :math:`\delta = \frac1M` its gain has the expansion
:math:`B = \Lambda^{-1} - \epsilon D + \epsilon^2 Z` with a bounded `Z`, and the risk is a
polynomial in :math:`\epsilon` and :math:`\delta`: its limit and its rates are coefficients. In the
limit the layer answers :math:`x_q^\top \Lambda^{-1} \Lambda_c w`: it undoes the covariance that it
was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import sympy

from derivations import general_prior
from derivations.algebra import (
    Words,
    inverse_pair,
    reduced,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, Chain, Identity, step
from derivations.general_prior import BEST, Q, R
from derivations.population_loss import S, e
from derivations.setting import INVERSES, LAMBDA, OMEGA, QUERY, ZERO_MEAN, B, I, n, noise
from derivations.shifted_risk import LAMBDA_C, TEST, M_symbol, on_test, t
from lsa_theory.minimum import label_variance
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

INVERSE, PRIOR_INVERSE, W = symmetric("Lambda^-1 Omega^-1 W")
inverse_pair(LAMBDA, INVERSE)
inverse_pair(OMEGA, PRIOR_INVERSE)
Z, q = symbols("Z q")
train_length, test_length = sympy.symbols("epsilon delta", positive=True)  # 1/N, 1/M
EPSILON, test_noise = scalar(train_length), scalar("sigma_t^2")

TRAIN = ZERO_MEAN
SHIFTED = TEST.replace(noise_variance=test_noise, task_covariance=W, task_mean=None)
RELATIONS = INVERSES | {("Omega", "Omega^-1"): I}

SLOWNESS = LAMBDA + label_variance(TRAIN) * PRIOR_INVERSE  # G
CORRECTION = INVERSE @ SLOWNESS @ INVERSE  # D
BIAS = INVERSE @ LAMBDA_C - I  # E
LABELS = (W @ LAMBDA_C).trace() + test_noise

LIMIT = (BIAS.T @ QUERY @ BIAS @ W).trace()
SPREAD = LABELS * LAMBDA_C + LAMBDA_C @ W @ LAMBDA_C
BY_TESTING = (INVERSE @ QUERY @ INVERSE @ SPREAD).trace()
BY_TRAINING = -2 * (BIAS.T @ QUERY @ CORRECTION @ LAMBDA_C @ W).trace()


def simplified(words: Words) -> Words:
    return reduced(words, RELATIONS)


def same(left: Words, right: Words, label: str = "") -> Identity:
    return Identity(simplified(left), simplified(right), label)


def order(words: Words, train: int, test: int) -> Words:
    r"""The coefficient of :math:`\epsilon^i \delta^j` in a polynomial."""
    powers = (train, test)
    return Words(
        words.ndim,
        {
            key: sympy.Poly(value, train_length, test_length).coeff_monomial(powers)
            for key, value in words.terms.items()
        },
    )


@cache
def trained_risk() -> Words:
    """Of the expanded gain, in the reciprocals of the lengths."""
    gain = INVERSE - EPSILON * CORRECTION + EPSILON * EPSILON * Z
    found = substituted(risk(gain, SHIFTED), {M_symbol: 1 / test_length})
    return simplified(found)


@step(ANY)
def the_trained_gain() -> Identity:
    r"""Multiplied by :math:`\Omega^{-1}`, the minimiser's equation says that `B` has the inverse
    :math:`K = \Lambda + \epsilon G` with :math:`G = \Lambda + (\operatorname{tr}(\Lambda\Omega)
    + \sigma^2)\, \Omega^{-1}`, positive."""
    known = general_prior.RELATIONS | RELATIONS
    inverse = LAMBDA + SLOWNESS / n
    return Identity(reduced(OMEGA @ inverse @ BEST, known), OMEGA, r"\Omega K B")


@step(ANY)
def its_expansion() -> Iterator[Identity]:
    r"""With :math:`D = \Lambda^{-1} G \Lambda^{-1} = \Lambda^{-1} +
    (\operatorname{tr}(\Lambda\Omega) + \sigma^2)\, \Lambda^{-1} \Omega^{-1} \Lambda^{-1}`, and
    multiplied by :math:`K^{-1} = B` from the right, the first identity is
    :math:`B = \Lambda^{-1} - \epsilon D + \epsilon^2 Z`, :math:`Z = D G B`. By the second
    :math:`\Lambda^{-1} - B = B (K \Lambda^{-1} K - K) B` is positive: `B` stays below
    :math:`\Lambda^{-1}` and `Z` is bounded."""
    stated = INVERSE + label_variance(TRAIN) * INVERSE @ PRIOR_INVERSE @ INVERSE
    yield same(CORRECTION, stated, "D")
    inverse = LAMBDA + EPSILON * SLOWNESS
    left = (INVERSE - EPSILON * CORRECTION) @ inverse
    right = I - EPSILON * EPSILON * CORRECTION @ SLOWNESS
    yield same(left - right, 0 * I, r"(\Lambda^{-1} - \epsilon D) K - (I - \epsilon^2 D G)")
    left = inverse @ INVERSE @ inverse - inverse
    right = EPSILON * SLOWNESS + EPSILON * EPSILON * SLOWNESS @ INVERSE @ SLOWNESS
    label = r"K \Lambda^{-1} K - K - (\epsilon G + \epsilon^2 G \Lambda^{-1} G)"
    yield same(left - right, 0 * I, label)


@step(ANY)
def the_answer() -> Iterator[Identity]:
    r"""To a task `t` and a query `q` the layer answers :math:`h^\top B q`, with the mean
    :math:`t^\top \Lambda_c B q` and the variance
    :math:`\delta\, \big[ (t^\top \Lambda_c t + \sigma^2)\, q^\top B^\top \Lambda_c B q
    + (t^\top \Lambda_c B q)^2 \big]`. As both lengths grow the variance vanishes, and the mean
    tends to :math:`t^\top \Lambda_c \Lambda^{-1} q`."""
    answer = (S @ (t + e)) @ B @ q
    centre = t @ LAMBDA_C @ B @ q
    yield Identity(on_test(answer), centre, r"E[\hat y \mid t, q]")
    labels = t @ LAMBDA_C @ t + noise
    stated = (labels * (q @ B.T @ LAMBDA_C @ B @ q) + centre * centre) / scalar(M_symbol)
    variance = on_test(answer * answer) - centre * centre
    yield Identity(variance, stated, r"\operatorname{Var}[\hat y \mid t, q]")


@step(ANY)
def the_risk_is_a_polynomial() -> Iterator[Identity]:
    r"""Put in the risk of any gain, the expansion gives a polynomial in :math:`\epsilon` and
    :math:`\delta`. With :math:`E = \Lambda^{-1} \Lambda_c - I` its limit is
    :math:`\operatorname{tr}(E^\top \Lambda_q E W)`. The length of training adds
    :math:`-2 \epsilon \operatorname{tr}(E^\top \Lambda_q D \Lambda_c W)`, of either sign, that of
    the test :math:`\delta \operatorname{tr}\big( \Lambda^{-1} \Lambda_q \Lambda^{-1}
    [(\operatorname{tr}(W \Lambda_c) + \sigma_t^2) \Lambda_c + \Lambda_c W \Lambda_c] \big)`, and
    the rest is of second order."""
    found = trained_risk()
    yield same(order(found, 0, 0), LIMIT, r"[1]\, \mathrm{risk}")
    yield same(order(found, 1, 0), BY_TRAINING, r"[\epsilon]\, \mathrm{risk}")
    yield same(order(found, 0, 1), BY_TESTING, r"[\delta]\, \mathrm{risk}")


@step(ANY)
def the_limit_is_a_square() -> Iterator[Identity]:
    r"""With :math:`\Lambda_q = Q Q^\top` and :math:`W = R R^\top` the limit is
    :math:`\|Q^\top E R\|_F^2`. It is 0 for all tasks and queries if and only if :math:`E = 0`,
    which is to say :math:`\Lambda_c = \Lambda`."""
    found = substituted(LIMIT, {"Lambda_q": Q @ Q.T, "W": R @ R.T})
    seen = Q.T @ BIAS @ R
    yield same(found, (seen @ seen.T).trace(), r"\operatorname{tr}(E^\top \Lambda_q E W)")
    yield same(LAMBDA @ BIAS, LAMBDA_C - LAMBDA, r"\Lambda E")


@step(ANY)
def other_tasks_and_queries() -> Iterator[Identity]:
    r"""Where the features keep their covariance, :math:`\Lambda_c = \Lambda`, any shift of tasks,
    queries and label noise is tolerated: the limit is 0, training contexts count to second order
    only, and the risk falls as :math:`\delta\, \big[ (\operatorname{tr}(W \Lambda) + \sigma_t^2)
    \operatorname{tr}(\Lambda^{-1} \Lambda_q) + \operatorname{tr}(\Lambda_q W) \big]`."""
    kept = {"Lambda_c": LAMBDA}
    limit, by_training, by_testing = (
        substituted(each, kept) for each in (LIMIT, BY_TRAINING, BY_TESTING)
    )
    yield same(limit, 0 * n, r"[1]\, \mathrm{risk}")
    yield same(by_training, 0 * n, r"[\epsilon]\, \mathrm{risk}")
    labels = (W @ LAMBDA).trace() + test_noise
    stated = labels * (INVERSE @ QUERY).trace() + (QUERY @ W).trace()
    yield same(by_testing, stated, r"[\delta]\, \mathrm{risk}")


@step(ANY)
def features_of_another_scale() -> Identity:
    r"""Features scaled, :math:`\Lambda_c = c \Lambda`, leave :math:`(c - 1)^2` of the signal, which
    is the risk of the zero predictor, however long the contexts."""
    scale = scalar("c")
    signal = risk(0 * B, SHIFTED)
    found = substituted(LIMIT, {"Lambda_c": scale * LAMBDA})
    return same(found, (scale - 1) * (scale - 1) * signal, r"[1]\, \mathrm{risk}")


def stated_expansion(train: GaussianPrompts, test: GaussianPrompts) -> Any:
    return SimpleNamespace(limit=LIMIT, bias=BY_TRAINING, variance=BY_TESTING)


@step(ANY)
def both_lengths_equal(formula: Any = stated_expansion) -> Iterator[Identity]:
    r"""At :math:`N = M = n` the risk is :math:`\text{limit} + \text{slope} / n + O(n^{-2})`, the
    slope the sum of both rates: of the bias, which knows training's length alone, and of the
    variance, which is :math:`\delta` times a function of the gain."""
    apart, found = trained_risk(), substituted(trained_risk(), {test_length: train_length})
    stated = formula(TRAIN, SHIFTED)
    yield same(order(found, 0, 0), stated.limit, r"\text{limit}")
    yield same(order(apart, 1, 0), stated.bias, r"\text{slope of the bias}")
    yield same(order(apart, 0, 1), stated.variance, r"\text{slope of the variance}")
    yield same(order(found, 1, 0), stated.bias + stated.variance, r"\text{slope}")


@step(ANY)
def endless_training() -> Identity:
    r"""The rate of a gain that is :math:`\Lambda^{-1}` at every length, `D` forgotten."""
    found = substituted(trained_risk(), {test_length: train_length})
    return same(order(found, 1, 0), BY_TESTING, r"\text{slope}")


@step(ANY)
def every_shift_tolerated() -> Identity:
    r"""As if the layer inverted the covariance that it is shown: no risk in the limit."""
    return same(order(trained_risk(), 0, 0), 0 * n, r"\text{limit}")


chain = Chain(
    (
        the_trained_gain,
        its_expansion,
        the_answer,
        the_risk_is_a_polynomial,
        the_limit_is_a_square,
        other_tasks_and_queries,
        features_of_another_scale,
        both_lengths_equal,
    ),
    wrong=(endless_training, every_shift_tolerated),
)
residuals = chain.residuals
