r"""Gradient flow on all parameters that the prediction sees, by methods for stiff equations.

The flow is :math:`\dot z = -\nabla L(z)`, :math:`z = (v, s, U, p)`, with the loss of
`lsa_theory.flow.polynomial`. Its rates spread over the square of the condition number, so explicit
methods are out; a step costs :math:`O(d^6)`. An exponential Rosenbrock step needs one decomposition
of the Hessian, an implicit one (Kvaerno 5) some twenty linear systems; but where the rates at the
minimum spread over more than eight decades, the exponential steps become too short to pay.

Where does the flow end? Scaling :math:`(v, s)` by :math:`a` and :math:`(U, p)` by :math:`1/a`
leaves the loss alone, so the gradient :math:`g` is orthogonal to the tangent of that orbit. If
the Hessian is at least :math:`\mu / 2` on the complement of the orbit within :math:`2 |g| / \mu`
of a point, the Polyak–Łojasiewicz inequality holds there, and the flow stays within that distance
of the point for ever. Minimisers near by differ by their balance alone, so what the integration
lost of the balance, :math:`\delta`, moves the limit by :math:`\delta / 2|z|` to leading order.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.polynomial import (
    Moments,
    evaluated,
    flatten,
    gradient,
    hessian,
    moments,
    split,
    unflatten,
)
from lsa_theory.flow.result import GradientFlow, Known
from lsa_theory.flow.simulator import Path, integrated, padded
from lsa_theory.flow.status import Status
from lsa_theory.minimum import Minimum, block_minimum
from lsa_theory.prompts import GaussianPrompts


def _field(time: Scalar, flat: Array, args: tuple[Moments, Scalar]) -> Array:
    return -gradient(flat, args[0])


def _still(time: Scalar, flat: Array, args: tuple[Moments, Scalar]) -> Scalar:
    """The gradient's norm is below the threshold."""
    law, threshold = args
    return jnp.sum(gradient(flat, law) ** 2) <= threshold**2


def distance_bound(flat: Shaped[Array, " n"], law: Moments) -> float:
    """`2 |g| / μ` where the Hessian bears it out at both ends of the Newton step, else infinite."""
    slope = _evaluated(flat, law)[1]
    curvatures, step = _curvatures(flat, slope, law)
    there = flat - step
    others, _ = _curvatures(there, _evaluated(there, law)[1], law)
    least, other = curvatures.min(initial=np.inf), others.min(initial=np.inf)
    return float(2 * np.linalg.norm(slope) / least) if 0 < least <= 2 * other else np.inf


def _curvatures(flat: Array, slope: Array, law: Moments) -> tuple[Array, Array]:
    """The eigenvalues of the Hessian off the orbit, and the Newton step.

    A direction that is flat to rounding is left out only where the gradient has no component
    along it, to rounding too: the orbit, and parameters that a singular covariance never moves.
    """
    left, right = split(flat, len(law.query))
    orbit = np.concatenate([left, -right.ravel()]) / np.linalg.norm(flat)
    off = np.eye(len(flat)) - np.outer(orbit, orbit)
    curvatures, directions = np.linalg.eigh(off @ np.asarray(hessian(flat, law)) @ off)
    components = directions.T @ slope
    rounding = len(flat) * np.finfo(np.float64).eps * abs(curvatures).max()
    still = abs(components) <= rounding * np.linalg.norm(flat)
    moving = ~(still & (abs(curvatures) <= rounding))
    step = directions[:, moving] @ (components[moving] / curvatures[moving])
    return curvatures[moving], step


def _evaluated(flat: Shaped[Array, " n"], law: Moments) -> tuple[float, Array]:
    """The loss and its gradient at one point."""
    value, slope = map(np.asarray, evaluated(flat[None], law))
    return float(value[0]), slope[0]


def full_flow(
    start: LinearSelfAttention,
    prompts: GaussianPrompts,
    times: Shaped[Array, " t"] | None,
    *,
    end_time: float,
    rtol: float,
    tolerance: float,
    max_steps: int,
) -> GradientFlow:
    """The flow from one start; options as for `gradient_flow`."""
    with jax.enable_x64(True):
        course = _Course.of(start, prompts, tolerance)
        end_time = PATIENCE / course.curvature if np.isinf(end_time) else end_time
        numbers = course.threshold, float(end_time), float(rtol)
        threshold, end, allowed = map(jnp.asarray, numbers)
        path = integrated(
            _field,
            flatten(start.parameters),
            (course.law, threshold),
            padded(times),
            end,
            allowed,
            allowed,
            max_steps,
            implicit=bool(course.spread > STIFF),
            event=_still,
        )
        return course.flow(Path(*map(np.asarray, path)), times)


