"""The risk of a layer against the length of the test prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lsa_theory.estimators import Bayes, Estimator, LeastSquares
from lsa_theory.estimators.base import NoFormula
from lsa_theory.linalg import product_trace
from lsa_theory.plots.curves import legend, logarithmic_if_wide, panels
from lsa_theory.plots.style import COLOURS, FAINT, LINES
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

POINTS = 80


def risk_by_length(layer: Any, test: GaussianPrompts) -> Figure:
    """The risk of a layer or gain for prompts of more and more pairs, beside least squares and the
    Bayes predictor: it stays above 0 where theirs vanish."""
    most = 32 * max(test.context_length, test.dimension)
    lengths = np.unique(np.geomspace(1, most, POINTS).round().astype(int))
    laws = [test.replace(context_length=int(length)) for length in lengths]
    zero = float(product_trace(test.query, test.second_moment))
    curves = {
        "linear attention": np.array([float(risk(layer, law)) for law in laws]),
        "least squares": known(LeastSquares(), laws),
        "Bayes": known(Bayes(test), laws),
    }
    with panels() as (figure, (axes,)):
        for k, (name, values) in enumerate(curves.items()):
            axes.plot(lengths, values, color=COLOURS[k], linestyle=LINES[k], label=name)
        axes.axhline(zero, color=FAINT, linewidth=0.8, linestyle=LINES[3], label="predicting 0")
        here = float(risk(layer, test))
        axes.plot([test.context_length], [here], "o", color=COLOURS[0], clip_on=False)
        axes.set(xlabel="test context length $M$", ylabel="risk", xscale="log")
        shown = np.concatenate([curves["linear attention"], [zero]])
        shown = shown[np.isfinite(shown) & (shown > 0)]
        if logarithmic_if_wide(np.concatenate(list(curves.values()))) == "log":
            axes.set(yscale="log")
        if shown.size:
            axes.set(ylim=(None, 3 * shown.max()))
        legend(axes)
    return figure


def known(estimator: Estimator, laws: list[GaussianPrompts]) -> np.ndarray:
    """The risks that a formula gives, NaN elsewhere and where infinite."""
    values = np.full(len(laws), np.nan)
    for k, law in enumerate(laws):
        try:
            value = float(sum(estimator.known(law)))
        except NoFormula:
            continue
        values[k] = value if np.isfinite(value) else np.nan
    return values
