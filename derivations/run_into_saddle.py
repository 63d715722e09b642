r"""A path of gradient flow that ends in the saddle, where features are white.

With :math:`\Lambda = \lambda I`, :math:`\Omega = \omega I`, :math:`\Lambda_q = \lambda_q I` the
constants of the flow equations are multiples of the identity, so that from
:math:`U = -u I`, :math:`s = \sqrt d\, u` the flow stays on the line of such layers. What is left is
one number, and :math:`z = u^2` obeys a logistic equation whose clock runs backwards: it falls to 0,
which is the saddle at the origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations.algebra import DIMENSION, LENGTH, Words, scalar, slope, substituted
from derivations.algebra.words import coefficient
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.saddle import CONSTANTS, FLOW, LOSS, PLATEAU, quadratic
from derivations.setting import I, noise_symbol, s_symbol
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.saddle import run_into_saddle

AT_SQUARES = "generic symbols at d = 1, 4 and 9"

u, lam, omega, query, gain = sympy.symbols("u lambda omega lambda_q b", positive=True)
root = sympy.sqrt(DIMENSION)
WHITE = {"Lambda": lam * I, "Omega": omega * I, "Lambda_q": query * I}
PULL = lam * omega * query  # R = PULL · I
STIFFNESS = PULL / (gain * query)  # C = STIFFNESS · I, by the definition of the gain b
LINE = {"U": -u * I, s_symbol: root * u}
LIMIT = gain / root  # z_∞
RIDGE = (DIMENSION * lam * omega + noise_symbol) / LENGTH
MINIMISER = omega / ((LENGTH + 1) * lam * omega / LENGTH + RIDGE)


def white(words: Words) -> Words:
    """Where the law is white, in terms of the gain `b`."""
    constants = {"C": STIFFNESS * I, "R": PULL * I}
    return substituted(substituted(words, constants), WHITE)


def on_the_line(words: Words) -> Words:
    return substituted(white(words), LINE)


def speed(rate: sympy.Expr, z: sympy.Expr) -> sympy.Expr:
    """Of z."""
    return -rate * z * (1 + z / LIMIT)


@step(ANY)
def white_constants() -> Iterator[Identity]:
    r""":math:`R = \lambda\omega\lambda_q I`, and :math:`C = \frac{\lambda\omega}{b} I` with the
    minimising gain :math:`b = \omega / \big( \frac{N+1}{N} \lambda\omega
    + \frac{d \lambda\omega + \sigma^2}{N} \big)`, for unit tasks without noise
    :math:`1/\gamma`."""
    found = {name: substituted(words, WHITE) for name, words in CONSTANTS.items()}
    yield Identity(found["R"], PULL * I, "R")
    yield Identity(found["C"], STIFFNESS.subs(gain, MINIMISER) * I, "C")


@step(ANY)
def the_line_is_kept() -> Iterator[Identity]:
    r"""At :math:`U = -u I`, :math:`s = \sqrt d\, u` the flow equations give
    :math:`\dot U = -\dot u I` and :math:`\dot s = \sqrt d\, \dot u` with one and the same
    :math:`\dot u = -\sqrt d\, \lambda\omega\lambda_q\, u\, (1 + z / z_\infty)`,
    :math:`z = u^2`, :math:`z_\infty = b / \sqrt d`."""
    rate = -root * PULL * u * (1 + u**2 / LIMIT)
    yield Identity(on_the_line(FLOW["U"]), -rate * I, r"\dot U")
    yield Identity(on_the_line(FLOW[s_symbol]), scalar(root * rate), r"\dot s")


@step(ANY)
def the_loss_on_the_line() -> Iterator[Identity]:
    r"""There the loss is :math:`\min L + (L_0 - \min L) (1 + z / z_\infty)^2`, with that of the
    zero predictor, :math:`L_0`, and that at the gain :math:`b I`: it never falls below
    :math:`L_0`."""
    least, plateau = white(quadratic(scalar(gain) * I)), white(PLATEAU)
    yield Identity(
        on_the_line(LOSS),
        least + (plateau - least) * (1 + u**2 / LIMIT) ** 2,
        "L(-uI, \\sqrt d\\, u)",
    )


@step(SCALARS)
def the_equation_for_z() -> Iterator[Identity]:
    r"""Hence :math:`\dot z = -r z (1 + z / z_\infty)` with
    :math:`r = 2 \sqrt d\, \lambda\omega\lambda_q`: the logistic equation for :math:`-z`, in
    reversed time. It is linear in :math:`1/z`."""
    z, rate = sympy.symbols("z r", positive=True)
    from_u = slope(u**2, u) * -root * PULL * u * (1 + u**2 / LIMIT)
    yield Identity(from_u, speed(2 * root * PULL, u**2), r"\dot z")
    of_inverse = slope(1 / z, z) * speed(rate, z)
    yield Identity(of_inverse, rate * (1 / z + 1 / LIMIT), r"\frac{d}{dt} \frac1z")


@cache
def path() -> tuple[sympy.Symbol, sympy.Symbol, sympy.Symbol, sympy.Expr]:
    """The time, the rate, the start and `z(t)`."""
    time, rate, start = sympy.symbols("t r u_0", positive=True)
    odds = LIMIT / start**2 + 1
    return time, rate, start, LIMIT / (odds * sympy.exp(rate * time) - 1)


@step(SCALARS)
def the_path() -> Iterator[Identity]:
    r"""Its solution from :math:`u_0` is
    :math:`z(t) = z_\infty / \big( (z_\infty / u_0^2 + 1)\, e^{rt} - 1 \big)`: positive for ever,
    and falling to 0."""
    time, rate, start, z = path()
    yield Identity(slope(z, time), speed(rate, z), r"\dot z")
    yield Identity(z.subs(time, 0), start**2, "z(0)")


@step(AT_SQUARES)
def the_library(formula: Any = run_into_saddle) -> Iterator[Identity]:
    r"""The library's path is this one for any :math:`\lambda, \omega, \lambda_q, \sigma^2, N` and
    :math:`u_0`, and its loss and its layer those above. (Dimensions with a rational root.)"""
    time, rate, start, z = path()
    for d in (1, 4, 9):
        course, here = formula(law(d), start), {gain: MINIMISER, rate: 2 * root * PULL}
        found = course.gain * course.share(time) / sympy.sqrt(d)
        yield Identity(found - z.subs(here).subs(DIMENSION, d), 0, r"z_{\text{library}}(t) - z(t)")
        loss = coefficient(on_the_line(LOSS)).subs(here).subs(DIMENSION, d)
        gap = course.loss(time) - loss.subs(u, sympy.sqrt(found))
        yield Identity(sympy.cancel(sympy.together(gap)), 0, r"L(t) - L(-uI, \sqrt d\, u)")
        layer = course.layer(time)
        gap = layer.gain + sympy.sqrt(d) * found * np.eye(d, dtype=int)
        yield Identity(gap, 0 * gap, r"sU + \sqrt d\, z I")
        yield Identity(layer.s**2 - d * found, 0, "s^2 - d z")
        yield Identity(course.layer(sympy.Integer(0)).s, sympy.sqrt(d) * start, "s(0)")


def law(d: int) -> GaussianPrompts:
    return GaussianPrompts(
        np.array([lam] * d),
        LENGTH,
        noise_variance=noise_symbol,
        task_covariance=np.array([omega] * d),
        query_covariance=np.array([query] * d),
    )


@step(SCALARS)
def learning_instead() -> Identity:
    r"""The sign of the start forgotten: the equation of `white_time_course`, in which :math:`z`
    grows to :math:`z_\infty`."""
    time, rate, _, z = path()
    return Identity(slope(z, time), rate * z * (1 - z / LIMIT))


@step(ANY)
def scale_forgotten() -> Identity:
    r"""As if :math:`s = u`, without the :math:`\sqrt d` that the balance asks for: not kept."""
    here = {"U": -u * I, s_symbol: u}
    of_u, of_s = (substituted(white(FLOW[name]), here) for name in ("U", s_symbol))
    return Identity(of_u, -of_s * I)


chain = Chain(
    (
        white_constants,
        the_line_is_kept,
        the_loss_on_the_line,
        the_equation_for_z,
        the_path,
        the_library,
    ),
    wrong=(learning_instead, scale_forgotten),
)
residuals = chain.residuals
