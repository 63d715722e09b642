r"""Attention emerges, peaks, and gives way to a table without noise.

For white features, tasks of second moment `I`, :math:`U = uI` and :math:`X = bI` the flow of
`quenched_tasks` is one of three scalars. In context :math:`a = su` is explained, in the weights
`b`, and :math:`r = 1 - a - b` is left; the evidence of a context has the noise
:math:`\kappa = (d + 1 + \sigma^2)/N`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import sympy

from derivations.algebra import DIMENSION, Words, derivative, scalar, slope, substituted
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.quenched_tasks import attention, eta, law, loss, table
from derivations.setting import I, n, noise, s, s_symbol
from lsa_theory.transience.quenched import slopes as all_slopes
from lsa_theory.transience.regression import rest, slopes

u_symbol, b_symbol = sympy.symbols("u b")
u, b, d = scalar(u_symbol), scalar(b_symbol), scalar(DIMENSION)
kappa = (d + 1 + noise) / n
r = 1 - s * u - b
WHITE = {"Lambda": I, "Omega": I, "U": u * I, "X": b * I}
FLOW = slopes(u, s, b, d, kappa, eta, attention, table)
FREE = slopes(u, s, b, d, kappa, eta, 0, 0)

# in scalars, with the root of d for a letter of its own
a_, b_, q, k, rate, la, lt, t, a0, x = sympy.symbols(
    "a b q kappa eta lambda_a lambda_t t a_0 x", positive=True
)
TOP = 1 / (1 + k)
LOGISTIC = TOP * a0 / (a0 + (TOP - a0) * sympy.exp(-2 * q * t))


def white(words: Words) -> Words:
    return substituted(words, WHITE)


def along(words: Words, flow: Any) -> Words:
    """The derivative along a flow of `(u, s, b)`."""
    return derivative(words, dict(zip((u_symbol, s_symbol, b_symbol), flow, strict=True)))


def three(noise_of_evidence: Words) -> Iterator[Identity]:
    flow, found = slopes(u, s, b, d, noise_of_evidence, eta, attention, table), law(all_slopes)
    yield Identity(white(found.factor), flow[0] * I, r"\dot U")
    yield Identity(white(found.scale), flow[1], r"\dot s")
    yield Identity(white(found.table), flow[2] * I, r"\dot X")


@step(ANY)
def the_three_scalars() -> Iterator[Identity]:
    r"""There the flow stays multiples of the identity, with :math:`\dot u = s (r - \kappa a) -
    \lambda_a u`, :math:`\dot s = d\, u (r - \kappa a) - \lambda_a s`, :math:`\dot b = \eta r -
    \lambda_t b`."""
    yield from three(kappa)


@step(ANY)
def the_loss_falls() -> Iterator[Identity]:
    r"""The loss is :math:`\frac d2 (r^2 + \kappa a^2)`, and without penalties
    :math:`\dot L = -d\, [(s^2 + d u^2)(r - \kappa a)^2 + \eta r^2] \le 0`. It rests only where
    :math:`r = 0` and :math:`\kappa a = 0`: with :math:`\kappa > 0` in context nothing is left, and
    with :math:`\kappa = 0` every point of :math:`a + b = 1` rests."""
    stated = d * (r * r + kappa * s * u * s * u) / 2
    yield Identity(white(loss()), stated, "L")
    pull = r - kappa * s * u
    squares = (s * s + d * u * u) * pull * pull + eta * r * r
    yield Identity(along(stated, FREE), -d * squares, r"\dot L")


@step(ANY)
def the_balance() -> Identity:
    r"""Penalties or not, :math:`s^2 - d u^2` decays as :math:`e^{-2 \lambda_a t}`: zero stays
    zero."""
    balance = s * s - d * u * u
    return Identity(along(balance, FLOW), -2 * attention * balance, r"\frac{d}{dt}(s^2 - d u^2)")


@cache
def balanced() -> tuple[Any, Any]:
    r"""The slopes of `a` and `b` where :math:`s = \sqrt d\, u`."""
    root = sympy.sqrt(a_ / q)
    du, ds, db = slopes(root, q * root, b_, q * q, k, rate, la, lt)
    return sympy.expand(root * ds + q * root * du), sympy.expand(db)


@step(SCALARS)
def the_share() -> Iterator[Identity]:
    r"""So with :math:`q = \sqrt d` the share obeys :math:`\dot a = 2 q\, a\, [(1 - b) -
    (1 + \kappa) a] - 2 \lambda_a a`: without a penalty it rises below, falls above
    :math:`\frac{1 - b}{1 + \kappa}`, and is there when it peaks. Followed from there on, the table
    fills at the rate :math:`\eta \frac{\kappa}{1 + \kappa}`."""
    share, filled = balanced()
    yield Identity(share, 2 * q * a_ * ((1 - b_) - (1 + k) * a_) - 2 * la * a_, r"\dot a")
    slow = filled.subs({lt: 0, a_: (1 - b_) * TOP})
    yield Identity(slow, rate * k / (1 + k) * (1 - b_), r"\dot b")


@step(SCALARS)
def the_rise() -> Iterator[Identity]:
    r"""Before the table has learnt anything the share is logistic, of height
    :math:`A = 1/(1 + \kappa)` and rate `2q`; by then the table holds :math:`\eta \int (1 - a)\, dt
    = \eta\, [(1 - A)\, t + \frac{A}{2q} \ln \frac{a}{a_0}]`."""
    decayed = LOGISTIC.subs(sympy.exp(-2 * q * t), x)
    share = balanced()[0].subs({b_: 0, la: 0})
    rises = -2 * q * x * slope(decayed, x)  # x = exp(−2qt)
    yield Identity(rises, sympy.factor(share).subs(a_, decayed), r"\dot a")
    filled = (1 - TOP) * t + TOP / (2 * q) * sympy.log(LOGISTIC / a0)
    yield Identity(slope(filled, t), 1 - LOGISTIC, r"\frac{d}{dt}")


@step(SCALARS)
def where_it_rests() -> Iterator[Identity]:
    r"""With penalties :math:`r = \kappa a + \lambda_a / q` and :math:`\eta r = \lambda_t b`: two
    linear equations, of which the library's end is the solution."""
    pull = sympy.Symbol("pi", positive=True)  # λ_a/q
    share, held = rest(k, pull, rate, lt)
    slopes_there = balanced()[0] / (2 * q * a_), balanced()[1] / lt
    for found in slopes_there:
        given = sympy.expand(found).subs(la, pull * q)
        yield Identity(given.subs({a_: share, b_: held}, simultaneous=True), 0, r"\dot a, \dot b")


