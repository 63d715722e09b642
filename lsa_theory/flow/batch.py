"""A batch of flows on the block, all at once: `gradient_flow` of lists.

Laws of one kind are brought to their modes together, `lsa_theory.flow.lockstep` follows the modes,
and layers are made when they are asked for. What the lockstep gives up runs alone, by
`lsa_theory.flow.reduced`, and so does a batch with a tolerance that the lockstep does not reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.frames import Group, groups
from lsa_theory.flow.inside import inside
from lsa_theory.flow.lockstep import Ends, Lanes, Steps, paths
from lsa_theory.flow.reduced import reduced_flow
from lsa_theory.flow.result import GradientFlow
from lsa_theory.flow.status import Status
from lsa_theory.rounding import rounding

STRICTEST = 1e-10  # tolerances of a step below it are for single flows
ROOM = 2**22  # numbers in the largest array
NARROW = 2**16  # ... in one that should stay near the processor


def block_flows(
    starts: Sequence[LinearSelfAttention],
    laws: Sequence[Any],
    times: Shaped[Array, " t"] | None,
    **options: Any,
) -> list[GradientFlow]:
    """The block flow of every lane; `options` are those of `gradient_flow`."""
    found: dict[int, GradientFlow] = {}
    if options["rtol"] >= STRICTEST:
        for group in groups(starts, laws):
            width = len(group.forced[0]) * (64 if times is None else times.size)
            size = max(256, ROOM // width // 256 * 256)
            for i in range(0, len(group.lane), size):
                found |= block(group.part(slice(i, i + size)), times, **options).flows()
    return [
        found[i] if i in found else reduced_flow(start, law, times, **options)
        for i, (start, law) in enumerate(zip(starts, laws, strict=True))
    ]


class Squares:
    """Sums over the free modes of their squares times powers of the rate, at clocks (n, T)."""

    def __init__(self, lanes: Lanes, clock: Shaped[Array, "n t"]) -> None:
        self.sums = np.zeros((3, *clock.shape))
        modes, (n, count) = len(lanes.free_rate), clock.shape
        width = max(1, NARROW // max(1, modes * count))
        for i in range(0, n if modes else 0, width):
            rate = lanes.free_rate[:, i : i + width, None]
            part = np.exp((-2 * rate) * clock[i : i + width])
            part *= lanes.free_square[:, i : i + width, None]
            for power in range(3):
                np.add.reduce(part, 0, out=self.sums[power, i : i + width])
                if power < 2:
                    part *= rate


@dataclass(frozen=True, eq=False)
class Block:
    """Lanes of one group and their states at T times, and, in the last column, at the end."""

    group: Group
    lanes: Lanes
    arrived: Shaped[Array, " n"]
    times: Shaped[Array, "n t"]
    counts: Shaped[Array, " n"]  # of times
    clock: Shaped[Array, "n t"]
    entries: Shaped[Array, "k n t"]
    cut: Shaped[Array, " n"]  # whether the end time came first
    tolerance: float

    def flows(self) -> dict[int, GradientFlow]:
        """By lane; without those given up."""
        lanes, u = self.lanes, self.entries
        free = Squares(lanes, self.clock).sums
        s = np.sqrt(lanes.balance[:, None] + np.add.reduce(u * u, 0) + free[0])
        excess, residual = scalars(lanes, s, u, free)
        certain, bound, size = self.ends(s[:, -1], free[0, :, -1], excess[:, -1])
        converged = certain & (bound <= self.tolerance * size)
        loss = self.group.least_loss[:, None] + excess
        flows = {}
        rows = zip(self.group.lane.tolist(), self.counts.tolist(), bound.tolist(), strict=True)
        for i, (lane, count, distance) in enumerate(rows):
            if not self.arrived[i]:
                continue
            reported = Status.END_TIME if self.cut[i] else Status.STATIONARY
            flows[lane] = GradientFlow(
                times=self.times[i, :count],
                loss=loss[i, :count],
                residual=residual[i, :count],
                final_time=float(self.times[i, -1]),
                distance_bound=distance,
                status=Status.CONVERGED if converged[i] else reported,
                end=partial(self.layer, i, s[i, -1], -1),
                goal=partial(self.limit, i, bool(certain[i])),
                states=partial(self.states, i, s[i, :count]),
            )
        return flows

    def layer(self, i: int, scale: float, column: int) -> LinearSelfAttention:
        return self.group.layer(i, scale, self.entries[:, i, column], self.clock[i, column])

    def states(self, i: int, scales: Shaped[Array, " t"]) -> list[LinearSelfAttention]:
        return [self.layer(i, scale, column) for column, scale in enumerate(scales)]

    def limit(self, i: int, known: bool) -> LinearSelfAttention | None:
        if not known:
            return None
        root = self.lanes.limit[i]
        return self.group.layer(i, root, self.lanes.target[:, i] / root)

    def ends(self, scale: Array, free: Array, excess: Array) -> tuple[Array, Array, Array]:
        """As `reduced` does for one flow: whether a theorem gives the limit, a bound on the
        distance to it, and its size."""
        group, lanes = self.group, self.lanes
        squares = group.scale**2 + (group.entries**2).sum((1, 2))
        still = np.where(group.rates > 0, 0.0, group.entries**2).sum((1, 2))
        at_zero = (lanes.rate * lanes.target**2).sum(0) / 2
        positive = lanes.balance > rounding(group.rates[0].size) * squares
        certain = (positive | (excess < (1 - 1e-12) * at_zero)) & lanes.target.any(0)
        goal = lanes.target / np.where(lanes.limit > 0, lanes.limit, 1.0)
        size = np.sqrt(lanes.limit**2 + (goal**2).sum(0) + still)
        gap = ((self.entries[..., -1] - goal) ** 2).sum(0) + free + (scale - lanes.limit) ** 2
        bound = np.sqrt(gap) + checks.EPSILON * (group.condition + 8) * size
        return certain, np.where(certain, bound, np.inf), size


def scalars(lanes: Lanes, s: Array, u: Array, free: Array) -> tuple[Array, Array]:
    """The excess loss and the norm of the gradient."""
    gap = s * u - lanes.target[..., None]
    pull = lanes.rate[..., None] * gap
    slope = np.add.reduce(pull * u, 0) + s * free[1]
    excess = (np.add.reduce(pull * gap, 0) + s * s * free[1]) / 2
    force = np.add.reduce(pull * pull, 0) + s * s * free[2]
    return excess, np.sqrt(slope**2 + s * s * force)


def block(
    group: Group, times: Any, *, rtol: float, tolerance: float, end_time: float, max_steps: int
) -> Block:
    """A group, integrated."""
    n = len(group.lane)
    lanes, start = group.lanes(*(np.full(n, x) for x in (rtol, tolerance / 4, end_time)))
    steps, ends = paths(lanes, abs(group.scale), start, max_steps)
    cut = ends.time > end_time
    if times is None:
        columns = _every(steps, ends, cut, end_time)
    else:
        columns = _saved(steps, ends, cut, times, end_time)
    row, when, at, stamps, counts = columns
    clock = np.broadcast_to(ends.clock[:, None], stamps.shape).copy()
    entries = np.repeat(ends.entries[..., None], stamps.shape[1], axis=-1)
    begun = stamps == 0
    clock[begun] = 0
    entries = np.where(begun, start[..., None], entries)
    clock[at], entries[:, at[0], at[1]] = inside(steps, row, when, lanes.rate, lanes.target)
    return Block(
        group, lanes, ends.arrived & (ends.time < np.inf), stamps, counts, clock, entries, cut,
        tolerance,
    )  # fmt: skip


Columns = tuple[Array, Array, tuple[Array, Array], Array, Array]


def _saved(steps: Steps, ends: Ends, cut: Any, times: Any, end_time: float) -> Columns:
    """Which states to find inside which steps: their rows, times and places, then all times, with
    the final one last, and how many each lane saves."""
    n, last = len(ends.time), _lasts(steps, len(ends.time))
    until = np.append(steps.time[1:], 0.0)
    until[last[last >= 0]] = ends.time[last >= 0]
    first, after = (np.searchsorted(times, x, side="right") for x in (steps.time, until))
    count = after - first
    row = np.repeat(np.arange(count.size), count)
    place = np.arange(row.size) - np.repeat(np.cumsum(count) - count - first, count)
    lanes = np.flatnonzero(cut)
    row, when = np.append(row, last[lanes]), np.append(times[place], np.full(lanes.size, end_time))
    at = np.append(steps.lane[row[: place.size]], lanes), np.append(place, times.size + 0 * lanes)
    final = np.where(cut, end_time, ends.time)
    stamps = np.concatenate([np.broadcast_to(times, (n, times.size)), final[:, None]], axis=1)
    return row, when, at, stamps, np.full(n, times.size)


def _every(steps: Steps, ends: Ends, cut: Any, end_time: float) -> Columns:
    """Likewise, at the start, after every step and, last, at the end."""
    n, last = len(ends.time), _lasts(steps, len(ends.time))
    count = np.bincount(steps.lane, minlength=n)
    place = np.arange(steps.lane.size) - np.repeat(np.cumsum(count) - count, count)
    final = np.where(cut, end_time, ends.time)
    stamps = np.repeat(final[:, None], count.max(initial=0) + 1, axis=1)
    stamps[steps.lane, place] = steps.time
    lanes = np.flatnonzero(cut)
    ahead = stamps[lanes] == final[lanes, None]
    where, column = np.nonzero(ahead)
    row, at = np.arange(steps.lane.size), (steps.lane, place)
    at = tuple(np.append(x, y) for x, y in zip(at, (lanes[where], column), strict=True))
    row = np.append(row, last[lanes[where]])
    return row, stamps[at], at, stamps, count + 1


def _lasts(steps: Steps, n: int) -> Shaped[Array, " n"]:
    """The last step of every lane, -1 where it took none."""
    last = np.full(n, -1)
    last[steps.lane] = np.arange(steps.lane.size)
    return last

