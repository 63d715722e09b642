r"""The flow on the block `v = p = 0`, mode by mode, and a bound that carries its limit.

For tasks of zero mean the block is invariant and, with :math:`C = E[h h^\top]`, the flow is
:math:`\dot U = -s^2 C U \Lambda_q + s \Lambda\Omega\Lambda_q`. In the eigenbases of
:math:`C` and :math:`\Lambda_q` the entries of :math:`U` decouple but for `s`, and each rests where
:math:`sU` is its force over its rate: an entry of the minimiser :math:`B`.

Where does it end? Trajectories are bounded, so they converge to a stationary point (the loss is a
polynomial). At :math:`s = 0` the loss is that of the zero predictor, :math:`L_0`; every other
stationary point has :math:`sU = B` wherever the loss sees it. So a flow with :math:`L < L_0`
now, or with positive balance among the modes that move, keeps the sign of `s` and tends to the
one minimiser with its balance and that sign. The distance to it is then no estimate: it is
computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.flow.exponential import Path, integrate
from lsa_theory.flow.joint import JointFrame, mean_frame
from lsa_theory.flow.result import GradientFlow, Known
from lsa_theory.flow.status import Status
from lsa_theory.linalg import Diagonal, array, dense
from lsa_theory.minimum import label_variance, squared_scale, summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance.prompts import RandomCovariancePrompts
from lsa_theory.risk import population_loss
from lsa_theory.rounding import rounding


@dataclass(frozen=True, eq=False)
class Frame:
    """The eigenbases of the flow, the rate of each entry there, and the minimiser.

    `left` and `right` are orthogonal, or None for the identity.
    """

    left: Any
    right: Any
    rates: Shaped[Array, "d d"]
    minimiser: Shaped[Array, "d d"]
    least_loss: float
    condition: float

    def into(self, matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
        """The entries of a matrix in the eigenbases."""
        turned = matrix if self.left is None else self.left.T @ matrix
        return turned if self.right is None else turned @ self.right

    def back(self, matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
        turned = matrix if self.left is None else self.left @ matrix
        return turned if self.right is None else turned @ self.right.T


def eigenframe(prompts: GaussianPrompts) -> Frame:
    """The modes of the block flow for a law with zero task mean.

    From the flow's own coefficients, not from the formula of its limit: `C` and the force
    `ΛΩΛ_q`, whose entries in the eigenbases, over the rates, are where the modes come to rest.
    """
    n, context, query = prompts.context_length, prompts.context, prompts.query
    if prompts.task_covariance is None:  # C and ΛΩ are functions of Λ: no rounding between them
        eigenvalues, left = _eigenbasis(context)
        fast = eigenvalues * ((n + 1) * eigenvalues + float(label_variance(prompts))) / n
        force = eigenvalues[:, None] * (np.eye(len(fast)) if left is None else left.T)
    else:
        moment = summary_moment(prompts)
        fast, left = _eigenbasis(moment if isinstance(moment, Diagonal) else _symmetric(moment))
        pull = dense(np.asarray(array(context @ prompts.task), dtype=np.float64))
        force = pull if left is None else left.T @ pull
    same = prompts.task_covariance is None and prompts.query_covariance is None
    slow, right = (eigenvalues, left) if same else _eigenbasis(query)
    rates = fast[:, None] * slow[None, :]
    if same:  # the force is diagonal: what else the bases make of it is rounding
        rest = np.diag(_ratio(eigenvalues, fast))
    else:
        rest = _ratio(force, fast[:, None])
        rest = rest if right is None else rest @ right
    frame = Frame(left, right, rates, np.where(rates > 0, rest, 0.0), 0.0, _condition(prompts))
    least = population_loss(frame.back(frame.minimiser), prompts)
    return replace(frame, least_loss=float(least))


def _ratio(numerator: Array, denominator: Array) -> Array:
    """0 where the denominator is."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.zeros(numerator.shape)
    return np.divide(numerator, denominator, where=denominator > 0, out=out)


