r"""Gradient flow on all parameters that the prediction sees, by an implicit Runge–Kutta method.

The flow is :math:`\dot z = -\nabla L(z)`, :math:`z = (v, s, U, p)`, with the loss of
`lsa_theory.flow.polynomial`. Its rates spread over the square of the condition number, so the
solver is implicit (Kvaerno 5); a step costs :math:`O(d^6)`.

Where does the flow end? Scaling :math:`(v, s)` by :math:`a` and :math:`(U, p)` by :math:`1/a`
leaves the loss alone, so the gradient :math:`g` is orthogonal to the tangent of that orbit. If
the Hessian is at least :math:`\mu / 2` on the complement of the orbit within :math:`2 |g| / \mu`
of a point, the Polyak–Łojasiewicz inequality holds there, and the flow stays within that distance
of the point for ever. Minimisers near by differ by their balance alone, so what the integration
lost of the balance, :math:`\delta`, moves the limit by :math:`\delta / 2|z|` to leading order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.polynomial import (
    Moments,
    flatten,
    gradient,
    hessian,
    loss,
    moments,
    split,
    unflatten,
)
from lsa_theory.flow.result import GradientFlow
from lsa_theory.flow.status import Status
from lsa_theory.minimum import Minimum, block_minimum
from lsa_theory.prompts import GaussianPrompts


class Path(NamedTuple):
    """One lane's saved times and parameters with their scalars, then how it ended."""

    times: Any
    parameters: Any
    loss: Any
    residual: Any
    final: Any
    final_time: Any
    event: Any  # the gradient fell below the threshold
    exhausted: Any  # the step limit was reached
    succeeded: Any


def _field(time: Scalar, flat: Array, law: Moments) -> Array:
    return -gradient(flat, law)


def _norm(flat: Array) -> Scalar:
    return jnp.sqrt(flat @ flat)


def _path(
    start: Shaped[Array, " n"],
    law: Moments,
    threshold: Scalar,
    times: Shaped[Array, " t"],
    end_time: Scalar,
    rtol: Scalar,
    max_steps: int,
) -> Path:
    saved = diffrax.SubSaveAt(t0=True, steps=True)
    # steps end at the times asked for: interpolation is less accurate than a step
    controller = diffrax.PIDController(rtol=rtol, atol=rtol)
    controller = diffrax.ClipStepSizeController(controller, step_ts=times)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(_field),
        diffrax.Kvaerno5(root_finder=optimistix.Newton(rtol=rtol / 10, atol=rtol / 10)),
        t0=0.0,
        t1=end_time,
        dt0=None,
        y0=start,
        args=law,
        saveat=diffrax.SaveAt(subs=[saved, diffrax.SubSaveAt(t1=True)]),
        stepsize_controller=controller,
        event=diffrax.Event(lambda t, y, args, **_: _norm(gradient(y, args)) <= threshold),
        max_steps=max_steps,
        throw=False,
    )
    path, final = solution.ys[0], solution.ys[1][0]
    losses, slopes = jax.vmap(jax.value_and_grad(loss), (0, None))(path, law)
    exhausted = solution.result == diffrax.RESULTS.max_steps_reached
    succeeded = diffrax.is_okay(solution.result)
    ended = solution.ts[1][0], solution.event_mask, exhausted, succeeded
    return Path(solution.ts[0], path, losses, jax.vmap(_norm)(slopes), final, *ended)


@eqx.filter_jit
def paths(
    starts: Shaped[Array, "lanes n"],
    laws: Moments,
    thresholds: Shaped[Array, " lanes"],
    times: Any,
    end_time: Scalar,
    rtol: Scalar,
    max_steps: int,
) -> Path:
    """The flows of a batch of lanes, each stopped where its gradient is below its threshold."""
    return jax.vmap(
        lambda start, law, threshold: _path(start, law, threshold, times, end_time, rtol, max_steps)
    )(starts, laws, thresholds)


def distance_bound(flat: Shaped[Array, " n"], law: Moments) -> float:
    """`2 |g| / μ` where the Hessian bears it out at both ends of the Newton step, else infinite."""
    slope = np.asarray(gradient(flat, law))
    least, step = _curvature(flat, slope, law)
    there = flat - step
    other, _ = _curvature(there, np.asarray(gradient(there, law)), law)
    return float(2 * np.linalg.norm(slope) / least) if 0 < least <= 2 * other else np.inf