@step(SCALARS)
def half_of_the_peak() -> Identity:
    r"""With one penalty on both parts, :math:`\frac{1}{2 (1 + \kappa)} - a_*` has the sign of
    :math:`\frac{2 (1 + \kappa)}{q} \lambda^2 - \ell \lambda + \kappa \eta` with
    :math:`\ell = 2 (1 + \kappa)(1 - \frac\eta q) - 1 - \kappa`, whose smaller root is the
    boundary."""
    share = rest(k, lt / q, rate, lt)[0]
    linear = 2 * (1 + k) * (1 - rate / q) - 1 - k
    quadratic = 2 * (1 + k) / q * lt**2 - linear * lt + k * rate
    scale = 2 * (1 + k) * (lt + (lt + rate) * k)
    return Identity(scale * (TOP / 2 - share), quadratic)


@step(SCALARS)
def without_noise_the_race_decides() -> Identity:
    r"""With :math:`\kappa = 0` and without penalties :math:`\ln a - 2 q\, b / \eta` is conserved:
    of the line of rest points :math:`a + b = 1` the start chooses one, with :math:`a > 0`."""
    share, filled = (part.subs({k: 0, la: 0, lt: 0}) for part in balanced())
    return Identity(share / a_ - 2 * q / rate * filled, 0, r"\frac{d}{dt} (\ln a - 2 q b / \eta)")


@step(ANY)
def a_pairing_forgotten() -> Iterator[Identity]:
    r""":math:`\kappa = (d + \sigma^2)/N`."""
    yield from three((d + noise) / n)


@step(ANY)
def a_balance_without_the_dimension() -> Identity:
    r""":math:`s^2 - u^2` in the place of :math:`s^2 - d u^2`."""
    balance = s * s - u * u
    return Identity(along(balance, FLOW), -2 * attention * balance)


steps = (
    the_three_scalars,
    the_loss_falls,
    the_balance,
    the_share,
    the_rise,
    where_it_rests,
    half_of_the_peak,
    without_noise_the_race_decides,
)
chain = Chain(steps, wrong=(a_pairing_forgotten, a_balance_without_the_dimension))
residuals = chain.residuals
