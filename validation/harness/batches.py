"""Standard errors of means of heavy-tailed samples."""

import math

import numpy as np


def batch_means(values, batches: int = 64) -> tuple[float, float]:
    r"""Mean of ``values`` and its standard error from the means of ``batches`` equal batches.

    Squared errors are heavy-tailed, and the means of large batches are much closer to normal than
    the values are. With batch means :math:`m_1, \dots, m_B` the standard error is

    .. math:: \sqrt{\sum_b (m_b - \bar m)^2 / (B (B - 1))},

    with :math:`B - 1` degrees of freedom: pass ``degrees=batches - 1`` to
    :class:`~validation.harness.kinds.Sigma`. Values beyond a multiple of ``batches`` are refused.
    """
    values = np.asarray(values, dtype=float)
    if batches < 2 or len(values) < batches or len(values) % batches:
        raise ValueError(
            f"batch_means(batches={batches}): must be at least 2 and divide the number of values, "
            f"{len(values)}"
        )
    means = values.reshape(batches, -1).mean(axis=1)
    return float(means.mean()), float(means.std(ddof=1) / math.sqrt(batches))
