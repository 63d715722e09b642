"""What is left of attention beside a table at a time: in context, in the weights, both, neither."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.phase.branches import branches
from lsa_theory.phase.diagram import Boundary, Colours, PhaseDiagram, Region
from lsa_theory.phase.points import spread
from lsa_theory.phase.rivals import Values, integers, lengths, numbers

AXES = {  # name, symbol and label of what is drawn against the number of tasks
    "penalty": ("penalty", r"\lambda", "L2 penalty"),
    "length": ("context_length", "N", "length of the context"),
    "start": ("initial_share", "a_0", "share at the start"),
}
DEFAULTS = {
    "penalty": np.geomspace(1e-5, 1, 41),
    "length": np.geomspace(2, 2000, 41),
    "start": np.geomspace(1e-10, 0.1, 41),
}
DRAWS = 4


def survival(
    dimension: int = 4,
    *,
    versus: str = "penalty",
    time: float = 1000.0,
    context_length: int = 16,
    penalty: float = 0.0,
    initial_share: float = 1e-3,
    task_counts: Values | None = None,
    values: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""What survives in context and in the weights, by the number of tasks.

    The flow of attention beside a table (`lsa_theory.transience.Regression`) at a time `t`: in
    context, where the share `a` is half of its peak :math:`1/(1 + \kappa)` or more, and in the
    weights, where the table holds `b` of one half or more. The boundaries are roots of closed forms
    for a slow table. On the slow manifold :math:`a = (1 - b - p)/(1 + \kappa)`,
    :math:`p = \lambda/\sqrt d`, the table fills as

    .. math::
        b = b_\infty + (b_0 - b_\infty)\, e^{-Rt}, \quad
        R = \frac{\eta \kappa}{1 + \kappa} + \lambda, \quad
        b_\infty = \frac{\eta (\kappa + p)}{(1 + \kappa) R}, \quad
        b_0 = \frac{\eta A}{g} \ln \frac{A}{a_0},

    with :math:`A = (1 - p)/(1 + \kappa)` and :math:`g = 2 (\sqrt d - \lambda)`. Attention has
    emerged, before the table has learnt without it, where
    :math:`2 \sqrt d \int_0^t (1 - b)\, dt - 2 \lambda t = \ln (A/a_0 - 1)` with the `b` of a table
    alone.

    Parameters
    ----------
    dimension
        `d`.
    versus
        What is drawn against the number of tasks: "penalty", "length" (of the context) or "start"
        (the share that attention starts with).
    time
        `t`.
    context_length, penalty, initial_share
        `N`, the L2 penalty on both parts, and the share at the start, where they are not drawn.
    task_counts
        Values of `K`; by default from 1 to 10,000.
    values
        Of what is drawn against it.
    sampled, seed
        How many sampled points a side to put on top, each the flow for random tasks, and the seed.
    sweep_options
        For `lsa_theory.sweep`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here.
    """
    call = "survival"
    d = checks.integer(call, "dimension", dimension)
    if versus not in AXES:
        checks.refuse(call, "versus", repr(versus), " or ".join(AXES))
    fixed: dict[str, Any] = {
        "dimension": d,
        "time": checks.option(call, "time", time, "a positive number", lambda x: 0 < x < math.inf),
        "context_length": checks.integer(call, "context_length", context_length),
        "penalty": float(checks.real(call, "penalty", penalty, minimum=0)),
        "initial_share": checks.option(
            call, "initial_share", initial_share, "a number in (0, 1)", lambda x: 0 < x < 1
        ),
    }
    counts = lengths(call, "task_counts", task_counts, integers(1, 10_000, 41)).astype(float)
    y = numbers(call, "values", values, DEFAULTS[versus])
    if versus == "start" and y[-1] >= 1:
        checks.refuse(call, "values", f"array with {y[-1]:g}", "shares below 1")
    sampled = checks.integer(call, "sampled", sampled, minimum=0)
    name, symbol, label = AXES[versus]
    del fixed[name]

    data = _swept(counts, y, name, symbol, label, fixed, sweep_options)
    context, weights = data.kept >= 0.5, data.in_weights >= 0.5
    return PhaseDiagram(
        "survival",
        "Attention beside a table",
        data,
        "kept",
        "task_count",
        name,
        Colours("in-context share / its peak", "amount", 0.0, 1.0),
        boundaries=_boundaries(counts, y, name, fixed),
        regions=(
            Region("in context", context & ~weights),
            Region("in the weights", ~context & weights),
            Region("both", context & weights),
            Region("neither", ~context & ~weights),
        ),
        points=_points(counts, y, name, fixed, sampled, seed) if sampled else None,
        logarithmic=("task_count", name),
        notes=_notes(fixed),
    )


def _notes(fixed: dict[str, Any]) -> tuple[str, ...]:
    symbols = {"dimension": "d", "time": "t"} | {name: symbol for name, symbol, _ in AXES.values()}
    return tuple(f"${symbols[name]} = {value:g}$" for name, value in fixed.items())


# --- the sweep ---


