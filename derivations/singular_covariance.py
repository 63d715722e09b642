r"""A singular covariance leaves its kernel alone: in the loss, in the gradient and in the minimum.

Features and queries stay in the range of :math:`\Lambda`. With `P` the orthogonal projection on it,
:math:`P\Lambda = \Lambda`, no prompt tells :math:`U` from :math:`P U P`. Of the gain the loss
determines :math:`\Lambda B \Lambda`, which is to say :math:`P B P`, and nothing else; on the range
all is as if there were no other features.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from derivations import general_prior
from derivations.algebra import (
    LENGTH,
    Words,
    functions_of_covariance,
    gradient,
    reduced,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, AT_2, Chain, Identity, step
from derivations.general_prior import BEST, PAIRS, SUMMARY, TAU
from derivations.population_loss import e, prediction, w
from derivations.setting import (
    GENERAL,
    LAMBDA,
    OMEGA,
    PARAMETERS,
    ZERO_MEAN,
    I,
    U,
    n,
    p,
    v,
)
from lsa_theory.minimum import global_minimum, summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss

X, D, V, J, K = symbols("X D V J K")
a, b = symbols("a b")
C, M = symmetric("C M_V")
P, PSEUDO_INVERSE = functions_of_covariance("P Lambda^+")
RANGE = {
    ("Lambda", "P"): LAMBDA,
    ("P", "P"): P,
    ("Lambda", "Lambda^+"): P,
    ("Lambda^+", "P"): PSEUDO_INVERSE,
}
PROMPT = {("P", "S"): symbols("S")[0], ("P", "x_q"): symbols("x_q")[0]}
MOVED = {"v": v + a - P @ a, "U": U + X - P @ X @ P, "p": p + b - P @ b}

# queries as contexts
ANY_TASKS = GENERAL.replace(query_covariance=None)
LAW = ZERO_MEAN.replace(query_covariance=None)
CURVED = (D.T @ SUMMARY @ D @ LAMBDA).trace() / 2


def same(left: Words, right: Words, label: str = "") -> Identity:
    relations = general_prior.RELATIONS | RANGE
    return Identity(reduced(left, relations), reduced(right, relations), label)


def squared(matrix: Words) -> Words:
    """The Frobenius norm's."""
    return (matrix @ matrix.T).trace()


@step(ANY)
def no_prompt_sees_the_kernel() -> Iterator[Identity]:
    r"""Moves of the parameters that `P` does not see, :math:`v + (I - P) a`,
    :math:`U + X - P X P` and :math:`p + (I - P) b`, leave the prediction on every prompt as it was,
    since :math:`P S = S` and :math:`P x_q = x_q`; label noise is a feature more, which `P` keeps.
    So they leave the loss, of any tasks."""
    moved = reduced(substituted(prediction(w + e), MOVED), PROMPT)
    yield Identity(moved - prediction(w + e), 0, r"\hat y(\text{moved}) - \hat y")
    loss = population_loss(PARAMETERS, ANY_TASKS)
    yield Identity(reduced(substituted(loss, MOVED) - loss, RANGE), 0, r"L(\text{moved}) - L")


@step(ANY)
def training_leaves_it_alone() -> Iterator[Identity]:
    r"""The gradient has no component along such moves: under gradient flow the entries of
    :math:`U` that touch the kernel, and the parts of `v` and `p` in it, stay where they started."""
    loss = population_loss(PARAMETERS, ANY_TASKS)
    for name, seen in (("v", lambda g: P @ g), ("U", lambda g: P @ g @ P), ("p", lambda g: P @ g)):
        slope = gradient(loss, name)
        label = rf"\frac{{\partial L}}{{\partial {name}}}"
        projected = rf"P\, {label}" + (r"\, P" if name == "U" else "")
        yield Identity(reduced(slope - seen(slope), RANGE), 0, f"{label} - {projected}")


@step(ANY)
def the_cost_of_a_move() -> Iterator[Identity]:
    r"""A gain :math:`B_* + D` costs :math:`\frac12 \operatorname{tr}(D^\top C D \Lambda)`, as for
    any covariance, and this is the cost of :math:`P D P`: all gains :math:`B_* + X - P X P` attain
    the least loss."""
    cost = population_loss(BEST + D, LAW) - population_loss(BEST, LAW)
    yield same(cost, CURVED, "L(B_* + D) - L(B_*)")
    projected = substituted(CURVED, {"D": P @ D @ P})
    label = r"\operatorname{tr}(D^\top C D \Lambda) - \operatorname{tr}((PDP)^\top C (PDP) \Lambda)"
    yield same(2 * (CURVED - projected), 0 * n, label)
    free = population_loss(BEST + X - P @ X @ P, LAW) - population_loss(BEST, LAW)
    yield same(free, 0 * n, "L(B_* + X - P X P) - L(B_*)")


