r"""Training over random covariances is brittle: by their spread and the length of the prompt."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators import LeastSquares
from lsa_theory.minimum import global_minimum
from lsa_theory.phase.diagram import Boundary, Colours, PhaseDiagram, Region
from lsa_theory.phase.points import spread as evenly
from lsa_theory.phase.rivals import Values, integers, lengths, numbers, with_ratio
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    GammaEigenvalues,
    RandomCovariancePrompts,
)
from lsa_theory.risk import risk
from lsa_theory.sampling import sampled_risk

DIMENSION = 20
NEAR = 1.1  # times the limit: longer contexts gain little from there on
PROMPTS = 20_000  # drawn for a point, each with a covariance of its own
BETWEEN = 201  # points of a boundary
LAWS = ("gamma", "log-normal")


def brittleness(
    dimension: int = DIMENSION,
    *,
    eigenvalues: str = "gamma",
    noise: float = 1.0,
    spreads: Values | None = None,
    context_lengths: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""A layer trained on random covariances, in (spread of their eigenvalues, :math:`M/d`).

    Every prompt draws a diagonal covariance whose eigenvalues are independent, of mean 1 and
    standard deviation `s`, in training and test alike, with :math:`N = M`. At the minimum of the
    training loss the gain is one multiple of the identity for all of them, and the mean risk

    .. math::
        d - \frac{M\, d\, m_2^2}{(M + 2)\, m_3 + (d - 1 + \sigma^2)\, m_2}
        \;\xrightarrow{M \to \infty}\; d\, \Big( 1 - \frac{m_2^2}{m_3} \Big), \qquad
        m_k = E \lambda^k,

    does not vanish for `s > 0`: the share :math:`s^2 / (1 + 2 s^2)` of the signal is lost with
    gamma eigenvalues (of Exp(1) at `s = 1`: a third), :math:`s^2 / (1 + s^2)` with log-normal ones.
    Least squares on the same prompts has the risk :math:`\sigma^2 d / (M - d - 1)` whatever the
    covariance, and none in the limit.

    Boundaries: where least squares overtakes, and the length from which on the layer is within
    10 % of its limit, so that longer contexts are in vain. Both are roots in `M`, a real number.

    Parameters
    ----------
    dimension
        `d`.
    eigenvalues
        Their law, "gamma" or "log-normal".
    noise
        :math:`\sigma^2` in units of :math:`E \operatorname{tr} \Lambda = d`.
    spreads
        Values of `s`; by default from 0, where the covariance is always the same, to 2.
    context_lengths
        Values of `M` from `d + 2` on; by default to `300 d`.
    sampled, seed
        How many sampled points a side to put on top, and the seed.
    sweep_options
        For `lsa_theory.sweep`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5 and its discussion, for the
    limit of Exp(1) eigenvalues; derived here.
    """
    d = checks.integer("brittleness", "dimension", dimension)
    if eigenvalues not in LAWS:
        checks.refuse("brittleness", "eigenvalues", repr(eigenvalues), " or ".join(LAWS))
    checks.option("brittleness", "noise", noise, "a positive number", lambda x: 0 < x < np.inf)
    s = numbers("brittleness", "spreads", spreads, np.linspace(0, 2, 101), least=0)
    m = lengths("brittleness", "context_lengths", context_lengths, integers(d + 2, 300 * d, 120))
    if m[0] < d + 2:
        rule = f"at least d + 2 = {d + 2} (of fewer pairs least squares has infinite risk, or bias)"
        checks.refuse("brittleness", "context_lengths", f"array with {m[0]}", rule)
    sampled = checks.integer("brittleness", "sampled", sampled, minimum=0)

    settings = {"dimension": d, "eigenvalues": eigenvalues, "noise": float(noise)}
    data = _swept(s, m, settings, sweep_options)
    places = np.union1d(s, np.linspace(s[0], s[-1], BETWEEN))
    curves = {
        label: np.array([length(x, float(m[-1]), **settings) for x in places])
        for label, length in {
            "equal risk": overtaking_length,
            "10 % above the limit": saturation_length,
        }.items()
    }
    ahead, vain = data.attention < data.least_squares, data.attention < NEAR * data.limit
    return PhaseDiagram(
        "brittleness",
        "Attention trained on random covariances",
        data,
        "log_attention",
        "spread",
        "length_ratio",
        Colours("risk of attention / risk of predicting 0", "logarithm"),
        boundaries=tuple(Boundary(label, places, found / d) for label, found in curves.items()),
        regions=(
            Region("attention better", ahead),
            Region("least squares better", ~ahead & ~vain),
            Region("least squares better,\nlonger contexts in vain", ~ahead & vain),
        ),
        points=_points(s, m, sampled, seed, **settings) if sampled else None,
        logarithmic=("length_ratio",),
        notes=(
            rf"{eigenvalues} eigenvalues of mean 1",
            f"$d = {d}$",
            "$N = M$",
            r"$\sigma^2 = d$" if noise == 1 else rf"$\sigma^2 = {noise:g}\,d$",
        ),
    )


