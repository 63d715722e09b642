r"""When attention that must find its match ignites.

The logit is :math:`\zeta = m + w (p + (1 - p) \xi)` with the weight
:math:`p = e^\beta / (e^\beta + N - 1)` on the match and the mean label :math:`\xi` of `N - 1`
others. Its mean is 0, its variance :math:`1/(N - 1)`, and its other moments are of smaller order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations.algebra import slope
from derivations.chain import SCALARS, Chain, Identity, step

w, beta, m, xi, h, u, K, delta, x = sympy.symbols("w beta m xi h u K delta x", real=True)
others = sympy.Symbol("N", positive=True) - 1


def sigma(z: Any) -> Any:
    return 1 / (1 + sympy.exp(-z))


def match(count: Any) -> Any:
    return sympy.exp(beta) / (sympy.exp(beta) + count)


def evidence(p: Any, label: Any) -> Any:
    return p + (1 - p) * label


@step(SCALARS)
def the_flow() -> Iterator[Identity]:
    r"""Of the loss :math:`E \ln(1 + e^{-\zeta})`: the slopes are
    :math:`\sigma(-\zeta)(p + (1 - p) \xi)`, :math:`\sigma(-\zeta)\, w p (1 - p)(1 - \xi)` and
    :math:`\sigma(-\zeta)`, in the mean over :math:`\xi`."""
    p = match(others)
    logit = m + w * evidence(p, xi)
    loss, wrong = sympy.log(1 + sympy.exp(-logit)), sigma(-logit)
    yield Identity(-slope(loss, w), wrong * evidence(p, xi), r"\dot w")
    yield Identity(-slope(loss, beta), wrong * w * p * (1 - p) * (1 - xi), r"\dot\beta")
    yield Identity(-slope(loss, m), wrong, r"\dot m")


def leading(numerator: Any) -> Any:
    r"""The coefficient of :math:`1/(N - 1) = h^2` in a mean over :math:`\sigma(-\zeta)`, with
    :math:`\xi = \pm h`. Both are even in `h`, and the mean is 0 at :math:`h = 0`."""
    p = sympy.exp(beta) * h**2 / (sympy.exp(beta) * h**2 + 1)
    sides = [sigma(-m - w * evidence(p, label)) for label in (h, -h)]
    total = sum(side * numerator(p, label) for side, label in zip(sides, (h, -h), strict=True))
    return slope(slope(total, h), h).subs(h, 0) / 2 / sum(sides).subs(h, 0)


@step(SCALARS)
def a_long_context() -> Iterator[Identity]:
    r"""Per tick of the clock :math:`\dot u = E \sigma(-\zeta)` and to leading order in :math:`1/N`,
    :math:`N w' = e^\beta - \sigma(m) w`: the covariance of :math:`\sigma(-\zeta)` with
    :math:`\xi` is a drag of the same order as the gain. And :math:`N \beta' = w e^\beta`."""
    yield Identity(leading(evidence), sympy.exp(beta) - sigma(m) * w, "N w'")
    turning = leading(lambda p, label: w * p * (1 - p) * (1 - label))
    yield Identity(turning, w * sympy.exp(beta), r"N \beta'")


@step(SCALARS)
def what_the_drag_breaks() -> Identity:
    r"""Without it :math:`w^2/2 - \beta` would be conserved; it falls by :math:`\sigma(m) w^2 / N`
    per tick."""
    slopes = (sympy.exp(beta) - sigma(m) * w, w * sympy.exp(beta))
    return Identity(w * slopes[0] - slopes[1], -sigma(m) * w**2, r"N (w^2/2 - \beta)'")


@step(SCALARS)
def the_ignition() -> Iterator[Identity]:
    r"""From :math:`w = 0`, in the unit :math:`N e^{-\beta(0)}` of the clock, with
    :math:`y = e^{\beta(0) - \beta}` and a drag :math:`\delta`,
    :math:`\frac{d\tau}{dw} = \frac{y}{1 - \delta w y}` and
    :math:`\frac{d \ln y}{dw} = \frac{-w}{1 - \delta w y}`. Without drag :math:`y = e^{-w^2/2}`, and
    :math:`\tau = \int_0^\infty y\, dw = \sqrt{\pi/2}`; to first order in it
    :math:`\ln y = -\frac{w^2}{2} - \delta \int w^2 e^{-w^2/2}`, and :math:`\tau` grows by
    :math:`(1 - \frac\pi4)\, \delta`."""
    bell = sympy.exp(-(x**2) / 2)
    area = sympy.sqrt(sympy.pi / 2) * sympy.erf(x / sympy.sqrt(2))
    yield Identity(slope(area, x), bell, r"y")
    yield Identity(whole(area), sympy.sqrt(sympy.pi / 2), r"\tau")
    falls = area - x * bell
    yield Identity(slope(falls, x), x**2 * bell, r"w^2 e^{-w^2/2}")
    given = bell * sympy.exp(-delta * falls) / (1 - delta * x * bell)
    first = slope(given, delta).subs(delta, 0)
    found = -(bell**2) - area**2 / 2
    yield Identity(slope(found, x), first, r"\frac{d}{d\delta} \frac{d\tau}{dw}")
    yield Identity(whole(found), 1 - sympy.pi / 4, r"\frac{d\tau}{d\delta}")


def whole(antiderivative: Any) -> Any:
    """From 0 to infinity."""
    return antiderivative.subs(x, sympy.oo) - antiderivative.subs(x, 0)


@step(SCALARS)
def the_time() -> Identity:
    r"""The memory is :math:`m = u/K` throughout, and while attention adds nothing to the logit
    :math:`\dot u = \sigma(-u/K)`: the clock shows `u` at :math:`t = u + K (e^{u/K} - 1)`."""
    return Identity(slope(u + K * (sympy.exp(u / K) - 1), u), 1 / sigma(-u / K), r"\frac{dt}{du}")


@step(SCALARS)
def no_drag() -> Identity:
    r""":math:`N w' = e^\beta`."""
    return Identity(leading(evidence), sympy.exp(beta))


chain = Chain(
    (the_flow, a_long_context, what_the_drag_breaks, the_ignition, the_time), wrong=(no_drag,)
)
residuals = chain.residuals
