"""Sampled points to put on a diagram: the trained layer and least squares, simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lsa_theory._typing import Array
from lsa_theory.estimators import LeastSquares
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.sampling import sampled_risk

PROMPTS, CONTEXTS = 20_000, 400  # drawn for a point: for the layer, for least squares
TAIL = 4  # |M - d| from which the squared error of least squares has a variance, and one to spare


def sampled_points(
    cells: Sequence[tuple[float, float]],
    names: tuple[str, str],
    contest: Callable[[float, float], tuple[Any, GaussianPrompts]],
    seed: int,
) -> Any:
    """Both risks simulated, with standard errors, at cells given by their two coordinates.

    `contest` gives the layer's gain and the test law of a cell. The layer's prompts are drawn
    through their sufficient statistic, the contexts of least squares by Bartlett's decomposition.
    """
    import xarray

    rows = []
    for index, cell in enumerate(cells):
        gain, law = contest(*cell)
        first, second = np.random.SeedSequence([seed, index]).generate_state(2)
        layer = sampled_risk(gain, law, PROMPTS, seed=int(first))
        other = LeastSquares().risk(law, method="sampled", count=CONTEXTS, seed=int(second))
        rows.append((*cell, *layer, float(other.value), other.error))
    x, y, layer, layer_error, other, other_error = np.array(rows).T
    relative = np.hypot(layer_error / layer, other_error / other)
    columns = {
        names[0]: x,
        names[1]: y,
        "attention": layer,
        "attention_error": layer_error,
        "least_squares": other,
        "least_squares_error": other_error,
        "log_ratio": np.log10(layer / other),
        "log_ratio_error": relative / np.log(10),
    }
    return xarray.Dataset({name: ("point", values) for name, values in columns.items()})


def spread(values: Array, number: int) -> Array:
    """`number` of an axis's values, evenly by rank."""
    return values[((np.arange(number) + 0.5) * len(values) / number).astype(int)]


def spread_lengths(lengths: Array, number: int) -> Array:
    """`number` of an axis's lengths, evenly on a logarithmic axis."""
    ends = np.log(lengths[[0, -1]])
    places = np.exp(ends[0] + (np.arange(number) + 0.5) / number * np.ptp(ends))
    return np.unique([lengths[abs(np.log(lengths / place)).argmin()] for place in places])


def apart(lengths: Array, dimension: int) -> Array:
    """The lengths at which a sampled risk of least squares has a standard error."""
    return lengths[abs(lengths - dimension) >= TAIL]
