"""How long the flow takes, by the size of its start and the condition number of the features."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.convergence import Spectrum, least_squared_scale, pl_constant
from lsa_theory.gamma import gamma
from lsa_theory.initial import initial_layer, isotropic_theta
from lsa_theory.linalg import array
from lsa_theory.phase.diagram import Boundary, Colours, PhaseDiagram, Region
from lsa_theory.phase.points import spread as evenly
from lsa_theory.phase.rivals import Values, numbers
from lsa_theory.prompts import GaussianPrompts

DIMENSION, LENGTH = 10, 20
FRACTION = 1e-3
RTOL, TOLERANCE = 1e-7, 1e-8
BETWEEN = 201  # points of a boundary
BISECTIONS = 60
PROMISES = ("promised", "promised_sharp")
PROMPTS, BATCHES = 20_000, 6  # drawn for a point; one training each


def convergence(
    dimension: int = DIMENSION,
    *,
    context_length: int = LENGTH,
    fraction: float = FRACTION,
    scales: Values | None = None,
    conditions: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""Observed time to converge, in :math:`(\sigma_0, \lambda_{\max}/\lambda_{\min})`.

    Gradient flow starts from :math:`s = \sigma_0`, :math:`U = \sigma_0 I / \sqrt d`; the
    eigenvalues of :math:`\Lambda` are in geometric progression with mean 1. The time is that until
    the excess loss has fallen to a fraction of its start, or of the zero predictor's if that is
    less: beyond the bounds a start's own excess is huge, and most of it is lost at once.

    Boundaries: Theorem 4.1's sufficient condition :math:`\sigma_0^2 \|\Gamma\| \sqrt d < 2` and the
    sharp form's :math:`\sigma_0^2 \|\Gamma\| < 2`. They are sufficient only: flows beyond them
    converge as well, and the diagram shows it. Within them the theorem promises a time,
    :math:`\ln(1/\mathrm{fraction}) / \mu`, in the data as `promised` and `promised_sharp`
    (infinite where nothing is promised), always more than the observed one.

    Parameters
    ----------
    dimension
        `d`.
    context_length
        `N`.
    fraction
        Of the excess loss that is left, in (0, 1).
    scales
        Values of :math:`\sigma_0`; None: from 0.01 to 10.
    conditions
        Condition numbers of :math:`\Lambda`, from 1 on; None: up to 1000.
    sampled, seed
        How many points a side to put on top, and the seed. Points are gradient flow on the loss of
        20,000 sampled prompts, the mean of six trainings with its standard error.
    sweep_options
        For `lsa_theory.sweep`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1, for the condition and the rate.
    """
    d = checks.integer("convergence", "dimension", dimension, minimum=2)
    n = checks.integer("convergence", "context_length", context_length)
    rule = "a number in (0, 1)"
    left = checks.option("convergence", "fraction", fraction, rule, lambda x: 0 < x < 1)
    s = numbers("convergence", "scales", scales, np.geomspace(0.01, 10.0, 49))
    wide = numbers("convergence", "conditions", conditions, np.geomspace(1.0, 1e3, 41))
    if wide[0] < 1:
        checks.refuse("convergence", "conditions", f"array with {wide[0]}", "at least 1")
    sampled = checks.integer("convergence", "sampled", sampled, minimum=0)
    settings = {"dimension": d, "context_length": n, "fraction": left}

    data = _swept(s, wide, settings, sweep_options)
    places = np.union1d(wide, np.geomspace(wide[0], wide[-1], BETWEEN))
    norms = np.array([array(gamma(law(x, d, n))).max() for x in places])
    within = np.isfinite(data.promised)
    paper, sharp = (float((data[name] / data.time).min()) for name in PROMISES)
    return PhaseDiagram(
        "convergence",
        "Gradient flow, and what is promised of it",
        data,
        "log_time",
        "scale",
        "condition",
        Colours("time to converge", "logarithm"),
        boundaries=(
            Boundary("Theorem 4.1", np.sqrt(2 / (norms * np.sqrt(d))), places),
            Boundary("sharp form", np.sqrt(2 / norms), places),
        ),
        regions=(
            Region("guaranteed", within),
            Region("converges as well", ~within & np.isfinite(data.time)),
        ),
        points=_points(s, wide, sampled, seed, **settings) if sampled else None,
        logarithmic=("scale", "condition"),
        notes=(
            f"$d = {d}$",
            f"$N = {n}$",
            f"until {left:g} of the excess loss is left",
            *_margin("Theorem 4.1", paper),
            *_margin("its sharp form", sharp),
        ),
        missing="not converged",
    )


def _margin(what: str, ratio: float) -> tuple[str, ...]:
    """How far the promise is from what is observed."""
    if not np.isfinite(ratio):
        return ()
    power = 10.0 ** np.floor(np.log10(ratio))
    return (f"{what} promises at least {np.floor(ratio / power) * power:,g} times as long",)


def law(condition: float, dimension: int, context_length: int) -> GaussianPrompts:
    """Eigenvalues in geometric progression, of mean 1."""
    eigenvalues = np.geomspace(1.0, condition, dimension)
    return GaussianPrompts(eigenvalues * (dimension / eigenvalues.sum()), context_length)


