r"""Where strategies that share circuits rest: two equations in the unit square.

The library's flow of the components along the targets, with nothing beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations.algebra import slope
from derivations.chain import SCALARS, Chain, Identity, step
from lsa_theory.transience.strategies import forces

x_a, x_b, x_d = sympy.symbols("x_a x_b x_d", positive=True)


@step(SCALARS)
def a_small_start_with_l2() -> Iterator[Identity]:
    r"""With L2 small starts obey :math:`\dot x = r x_b x_c - \lambda x` and so on: what is without
    it, :math:`X(\tau)`, in another time, :math:`x = e^{-\lambda t} X(\tau)` with :math:`\tau = (1 -
    e^{-\lambda t})/\lambda`. That ends at :math:`1/\lambda`: what has not emerged by then dies out,
    and equal lengths rest at :math:`\lambda / r`."""
    t, time, rate, penalty = sympy.symbols("t T r lambda", positive=True)
    now, (x, b, c) = sympy.exp(-penalty * t), sympy.symbols("X X_b X_c", positive=True)
    clock = (1 - now) / penalty
    moved = slope(now, t) * x + now * slope(clock, t) * rate * b * c
    stated = rate * (now * b) * (now * c) - penalty * now * x
    yield Identity(sympy.simplify(moved - stated), 0, r"\dot x")
    late = -sympy.log(1 - penalty * time) / penalty
    yield Identity(sympy.simplify(clock.subs(t, late) - time), 0, r"\tau - T")
    size = penalty / rate
    yield Identity(rate * size**2 - penalty * size, 0, r"\dot x \text{ of equal lengths}")


LENGTHS, ENTRIES = sympy.symbols("t_a:d", positive=True), sympy.symbols("n_a:d", positive=True)
p, q, y = sympy.symbols("p q Y", positive=True)
W_1, W_2, cost, penalty = sympy.symbols("W_1 W_2 c lambda", positive=True)


def flow_of_lengths(context: Any, shared: Any, weights: Any) -> list[Any]:
    r"""The library's flow of the components along the targets, with nothing beside them,
    :math:`x_b = x_c`, and :math:`\alpha = c\, n_a n_d`."""
    along = (context, shared, shared, weights)
    shares = [x / t for x, t in zip(along, LENGTHS, strict=True)]
    norms, squares = [x**2 for x in along], [t**2 for t in LENGTHS]
    given = cost * ENTRIES[0] * ENTRIES[3], (W_1, W_2), penalty
    pull, shrink = forces(shares, norms, squares, ENTRIES, *given)
    return [t * f - h * x for t, f, h, x in zip(LENGTHS, pull, shrink, along, strict=True)]


@step(SCALARS)
def at_rest() -> Iterator[Identity]:
    r"""Where :math:`x_a = T_a p / Y`, :math:`x_d = T_d q / Y`, :math:`x_b^2 = x_c^2 = Y`, by the
    first two equations `a` and `d` rest, with :math:`w_a = W_1 / (n_a n_b n_c)`; and by the third
    :math:`x_b^2 - x_a^2 - x_d^2`, which nothing but L2 and the cost moves."""
    t_a, t_b, t_c, t_d = LENGTHS
    whole = t_a * t_b * t_c, t_d * t_b * t_c
    own = [w / (n * ENTRIES[1] * ENTRIES[2]) for w, n in zip((W_1, W_2), ENTRIES[::3], strict=True)]
    parts = [t * share / y for t, share in zip(whole, (p, q), strict=True)]
    moves = flow_of_lengths(parts[0], sympy.sqrt(y), parts[1])
    for move, t, w, share, other, name in zip(
        moves[::3], whole, own, (p, q), (whole[1] * q, whole[0] * p), "ad", strict=True
    ):
        stated = w * (1 - share) * y**2 - share * (penalty + cost * other**2 / y**2)
        yield Identity(sympy.simplify(move * y / t - stated), 0, rf"\dot x_{name}")
    balance = sympy.sqrt(y) * moves[1] - parts[0] * moves[0] - parts[1] * moves[3]
    square, both = parts[0] ** 2 + parts[1] ** 2, parts[0] * parts[1]
    stated = penalty * (square - y) + 2 * cost * both**2
    yield Identity(sympy.simplify(balance - stated), 0, "the balance")


@step(SCALARS)
def without_l2() -> Identity:
    r"""For any vectors :math:`b^\top \dot b - a^\top \dot a - d^\top \dot d = 2c\, |a|^2 |d|^2`
    without L2: with a cost one strategy is off at rest. If that is `a`, its target does not pull,
    so that :math:`W_1 = L_2 + \mu_2 = 0` where there is an answer; likewise for `d`. So nothing but
    a solution rests, and that only where its floor is zero."""
    shares, squares, norms = (sympy.symbols(f"{x}_a:d", positive=True) for x in ("xi", "s", "m"))
    given = cost * ENTRIES[0] * ENTRIES[3], (W_1, W_2)
    pull, shrink = forces(shares, norms, squares, ENTRIES, *given)
    a, b, _, d = (
        f * share * square - h * norm
        for f, share, square, h, norm in zip(pull, shares, squares, shrink, norms, strict=True)
    )
    return Identity(sympy.expand(b - a - d - 2 * cost * norms[0] * norms[3]), 0, "the balance")


@step(SCALARS)
def a_lifetime() -> Identity:
    r"""Where the weights answer, :math:`W_1 = L_2 + \mu_2 = 0`: without L2 `a` decays at the rate
    :math:`\alpha |d|^2 / (n_a n_d)`."""
    move = flow_of_lengths(x_a, x_b, x_d)[0].subs({W_1: 0, penalty: 0})
    return Identity(sympy.simplify(move + cost * x_d**2 * x_a), 0, r"\dot x_a")


@step(SCALARS)
def a_balance_without_cost() -> Identity:
    r"""The cost left out of the balance."""
    moves = flow_of_lengths(x_a, x_b, x_d)
    found = x_b * moves[1] - x_a * moves[0] - x_d * moves[3]
    return Identity(sympy.expand(found - penalty * (x_a**2 + x_d**2 - x_b**2)), 0)


steps = (a_small_start_with_l2, at_rest, without_l2, a_lifetime)
chain = Chain(steps, wrong=(a_balance_without_cost,))
residuals = chain.residuals
