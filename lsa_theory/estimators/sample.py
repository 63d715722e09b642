r"""Sample covariances without samples: Bartlett's decomposition.

For :math:`M` standard normal rows, :math:`Z^\top Z = L L^\top` with independent entries below the
diagonal, :math:`L_{ij} \sim N(0, 1)` for :math:`i > j` and :math:`L_{jj}^2 \sim \chi^2_{M - j}`
(:math:`j` from 0); with :math:`M < d`, :math:`L` has :math:`M` columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lsa_theory._typing import Array, Shaped

CHUNK = 2**21  # entries of a batch of matrices


def bartlett(
    dimension: int, length: int, count: int, rng: np.random.Generator
) -> Shaped[Array, "k d r"]:
    """`L`, drawn `count` times; r is the smaller of `dimension` and `length`."""
    width = min(dimension, length)
    found = np.tril(rng.standard_normal((count, dimension, width)), -1)
    diagonal = np.arange(width)
    found[:, diagonal, diagonal] = np.sqrt(rng.chisquare(length - diagonal, (count, width)))
    return found


def chunks(count: int, dimension: int) -> Iterator[int]:
    """How many at a time, of a number that does not depend on the machine."""
    size = max(1, CHUNK // dimension**2)
    for start in range(0, count, size):
        yield min(size, count - start)


def standard_error(values: Shaped[Array, " k"]) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5)
