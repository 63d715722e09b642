r"""Training on random covariances leaves a layer that does not adapt.

Prompts draw diagonal covariances whose eigenvalues are independent, with moments
:math:`m_k = E \lambda^k`. One gain :math:`B` stands for all draws; as contexts grow it tends to a
multiple of the identity, and what it leaves of the mean risk does not vanish, unless the
eigenvalues take one value besides 0. Least squares on the same prompts has no such limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    reduced,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.least_squares_risk import DETERMINED
from derivations.random_covariance import EXPONENTIAL_GAIN, first, moment, others
from derivations.setting import INVERSES, LAMBDA, I, noise, noise_symbol
from derivations.shifted_risk import M
from lsa_theory.targets import TargetPrompts, prediction_error

MOMENTS = sympy.symbols("m_1:4", positive=True)
m1, m2, m3 = MOMENTS
other = sympy.Symbol("mu", positive=True)  # an independent copy of the first eigenvalue
(w,), (SIGMA,) = symbols("w"), symmetric("Sigma")
g = scalar("g")

k = sympy.Symbol("k", positive=True)
SLOWNESS = 2 + ((DIMENSION - 1) * m1 + noise_symbol) * m2 / m3
GAIN = m2 / (m3 * (1 + k / LENGTH))  # B
LIMIT = m2 / m3
SLOPE = LIMIT * SLOWNESS
LEFT = DIMENSION * (m1 - m2**2 / m3)


def mean(polynomial: sympy.Expr, *letters: sympy.Symbol) -> sympy.Expr:
    """Over independent eigenvalues."""
    known = {0: sympy.Integer(1), 1: m1, 2: m2, 3: m3}
    terms = sympy.Poly(sympy.expand(polynomial), *letters).terms()
    return sum(c * sympy.prod([known[k] for k in powers]) for powers, c in terms)


@step(SCALARS)
def the_gain() -> Identity:
    r"""With :math:`T` the sum of the other eigenvalues, :math:`E T = (d - 1) m_1`, and label noise,
    :math:`\gamma_1 = \frac1N [(N + 1) \lambda_1 + \lambda_1 + T + \sigma^2]`. The minimiser is
    :math:`E[\lambda_1^2] / E[\gamma_1 \lambda_1^2]` times the identity, which is
    :math:`\frac{m_2}{m_3} (1 + \frac kN)^{-1}` with
    :math:`k = 2 + ((d - 1) m_1 + \sigma^2) \frac{m_2}{m_3}`."""
    noisy = ((LENGTH + 1) * first + first + others + noise_symbol) / LENGTH * first**2
    linear = sympy.Poly(sympy.expand(noisy), others)
    rest = (DIMENSION - 1) * m1
    found = mean(linear.coeff_monomial(1), first) + rest * mean(
        linear.coeff_monomial(others), first
    )
    return Identity(m2 / found, GAIN.subs(k, SLOWNESS), "B")


@step(SCALARS)
def its_expansion() -> Identity:
    r"""So the gain tends to :math:`\frac{m_2}{m_3}` at order one, with the slope
    :math:`\frac{m_2}{m_3} k`; what is left is of order :math:`N^{-2}`."""
    left = GAIN - LIMIT * (1 - k / LENGTH)
    stated = LIMIT * k**2 / (LENGTH * (LENGTH + k))
    return Identity(left, stated, r"B - \tfrac{m_2}{m_3} \left( 1 - \tfrac kN \right)")


@step(SCALARS)
def exponential_eigenvalues() -> Iterator[Identity]:
    r"""For eigenvalues of density :math:`e^{-\lambda}`, :math:`m_k = k!`: without noise the limit
    is :math:`\frac13`, the slope :math:`\frac{d + 5}{9}`, and a third of the signal is left."""
    known = {m1: moment(1), m2: moment(2), m3: moment(3), noise_symbol: 0}
    parts = (GAIN.subs(k, SLOWNESS), LIMIT, SLOPE, LEFT)
    found, limit, slope, left = (part.subs(known) for part in parts)
    yield Identity(found, EXPONENTIAL_GAIN, "B")
    yield Identity(limit, sympy.Rational(1, 3), r"\lim B")
    yield Identity(slope, (DIMENSION + 5) / 9, r"\lim N (\tfrac13 - B)")
    yield Identity(left, DIMENSION / 3, r"\lim \mathrm{risk}")


@step(ANY)
def it_does_not_adapt() -> Identity:
    r"""On a new covariance :math:`\Lambda`, where :math:`h \to \Lambda w`, the answer tends to
    :math:`g\, x_q^\top \Lambda w` with :math:`g = \frac{m_2}{m_3}`. That leaves the error
    :math:`\|(g \Lambda - I)\, w\|^2` in the norm of :math:`\Lambda`, which is 0 for every task only
    where all eigenvalues are :math:`\frac1g` or 0."""
    target = TargetPrompts(LAMBDA, scalar("M"), w, SIGMA, scalar("r"))
    missed = g * LAMBDA @ w - w
    return Identity(prediction_error(g * I, target).bias, missed @ LAMBDA @ missed, r"\text{bias}")


@step(SCALARS)
def what_remains() -> Iterator[Identity]:
    r"""Averaged over the law the risk at the minimiser is
    :math:`\operatorname{tr} E[\Lambda_\tau] - \operatorname{tr}(B E[\Lambda_\tau^2])
    = d (m_1 - B m_2)`, which tends to :math:`d (m_1 - \frac{m_2^2}{m_3})` at order one. With an
    independent copy :math:`\mu` of :math:`\lambda` that is
    :math:`\frac{d}{2 m_3} E[\lambda \mu (\lambda - \mu)^2]`: positive, unless the eigenvalues take
    one value besides 0."""
    risk = DIMENSION * (m1 - GAIN * m2)
    yield Identity(sympy.limit(risk, LENGTH, sympy.oo), LEFT, r"\lim \mathrm{risk}")
    excess = DIMENSION * LIMIT * m2 * k / (LENGTH + k)
    yield Identity(risk - LEFT, excess, r"\mathrm{risk} - \lim \mathrm{risk}")
    square = mean(first * other * (first - other) ** 2, first, other)
    stated = DIMENSION * square / (2 * m3)
    yield Identity(LEFT, stated, r"d \left( m_1 - \tfrac{m_2^2}{m_3} \right)")


@step(ANY)
def least_squares() -> Iterator[Identity]:
    r"""Queries have the covariance of their context, whatever it is: least squares is left with
    :math:`\frac{\sigma^2 d}{M - d - 1}` on every draw, which vanishes."""
    d = scalar(DIMENSION)
    found = reduced(substituted(DETERMINED, {"Lambda_q": LAMBDA}), INVERSES)
    stated = noise * d / (M - d - 1)
    yield Identity(found, stated, r"\mathrm{risk}")
    (value,) = stated.terms.values()
    (length,) = M.terms.values()
    limit = Words(0, {key: sympy.limit(value, length, sympy.oo) for key in stated.terms})
    yield Identity(limit, 0 * d, r"\lim \mathrm{risk}")


def stated_limits(moments: Any, dimension: Any, noise_variance: Any) -> Any:
    return SimpleNamespace(gain=LIMIT, slope=SLOPE, left=LEFT)


@step(SCALARS)
def the_statement(formula: Callable[..., Any] = stated_limits) -> Iterator[Identity]:
    r"""Limit and slope of the gain, and the risk that is left."""
    found = formula(MOMENTS, DIMENSION, noise_symbol)
    at = sympy.limit(GAIN, LENGTH, sympy.oo)
    yield Identity(at, found.gain, r"\lim B")
    slope = sympy.limit(LENGTH * (LIMIT - GAIN), LENGTH, sympy.oo).subs(k, SLOWNESS)
    yield Identity(slope, found.slope, r"\text{slope}")
    yield Identity(LEFT, found.left, r"\lim \mathrm{risk}")


@step(SCALARS)
def the_mean_covariance() -> Identity:
    r"""As if every prompt had the mean covariance, :math:`m_1 I`: the gain tends to
    :math:`\frac{1}{m_1}`."""
    return Identity(sympy.limit(GAIN, LENGTH, sympy.oo), 1 / m1)


@step(SCALARS)
def a_forgotten_pair() -> Identity:
    r""":math:`N` for :math:`N + 1` in :math:`\Gamma_\tau`: the limit stands, the slope does not."""
    slope = sympy.limit(LENGTH * (LIMIT - GAIN), LENGTH, sympy.oo)
    return Identity(slope, LIMIT * (k - 1))


chain = Chain(
    (
        the_gain,
        its_expansion,
        exponential_eigenvalues,
        it_does_not_adapt,
        what_remains,
        least_squares,
        the_statement,
    ),
    wrong=(the_mean_covariance, a_forgotten_pair),
)
residuals = chain.residuals
