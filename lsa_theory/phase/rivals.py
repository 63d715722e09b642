r"""The trained layer against least squares: what the diagrams that compare the two have in common.

Both see the same prompts, of :math:`M` labelled pairs. With labels of noise :math:`\sigma^2` least
squares has infinite risk for :math:`d - 1 \le M \le d + 1`; for fewer pairs it is the solution of
least norm, whose risk is exact for :math:`\Lambda = c I` and otherwise that of the
high-dimensional limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.estimators import LeastSquares
from lsa_theory.linalg import dense
from lsa_theory.phase.diagram import Colours, PhaseDiagram, Region
from lsa_theory.prompts import GaussianPrompts

Values = Sequence[float] | Shaped[Array, " n"]  # of an axis

INFINITE = r"least squares has infinite risk, $d - 1 \leq M \leq d + 1$"
RATIO = "risk of attention / risk of least squares"


def power_law(dimension: int, exponent: float = 1.0) -> Shaped[Array, " d"]:
    r"""Eigenvalues :math:`\lambda_k = k^{-a}`."""
    return np.arange(1.0, dimension + 1) ** -exponent


def spectrum(call: str, covariance: Any) -> Shaped[Array, " d"]:
    """Eigenvalues in descending order. Isotropic tasks see nothing else of a covariance, so that a
    diagram holds for every matrix that has them."""
    matrix = checks.covariance(call, "covariance", covariance).astype(np.float64)
    values = np.linalg.eigvalsh(dense(matrix))[::-1] if matrix.ndim == 2 else np.sort(matrix)[::-1]
    if values[-1] <= len(values) * checks.EPSILON * values[0]:
        checks.refuse(call, "covariance", covariance, "positive definite")
    return values


def integers(low: float, high: float, count: int, around: int = 0) -> list[int]:
    """About `count` integers, nearly in a geometric sequence, and the three about one of them."""
    found = {round(x) for x in np.geomspace(max(low, 1), high, count)}
    return sorted(found | {around + step for step in (-1, 0, 1) if low < around + step < high})


def lengths(call: str, argument: str, values: Values | None, default: Any) -> Array:
    """Values of an axis of context lengths, or the default."""
    from lsa_theory.sweeps.axes import require_increasing

    given = np.asarray(default if values is None else values)
    if given.ndim != 1 or len(given) < 2:
        checks.refuse(call, argument, given, "two integers or more")
    require_increasing(call, argument, given)
    return np.array([checks.integer(call, argument, n.item()) for n in given])


def between(axis: Array) -> Array:
    """The lengths of an axis and more between them, for a boundary: it costs little."""
    return np.union1d(axis, integers(float(axis[0]), float(axis[-1]), 400))


def numbers(
    call: str, argument: str, values: Values | None, default: Any, least: float = 1e-300
) -> Array:
    """Values of another axis, positive or at least something else, or the default."""
    from lsa_theory.sweeps.axes import require_increasing

    given = checks.real_array(call, argument, default if values is None else values, (1,))
    if len(given) < 2 or given.min() < least:
        rule = "two numbers or more, " + ("positive" if least > 0 else f"from {least:g} on")
        checks.refuse(call, argument, given, rule)
    require_increasing(call, argument, given)
    return given.astype(np.float64)


# --- least squares ---


def least_squares(law: GaussianPrompts) -> tuple[float, float]:
    """Bias, and variance by unit of label noise: whatever the law's own."""
    quiet, loud = (LeastSquares().known(law.replace(noise_variance=v)) for v in (0.0, 1.0))
    gap = abs(law.context_length - law.dimension) <= 1
    return float(quiet.bias), np.inf if gap else float(loud.variance)


def compared(data: Any, dimension: int) -> Any:
    """A sweep's risks `attention` and `least_squares`, and the common logarithm of their ratio.

    At :math:`M = d - 1` the high-dimensional limit does not see that the variance is infinite.
    """
    least = data.least_squares
    if "context_length" in data.coords:
        least = least.where(abs(data.context_length - dimension) > 1, np.inf)
    with np.errstate(divide="ignore"):
        return data.assign(least_squares=least, log_ratio=np.log10(data.attention / least))


# --- the figure ---


def with_ratio(data: Any, name: str, dimension: int, symbol: str, words: str) -> Any:
    """The coordinate `length_ratio`: a context length by the dimension."""
    attributes = {"symbol": symbol, "units": "1", "long_name": words}
    ratio = (name, np.asarray(data[name]) / dimension, attributes)
    return data.assign_coords(length_ratio=ratio)


def noise_note(level: float) -> str:
    """A noise variance in units of the signal."""
    factor = "" if level == 1 else rf"{level:g}\,"
    return rf"$\sigma^2 = {factor}\mathrm{{tr}}\,\Lambda$"


def spectrum_note(values: Shaped[Array, " d"]) -> str:
    """The eigenvalues, given in descending order, in a phrase."""
    d = len(values)
    if np.ptp(values) == 0:
        return r"$\Lambda = I$" if values[0] == 1 else rf"$\Lambda = {values[0]:.3g}\, I$"
    exponent = np.log2(values[0] / values[1])
    if np.allclose(values, values[0] * power_law(d, exponent), rtol=1e-9):
        return rf"$\lambda_k \propto k^{{-{exponent:.3g}}}$"
    return rf"$\Lambda$ of condition number {values[0] / values[-1]:.3g}"


def limit_note(values: Shaped[Array, " d"], shortest: int) -> list[str]:
    """Where least squares is known by a limit only, if anywhere."""
    by_limit = shortest < len(values) - 1 and np.ptp(values) > 0
    return [r"least squares for $M < d - 1$: high-dimensional limit"] if by_limit else []


def contest_diagram(name: str, title: str, data: Any, y: str, **options: Any) -> PhaseDiagram:
    """The common logarithm of the ratio against a length and something else; who is better."""
    ratio = data.log_ratio
    regions = (
        Region("attention\nbetter", ratio < 0),
        Region("least squares\nbetter", ratio > 0),
    )
    return PhaseDiagram(
        name,
        title,
        data,
        "log_ratio",
        "length_ratio",
        y,
        Colours(RATIO, "ratio", -1.0, 1.0),
        regions=regions,
        infinite=INFINITE,
        **options,
    )
