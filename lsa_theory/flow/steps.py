r"""One step of the block flow, by either of two clocks.

In the clock :math:`p = \int s^2 dt` the modes are linear with constant coefficients,
:math:`dU/dp = -m (U - \kappa B)` with :math:`\kappa = 1/s`. Where :math:`\kappa` is a polynomial
:math:`\sum a_j \theta^j` in the fraction :math:`\theta` of a step of length :math:`\delta`,

.. math:: U(\theta) = e^{-y} U(0) + B \sum_j a_j \theta^j \psi_j(y), \qquad y = m \delta \theta,

exactly, however stiff. The conserved :math:`s^2 - \|U\|^2` determines the polynomial: at the
Lobatto nodes :math:`\kappa^{-2} = s(0)^2 + \|U(\theta)\|^2 - \|U(0)\|^2`, whose right side is a
quadratic form in the few :math:`a_j`. For :math:`m \delta \to \infty` the step ends at
:math:`s U = B` exactly; where nothing is stiff its order is 8 (5 inside the step). Time is the
exact integral of :math:`\kappa^2`.

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
NODES = np.append((1 + np.real(np.polynomial.Legendre.basis(DEGREE).deriv().roots())) / 2, 1.0)
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
GAUSS, WEIGHTS = np.polynomial.legendre.leggauss(DEGREE + 1)  # on [-1, 1]; exact for kappa^2
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


class Polynomial(NamedTuple):
    """`kappa = 1/s` over a step of the clock p, in the fraction theta of the step."""

    first: Any
    terms: Any  # a_1, a_2, ...
    size: Any

    def __call__(self, theta: Any) -> Any:
        change = jnp.zeros_like(theta)
        for a in self.terms[::-1]:
            change = (change + a) * theta
        return self.first + change

    def elapsed(self, theta: Any) -> Any:
        """The time that has passed, the integral of `kappa^2`."""
        return self.size * theta * (WEIGHTS @ self(theta * (1 + GAUSS) / 2) ** 2) / 2

    def fraction(self, duration: Any) -> Any:
        """Where that time has passed, at most 1; Newton's method on a monotone function."""

        def newton(_: Any, theta: Any) -> Any:
            excess = self.elapsed(theta) - duration
            return jnp.clip(theta - excess / (self.size * self(theta) ** 2), 0.0, 1.0)

        return lax.fori_loop(0, 2 * ITERATIONS, newton, jnp.ones_like(duration))


def exponential_step(
    modes: Modes, state: State, slope: Scalar, size: Scalar, goal: Scalar
) -> Trial:
    """A step of `size` in the clock p, cut where `time` meets `goal`; `slope` is ds/dt."""
    first = 1 / state.scale
    decline = jnp.clip(-slope * size * first**3, -0.5, 0.5)  # of log(kappa), to first order
    growth, correction = _growth(*_constraint(modes, state, first, size), decline * NODES)
    kappa = Polynomial(first, first * (FIT @ growth), size)
    duration, whole = goal - state.time, jnp.ones_like(first)
    cut = kappa.elapsed(whole) >= duration
    theta = lax.cond(cut, lambda: kappa.fraction(duration), lambda: whole)
    time = jnp.where(cut, goal, state.time + kappa.elapsed(theta))
    decay, relaxed, *others = relaxations(modes.rate * size * theta, DEGREE)
    reached = state.reached + relaxed * (first - state.reached)
    for j, (a, psi) in enumerate(zip(kappa.terms, others, strict=True), start=1):
        reached = reached + a * theta**j * psi
    end = State(time, 1 / kappa(theta), state.kept * decay, reached)
    # the lack is that of one degree less; the terms of a smooth function fall geometrically
    error = (jnp.abs(LACK @ growth) / (1 + growth[MIDDLE])) ** ((DEGREE + 1) / DEGREE)
    return Trial(end, jnp.where(correction <= SETTLED, error, jnp.inf), cut)


def _constraint(modes: Modes, state: State, kappa: Any, size: Any) -> tuple[Any, Any, Any]:
    """`kappa^2 (|U|^2 - |U(0)|^2)` at the nodes as a quadratic form in `kappa(node)/kappa - 1`.

    The change of U is `psi_0 (kappa B - U(0)) + B sum_j a_j theta^j psi_j`: no cancellation.
    """
    _, relaxed, *others = relaxations(modes.rate * size * NODES[:, None], DEGREE)
    psi = jnp.stack(others, axis=1)
    one, change = (0.0, 1.0), (-state.kept, kappa - state.reached)
    constant = 2 * modes.inner(state.factor, change) + relaxed * modes.inner(change, change)
    cross = modes.inner(state.factor, one) + relaxed * modes.inner(change, one)
    linear = jnp.einsum("nk,njk->nj", cross, psi)
    quadratic = jnp.einsum("nik,njk->nij", psi * modes.minimiser_minimiser, psi)
    return (
        kappa**2 * (relaxed * constant).sum(-1),
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
