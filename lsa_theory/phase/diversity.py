r"""How many pre-training tasks it takes: memorising and generalising, in the limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.diversity import average_task_risks, limit_task_risks
from lsa_theory.nearest import equidistant_ratio
from lsa_theory.phase.diagram import Boundary, Colours, PhaseDiagram, Region
from lsa_theory.phase.points import spread_lengths
from lsa_theory.phase.rivals import Values, numbers

DIMENSION = 24  # of the sampled points
LISTS = 16  # of tasks, drawn for a point
WORSE = 2.0  # times the risk on old tasks: memorised
NEAR = 1.1  # times the risk after endless tasks: generalised
WIDEST = (1e-3, 1e6)  # tasks per dimension between which boundaries are looked for


def diversity(
    *,
    noise: float = 0.1,
    task_ratios: Values | None = None,
    length_ratios: Values | None = None,
    dimension: int = DIMENSION,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""A layer trained on finitely many tasks, in (:math:`K/d`, :math:`N/d`).

    The features are white and the tasks of the list :math:`N(0, I)`, and :math:`K, N, d` go to
    infinity at fixed ratios. The risks per dimension, on tasks of the list and on new ones, are
    those of `lsa_theory.diversity.limit_task_risks` with :math:`\tau = (1 + \sigma^2) d / N`; after
    endless tasks both are :math:`\tau / (1 + \tau)`.

    Boundaries: the layer has memorised its list where new tasks cost more than twice what old ones
    do ("2 × old"), and generalises where they cost less than 10 % more than after endless tasks,
    the least that they can ("+10 %"). Both are roots in :math:`K/d`, and with long contexts both
    tend to 1. "Midway" the layer changes sides between the Bayes predictor that knows the list and
    ridge, which knows that tasks are :math:`N(0, I)`: at
    :math:`K/d = \frac{1 + 2 \tau}{2 (1 + \tau)^2}`, with long contexts at one half; see
    `lsa_theory.nearest.predictor_distances`.

    Parameters
    ----------
    noise
        :math:`\sigma^2` in units of :math:`E \operatorname{tr} \Lambda\Omega = d`.
    task_ratios
        Values of :math:`K/d`; by default from 1/10 to 100.
    length_ratios
        Values of :math:`N/d`; by default from 1/4 to 256.
    dimension
        `d` of the sampled points, which are at the nearest integers.
    sampled, seed
        How many sampled points a side to put on top, and the seed.
    sweep_options
        For `lsa_theory.sweep`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here; the question is that of Raventós, Paul, Chen, Ganguli, arXiv:2306.15063.
    """
    rule = "a number >= 0"
    checks.option("diversity", "noise", noise, rule, lambda x: 0 <= x < np.inf)
    k = numbers("diversity", "task_ratios", task_ratios, np.geomspace(0.1, 100, 121))
    n = numbers("diversity", "length_ratios", length_ratios, np.geomspace(0.25, 256, 101))
    d = checks.integer("diversity", "dimension", dimension, minimum=2)
    sampled = checks.integer("diversity", "sampled", sampled, minimum=0)
    data = _swept(k, n, {"noise": float(noise)}, sweep_options)
    places = np.geomspace(n[0], n[-1], 101)
    found = {
        "2 × old": [memorising_ratio(x, noise) for x in places],
        "+10 %": [generalising_ratio(x, noise) for x in places],
        "midway": equidistant_ratio(places, noise=noise),
    }
    curves = {
        label: np.where((roots >= k[0]) & (roots <= k[-1]), roots, np.nan)
        for label, roots in ((label, np.array(roots)) for label, roots in found.items())
    }
    memorised = data.new_tasks > WORSE * data.old_tasks
    generalised = data.new_tasks < NEAR * data.endless
    return PhaseDiagram(
        "diversity",
        "Attention trained on finitely many tasks",
        data,
        "log_ratio",
        "task_ratio",
        "length_ratio",
        Colours("risk on new tasks / on old tasks", "logarithm", high=1.0),
        boundaries=tuple(Boundary(label, x, places) for label, x in curves.items()),
        regions=(
            Region("memorises", memorised),
            Region("generalises", generalised & ~memorised),
        ),
        points=_points(k, n, d, noise, sampled, seed) if sampled else None,
        logarithmic=("task_ratio", "length_ratio"),
        notes=(
            r"$d \to \infty$" + (f", points at $d = {d}$" if sampled else ""),
            rf"$\sigma^2 = {noise:g}\,d$",
        ),
    )


