r"""What attention beside a table answers to three questions that tell them apart.

For white features, :math:`U = u I` and :math:`\beta_c = b\, w_c` the prediction is
:math:`x_q^\top (a h + b\, w_c)`. The context may be of the task, of the opposite task, or of noise
alone; the table may hold the task or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from derivations.algebra import DIMENSION, Words, scalar, substituted
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import S, averaged, e, w, x
from derivations.setting import LAMBDA, I, mu, n, noise
from lsa_theory.transience.evaluators import answers

a, b, d = scalar("a"), scalar("b"), scalar(DIMENSION)
WHITE = {"Lambda": I, "Omega": I}
kappa, idle = (d + 1 + noise) / n, noise / n


def risk(shown: Words | int, held: Words | int, truth: Words) -> Words:
    """Per unit of the squared norm, which is `d` in the mean: labels of the context are of the task
    `shown` and noise, the table holds b times `held`."""
    seen = S @ (shown + e) if isinstance(shown, Words) else S @ e
    error = x @ (a * seen + (b * held if isinstance(held, Words) else 0 * w) - truth)
    return substituted(averaged(error * error, mu=0 * mu, Lambda_q=LAMBDA), WHITE) / d


def stated(question: str) -> Words:
    return getattr(answers(a, b, kappa, idle), question).risk


@step(ANY)
def in_context() -> Identity:
    r"""On a new task, of which the table holds nothing, the answer has mean `a` and the variance
    :math:`\kappa a^2` of the evidence, :math:`\kappa = (d + 1 + \sigma^2)/N`."""
    return Identity(risk(w, 0, w), stated("in_context"), r"E \|a h - w\|^2 / d")


@step(ANY)
def in_weights() -> Identity:
    r"""Beside a context of noise alone, :math:`h = \frac1N \sum \varepsilon_i x_i`, it has mean `b`
    and the variance :math:`\frac{\sigma_c^2}{N} a^2`."""
    return Identity(risk(0, w, w), stated("in_weights"), r"E \|a h + b w_c - w_c\|^2 / d")


@step(ANY)
def flipped() -> Identity:
    r"""After a context of :math:`-w_c`, against which it is measured, it has mean `a − b`."""
    return Identity(risk(-1 * w, w, -1 * w), stated("flip"), r"E \|a h + b w_c + w_c\|^2 / d")


@step(ANY)
def a_table_that_helps() -> Iterator[Any]:
    r"""The flip measured against the table."""
    yield Identity(risk(-1 * w, w, w), stated("flip"), r"E \|a h + b w_c - w_c\|^2 / d")


@step(ANY)
def evidence_without_noise() -> Identity:
    r""":math:`\kappa = 0`."""
    return Identity(risk(w, 0, w), (1 - a) * (1 - a), r"E \|a h - w\|^2 / d")


chain = Chain((in_context, in_weights, flipped), wrong=(a_table_that_helps, evidence_without_noise))
residuals = chain.residuals
