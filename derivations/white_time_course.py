r"""White features: training is a logistic curve.

For :math:`\Lambda = \lambda I`, :math:`\Omega = \omega I`, :math:`\Lambda_q = \lambda_q I`, label
noise :math:`\sigma^2` and the start :math:`U = u_0 I` no direction is singled out. With
:math:`k = \lambda \omega \lambda_q` and the minimising gain :math:`b I`, the flow is that of the
numbers :math:`u` and :math:`s`, from a balanced start that of :math:`z = u^2` alone, and its odds
:math:`z_\infty / z - 1` decay exponentially.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    derivative,
    gradient,
    scalar,
    slope,
    substituted,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import PARAMETERS, I, n, noise, noise_symbol, p, s, s_symbol, v
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.white import white_time_course

SQUARES = "generic symbols at d = 1, 4, 9"
ROOT = sympy.sqrt(DIMENSION)
context, task, query = sympy.symbols("lambda omega lambda_q", positive=True)
u_symbol, b, k_symbol = sympy.symbols("u b k", positive=True)
u, d, k = scalar(u_symbol), scalar(DIMENSION), scalar(k_symbol)
WHITE = GaussianPrompts(
    scalar(context) * I,
    n,
    noise_variance=noise,
    task_covariance=scalar(task) * I,
    query_covariance=scalar(query) * I,
)
GAIN = LENGTH * task / ((LENGTH + 1 + DIMENSION) * context * task + noise_symbol)
# λ_q and σ² by k and b
UNITS = {
    query: k_symbol / (context * task),
    noise_symbol: task * (LENGTH / b - (LENGTH + 1 + DIMENSION) * context),
}
MISSING = 1 - s * u / b
FLOW = {u_symbol: s * k * MISSING, s_symbol: d * u * k * MISSING}

# z(t) by its limit, its rate and its odds at the start
z, limit, rate, odds, time, share = sympy.symbols(r"z z_\infty r o t zeta", positive=True)
COURSE = limit / (1 + odds * sympy.exp(-rate * time))


@cache
def white_loss() -> Words:
    return population_loss(PARAMETERS, WHITE)


def on_the_line(words: Words) -> Words:
    """At `U = u I` and `v = p = 0`, in terms of `b` and `k`."""
    return substituted(substituted(words, {"v": 0 * v, "p": 0 * p, "U": u * I}), UNITS)


@cache
def slope_of_loss(variable: Any) -> Words:
    """On the line."""
    return on_the_line(gradient(white_loss(), variable))


def balanced(words: Words) -> Words:
    """At `s = √d u` too."""
    return substituted(on_the_line(words), {s_symbol: ROOT * u_symbol})


@step(ANY)
def two_numbers() -> Iterator[Identity]:
    r"""At :math:`U = uI` and :math:`v = p = 0` the slopes in :math:`v` and :math:`p` vanish and
    that in :math:`U` is a multiple of :math:`I`, so that the flow stays there:
    :math:`\dot u = s k (1 - su/b)`, :math:`\dot s = d\, u k (1 - su/b)`."""
    yield Identity(global_minimum(WHITE).gain, GAIN * I, "b I")
    for name in ("v", "p"):
        yield Identity(slope_of_loss(name), 0 * v, rf"\partial L/\partial {name}")
    yield Identity(slope_of_loss("U"), -FLOW[u_symbol] * I, r"\partial L/\partial U")
    yield Identity(slope_of_loss(s_symbol), -FLOW[s_symbol], r"\partial L/\partial s")


@step(ANY)
def one_number() -> Iterator[Identity]:
    r"""The balance :math:`s^2 - d u^2` does not change: a balanced start keeps
    :math:`s = \sqrt d\, u`. Then :math:`z = u^2` obeys
    :math:`\dot z = r z (1 - z / z_\infty)` with :math:`r = 2 \sqrt d\, k` and
    :math:`z_\infty = b / \sqrt d`."""
    yield Identity(derivative(s * s - d * u * u, FLOW), 0 * s, r"\frac{d}{dt}(s^2 - d u^2)")
    logistic = 2 * ROOT * k * u * u * (1 - u * u * ROOT / b)
    yield Identity(balanced(derivative(u * u, FLOW)), logistic, r"\dot z")


def speed(at: Any) -> Any:
    """The logistic equation's right side."""
    return rate * at * (1 - at / limit)


@step(SCALARS)
def the_odds() -> Identity:
    r"""What is to learn over what is known, :math:`z_\infty / z - 1`, decays at the rate
    :math:`r`."""
    falling = limit / z - 1
    return Identity(slope(falling, z) * speed(z), -rate * falling, r"\frac{d}{dt}(z_\infty/z - 1)")


