"""White features in symbols, for the claims on paths at `U = ±u I`, `s = √d u`."""

import numpy as np
import sympy

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.risk import population_loss


def flow_equations(course, prompts, start, sign):
    """What vanishes identically in time if `course` solves the flow from `start` and has its loss.

    With `z = u²`: `u u' = −(u/d) ∂L/∂u` and `s s' = −s ∂L/∂s` at `U = u I`, `s = sign √d u`, in
    which `u` appears as `z` alone; squares, since roots of rationals are not rational.
    """
    d, time = prompts.dimension, sympy.Symbol("t", nonnegative=True)
    loss, u, s = polynomial(prompts)
    root = sympy.sqrt(d)
    z = course.gain * course.share(time) / root

    def along(expression):
        squared = sympy.Poly(expression.subs(s, sign * root * u), u)
        assert all(power % 2 == 0 for (power,) in squared.monoms())
        return sum(c * z ** (power // 2) for (power,), c in squared.terms())

    slope = sympy.diff(z, time) / 2
    return [
        slope + along(u * sympy.diff(loss, u)) / d,
        d * slope + along(s * sympy.diff(loss, s)),
        course.loss(time) - along(loss),
        (z - sympy.Rational(start) ** 2).subs(time, 0),
    ]


def polynomial(prompts):
    """The loss at `U = u I` and any `s`, in symbols, from that over all parameters."""
    u, s = sympy.symbols("u s")
    d = prompts.dimension
    identity = np.array([[sympy.Integer(i == j) for j in range(d)] for i in range(d)])
    layer = LinearSelfAttention.from_block(u * identity, s)
    return sympy.expand(sympy.sympify(population_loss(layer, prompts))), u, s