def _curvature(flat: Array, slope: Array, law: Moments) -> tuple[float, Array]:
    """The least eigenvalue of the Hessian off the orbit, and the Newton step.

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
    return curvatures[moving].min(initial=np.inf), step


def full_flows(
    layers: list[LinearSelfAttention],
    laws: list[GaussianPrompts],
    times: Shaped[Array, " t"] | None,
    end_time: float,
    rtol: float,
    tolerance: float,
    max_steps: int,
) -> list[GradientFlow]:
    """The flow of each lane, integrated together; see `gradient_flow`.

    Copies of the last lane fill a batch up to a multiple of four, so that few sizes are compiled.
    """
    count = len(layers)
    filling = 0 if count == 1 else -count % 4
    layers, laws = layers + layers[-1:] * filling, laws + laws[-1:] * filling
    with jax.enable_x64(True):
        lanes = [_Lane.of(layer, law, tolerance) for layer, law in zip(layers, laws, strict=True)]
        if np.isinf(end_time):
            end_time = max(PATIENCE / lane.curvature for lane in lanes)
        solved = paths(
            np.stack([flatten(layer.parameters) for layer in layers]),
            Moments(
                *(np.stack(entry) for entry in zip(*(lane.law for lane in lanes), strict=True))
            ),
            np.array([lane.threshold for lane in lanes]),
            _padded(times),
            jnp.asarray(float(end_time)),
            jnp.asarray(rtol),  # arrays: filter_jit compiles anew for every Python number
            max_steps,
        )
        solved = jax.tree.map(np.asarray, solved)
        found = [Path(*(entry[i] for entry in solved)) for i in range(count)]
        return [lane.flow(path, times) for lane, path in zip(lanes[:count], found, strict=True)]


def _padded(times: Shaped[Array, " t"] | None) -> Shaped[Array, " n"]:
    """Filled up with infinities, so that few lengths are compiled."""
    count = 0 if times is None else len(times)
    padded = np.full(64 * (count // 64 + 1), np.inf)
    padded[:count] = () if times is None else times
    return padded


def _rows(path: Path, times: Shaped[Array, " t"] | None) -> Shaped[Array, " t"]:
    """The steps that end at the times asked for; the last one for the times after a stop at
    vanishing gradient; none for times that were not reached."""
    steps = np.flatnonzero(np.isfinite(path.times))
    if times is None:
        return steps
    rows = np.atleast_1d(np.searchsorted(path.times[steps], times))
    return np.minimum(rows, steps[-1]) if path.event else rows[rows < len(steps)]


PATIENCE = 1e6  # the longest flow to convergence, in units of the minimum's slowest time


class _Lane(NamedTuple):
    """One start and law, the minimiser with the start's balance, and when to stop."""

    start: LinearSelfAttention
    law: Moments
    minimum: Minimum
    curvature: float
    threshold: float
    tolerance: float

    @classmethod
    def of(cls, start: LinearSelfAttention, prompts: GaussianPrompts, tolerance: float) -> _Lane:
        """The gradient at which the curvature of the minimum makes the bound small enough."""
        law, minimum = moments(prompts), block_minimum(prompts)
        candidate = flatten(minimum.layer(float(start.balance)).parameters)
        least, _ = _curvature(candidate, np.asarray(gradient(candidate, law)), law)
        curvature = least if 0 < least < np.inf else 1.0
        threshold = tolerance * curvature * float(np.linalg.norm(candidate)) / 4
        return cls(start, law, minimum, curvature, threshold, tolerance)

    def flow(self, path: Path, times: Any) -> GradientFlow:
        saved = _rows(path, times)
        limit, bound = self.end(path.final)
        return GradientFlow(
            times=path.times[saved] if times is None else times[: len(saved)],
            loss=path.loss[saved],
            residual=path.residual[saved],
            final=self.layer(path.final),
            final_time=float(path.final_time),
            limit=limit,
            distance_bound=bound,
            status=self.status(path, bound),
            states=lambda: [self.layer(flat) for flat in path.parameters[saved]],
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
        excess = float(loss(flat, self.law)) - float(self.minimum.loss)
        slope = float(np.linalg.norm(gradient(flat, self.law)))
        return excess <= bound * slope + 1e-12 * float(self.minimum.loss)

    def status(self, path: Path, bound: float) -> Status:
        if bound <= self.tolerance * np.linalg.norm(path.final):
            lowest = self.global_at(path.final, bound)
            return Status.CONVERGED if lowest else Status.LOCAL_MINIMUM
        if path.event:
            return Status.STATIONARY
        if path.exhausted:
            return Status.STEP_LIMIT
        return Status.END_TIME if path.succeeded else Status.FAILED
