r"""An exponential Rosenbrock step for a gradient flow, of order 5 with an error of order 4.

With the force :math:`F`, its Jacobian :math:`J = F'(y)` and what :math:`J` leaves of it,
:math:`D_i = F(Y_i) - F(y) - J (Y_i - y)`, a step of length `h` is

.. math::
    Y_i &= y + c_i h \varphi_1(c_i h J) F(y) + h \sum_{j < i} a_{ij}(h J) D_j, \\
    y_+ &= y + h \varphi_1(h J) F(y) + h \sum_i b_i(h J) D_i.

The linear part is exact, so stiffness costs nothing; with the constants below the order is 5 for
stiff problems too. :math:`J` is minus the Hessian of a loss: symmetric, so every :math:`\varphi`
is a function of its eigenvalues, and a step costs one Hessian and one decomposition.

Source: Luan and Ostermann, Parallel exponential Rosenbrock methods, Comput. Math. Appl. 71, 2016.
"""

from __future__ import annotations

from math import factorial
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp

from lsa_theory._typing import Array
from lsa_theory.flow.phi import series

THRESHOLD = 2.0  # below it, in size, the recurrence runs downwards, from a series
NODES = (1 / 4, 1 / 2, 9 / 10)


def phi(z: Array) -> tuple[Array, Array, Array, Array]:
    r""":math:`\varphi_1, …, \varphi_4`: :math:`\varphi_k(z) = (\varphi_{k-1}(z) - 1/(k-1)!)/z`,
    :math:`\varphi_0(z) = e^z`."""
    small = jnp.clip(z, -THRESHOLD, THRESHOLD)
    large = jnp.where(abs(z) < THRESHOLD, THRESHOLD, z)
    below = [series(-small, 3) / factorial(3)]
    above = [jnp.expm1(large) / large]
    for k in (3, 2, 1):
        below.insert(0, 1 / factorial(k) + small * below[0])
        above.append((above[-1] - 1 / factorial(4 - k)) / large)
    one, two, three, four = (
        jnp.where(abs(z) < THRESHOLD, *pair) for pair in zip(below, above, strict=True)
    )
    return one, two, three, four


class ExponentialRosenbrock(diffrax.AbstractAdaptiveSolver):
    """The step, for a force that does not depend on time and is a gradient."""

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: Any) -> int:
        return 5

    def error_order(self, terms: Any) -> int:
        return 5

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> None:
        return None

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        return terms.vf(t0, y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: Any, made_jump: Any
    ) -> tuple[Any, Any, Any, Any, Any]:
        h = terms.contr(t0, t1)
        rates, modes = jnp.linalg.eigh(jax.jacfwd(lambda y: terms.vf(t0, y, args))(y0))
        force = terms.vf(t0, y0, args)
        along = force @ modes
        first, second, third = (phi(c * h * rates) for c in NODES)
        one, _, three, four = phi(h * rates)

        def left(move: Array) -> Array:
            """`D` at `y + h move`, in the modes."""
            there = terms.vf(t0, y0 + modes @ (h * move), args)
            return (there - force) @ modes - h * rates * move

        at_first = left(NODES[0] * first[0] * along)
        at_second = left(NODES[1] * second[0] * along + 4 * second[2] * at_first)
        at_third = left(NODES[2] * third[0] * along + 729 / 125 * third[2] * at_second)
        linear = one * along
        fourth_order = (64 * three - 384 * four) * at_first + (96 * four - 8 * three) * at_second
        fifth_order = (18 * three - 60 * four) * at_second
        fifth_order += (500 / 27 * four - 250 / 81 * three) * at_third
        y1 = y0 + modes @ (h * (linear + fifth_order))
        error = modes @ (h * (fifth_order - fourth_order))
        dense = {"y0": y0, "y1": y1}
        return y1, error, dense, None, diffrax.RESULTS.successful
