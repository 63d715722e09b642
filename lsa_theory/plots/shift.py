"""Risks of a trained layer and of the estimators under a shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lsa_theory._typing import Array, Shaped
from lsa_theory.estimators import LeastSquares
from lsa_theory.minimum import block_minimum
from lsa_theory.plots.curves import COLUMN, legend, logarithmic_if_wide, panels
from lsa_theory.plots.lengths import known
from lsa_theory.plots.style import COLOURS, FAINT, INK, LINES, styled
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

POINTS = 161


def risk_along(
    train: GaussianPrompts,
    family: Any,
    value: float,
    *,
    interval: tuple[float, float] | None = None,
    roots: Sequence[float] = (),
) -> Figure:
    """Risks against the parameter of a family of shifts; verticals where least squares overtakes.

    Parameters
    ----------
    train
        The law that the layer was trained on.
    family
        As `lsa_theory.shift.scaled(train)`.
    value
        Of the parameter, marked on the layer's curve.
    interval
        Of the parameter (None: the family's), widened to hold the value.
    roots
        From `lsa_theory.shift.overtaking`.
    """
    low, high = family.interval if interval is None else interval
    values = _values(family, min(low, value), max(high, value))
    curves = _curves(train, family, values)
    gain = block_minimum(train).gain
    with panels() as (figure, (axes,)):
        for k, (name, curve) in enumerate(curves.items()):
            colour = FAINT if name == "predicting 0" else COLOURS[k]
            axes.plot(values, curve, color=colour, linestyle=LINES[k], label=name)
        for root in roots:
            axes.axvline(root, color=INK, linewidth=0.7)
        here = float(risk(gain, family(value)))
        axes.plot([value], [here], "o", color=COLOURS[0], clip_on=False, zorder=5)
        axes.set(xlabel=f"{family.name} ${family.symbol}$", ylabel="risk")
        axes.set(yscale=logarithmic_if_wide(np.concatenate(list(curves.values()))))
        axes.set(xlim=(values[0], values[-1]))
        if family.kind == "length":
            axes.set(xscale="log")
        legend(axes)
    return figure


def _values(family: Any, low: float, high: float) -> Shaped[Array, " n"]:
    if family.kind == "length":
        return np.unique(np.geomspace(max(low, 1), high, POINTS).round())
    return np.linspace(low, high, POINTS)


def _curves(
    train: GaussianPrompts, family: Any, values: Shaped[Array, " n"]
) -> dict[str, Shaped[Array, " n"]]:
    gain, zero = block_minimum(train).gain, np.zeros(train.dimension)
    laws = [family(float(value)) for value in values]
    return {
        "linear attention": np.array([float(risk(gain, law)) for law in laws]),
        "least squares": known(LeastSquares(), laws),
        "retrained": np.array([2 * float(block_minimum(law).loss) for law in laws]),
        "predicting 0": np.array([float(risk(zero, law)) for law in laws]),
    }


def risk_parts(risks: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bias and variance of each predictor on one law, as bars; an infinite one is said to be so."""
    names = list(risks)
    parts = {part: np.array([risks[n][part] for n in names]) for part in ("bias", "variance")}
    finite = {part: np.where(np.isfinite(x), x, 0.0) for part, x in parts.items()}
    with styled(**{"axes.grid": False}):
        figure = Figure(figsize=(COLUMN, 0.55 + 0.27 * len(names)))
        axes = figure.subplots()
        places = np.arange(len(names))[::-1]
        axes.barh(places, finite["bias"], 0.6, color=COLOURS[0], label="bias")
        axes.barh(
            places, finite["variance"], 0.6, finite["bias"], color=COLOURS[4], label="variance"
        )
        for place, *pair in zip(places, *parts.values(), strict=True):
            if not np.isfinite(sum(pair)):
                axes.annotate(
                    "infinite", (0, place), (3, 0), textcoords="offset points", va="center"
                )
        axes.set(yticks=places, yticklabels=names, xlabel="risk")
        axes.tick_params(axis="y", length=0)
        legend(axes)
    return figure