def _many(points: Shaped[Array, "t n"], law: Moments) -> tuple[Array, Array]:
    """Losses and gradients of many points, filled up so that few numbers of them are compiled."""
    count = len(points)
    filled = np.concatenate([points, np.repeat(points[-1:], -count % 256, axis=0)])
    losses, slopes = evaluated(filled, law)
    return np.asarray(losses)[:count], np.asarray(slopes)[:count]


def _rows(path: Path, times: Shaped[Array, " t"] | None) -> Shaped[Array, " t"]:
    """The steps that end at the times asked for; the last one for the times after a stop at
    vanishing gradient; none for times that were not reached."""
    steps = np.flatnonzero(np.isfinite(path.times))
    if times is None:
        return steps
    rows = np.atleast_1d(np.searchsorted(path.times[steps], times))
    return np.minimum(rows, steps[-1]) if path.event else rows[rows < len(steps)]


STIFF = 1e8  # a spread of rates that makes the implicit method the cheaper one, for d = 5
PATIENCE = 1e6  # the longest flow to convergence, in units of the minimum's slowest time


class _Course(NamedTuple):
    """One start and law, the minimiser with the start's balance, and when to stop."""

    start: LinearSelfAttention
    law: Moments
    minimum: Minimum
    curvature: float
    spread: float  # of the curvatures
    threshold: float
    tolerance: float

    @classmethod
    def of(cls, start: LinearSelfAttention, prompts: GaussianPrompts, tolerance: float) -> _Course:
        """The gradient at which the curvature of the minimum makes the bound small enough."""
        law, minimum = moments(prompts), block_minimum(prompts)
        candidate = flatten(minimum.layer(float(start.balance)).parameters)
        curvatures, _ = _curvatures(candidate, _evaluated(candidate, law)[1], law)
        least = curvatures.min(initial=np.inf)
        curvature = float(least) if 0 < least < np.inf else 1.0
        spread = curvatures.max(initial=0.0) / least if least > 0 else np.inf
        threshold = tolerance * curvature * float(np.linalg.norm(candidate)) / 4
        return cls(start, law, minimum, curvature, float(spread), threshold, tolerance)

    def flow(self, path: Path, times: Shaped[Array, " t"] | None) -> GradientFlow:
        steps = np.flatnonzero(np.isfinite(path.times))
        saved, final = _rows(path, times), path.states[steps[-1]]
        limit, bound = self.end(final)
        losses, slopes = _many(path.states[saved], self.law)
        return GradientFlow(
            times=path.times[saved] if times is None else times[: len(saved)],
            final_time=float(path.times[steps[-1]]),
            distance_bound=bound,
            status=self.status(path, final, bound),
            course=Known(
                lambda: (losses, np.linalg.norm(slopes, axis=1)),
                lambda: [self.layer(flat) for flat in path.states[saved]],
                lambda: self.layer(final),
                lambda: limit,
            ),
        )

    def layer(self, flat: Shaped[Array, " n"]) -> LinearSelfAttention:
        return self.start.with_parameters(unflatten(flat, self.start.dimension))

    def end(self, flat: Shaped[Array, " n"]) -> tuple[LinearSelfAttention | None, float]:
        """The minimiser, if the flow is bound for it, and the distance to the limit."""
        layer = self.layer(flat)
        size = float(np.linalg.norm(flat))
        drift = abs(float(layer.balance) - float(self.start.balance))
        bound = distance_bound(flat, self.law) + drift / (2 * size)
        known = self.minimum.prompts.zero_mean and np.isfinite(bound)
        if not known or not self.global_at(flat, bound):
            return None, bound
        sign = 1 if layer.s >= 0 else -1
        limit = self.minimum.layer(float(self.start.balance), sign).parameters
        return self.start.with_parameters(limit), bound

    def global_at(self, flat: Shaped[Array, " n"], bound: float) -> bool:
        """Whether the loss is, to what the bound leaves open, at or below the block's minimum:
        the global one, for tasks of zero mean."""
        value, slope = _evaluated(flat, self.law)
        least = float(self.minimum.loss)
        return value - least <= bound * float(np.linalg.norm(slope)) + 1e-12 * least

    def status(self, path: Path, final: Shaped[Array, " n"], bound: float) -> Status:
        if bound <= self.tolerance * np.linalg.norm(final):
            lowest = self.global_at(final, bound)
            return Status.CONVERGED if lowest else Status.LOCAL_MINIMUM
        if path.event:
            return Status.STATIONARY
        if path.exhausted:
            return Status.STEP_LIMIT
        return Status.END_TIME if path.succeeded else Status.FAILED
