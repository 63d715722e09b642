r"""Beside a quick table attention never starts.

Balanced attention grows by what is left to explain, and so does the table: the one in its
logarithm, the other in itself. What the table can still learn is bounded, and so is that growth.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derivations.chain import SCALARS, Chain, Identity, step
from derivations.transience_regression import a_, b_, balanced, k, la, lt, q, rate

a0 = sympy.Symbol("a_0", positive=True)


@step(SCALARS)
def growth() -> Identity:
    r"""Without a penalty on the table :math:`\frac{d}{dt} (\ln a - \frac{2 q}{\eta} b) = -2 q
    \kappa a - 2 \lambda_a \le 0`, :math:`q = \sqrt d`. The start has `b = 0`, so
    :math:`a \le a(0)\, e^{2 q b / \eta}`, and with :math:`\kappa = \lambda_a = 0` both are equal.
    """
    share, filled = balanced()
    found = share / a_ - 2 * q / rate * filled.subs(lt, 0)
    return Identity(found, -2 * q * k * a_ - 2 * la, r"\frac{d}{dt} (\ln a - 2 q b / \eta)")


@step(SCALARS)
def half_of_the_peak() -> Iterator[Identity]:
    r"""When `a` reaches :math:`h = \frac{1}{2 (1 + \kappa)}` it does not fall:
    :math:`\dot a = 2 q\, a\, (\frac12 - b) - 2 \lambda_a a \ge 0` there, so that
    :math:`b \le \frac12`."""
    half = 1 / (2 * (1 + k))
    found = balanced()[0].subs(a_, half)
    yield Identity(found, 2 * q * half * (sympy.Rational(1, 2) - b_) - 2 * la * half, r"\dot a")


@step(SCALARS)
def the_fewest_tasks() -> Identity:
    r"""So it is reached only if :math:`h \le a(0)\, e^{q / \eta}`, which is :math:`\frac1\eta \ge
    \frac1q \ln \frac{h}{a(0)}`."""
    half = 1 / (2 * (1 + k))
    count = sympy.log(half / a0) / q
    return Identity(sympy.exp(q * count), half / a0, r"e^{q / \eta}")


@step(SCALARS)
def without_noise_it_is_enough() -> Identity:
    r"""With :math:`\kappa = \lambda_a = 0` the flow ends on :math:`a + b = 1` at the root of
    :math:`a + \frac{\eta}{2 q} \ln \frac{a}{a(0)} = 1`, which grows with :math:`1/\eta`, and is
    :math:`\frac12` at that number of tasks."""
    count = sympy.log(1 / (2 * a0)) / q
    half = sympy.Rational(1, 2)
    return Identity(half + sympy.log(half / a0) / (2 * q * count), 1)


@step(SCALARS)
def half_of_the_growth() -> Identity:
    r""":math:`\sqrt d` for :math:`2 \sqrt d`."""
    share, filled = balanced()
    found = share / a_ - q / rate * filled.subs(lt, 0)
    return Identity(found, -2 * q * k * a_ - 2 * la)


chain = Chain(
    (growth, half_of_the_peak, the_fewest_tasks, without_noise_it_is_enough),
    wrong=(half_of_the_growth,),
)
residuals = chain.residuals