@step(ANY)
def no_other_gain() -> Iterator[Identity]:
    r"""On the range `C` and :math:`\Lambda` are positive: let :math:`C = g P + K K^\top` and
    :math:`\Lambda = l P + J J^\top` with their least positive eigenvalues `g` and `l`. The cost
    exceeds :math:`\frac12 g l\, \|P D P\|_F^2` by half of
    :math:`\|K^\top D J\|_F^2 + l \|K^\top D P\|_F^2 + g \|P D J\|_F^2`, and :math:`P D P` is 0 if
    and only if :math:`\Lambda D \Lambda` is."""
    least, weakest = scalar("g"), scalar("l")
    cost = (D.T @ C @ D @ LAMBDA).trace()
    cost = substituted(cost, {"C": least * P + K @ K.T, "Lambda": weakest * P + J @ J.T})
    squares = squared(K.T @ D @ J) + weakest * squared(K.T @ D @ P) + least * squared(P @ D @ J)
    label = r"\operatorname{tr}(D^\top C D \Lambda)"
    yield same(cost, least * weakest * squared(P @ D @ P) + squares, label)
    determined = PSEUDO_INVERSE @ (LAMBDA @ D @ LAMBDA) @ PSEUDO_INVERSE
    yield same(determined, P @ D @ P, r"\Lambda^+ (\Lambda D \Lambda) \Lambda^+")


@step(ANY)
def the_problem_on_the_range() -> Iterator[Identity]:
    r"""In orthonormal coordinates of the range, the columns of `V`, the law has
    :math:`\Lambda = V M_V V^\top` with :math:`M_V \succ 0` and :math:`\Omega' = V^\top \Omega V`.
    The trace in :math:`\tau` is the same, :math:`V^\top B_* V` solves the normal equations of this
    smaller problem, and the least loss is the same."""
    inside, prior = {"Lambda": V @ M @ V.T}, V.T @ OMEGA @ V
    ridge = substituted(TAU, inside)
    known = {("Omega", "V", "M_V", "V'", "T"): (I - ridge * general_prior.T) / PAIRS}
    label = r"\operatorname{tr}(\Lambda\Omega)"
    yield Identity(substituted((LAMBDA @ OMEGA).trace(), inside), (M @ prior).trace(), label)
    best = V.T @ BEST @ V
    found = PAIRS * prior @ M @ best + ridge * best
    label = r"\big[ (1 + \tfrac1N) \Omega' M_V + \tau I \big] V^\top B_* V"
    yield Identity(reduced(found, known), prior, label)
    stated = ((prior @ M).trace() + n * ridge * (best @ M).trace()) / (2 * (n + 1))
    yield Identity(substituted(global_minimum(LAW).loss, inside), stated, r"\min L")


def one_feature(prompts: GaussianPrompts) -> Any:
    """The minimum, and the projection on the range of a covariance of rank one."""
    covariance = prompts.covariance
    projection = covariance / covariance.trace()
    return SimpleNamespace(minimum=global_minimum(prompts), projection=projection)


@step(AT_2)
def the_library(formula: Any = one_feature) -> Iterator[Identity]:
    r"""In eigenvectors of a :math:`\Lambda` of rank one, with any prior and label noise, the
    library's gain `B` solves :math:`C B \Lambda = \Lambda\Omega\Lambda`, and its least loss is the
    loss at `B`, and at :math:`B + X - P X P` for any `X`."""
    entry, variance = sympy.symbols("lambda sigma^2", positive=True)
    first, both, second = sympy.symbols("omega_1 omega_12 omega_2", real=True)
    covariance = np.array([[entry, 0], [0, 0]], dtype=object)
    prior = np.array([[first, both], [both, second]], dtype=object)
    law = GaussianPrompts(covariance, LENGTH, noise_variance=variance, task_covariance=prior)
    found = formula(law)
    gain, projection = found.minimum.gain, found.projection
    label = r"C B \Lambda - \Lambda\Omega\Lambda"
    missed = summary_moment(law) @ gain - covariance @ prior
    yield Identity(missed @ covariance, 0, label)
    yield Identity(population_loss(gain, law) - found.minimum.loss, 0, r"L(B) - \min L")
    move = np.array(sympy.symbols("x_1:5"), dtype=object).reshape(2, 2)
    moved = gain + move - projection @ move @ projection
    cost = population_loss(moved, law) - found.minimum.loss
    yield Identity(cost, 0, r"L(B + X - P X P) - \min L")


@step(ANY)
def every_gain_free() -> Identity:
    r"""The loss is the same at :math:`B_* + X` for any `X`."""
    free = population_loss(BEST + X, LAW) - population_loss(BEST, LAW)
    return same(free, 0 * n, "L(B_* + X) - L(B_*)")


chain = Chain(
    (
        no_prompt_sees_the_kernel,
        training_leaves_it_alone,
        the_cost_of_a_move,
        no_other_gain,
        the_problem_on_the_range,
        the_library,
    ),
    wrong=(every_gain_free,),
)
residuals = chain.residuals