@step(SCALARS)
def the_solution() -> Iterator[Identity]:
    r"""So with :math:`o = z_\infty / z_0 - 1` the path is
    :math:`z(t) = z_\infty / (1 + o\, e^{-rt})`: it solves the equation and starts at
    :math:`z_0`."""
    yield Identity(slope(COURSE, time) - speed(COURSE), 0, r"\dot z - r z (1 - z/z_\infty)")
    start = COURSE.subs(time, 0).subs(odds, limit / z - 1)
    yield Identity(start, z, r"z(0)|_{o = z_\infty/z - 1}")


@step(ANY)
def the_loss() -> Identity:
    r"""Along it the excess is the square of what is missing,
    :math:`L = \min L + \frac d2 k b\, (1 - z/z_\infty)^2`."""
    missing = 1 - u * u * ROOT / b
    excess = d * k * b / 2 * missing * missing
    least = substituted(global_minimum(WHITE).loss, UNITS)
    return Identity(balanced(white_loss()) - least, excess, r"L - \min L")


@step(SCALARS)
def the_times() -> Iterator[Identity]:
    r"""A share :math:`\zeta` of :math:`z_\infty` is reached at
    :math:`t = \frac1r \ln \frac{o\, \zeta}{1 - \zeta}`, half of it at
    :math:`t_{1/2} = \frac1r \ln o`. The loss falls in proportion to
    :math:`(1 - \zeta)\, \dot\zeta \propto \zeta (1 - \zeta)^2`, for :math:`\zeta < \frac43` never
    faster than at :math:`\zeta = \frac13`."""
    when = sympy.log(odds * share / (1 - share)) / rate
    yield Identity(COURSE.subs(time, when) / limit, share, r"z(t) / z_\infty")
    yield Identity(when.subs(share, sympy.Rational(1, 2)), sympy.log(odds) / rate, "t_{1/2}")
    slowing = (share - sympy.Rational(1, 3)) ** 2 * (sympy.Rational(4, 3) - share)
    pace = share * (1 - share) ** 2
    label = r"\tfrac{4}{27} - \zeta (1 - \zeta)^2"
    yield Identity(sympy.Rational(4, 27) - pace, slowing, label)


@step(SQUARES)
def the_library(formula: Any = white_time_course) -> Iterator[Identity]:
    r"""The library's rate, odds and gain are these, and at :math:`e^{rt} = y^6` its path and loss
    too. (Dimensions whose root is an integer.)"""
    y = sympy.Symbol("y", positive=True)
    for size in (1, 4, 9):
        matrices = {"task_covariance": task, "query_covariance": query}
        law = GaussianPrompts(
            np.full(size, context),
            LENGTH,
            noise_variance=noise_symbol,
            **{name: np.full(size, entry) for name, entry in matrices.items()},
        )
        gain, root = GAIN.subs(DIMENSION, size), ROOT.subs(DIMENSION, size)
        course = formula(law, sympy.sqrt(gain / root / (1 + odds)))
        pace = 2 * root * context * task * query
        yield Identity(course.rate, pace, rf"r|_{{d = {size}}}")
        yield Identity(course.odds, odds, "o")
        yield Identity(course.gain, gain, "b")
        reached = 1 / (1 + odds / y**6)
        then = 6 * sympy.log(y) / pace
        yield Identity(course.share(then), reached, r"z / z_\infty")
        excess = course.loss(then) - global_minimum(law).loss
        learnable = size * context * task * query * gain / 2
        yield Identity(excess, learnable * (1 - reached) ** 2, r"L - \min L")


@step(SCALARS)
def half_of_the_rate() -> Identity:
    r"""The slope of :math:`u` for that of :math:`z = u^2`: :math:`r = \sqrt d\, k`."""
    slower = COURSE.subs(rate, rate / 2)
    return Identity(slope(slower, time) - speed(slower), 0)


@step(ANY)
def one_pair_less() -> Identity:
    r""":math:`N` for :math:`N + 1`: :math:`1/b = \lambda (1 + d/N) + \sigma^2/(N \omega)`."""
    gain = LENGTH * task / ((LENGTH + DIMENSION) * context * task + noise_symbol)
    return Identity(global_minimum(WHITE).gain, gain * I, "b I")


chain = Chain(
    (
        two_numbers,
        one_number,
        the_odds,
        the_solution,
        the_loss,
        the_times,
        the_library,
    ),
    wrong=(half_of_the_rate, one_pair_less),
)
residuals = chain.residuals
