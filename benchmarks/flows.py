"""A thousand flows at once beside one LSODA solve each, at equal accuracy.

Everything is decided here beforehand. Laws: N = 20, d = 10, a random basis, and eigenvalues
log-uniform over the condition number, both ends among them, of mean 1. Starts: Theorem 4.1's,
σ₀ = 0.1, with Θ isotropic (it commutes with Λ: d modes) or Gaussian (it does not: d² modes).
Saved times: 50, from 0 to when the slowest mode of the slowest law is within 1e-3 of its limit.
Accuracy: the largest error of `(s, U)`, relative to its norm, over all saved times of a sample of
the flows; of each solver's ladder of tolerances, the loosest that meets it. LSODA works on the
modes, d + 1 or d² + 1 unknowns, with one vectorised right-hand side; its eigenbases and matrices
are made beforehand and not counted, while ours are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.row import Row, advantage
from benchmarks.timing import cpu_time
from lsa_theory import GaussianPrompts, LinearSelfAttention, gradient_flow, initial_layer

DIMENSION, LENGTH, SCALE = 10, 20, 0.1
FLOWS, SAMPLE, SAVED = 1000, 12, 50
REPEATS = 7
AIMS = {1e-4: 40, 1e-6: 20}
LADDER = [x * 10.0**-n for n in range(2, 9) for x in (10, 5, 2)]  # 0.1 ... 2e-8
CLOSE = 1e-3


class Flow(NamedTuple):
    law: GaussianPrompts
    start: LinearSelfAttention
    basis: np.ndarray
    rates: np.ndarray  # (k,), of the modes that move at all
    rest: np.ndarray  # where s U comes to rest
    first: np.ndarray  # s and U at the start


def rows() -> Iterator[Row]:
    for condition in (3.0, 100.0):
        for commuting in (True, False):
            rng = np.random.default_rng(int(condition))
            flows = [flow(rng, condition, commuting) for _ in range(FLOWS)]
            yield from compared(flows, condition, commuting)


def flow(rng: np.random.Generator, condition: float, commuting: bool) -> Flow:
    d, n = DIMENSION, LENGTH
    eigenvalues = condition ** np.sort([0.0, 1.0, *rng.random(d - 2)])
    eigenvalues *= d / eigenvalues.sum()
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    if commuting:  # both sides are given it in the basis where it is d + 1 scalars
        basis = np.eye(d)
    theta = np.eye(d) if commuting else rng.standard_normal((d, d))
    theta = theta / np.linalg.norm(theta @ theta.T) ** 0.5
    covariance = (basis * eigenvalues) @ basis.T
    start = initial_layer(theta, SCALE)
    gamma = eigenvalues + (eigenvalues + eigenvalues.sum()) / n
    rates, rest = np.outer(gamma * eigenvalues, eigenvalues), np.diag(1 / gamma)
    u = basis.T @ start.u @ basis
    kept = np.eye(d, dtype=bool) if commuting else np.ones((d, d), dtype=bool)
    law = GaussianPrompts(eigenvalues if commuting else (covariance + covariance.T) / 2, n)
    return Flow(law, start, basis, rates[kept], rest[kept], np.append(start.s, u[kept]))


def compared(flows: list[Flow], condition: float, commuting: bool) -> Iterator[Row]:
    starts, laws = [one.start for one in flows], [one.law for one in flows]
    slowest = min(one.rates.min() * np.linalg.norm(one.rest) for one in flows)
    times = np.linspace(0.0, -np.log(CLOSE) / slowest, SAVED)
    sample = flows[:SAMPLE]
    references = [lsoda(one, times, 1e-12) for one in sample]

    def ours(tolerance: float) -> list[np.ndarray]:
        found = gradient_flow(
            starts[:SAMPLE], laws[:SAMPLE], times=times, rtol=tolerance, tolerance=tolerance / 10
        )
        return [states(one, path) for one, path in zip(sample, found, strict=True)]

    compiling = cpu_time(lambda: ours(0.1))
    for aim in AIMS:
        loose = first_within(aim, ours, references)
        strict = first_within(aim, lambda x: [lsoda(one, times, x) for one in sample], references)
        seconds, beside = [], []
        for _ in range(REPEATS):
            call = {"times": times, "rtol": loose, "tolerance": loose / 10}
            seconds.append(cpu_time(lambda call=call: gradient_flow(starts, laws, **call)))
            begin = time.process_time()
            for one in sample:
                lsoda(one, times, strict)
            beside.append(time.process_time() - begin)
        kind = "commuting" if commuting else "not commuting"
        yield advantage(
            f"a flow, {kind}, condition {condition:g}, error {aim:g}",
            min(seconds) / FLOWS,
            "LSODA",
            min(beside) / SAMPLE,
            AIMS[aim],
            compile_seconds=compiling,
            note=f"rtol {loose:g} and {strict:g}",
        )


def lsoda(one: Flow, times: np.ndarray, tolerance: float) -> np.ndarray:
    """(T, k + 1), by SciPy's `solve_ivp`."""
    rates, rest = one.rates, one.rest

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        s, u = state[0], state[1:]
        pull = rates * (s * u - rest)
        out = np.empty_like(state)
        out[0] = -(pull @ u)
        np.multiply(pull, -s, out=out[1:])
        return out

    size = tolerance * np.linalg.norm(one.first) * 0.1
    span = (0.0, times[-1])
    found = solve_ivp(slope, span, one.first, "LSODA", times, rtol=tolerance, atol=size)
    return found.y.T


def states(one: Flow, path: Any) -> np.ndarray:
    """(T, k + 1), the same numbers of our flow."""
    d = DIMENSION
    kept = np.eye(d, dtype=bool) if len(one.rates) == d else np.ones((d, d), dtype=bool)
    turned = [(one.basis.T @ layer.u @ one.basis)[kept] for layer in path.layers]
    return np.column_stack([[layer.s for layer in path.layers], turned])


def error(found: list[np.ndarray], references: list[np.ndarray]) -> float:
    """The largest, relative to the norm of the state, over all flows and times."""
    pairs = zip(found, references, strict=True)
    return max((np.linalg.norm(x - y, axis=1) / np.linalg.norm(y, axis=1)).max() for x, y in pairs)


def first_within(aim: float, solver: Any, references: list[np.ndarray]) -> float:
    """The loosest tolerance of the ladder with an error within the aim."""
    for tolerance in LADDER:
        if error(solver(tolerance), references) <= aim:
            return tolerance
    raise RuntimeError(f"no tolerance of the ladder comes within {aim:g}")
