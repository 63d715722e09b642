"""The eigenbases of many laws at once, and their lanes for `lsa_theory.flow.lockstep`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.flow.collocation import Lanes
from lsa_theory.flow.joint import mean_frame
from lsa_theory.flow.reduced import eigenframe
from lsa_theory.prompts import GaussianPrompts


@dataclass(frozen=True, eq=False)
class Group:
    """Lanes of as many modes, in their eigenbases.

    `frames` are `reduced.Frame`s, one a lane, or the bases alone, (n, d, d), of laws whose C and
    Λ_q share one; None is the identity. `forced` are the rows and columns of the entries of `U`
    that the lockstep integrates, `free` of those without force; others are zero.
    """

    lane: Any
    starts: Sequence[LinearSelfAttention]
    frames: Any
    rates: Shaped[Array, "n d d"]
    minimiser: Shaped[Array, "n d d"]
    scale: Shaped[Array, " n"]
    entries: Shaped[Array, "n d d"]
    least_loss: Shaped[Array, " n"]
    condition: Shaped[Array, " n"]
    forced: Any
    free: Any

    def part(self, at: Any) -> Group:
        """Some of the lanes."""
        starts = [self.starts[i] for i in np.arange(len(self.lane))[at]]
        frames = self.frames if self.frames is None else self.frames[at]
        arrays = {name: getattr(self, name)[at] for name in ARRAYS}
        return replace(self, starts=starts, frames=frames, **arrays)

    def chosen(self, modes: Any, matrices: Shaped[Array, "n d d"]) -> Shaped[Array, "k n"]:
        return np.ascontiguousarray(matrices[:, modes[0], modes[1]].T)

    @property
    def sign(self) -> Shaped[Array, " n"]:
        """The flow from `(-s, -U)` is that from `(s, U)`, turned."""
        return np.where(self.scale < 0, -1.0, 1.0)

    def lanes(self, rtol: Any, stop: Any, end_time: Any) -> tuple[Lanes, Shaped[Array, "k n"]]:
        """For the lockstep, and where the modes start; those of rate 0 are set aside."""
        rate, free_rate = (self.chosen(m, self.rates) for m in (self.forced, self.free))
        target = self.chosen(self.forced, self.minimiser)
        start = np.where(rate > 0, self.sign * self.chosen(self.forced, self.entries), 0.0)
        square = np.where(free_rate > 0, self.chosen(self.free, self.entries) ** 2, 0.0)
        balance = self.scale**2 - (start**2).sum(0) - square.sum(0)
        tiny = 4 * checks.EPSILON * self.scale**2  # a balance of 0 is known to rounding only
        balance = np.where(abs(balance) <= tiny, 0.0, balance)
        doubled = 2 * np.sqrt((target**2).sum(0))
        norm = np.hypot(balance, doubled)
        with np.errstate(all="ignore"):
            low = doubled**2 / (2 * (norm - balance))
        limit = np.sqrt(np.where(balance < 0, low, (norm + balance) / 2))
        return Lanes(rate, target, free_rate, square, balance, limit, rtol, stop, end_time), start

    def layer(
        self, i: int, scale: float, entries: Shaped[Array, " k"], decay: Any = np.inf
    ) -> LinearSelfAttention:
        """The layer of lane `i` with given forced entries, at a given clock."""
        rates, start = self.rates[i], self.entries[i]
        matrix = np.zeros_like(start)
        matrix[self.forced] = self.sign[i] * entries
        moving = rates[self.free] > 0
        with np.errstate(invalid="ignore"):
            left = np.where(moving, np.exp(-rates[self.free] * decay), 1.0)
        matrix[self.free] = start[self.free] * left
        still = rates[self.forced] == 0
        matrix[self.forced] = np.where(still, start[self.forced], matrix[self.forced])
        u = matrix
        if self.frames is not None:
            frame = self.frames[i]
            u = frame @ matrix @ frame.T if isinstance(frame, np.ndarray) else frame.back(matrix)
        zero = np.zeros(len(u))
        return self.starts[i].with_parameters(Parameters(zero, self.sign[i] * scale, u, zero))


def groups(starts: Sequence[LinearSelfAttention], laws: Sequence[Any]) -> list[Group]:
    """All lanes, those together that have their modes in common."""
    kinds: dict[Any, list[int]] = {}
    for i, law in enumerate(laws):
        plain = isinstance(law, GaussianPrompts) and law.task_covariance is None
        plain = plain and law.query_covariance is None
        kinds.setdefault(law.covariance.ndim if plain else 0, []).append(i)
    found: list[Group] = []
    for kind, lane in kinds.items():
        some = [starts[i] for i in lane], [laws[i] for i in lane]
        found += _split(_plain(np.array(lane), *some) if kind else _general(np.array(lane), *some))
    return found


def _layers(starts: Sequence[LinearSelfAttention]) -> tuple[Array, Array]:
    """`s` and `U` of all."""
    d = starts[0].dimension
    scale = np.array([start.pv[d, d] for start in starts], dtype=np.float64)
    return scale, np.array([start.kq[:d, :d] for start in starts], dtype=np.float64)


def _plain(lane: Any, starts: Any, laws: Any) -> Group:
    """Of laws whose tasks are isotropic and whose queries are like the context: C and the force
    are functions of Λ, as in `reduced.eigenframe`."""
    covariance = np.array([law.covariance for law in laws], dtype=np.float64)
    n = np.array([law.context_length for law in laws], dtype=np.float64)[:, None]
    noise = np.array([law.noise_variance for law in laws], dtype=np.float64)[:, None]
    scale, u = _layers(starts)
    basis = None
    if covariance.ndim == 3:
        signal = np.trace(covariance, axis1=1, axis2=2)[:, None]
        covariance, basis = np.linalg.eigh(covariance)
        u = basis.transpose(0, 2, 1) @ u @ basis
    else:
        signal = covariance.sum(1, keepdims=True)
    d = covariance.shape[1]
    floor = d * checks.EPSILON * covariance.max(1, keepdims=True)
    slow = np.where(covariance > floor, covariance, 0.0)
    fast = slow * ((n + 1) * slow + signal + noise) / n
    gain = np.divide(slow, fast, where=fast > 0, out=np.zeros_like(fast))
    minimiser = np.zeros((len(lane), d, d))
    minimiser[:, np.arange(d), np.arange(d)] = gain
    spread = gain**2 * slow  # `population_loss`, every matrix being diagonal
    error = ((gain * slow - 1) ** 2 * slow).sum(1)
    least = error + (((signal + noise) + slow) * slow * spread).sum(1) / n[:, 0]
    total = signal + noise
    condition = 1 + np.divide((n + 1) * signal, total, where=total > 0, out=0 * total)[:, 0]
    rates = fast[:, :, None] * slow[:, None, :]
    none = (np.zeros(0, dtype=int),) * 2
    arrays = (rates, minimiser, scale, u, least / 2, condition)
    return Group(lane, starts, basis, *arrays, np.diag_indices(d), none)


def _general(lane: Any, starts: Any, laws: Any) -> Group:
    """Of any laws, one by one."""
    found = [
        eigenframe(law) if isinstance(law, GaussianPrompts) else mean_frame(law) for law in laws
    ]
    scale, u = _layers(starts)
    frames = np.empty(len(found), dtype=object)
    frames[:] = found
    entries = np.array([frame.into(one) for frame, one in zip(found, u, strict=True)])
    rates, minimiser, least, condition = (
        np.array([getattr(frame, name) for frame in found])
        for name in ("rates", "minimiser", "least_loss", "condition")
    )
    none = (np.zeros(0, dtype=int),) * 2
    arrays = (rates, minimiser, scale, entries, least, condition)
    return Group(lane, starts, frames, *arrays, np.diag_indices(u.shape[1]), none)


def _split(group: Group) -> list[Group]:
    """In those whose start commutes with the minimiser, which keep d modes, and all others."""
    d = group.rates.shape[1]
    off = np.nonzero(~np.eye(d, dtype=bool))
    rounding = 16 * d * checks.EPSILON * np.sqrt((group.entries**2).sum((1, 2)))
    aside = np.sqrt((group.entries[:, off[0], off[1]] ** 2).sum(1)) > rounding
    force = group.minimiser[:, off[0], off[1]].any(1)
    whole = tuple(np.indices((d, d)).reshape(2, -1))
    none = (np.zeros(0, dtype=int),) * 2
    kinds = (
        (~aside & ~force, group.forced, none),
        (aside & ~force, group.forced, off),
        (force, whole, none),
    )
    return [
        replace(group.part(np.flatnonzero(at)), forced=forced, free=free)
        for at, forced, free in kinds
        if at.any()
    ]


ARRAYS = ("lane", "rates", "minimiser", "scale", "entries", "least_loss", "condition")