def survival_shares(
    task_count: Array,
    *,
    dimension: int,
    time: float,
    context_length: Any,
    penalty: Any,
    initial_share: Any,
) -> dict[str, Array]:
    r"""Cells of the sweep, all in one integration: the balanced flow of :math:`\ln a` and `b`."""
    from scipy.integrate import solve_ivp

    root, rate = math.sqrt(dimension), 1 / task_count
    noise = (dimension + 1) / context_length * np.ones_like(rate)

    def force(_: float, state: Array) -> Array:
        a, b = np.exp(state[::2]), state[1::2]
        slopes = np.empty_like(state)
        slopes[::2] = 2 * root * (1 - b - (1 + noise) * a) - 2 * penalty
        slopes[1::2] = rate * (1 - a - b) - penalty * b
        return slopes

    start = np.zeros(2 * len(rate))
    start[::2] = np.log(initial_share)
    options: Any = {"method": "LSODA", "rtol": 1e-7, "atol": 1e-9, "lband": 1, "uband": 1}
    end = solve_ivp(force, (0.0, time), start, t_eval=[time], **options).y[:, -1]
    share = np.exp(end[::2])
    return {"in_context": share, "in_weights": end[1::2], "kept": share * (1 + noise)}


def _swept(
    counts: Array, y: Array, name: str, symbol: str, label: str, fixed: Any, options: Any
) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "task_count": Axis(counts, "K", label="number of tasks"),
        name: Axis(y, symbol, label=label),
    }
    return sweep(survival_shares, axes, settings=fixed, how="batched", **options)


# --- boundaries ---


class Slow(NamedTuple):
    """The closed forms of a cell: half of the peak kept, half of the table full, emerged; each is
    zero on its boundary."""

    peak: float
    table: float
    emerged: float


def slow(
    task_count: float,
    *,
    dimension: int,
    time: float,
    context_length: float,
    penalty: float,
    initial_share: float,
) -> Slow:
    r"""Of the slow manifold, and of the emergence."""
    root, rate, noise = math.sqrt(dimension), 1 / task_count, (dimension + 1) / context_length
    pull, growth = penalty / root, 2 * (root - penalty)
    top = (1 - pull) / (1 + noise)
    if top <= initial_share:
        return Slow(math.nan, math.nan, math.nan)
    speed = rate * noise / (1 + noise) + penalty
    full = rate * (noise + pull) / ((1 + noise) * speed)
    start = rate * top / growth * math.log(top / initial_share)
    held = full + (start - full) * math.exp(-speed * time)
    alone, fills = rate / (rate + penalty), rate + penalty
    left = (1 - alone) * time - alone * math.expm1(-fills * time) / fills
    ahead = 2 * root * left - 2 * penalty * time - math.log(top / initial_share - 1)
    return Slow(1 - held - pull - 0.5, held - 0.5, ahead)


def _boundaries(counts: Array, y: Array, name: str, fixed: dict[str, Any]) -> Any:
    """Roots in the number of tasks; and in the penalty, of which some curves are level."""
    found: list[Boundary] = []
    for upright in (True, False) if name == "penalty" else (True,):
        axes = (y, counts) if upright else (counts, y)
        places, fine = (np.geomspace(v[0], v[-1], 81) for v in axes)

        def cell(place: float, root: float, upright: bool = upright) -> Slow:
            count, value = (root, place) if upright else (place, root)
            values: dict[str, Any] = {**fixed, name: value}
            return slow(count, **values)

        for k, label in enumerate(("half peak", "half table", "emerged")):
            if k == 1 and fixed.get("penalty") == 0:
                continue  # without a penalty that is the curve before
            roots = [_roots(cell, place, fine, k) for place in places]
            for curve in branches(places, roots):
                found.append(Boundary(label, *(curve[::-1] if upright else curve)))
    return tuple(found)


def _roots(cell: Callable[[float, float], Slow], place: float, fine: Array, k: int) -> list[float]:
    """Of the k-th closed form; the slow manifold is there once attention has emerged."""
    from scipy.optimize import brentq

    def value(x: float) -> float:
        return cell(place, x)[k]

    signs = [math.copysign(1, v) if not math.isnan(v) else 0 for v in map(value, fine)]
    pairs = zip(fine, fine[1:], signs, signs[1:], strict=False)
    found = [float(brentq(value, a, b, rtol=1e-12)) for a, b, s, t in pairs if s * t < 0]
    return [x for x in found if k == 2 or cell(place, x).emerged > 0]


# --- sampled points ---


def _points(counts: Array, y: Array, name: str, fixed: Any, number: int, seed: int) -> Any:
    import xarray

    rows = []
    cells = [(int(k), float(x)) for k in spread(counts, number) for x in spread(y, number)]
    for index, (count, value) in enumerate(cells):
        cell = {**fixed, name: value}
        seeds = np.random.SeedSequence([seed, index]).spawn(DRAWS)
        shares = [sampled_share(count, seed=each, **cell) for each in seeds]
        rows.append((count, value, np.mean(shares), np.std(shares, ddof=1) / math.sqrt(DRAWS)))
    columns = dict(zip(("task_count", name, "kept", "kept_error"), np.array(rows).T, strict=True))
    return xarray.Dataset({key: ("point", value) for key, value in columns.items()})


def sampled_share(
    task_count: int,
    *,
    seed: Any,
    dimension: int,
    time: float,
    context_length: float,
    penalty: float,
    initial_share: float,
) -> float:
    """Of random tasks, in units of the peak."""
    from lsa_theory.attention import LinearSelfAttention
    from lsa_theory.prompts import GaussianPrompts
    from lsa_theory.transience import quenched_flow

    d, n = dimension, max(round(context_length), 1)
    tasks = np.random.default_rng(seed).standard_normal((task_count, d))
    u = math.sqrt(initial_share / math.sqrt(d))
    layer = LinearSelfAttention.from_block(u * np.eye(d), math.sqrt(d) * u)
    law = GaussianPrompts(np.ones(d), n)
    course = quenched_flow(
        layer, law, tasks, np.array([time]), l2_attention=penalty, l2_table=penalty
    )
    return float(course.in_context[-1]) * (1 + (d + 1) / n)
