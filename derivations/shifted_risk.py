r"""The risk of any gain on any law, whatever it was trained on.

A gain `B` answers :math:`\hat y = h^\top B x_q` and misses by :math:`\langle B^\top h - w,\,
x_q \rangle`. The test law has contexts of `M` pairs with covariance :math:`\Lambda_c`, queries with
covariance :math:`\Lambda_q`, label noise :math:`\sigma^2` and any tasks. For one task the risk is
bias and variance of the summary `h`; this is a quadratic in the task, so that of the law of tasks
only :math:`W = E[w w^\top]` counts. The training law does not appear.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations import general_prior
from derivations.algebra import LENGTH, Words, scalar, substituted, symbols, symmetric
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import S, averaged, e, prediction, w, x
from derivations.setting import OMEGA, QUERY, ZERO_MEAN, B, I, mu, noise, p, s_symbol, v
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

(LAMBDA_C,) = symmetric("Lambda_c")
(t,) = symbols("t")  # one task
M_symbol = sympy.Symbol("M", integer=True, positive=True)
M = scalar(M_symbol)
SECOND_MOMENT = OMEGA + mu.outer(mu)  # W
TEST = GaussianPrompts(
    LAMBDA_C, M, noise_variance=noise, task_covariance=OMEGA, task_mean=mu, query_covariance=QUERY
)
ONE_TASK = TEST.replace(task_covariance=0 * OMEGA, task_mean=t)

MISSED = B.T @ LAMBDA_C - I  # of the task, on average
SPREAD = B @ QUERY @ B.T
# what one task's risk is in the task, and without it
CURVATURE = (
    MISSED.T @ QUERY @ MISSED
    + (SPREAD @ LAMBDA_C).trace() * LAMBDA_C / M
    + LAMBDA_C @ SPREAD @ LAMBDA_C / M
)
CONSTANT = noise * (SPREAD @ LAMBDA_C).trace() / M


def on_test(words: Words) -> Words:
    """The mean over contexts, queries and tasks of the test law."""
    found = averaged(words, Lambda=LAMBDA_C + noise * e.outer(e))
    return substituted(found, {LENGTH: M_symbol})


def error(task: Words) -> Words:
    return (S @ (task + e)) @ B @ x - task @ x


@step(ANY)
def the_error() -> Iterator[Identity]:
    r"""On the block, with :math:`s U = B`, the network's error on a prompt is
    :math:`\langle B^\top h - w,\, x_q \rangle`."""
    on_block = {"v": 0 * v, "p": 0 * p, s_symbol: 1, "U": B}
    yield Identity(substituted(prediction(w + e), on_block) - w @ x, error(w), r"\hat y - y_q")
    stated = (B.T @ S @ (w + e) - w) @ x
    yield Identity(error(w), stated, r"\langle B^\top h - w,\, x_q \rangle")


@step(ANY)
def the_summary_of_one_task() -> Iterator[Identity]:
    r"""For a task `t` the summary has the mean :math:`\Lambda_c t` and the covariance
    :math:`\frac1M \big[ (t^\top \Lambda_c t + \sigma^2) \Lambda_c
    + \Lambda_c t t^\top \Lambda_c \big]`, that of one pair over `M`."""
    summary = S @ (t + e)
    centre = on_test(summary)
    yield Identity(centre, LAMBDA_C @ t, r"E[h \mid t]")
    covariance = on_test(summary.outer(summary)) - centre.outer(centre)
    pair = (t @ LAMBDA_C @ t + noise) * LAMBDA_C + centre.outer(centre)
    yield Identity(covariance, pair / M, r"\operatorname{Cov}(h \mid t)")


@step(ANY)
def one_task() -> Iterator[Identity]:
    r"""Its risk is bias and variance in the norm of the query's covariance,
    :math:`\|B^\top \Lambda_c t - t\|^2_{\Lambda_q}
    + \operatorname{tr}\big( B \Lambda_q B^\top \operatorname{Cov}(h \mid t) \big)`."""
    centre = MISSED @ t
    pair = (t @ LAMBDA_C @ t + noise) * LAMBDA_C + (LAMBDA_C @ t).outer(LAMBDA_C @ t)
    stated = centre @ QUERY @ centre + (SPREAD @ pair).trace() / M
    yield Identity(on_test(error(t) * error(t)), stated, r"E[(\hat y - y_q)^2 \mid t]")
    yield Identity(risk(B, ONE_TASK), stated, r"\mathrm{risk}(t)")


@step(ANY)
def a_quadratic_in_the_task() -> Iterator[Identity]:
    r"""So the risk of a task is :math:`t^\top H t + r`, with
    :math:`H = (B^\top \Lambda_c - I)^\top \Lambda_q (B^\top \Lambda_c - I)
    + \frac1M \big( \operatorname{tr}(B \Lambda_q B^\top \Lambda_c) \Lambda_c
    + \Lambda_c B \Lambda_q B^\top \Lambda_c \big)` and
    :math:`r = \frac{\sigma^2}M \operatorname{tr}(B \Lambda_q B^\top \Lambda_c)`. Averaged over any
    law of tasks it is :math:`\operatorname{tr}(H W) + r`; over Gaussian ones,
    :math:`W = \Omega + \mu\mu^\top`."""
    yield Identity(risk(B, ONE_TASK), t @ CURVATURE @ t + CONSTANT, r"\mathrm{risk}(t)")
    stated = (CURVATURE @ SECOND_MOMENT).trace() + CONSTANT
    yield Identity(on_test(error(w) * error(w)), stated, r"E(\hat y - y_q)^2")


@step(ANY)
def the_library(formula: Any = risk) -> Iterator[Identity]:
    r"""The library's risk, run on words, is the mean of the squared error: any gain, context and
    query covariance, prior, task mean, label noise and context length. On the law of training it
    is twice the training loss."""
    label = r"\mathrm{risk}(B)"
    yield Identity(on_test(error(w) * error(w)), formula(B, TEST), label)
    yield Identity(formula(B, ZERO_MEAN), 2 * general_prior.loss(B), label)


@step(ANY)
def the_gain_transposed() -> Identity:
    r""":math:`B^\top` for `B`: the risk of :math:`h^\top B^\top x_q`."""
    return Identity(on_test(error(w) * error(w)), risk(B.T, TEST), r"\mathrm{risk}(B)")


@step(ANY)
def one_pairing_forgotten() -> Identity:
    r""":math:`\operatorname{Cov}(h \mid t) = \frac1M (t^\top \Lambda_c t + \sigma^2) \Lambda_c`."""
    centre = MISSED @ t
    pair = (t @ LAMBDA_C @ t + noise) * LAMBDA_C
    stated = centre @ QUERY @ centre + (SPREAD @ pair).trace() / M
    return Identity(risk(B, ONE_TASK), stated, r"\mathrm{risk}(t)")


chain = Chain(
    (the_error, the_summary_of_one_task, one_task, a_quadratic_in_the_task, the_library),
    wrong=(the_gain_transposed, one_pairing_forgotten),
)
residuals = chain.residuals
