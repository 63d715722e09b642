"""A batch of flows on the block, all at once: `gradient_flow` of lists.

Laws of one kind are brought to their modes together, `lsa_theory.flow.lockstep` follows the modes,
and layers are made when they are asked for. What the lockstep gives up runs alone, by
`lsa_theory.flow.reduced`, and so does a batch with a tolerance that the lockstep does not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.collocation import Lanes
from lsa_theory.flow.frames import Group, groups
from lsa_theory.flow.inside import inside
from lsa_theory.flow.lockstep import Ends, Steps, paths
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
        end, limited = Status.END_TIME, Status.CONVERGED
        certain, bound, size = self.ends()
        converged = certain & (bound <= self.tolerance * size)
        columns = (self.group.lane, self.counts, self.arrived, self.cut, converged, bound)
        final = self.times[:, -1].tolist()
        flows = {}
        rows = zip(*(x.tolist() for x in columns), self.times, final, strict=True)
        for i, (lane, count, arrived, cut, sure, distance, times, stop) in enumerate(rows):
            if arrived:
                status = limited if sure else end if cut else Status.STATIONARY
                course = Lane(self, i, count, distance < np.inf)
                flows[lane] = GradientFlow(times[:count], stop, distance, status, course)
        return flows

    @cached_property
    def scale(self) -> Shaped[Array, "n t"]:
        """s."""
        squares = np.add.reduce(self.entries * self.entries, 0)
        squares += self.lanes.balance[:, None]
        for at, _, decayed in self.free():
            squares[at] += np.add.reduce(decayed, 0)
        return np.sqrt(squares)

    @cached_property
    def scalars(self) -> tuple[Array, Array]:
        """Loss and norm of the gradient, (n, T)."""
        lanes, s, u = self.lanes, self.scale, self.entries
        gap = s * u - lanes.target[..., None]
        pull = lanes.rate[..., None] * gap
        excess, slope, force = (np.add.reduce(pull * x, 0) for x in (gap, u, pull))
        for at, rate, decayed in self.free():
            first = np.add.reduce(rate * decayed, 0)
            excess[at] += s[at] ** 2 * first
            slope[at] += s[at] * first
            force[at] += s[at] ** 2 * np.add.reduce(rate**2 * decayed, 0)
        return self.group.least_loss[:, None] + excess / 2, np.sqrt(slope**2 + s**2 * force)

    def free(self) -> Iterator[tuple[slice, Array, Array]]:
        """Some lanes after others: rates of their modes without force, (f, m, 1), and the squares
        of these at all times, (f, m, T)."""
        lanes, (n, count) = self.lanes, self.clock.shape
        modes = len(lanes.free_rate)
        width = max(1, NARROW // max(1, modes * count))
        for i in range(0, n if modes else 0, width):
            at = slice(i, i + width)
            rate = lanes.free_rate[:, at, None]
            decayed = np.exp((-2 * rate) * self.clock[at])
            decayed *= lanes.free_square[:, at, None]
            yield at, rate, decayed

    def ends(self) -> tuple[Array, Array, Array]:
        """As `reduced` does for one flow: whether a theorem gives the limit, a bound on the
        distance to it, and its size."""
        group, lanes, s, u = self.group, self.lanes, self.scale[:, -1], self.entries[..., -1]
        free = lanes.free_square * np.exp(-2 * lanes.free_rate * self.clock[:, -1])
        excess = (lanes.rate * (s * u - lanes.target) ** 2).sum(0) / 2
        excess += s**2 * (lanes.free_rate * free).sum(0) / 2
        squares = group.scale**2 + (group.entries**2).sum((1, 2))
        still = np.where(group.rates > 0, 0.0, group.entries**2).sum((1, 2))
        at_zero = (lanes.rate * lanes.target**2).sum(0) / 2
        positive = lanes.balance > rounding(group.rates[0].size) * squares
        certain = (positive | (excess < (1 - 1e-12) * at_zero)) & lanes.target.any(0)
        goal = lanes.target / np.where(lanes.limit > 0, lanes.limit, 1.0)
        size = np.sqrt(lanes.limit**2 + (goal**2).sum(0) + still)
        gap = ((u - goal) ** 2).sum(0) + free.sum(0) + (s - lanes.limit) ** 2
        bound = np.sqrt(gap) + checks.EPSILON * (group.condition + 8) * size
        return certain, np.where(certain, bound, np.inf), size


class Lane(NamedTuple):
    """The `Course` of one lane."""

    block: Block
    lane: int
    saved: int
    certain: bool

    def scalars(self) -> tuple[Array, Array]:
        loss, residual = (x[self.lane, : self.saved] for x in self.block.scalars)
        return loss, residual

    def layers(self) -> list[LinearSelfAttention]:
        return [self.layer(column) for column in range(self.saved)]

    def final(self) -> LinearSelfAttention:
        return self.layer(-1)

    def layer(self, column: int) -> LinearSelfAttention:
        i, block = self.lane, self.block
        state = (block.scale[i, column], block.entries[:, i, column], block.clock[i, column])
        return block.group.layer(i, *state)

    def limit(self) -> LinearSelfAttention | None:
        if not self.certain:
            return None
        root = self.block.lanes.limit[self.lane]
        target = self.block.lanes.target[:, self.lane]
        return self.block.group.layer(self.lane, root, target / root)


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
    begun = np.nonzero(stamps == 0)
    clock[begun], entries[:, begun[0], begun[1]] = 0.0, start[:, begun[0]]
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
    row = np.arange(steps.lane.size)
    at = np.append(steps.lane, lanes[where]), np.append(place, column)
    row = np.append(row, last[lanes[where]])
    return row, stamps[at], at, stamps, count + 1


def _lasts(steps: Steps, n: int) -> Shaped[Array, " n"]:
    """The last step of every lane, -1 where it took none."""
    last = np.full(n, -1)
    last[steps.lane] = np.arange(steps.lane.size)
    return last
