"""Strategies for laws of prompts and for layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.testing.matrices import (
    DIMENSIONS,
    POSITIVE,
    array_of,
    carried,
    counts,
    covariance_of,
    eigenvalues_up_to,
    squares_of,
)

LENGTHS = st.integers(1, 40)


def prompts(
    dimension: int | SearchStrategy[int] = DIMENSIONS,
    *,
    covariance: Any = True,
    context_length: int | SearchStrategy[int] = LENGTHS,
    noise_variance: Any = None,
    task_covariance: Any = None,
    task_mean: Any = None,
    query_covariance: Any = None,
    condition: Any = 100,
    diagonal: bool = False,
    exact: bool = False,
) -> SearchStrategy[GaussianPrompts]:
    r"""Laws of prompts; the law of Theorem 4.1 unless more is asked for.

    Parameters
    ----------
    dimension, context_length
        :math:`d` and :math:`N`.
    covariance, noise_variance, task_covariance, task_mean, query_covariance
        Arguments of `GaussianPrompts`. True draws one: a positive number of `positive_rationals`,
        an array of `rationals`, a matrix of `covariances`, of full rank. A strategy is drawn from,
        None is left out, and any other value is passed on.
    condition, diagonal
        Of the covariances that True draws, as for `covariances`.
    exact
        As for `arrays`.

    Returns
    -------
    A strategy of `GaussianPrompts`. It shrinks to one feature of variance 1 and one pair.

    Raises
    ------
    ValueError
        Of an argument that is out of range, naming it; of a drawn or given one when it is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> law = find(prompts(noise_variance=True), lambda law: law.context_length > 7)
    >>> print(law.covariance, law.context_length, law.noise_variance, law.task_mean)
    [[1.]] 8 1.0 None
    """
    sizes = counts("prompts", "dimension", dimension)
    lengths = counts("prompts", "context_length", context_length)

    given = {
        "covariance": covariance,
        "noise_variance": noise_variance,
        "task_covariance": task_covariance,
        "task_mean": task_mean,
        "query_covariance": query_covariance,
    }
    return _law(sizes, lengths, given, eigenvalues_up_to(condition), diagonal, exact)


def layers(
    dimension: int | SearchStrategy[int] = DIMENSIONS, *, block: bool = False, exact: bool = False
) -> SearchStrategy[LinearSelfAttention]:
    """Layers with entries of `rationals`, no symmetry in them.

    Parameters
    ----------
    dimension
        :math:`d`.
    block
        Whether all but `s` and `U` is zero, as where `v = p = 0` the prediction is
        `ŷ = h^T s U x_q`; else every entry of both matrices is drawn, those unseen included.
    exact
        As for `arrays`.

    Returns
    -------
    A strategy of `LinearSelfAttention`. It shrinks to one feature and zeros.

    Examples
    --------
    >>> from hypothesis import find
    >>> layer = find(layers(2, block=True), lambda layer: layer.gain.any())
    >>> print(layer.v, layer.s, layer.u.tolist())
    [0. 0.] 1.0 [[0.0, 0.0], [0.0, 1.0]]
    """
    sizes = counts("layers", "dimension", dimension)

    return _layer(sizes, block, exact)


# --- behind them -------------------------------------------------------------------------------


@st.composite
def _law(
    draw: Any,
    sizes: Any,
    lengths: Any,
    given: Any,
    eigenvalues: Any,
    diagonal: bool,
    exact: bool,
) -> Any:
    d, length = draw(sizes), draw(lengths)

    def default(argument: str) -> Any:
        if argument == "task_mean":
            return array_of(draw, (d,), exact)
        if argument == "noise_variance":
            return draw(POSITIVE) if exact else float(draw(POSITIVE))
        return covariance_of(draw, d, eigenvalues, exact, diagonal=diagonal)

    values = {"context_length": length}
    for argument, value in given.items():
        if value is True:
            values[argument] = default(argument)
        elif value is not None:
            values[argument] = draw(value) if isinstance(value, SearchStrategy) else value
    return GaussianPrompts(**values)


@st.composite
def _layer(draw: Any, sizes: Any, block: bool, exact: bool) -> Any:
    """The labels' row and column of a layer, its last ones, are drawn first."""
    d = draw(sizes)
    if block:
        s, (u,) = array_of(draw, (1,), exact)[0], squares_of(draw, d, 1)
        return LinearSelfAttention.from_block(carried(u, exact), s)
    pair = squares_of(draw, d + 1, 2)
    return LinearSelfAttention(*(carried(np.roll(matrix, -1, (0, 1)), exact) for matrix in pair))