def convergence_times(
    scale: Shaped[Array, " n"],
    condition: Shaped[Array, " n"],
    *,
    dimension: int,
    context_length: int,
    fraction: float,
) -> dict[str, Array]:
    """Cells of the sweep: times observed, NaN if the flow was not seen to converge, and promised,
    infinite if none is."""
    from lsa_theory.flow import gradient_flow

    d, n = dimension, context_length
    theta = isotropic_theta(d)
    laws = {x: law(x, d, n) for x in np.unique(condition).tolist()}
    starts = {x: initial_layer(theta, x) for x in np.unique(scale).tolist()}
    cells = list(zip(scale.tolist(), condition.tolist(), strict=True))
    flows = gradient_flow(
        [starts[s] for s, _ in cells], [laws[x] for _, x in cells], rtol=RTOL, tolerance=TOLERANCE
    )
    ends = {x: limits(one) for x, one in laws.items()}
    found = []
    for flow, (s, x) in zip(flows, cells, strict=True):
        least, zero = ends[x]
        start = flow.loss[0] - least
        goal = fraction * min(start, zero - least)
        time = crossing(flow.times, flow.loss - least, flow.residual, goal)
        found.append(
            (time, *(promised(laws[x], s, start / goal, sharp) for sharp in (False, True)))
        )
    time, paper, sharp = np.array(found).T
    return {
        "time": time,
        "log_time": np.log10(time),
        "promised": paper,
        "promised_sharp": sharp,
    }


def limits(prompts: GaussianPrompts) -> tuple[float, float]:
    """The least loss, and that of the zero predictor."""
    from lsa_theory.minimum import global_minimum

    return float(global_minimum(prompts).loss), float(prompts.covariance.sum()) / 2


def crossing(
    times: Shaped[Array, " t"],
    excess: Shaped[Array, " t"],
    slopes: Shaped[Array, " t"],
    goal: float,
) -> float:
    """When the excess loss passes the goal: the root of the cubic that has its logarithm and the
    logarithm's slope, `-‖∇L‖² / excess`, at both ends of the step."""
    below = np.flatnonzero(excess <= goal)
    if not below.size:
        return np.nan
    if below[0] == 0:
        return float(times[0])
    i = np.array([below[0] - 1, below[0]])
    if excess[i[1]] <= 0:  # the limit, in one step
        return float(times[i[1]])
    width = np.diff(times[i])[0]
    (a, b), (p, q) = np.log(excess[i] / goal), -width * slopes[i] ** 2 / excess[i]
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        x = (low + high) / 2
        value = a + x * (p + x * (3 * (b - a) - 2 * p - q + x * (p + q - 2 * (b - a))))
        low, high = (x, high) if value > 0 else (low, x)
    return float(times[i[0]] + high * width)


def promised(prompts: GaussianPrompts, scale: float, ratio: float, sharp: bool) -> float:
    """By Theorem 4.1, from the isotropic start: the time to fall by the ratio, or infinity."""
    eigenvalues = prompts.covariance
    root = np.sqrt(len(eigenvalues))
    spectrum = Spectrum.between(eigenvalues, eigenvalues, prompts.context_length, root)
    seen, square = float(eigenvalues @ eigenvalues) / root, scale * scale
    least = least_squared_scale(square, seen, spectrum.stiffness(sharp), spectrum.size(sharp))
    rate = pl_constant(least, spectrum.curvature(sharp))
    return float(np.log(ratio) / rate) if rate > 0 else np.inf


def _points(s: Array, wide: Array, number: int, seed: int, **settings: Any) -> Any:
    """Times to converge on the loss of finitely many prompts, with standard errors."""
    import xarray

    cells = [(x, y) for x in evenly(s, number) for y in evenly(wide, number)]
    rows = []
    for index, cell in enumerate(cells):
        seeds = np.random.SeedSequence([seed, index]).generate_state(BATCHES)
        times = [sampled_time(*cell, seed=int(one), **settings) for one in seeds]
        logs = np.log10(times)
        rows.append((*cell, logs.mean(), logs.std(ddof=1) / np.sqrt(BATCHES)))
    names = ("scale", "condition", "log_time", "log_time_error")
    columns = zip(names, np.array(rows).T, strict=True)
    return xarray.Dataset({name: ("point", values) for name, values in columns})


def sampled_time(
    scale: float, condition: float, *, dimension: int, context_length: int, fraction: float,
    seed: int,
) -> float:  # fmt: skip
    """The observed time where `E h h^T` and `E h w^T` are means over sampled prompts."""
    from lsa_theory.flow.exponential import integrate
    from lsa_theory.sampling import sample_statistics

    prompts = law(condition, dimension, context_length)
    drawn = sample_statistics(prompts, PROMPTS, seed=seed)
    second, force = drawn.h.T @ drawn.h / PROMPTS, drawn.h.T @ drawn.task / PROMPTS
    fast, left = np.linalg.eigh(second)
    rates = fast[:, None] * prompts.covariance
    minimiser = left.T @ force / fast[:, None]
    start = scale * left.T / np.sqrt(dimension)
    path = integrate(rates.ravel(), minimiser.ravel(), start.ravel(), scale, 0.0, rtol=RTOL)
    zero = (rates * minimiser**2).sum() / 2
    record = path.record
    goal = fraction * min(record.excess[0], zero)
    return crossing(record.time, record.excess, record.residual, goal)


def _swept(s: Array, wide: Array, settings: dict[str, Any], options: Any) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "scale": Axis(s, r"\sigma_0", label="size of the start"),
        "condition": Axis(
            wide, r"\lambda_{\max}/\lambda_{\min}", label="condition number of the features"
        ),
    }
    return sweep(convergence_times, axes, settings=settings, how="batched", **options)