def _symmetric(matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
    return (matrix + matrix.T) / 2


def _eigenbasis(matrix: Any) -> tuple[Array, Any]:
    """Eigenvalues, those within rounding of zero set to it, and the basis."""
    if isinstance(matrix, Diagonal):
        eigenvalues, basis = np.asarray(matrix.entries, dtype=np.float64), None
    else:
        eigenvalues, basis = np.linalg.eigh(np.asarray(matrix, dtype=np.float64))
    floor = len(eigenvalues) * checks.EPSILON * eigenvalues.max()
    return np.where(eigenvalues > floor, eigenvalues, 0.0), basis


def _condition(prompts: GaussianPrompts) -> float:
    """A bound on the condition number of the matrix that the minimiser inverts: at most N + 2."""
    n, variance = prompts.context_length, float(label_variance(prompts))
    if variance == 0:
        return 1.0
    signal = float(variance - prompts.noise_variance)
    return 1 + (n + 1) * signal / variance


def reduced_flow(
    start: LinearSelfAttention,
    prompts: GaussianPrompts | RandomCovariancePrompts,
    times: Shaped[Array, " t"] | None,
    **options: Any,
) -> GradientFlow:
    """The block flow from one start; `options` are those of `gradient_flow`."""
    frame: Frame | JointFrame
    if isinstance(prompts, RandomCovariancePrompts):
        frame = mean_frame(prompts)
    else:
        frame = eigenframe(prompts)
    entries = frame.into(start.u)
    kept = _support(frame, entries)
    rates, minimiser, entries = (x[kept] for x in (frame.rates, frame.minimiser, entries))
    scale = float(start.s)
    balance = scale**2 - float((entries**2).sum())
    tolerance = options.pop("tolerance")

    def path(stops: Shaped[Array, " t"]) -> Path:
        stop = tolerance / 4
        return integrate(rates, minimiser, entries, scale, balance, stops, stop=stop, **options)

    course = _Course(start, frame, kept, rates, minimiser, balance, tolerance)
    return course.flow(path, times)


def _support(frame: Frame | JointFrame, start: Shaped[Array, "d d"]) -> Any:
    """The entries that are ever non-zero: the diagonal, if start and minimiser commute."""
    d = len(start)
    off = ~np.eye(d, dtype=bool)
    rounding = 16 * d * checks.EPSILON * np.linalg.norm(start)
    if not frame.minimiser[off].any() and np.linalg.norm(start[off]) <= rounding:
        return np.diag_indices(d)
    return tuple(np.indices((d, d)).reshape(2, -1))


@dataclass(frozen=True, eq=False)
class _Course:
    """The modes of one flow, and the way back from them to layers."""

    start: LinearSelfAttention
    frame: Frame | JointFrame
    kept: Any
    rates: Array
    minimiser: Array
    balance: float
    tolerance: float

    def layer(self, scale: float, entries: Shaped[Array, " k"]) -> LinearSelfAttention:
        matrix = np.zeros_like(self.frame.rates)
        matrix[self.kept] = entries
        d = self.start.dimension
        visible = Parameters(np.zeros(d), scale, self.frame.back(matrix), np.zeros(d))
        return self.start.with_parameters(visible)

    def flow(
        self, integrated: Callable[[Array], Path], times: Shaped[Array, " t"] | None
    ) -> GradientFlow:
        path = integrated(np.zeros(0) if times is None else times)
        limit, bound = self.end(float(path.scale), path.factor)
        if times is None:
            times, excess, residual = path.record.time, path.record.excess, path.record.residual
            saved = None
        else:
            saved = np.isfinite(path.scales)  # not: beyond the step limit
            times = times[saved]
            excess, residual = self.scalars(path.scales[saved], path.factors[saved])

        def states() -> list[LinearSelfAttention]:
            if saved is not None:
                pairs = zip(path.scales[saved], path.factors[saved], strict=True)
            else:  # a record keeps no factors: they are integrated again
                again = integrated(path.record.time)
                pairs = zip(again.scales, again.factors, strict=True)
            return [self.layer(*pair) for pair in pairs]

        return GradientFlow(
            times=times,
            final_time=float(path.time),
            distance_bound=bound,
            status=self.status(tuple(Status)[int(path.status)], limit, bound),
            course=Known(
                lambda: (self.frame.least_loss + excess, residual),
                states,
                lambda: self.layer(float(path.scale), path.factor),
                lambda: limit,
            ),
        )

    def scalars(self, scales: Array, factors: Array) -> tuple[Array, Array]:
        """The excess loss and the norm of the gradient of states."""
        gap = scales[:, None] * factors - self.minimiser
        pull = self.rates * gap
        slopes = (pull * factors).sum(-1) ** 2 + scales**2 * (pull**2).sum(-1)
        return (pull * gap).sum(-1) / 2, np.sqrt(slopes)

    def end(self, scale: float, factor: Array) -> tuple[LinearSelfAttention | None, float]:
        """The limit of the flow from a state and the distance to it, where a theorem gives one."""
        moving = self.rates > 0
        balance = self.balance + (factor[~moving] ** 2).sum()
        excess = self.scalars(np.array([scale]), factor[None])[0][0]
        at_zero = (self.rates * self.minimiser**2).sum() / 2
        squares = float(self.start.s) ** 2 + float((self.start.u**2).sum())
        positive = balance > rounding(self.start.u.size) * squares
        certain = positive or excess < (1 - 1e-12) * at_zero
        if not certain or scale == 0 or not self.minimiser.any():
            return None, np.inf
        root = np.sign(scale) * np.sqrt(squared_scale(balance, (self.minimiser**2).sum()))
        limit = np.where(moving, self.minimiser / root, factor)
        size = np.hypot(root, np.linalg.norm(limit))
        allowance = checks.EPSILON * (self.frame.condition + 8) * size
        distance = np.hypot(scale - root, np.linalg.norm(factor - limit))
        return self.layer(root, limit), float(distance + allowance)

    def status(self, reported: Status, limit: Any, bound: float) -> Status:
        """Converged if and only if the bound carries it."""
        if limit is not None and bound <= self.tolerance * _size(limit):
            return Status.CONVERGED
        return Status.STATIONARY if reported is Status.CONVERGED else reported


def _size(layer: LinearSelfAttention) -> float:
    return float(np.hypot(layer.s, np.linalg.norm(layer.u)))