def law(spread: Scalar, *, dimension: int, eigenvalues: str, **_: Any) -> DiagonalEigenvalues:
    """Of eigenvalues of mean 1 and standard deviation `spread`."""
    if eigenvalues == "gamma":
        return DiagonalEigenvalues(GammaEigenvalues(spread), dimension)
    second = 1 + spread * spread
    return DiagonalEigenvalues((1 + 0 * spread, second, second * second * second), dimension)


def lost(spread: Scalar, eigenvalues: str) -> Scalar:
    """The share of the signal that the longest contexts leave."""
    square = spread * spread
    return square / (1 + (2 if eigenvalues == "gamma" else 1) * square)


def brittleness_risks(
    spread: Scalar, context_length: Scalar, *, dimension: int, eigenvalues: str, noise: float
) -> dict[str, Scalar]:
    """A cell of the sweep: relative risks."""
    d, variance = dimension, noise * dimension
    covariances = law(spread, dimension=d, eigenvalues=eigenvalues)
    prompts = RandomCovariancePrompts(covariances, context_length, noise_variance=variance)
    attention = risk(global_minimum(prompts).gain, prompts)
    fixed = GaussianPrompts(np.ones(d), context_length, noise_variance=variance)
    least = sum(LeastSquares().known(fixed))  # whatever the covariance
    return {"attention": attention / d, "least_squares": least / d}


def _swept(s: Array, m: Array, settings: dict[str, Any], options: Any) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "spread": Axis(s, r"\sqrt{\mathrm{Var}\,\lambda}", label="spread of the eigenvalues"),
        "context_length": Axis(m, "M", label="length of the prompt"),
    }
    data = sweep(brittleness_risks, axes, settings=settings, **options)
    limit = lost(data.spread, settings["eigenvalues"])
    data = data.assign(limit=limit, log_attention=np.log10(data.attention))
    return with_ratio(data, "context_length", settings["dimension"], "M/d", "length of the prompt")


# --- boundaries ---


def fraction(spread: float, **settings: Any) -> Array:
    r"""`(a, b, c, e)` of the relative risk :math:`(a M + b) / (c M + e)`."""
    _, second, third = law(spread, **settings).moments
    rest = 2 * third + (settings["dimension"] * (1 + settings["noise"]) - 1) * second
    return np.array([third - second * second, rest, third, rest])


def overtaking_length(spread: float, most: float, **settings: Any) -> float:
    """The real `M` where least squares overtakes; NaN if beyond `most`. With the layer's risk
    `(a M + b) / (c M + e)`, a quadratic with one positive root."""
    d = settings["dimension"]
    a, b, c, e = fraction(spread, **settings)
    variance = settings["noise"] * d
    found = np.roots([a, b - a * (d + 1) - variance * c, -b * (d + 1) - variance * e])
    return _within(found[found > d + 1], most)


def saturation_length(spread: float, most: float, **settings: Any) -> float:
    """The real `M` from which on the layer is within 10 % of its limit; NaN if beyond `most`."""
    a, b, c, e = fraction(spread, **settings)
    if a == 0:
        return np.nan
    return _within(np.array([(b * c - NEAR * a * e) / ((NEAR - 1) * a * c)]), most)


def _within(found: Shaped[Array, " n"], most: float) -> float:
    return float(found[0]) if len(found) and found[0] <= most else np.nan


# --- sampled points ---


def _points(s: Array, m: Array, number: int, seed: int, **settings: Any) -> Any:
    import xarray

    rows = []
    cells = [(x, n) for x in evenly(s, number) for n in evenly(m, number)]
    for index, (x, n) in enumerate(cells):
        (state,) = np.random.SeedSequence([seed, index]).generate_state(1)
        value, error = sampled_cell(float(x), int(n), int(state), **settings)
        rows.append((x, n / settings["dimension"], value, error))
    x, ratio, value, error = np.array(rows).T
    columns = {
        "spread": x,
        "length_ratio": ratio,
        "attention": value,
        "attention_error": error,
        "log_attention": np.log10(value),
        "log_attention_error": error / value / np.log(10),
    }
    return xarray.Dataset({name: ("point", values) for name, values in columns.items()})


def sampled_cell(spread: float, length: int, seed: int, **settings: Any) -> tuple[float, float]:
    """The layer's relative risk on drawn covariances and prompts, and its standard error."""
    d, covariances = settings["dimension"], law(spread, **settings)
    prompts = RandomCovariancePrompts(covariances, length, noise_variance=settings["noise"] * d)
    gain = global_minimum(prompts).gain
    if settings["eigenvalues"] == "log-normal" and spread > 0:  # known by its moments so far
        from scipy.stats import lognorm

        deviation = np.log1p(spread**2) ** 0.5
        drawn = lognorm(deviation, scale=np.exp(-(deviation**2) / 2))
        prompts = prompts.replace(law=DiagonalEigenvalues(drawn, d))
    elif spread == 0:
        prompts = prompts.replace(law=DiagonalEigenvalues(GammaEigenvalues(0.0), d))
    value, error = sampled_risk(gain, prompts, PROMPTS, seed=seed)
    return value / d, error / d
