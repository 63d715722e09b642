r"""One step of the block flow, by either of two clocks.

In the clock :math:`p = \int s^2 dt` the modes are linear with constant coefficients,
:math:`dU/dp = -m (U - \kappa B)` with :math:`\kappa = 1/s`. Where :math:`\kappa` is a polynomial
:math:`\sum a_j \theta^j` in the fraction :math:`\theta` of a step of length :math:`\delta`,

.. math:: U(\theta) = e^{-y} U(0) + B \sum_j a_j \theta^j \psi_j(y), \qquad y = m \delta \theta,

exactly, however stiff. The conserved :math:`s^2 - \|U\|^2` determines the polynomial:
:math:`\kappa^{-2} = s(0)^2 + \|U(\theta)\|^2 - \|U(0)\|^2` at the Lobatto nodes, whose right side
is a quadratic form in the few :math:`a_j`. As :math:`m \delta \to \infty` this is
:math:`s U = B` exactly. The order is 8, and 5 inside a step and for stiff modes. Time follows
as the exact integral of :math:`\kappa^2`.

That clock stops where `s` crosses 0. There a Runge–Kutta step (Tsitouras 5(4)) in `t` does:
nothing is stiff while :math:`|s|` is small.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from diffrax import Tsit5
from jax import lax

from lsa_theory._typing import Scalar
from lsa_theory.flow.modes import Modes
from lsa_theory.flow.phi import relaxations

DEGREE = 4  # of the polynomial for kappa
EXPONENTS = np.arange(1, DEGREE + 1)
NODES = np.append((1 + np.polynomial.Legendre.basis(DEGREE).deriv().roots()) / 2, 1.0)
POWERS = NODES[:, None] ** EXPONENTS
FIT = np.linalg.inv(POWERS)  # values at NODES, 0 at 0, to coefficients
TERMS = POWERS[:, :, None] * FIT  # ... to the terms a_j theta^j at every node
MIDDLE = DEGREE // 2 - 1  # the node that the error estimate leaves out
LACK = np.insert(  # value at the middle node less that of the polynomial through all others
    -(NODES[MIDDLE] ** EXPONENTS[:-1])
    @ np.linalg.inv(np.delete(NODES, MIDDLE)[:, None] ** EXPONENTS[:-1]),
    MIDDLE,
    1.0,
)
GAUSS, WEIGHTS = np.polynomial.legendre.leggauss(DEGREE + 1)  # exact for kappa^2, on [0, 1]:
GAUSS, WEIGHTS = (1 + GAUSS) / 2, WEIGHTS / 2
STAGES = [np.zeros(0), *Tsit5.tableau.a_lower]  # the last is the solution
TABLEAU = np.array([np.pad(row, (0, len(STAGES) - len(row))) for row in STAGES])
LOCAL_ERROR = np.asarray(Tsit5.tableau.b_error)
ITERATIONS, SETTLED = 8, 1e-9  # Newton's: the next correction would be the square of that
ROUNDING = 8 * np.finfo(np.float64).eps  # of s in units of |U|, where s is small beside it


class State(NamedTuple):
    """`U = kept * R + reached * B`, one entry a rate, beside `s` (see `modes`)."""

    time: Any
    scale: Any
    kept: Any
    reached: Any

    @property
    def factor(self) -> tuple[Any, Any]:
        """U."""
        return self.kept, self.reached

    @property
    def gap(self) -> tuple[Any, Any]:
        """s U - B."""
        return self.scale * self.kept, self.scale * self.reached - 1


class Trial(NamedTuple):
    """Where a step ends, its relative error, and whether it was cut to end at the goal."""

    state: State
    error: Any
    cut: Any


def exponential_step(
    modes: Modes, state: State, slope: Scalar, size: Scalar, goal: Scalar
) -> Trial:
    """A step of `size` in the clock p, cut where `time` meets `goal`; `slope` is ds/dt."""
    kappa = 1 / state.scale
    decline = jnp.clip(-slope * size * kappa**3, -0.5, 0.5)  # of log(kappa), to first order
    growth, correction = _growth(*_constraint(modes, state, kappa, size), decline * NODES)
    error = jnp.abs(LACK @ growth) / (1 + growth[MIDDLE])
    error = jnp.where(correction <= SETTLED, error, jnp.inf)
    terms = kappa * (FIT @ growth)  # a_1, a_2, ...

    def polynomial(theta: Any) -> Any:
        total = jnp.zeros_like(theta)
        for a in terms[::-1]:
            total = (total + a) * theta
        return kappa + total

    def elapsed(theta: Any) -> Any:
        return size * theta * (WEIGHTS @ polynomial(theta * GAUSS) ** 2)

    def meeting(whole: Any) -> Any:
        def newton(_: Any, theta: Any) -> Any:
            excess = elapsed(theta) - (goal - state.time)
            return jnp.clip(theta - excess / (size * polynomial(theta) ** 2), 0.0, 1.0)

        return lax.fori_loop(0, 2 * ITERATIONS, newton, whole)

    whole = jnp.ones_like(kappa)
    cut = state.time + elapsed(whole) >= goal
    theta = lax.cond(cut, meeting, lambda whole: whole, whole)
    time = jnp.where(cut, goal, state.time + elapsed(theta))
    decay, first, *others = relaxations(modes.rate * size * theta, DEGREE)
    reached = state.reached + first * (kappa - state.reached)
    for j, (a, psi) in enumerate(zip(terms, others, strict=True), start=1):
        reached = reached + a * theta**j * psi
    # the estimate belongs to one degree less; coefficients of a smooth function fall geometrically
    error = error ** ((DEGREE + 1) / DEGREE)
    return Trial(State(time, 1 / polynomial(theta), state.kept * decay, reached), error, cut)


def _constraint(modes: Modes, state: State, kappa: Any, size: Any) -> tuple[Any, Any, Any]:
    """`kappa^2 (|U|^2 - |U(0)|^2)` at the nodes as a quadratic form in `kappa(node)/kappa - 1`.

    The change of U is `psi_0 (kappa B - U(0)) + B sum_j a_j theta^j psi_j`: no cancellation.
    """
    _, first, *others = relaxations(modes.rate * size * NODES[:, None], DEGREE)
    psi = jnp.stack(others, axis=1)
    one, change = (0.0, 1.0), (-state.kept, kappa - state.reached)
    constant = first * (2 * modes.inner(state.factor, change) + first * modes.inner(change, change))
    cross = modes.inner(state.factor, one) + first * modes.inner(change, one)
    linear = jnp.einsum("nk,njk->nj", cross, psi)
    quadratic = jnp.einsum("nik,njk->nij", psi * modes.minimiser_minimiser, psi)
    return (
        kappa**2 * constant.sum(-1),
        2 * kappa**3 * jnp.einsum("nj,nji->ni", linear, TERMS),
        kappa**4 * jnp.einsum("nji,njk,nkl->nil", TERMS, quadratic, TERMS),
    )


def _growth(constant: Any, linear: Any, quadratic: Any, guess: Any) -> tuple[Any, Any]:
    """`kappa(node)/kappa - 1` from the constraint at every node, and the last correction."""

    def newton(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        growth, _, count = carry
        row = quadratic @ growth
        residual = 1 + constant + (linear + row) @ growth - (1 + growth) ** -2
        jacobian = linear + 2 * row + jnp.diag(2 * (1 + growth) ** -3)
        correction = jnp.linalg.solve(jacobian, residual)
        return jnp.clip(growth - correction, -0.9, 9.0), jnp.abs(correction).max(), count + 1

    def unsettled(carry: tuple[Any, Any, Any]) -> Any:
        return (carry[1] > SETTLED) & (carry[2] < ITERATIONS)

    return lax.while_loop(unsettled, newton, (guess, jnp.inf, 0))[:2]


def time_step(modes: Modes, state: State, size: Scalar, goal: Scalar) -> Trial:
    """A step of `size` in the clock t, shortened to end at `goal`."""
    cut = size >= goal - state.time
    size = jnp.where(cut, goal - state.time, size)

    def moved(origin: State, weights: Any, slopes: State) -> State:
        return jax.tree.map(lambda y, slope: y + size * (weights @ slope), origin, slopes)

    def stage(i: Any, carry: tuple[State, State]) -> tuple[State, State]:
        end = moved(state, jnp.asarray(TABLEAU)[i], carry[1])
        return end, jax.tree.map(
            lambda all, new: all.at[i].set(new), carry[1], derivative(modes, end)
        )

    none = jax.tree.map(lambda y: jnp.zeros((len(TABLEAU), *jnp.shape(y))), state)
    end, slopes = lax.fori_loop(0, len(TABLEAU), stage, (state, none))
    lack = moved(jax.tree.map(jnp.zeros_like, state), LOCAL_ERROR, slopes)
    start_norm, end_norm = _norm(modes, state.factor), _norm(modes, end.factor)
    change = jnp.maximum(jnp.abs(lack.scale) - ROUNDING * end_norm, 0.0)
    error = jnp.maximum(
        _ratio(change, state.scale, end.scale),
        _ratio(_norm(modes, lack.factor), start_norm, end_norm),
    )
    return Trial(end._replace(time=jnp.where(cut, goal, state.time + size)), error, cut)


def derivative(modes: Modes, state: State) -> State:
    """d/dt; U' = -s m (s U - B) and s' = -sum m U (s U - B)."""
    pull = -modes.rate * state.scale
    return State(
        jnp.ones_like(state.scale),
        -(modes.rate * modes.inner(state.factor, state.gap)).sum(),
        pull * state.gap[0],
        pull * state.gap[1],
    )


def _norm(modes: Modes, field: tuple[Any, Any]) -> Any:
    return jnp.sqrt(jnp.maximum(modes.inner(field, field).sum(), 0.0))


def _ratio(change: Any, before: Any, after: Any) -> Any:
    size = jnp.maximum(jnp.abs(before), jnp.abs(after))
    return jnp.where(size > 0, jnp.abs(change) / size, 0.0)
