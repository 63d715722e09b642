"""The race at the start: a table that learns from few tasks wins before attention emerges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transience.regression import Regression


def share_bound(model: Regression, in_weights: Any) -> Array:
    r"""Attention that starts small beside a quick table never starts.

    Whatever the noise of the evidence and the penalty on attention, without one on the table,

    .. math:: a(t) \le a(0)\, e^{2 \sqrt d\, b(t) / \eta},

    with equality where :math:`\kappa = \lambda_a = 0`. The table holds at most all,
    :math:`b \le 1`; and at most one half of it, :math:`b \le \frac12`, when attention reaches half
    of its peak :math:`\frac{1}{1 + \kappa}`. So it does not, ever, beside a table that learns from
    fewer tasks than

    .. math:: \frac1\eta < \frac{1}{\sqrt d} \ln \frac{1}{2 (1 + \kappa)\, a(0)},

    which is `race_task_count`; without noise it does from there on.

    Parameters
    ----------
    model
        The law, with `l2_table = 0`.
    in_weights
        `b`: a number or a course over time.

    Raises
    ------
    ValueError
        If the table has a penalty.

    Source: derived here.
    """
    checks.instance("share_bound", "model", model, Regression)
    if model.l2_table > 0:
        rule = "one with l2_table = 0"
        checks.refuse("share_bound", "model", f"one with l2_table = {model.l2_table:g}", rule)
    speed = 2 * math.sqrt(model.dimension) / model.rate
    with np.errstate(over="ignore"):
        return model.initial_share * np.exp(speed * np.asarray(in_weights, dtype=np.float64))


def race_task_count(model: Regression) -> float:
    r"""The number of tasks below which attention never reaches half of its peak without a penalty,
    :math:`\frac{1}{\sqrt d} \ln \frac{1}{2 (1 + \kappa) a(0)}`: see `share_bound`. It is compared
    with :math:`1/\eta`; 0 for a start above that half."""
    checks.instance("race_task_count", "model", model, Regression)
    half = 1 / (2 * (1 + model.evidence_noise))
    return max(math.log(half / model.initial_share), 0.0) / math.sqrt(model.dimension)