def diversity_risks(
    task_ratio: Shaped[Array, " c"], length_ratio: Shaped[Array, " c"], *, noise: float
) -> dict[str, Array]:
    """Cells of the sweep: risks per dimension."""
    tau = (1 + noise) / length_ratio
    found = limit_task_risks(task_ratio, tau)
    return {
        "old_tasks": found.in_distribution,
        "new_tasks": found.out_of_distribution,
        "endless": tau / (1 + tau),
    }


def _swept(k: Array, n: Array, settings: dict[str, Any], options: Any) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "task_ratio": Axis(k, "K/d", label="tasks"),
        "length_ratio": Axis(n, "N/d", label="length of the prompt"),
    }
    data = sweep(diversity_risks, axes, settings=settings, how="batched", **options)
    return data.assign(log_ratio=np.log10(data.new_tasks / data.old_tasks))


# --- boundaries ---


def memorising_ratio(length_ratio: float, noise: float) -> float:
    """The `K/d` up to which new tasks cost more than twice what those of the list do."""

    def excess(found: dict[str, Array]) -> float:
        return float(found["new_tasks"][0] - WORSE * found["old_tasks"][0])

    return _root(excess, length_ratio, noise)


def generalising_ratio(length_ratio: float, noise: float) -> float:
    """The `K/d` from which on new tasks cost less than 10 % more than after endless tasks."""

    def excess(found: dict[str, Array]) -> float:
        return float(found["new_tasks"][0] - NEAR * found["endless"][0])

    return _root(excess, length_ratio, noise)


def _root(excess: Any, length_ratio: float, noise: float) -> float:
    """Where what falls with the number of tasks vanishes; NaN if nowhere."""
    from scipy.optimize import brentq

    def at(logarithm: float) -> float:
        ratios = np.exp([logarithm]), np.array([length_ratio])
        return excess(diversity_risks(*ratios, noise=noise))

    ends = np.log(WIDEST)
    if at(ends[0]) <= 0 or at(ends[1]) >= 0:
        return np.nan
    return float(np.exp(brentq(at, *ends, xtol=1e-13)))


# --- sampled points ---


def _points(k: Array, n: Array, d: int, noise: float, number: int, seed: int) -> Any:
    """Means of the exact risks over lists of tasks, at a finite dimension."""
    import xarray

    tasks = np.unique(np.maximum(np.rint(spread_lengths(k, number) * d), 1).astype(int))
    lengths = np.unique(np.maximum(np.rint(spread_lengths(n, number) * d), 1).astype(int))
    rows = []
    for index, (count, length) in enumerate((a, b) for a in tasks for b in lengths):
        (state,) = np.random.SeedSequence([seed, index]).generate_state(1)
        found = average_task_risks(
            int(count), d, int(length), noise_variance=noise * d, count=LISTS, seed=int(state)
        )
        old, new = float(found.in_distribution), float(found.out_of_distribution)
        error = np.hypot(found.errors[0] / old, found.errors[1] / new) / np.log(10)
        rows.append((count / d, length / d, np.log10(new / old), error))
    names = ("task_ratio", "length_ratio", "log_ratio", "log_ratio_error")
    columns = zip(names, np.transpose(rows), strict=True)
    return xarray.Dataset({name: ("point", values) for name, values in columns})
