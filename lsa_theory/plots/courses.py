"""What the solvable models of transience do over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lsa_theory._typing import Array
from lsa_theory.plots.curves import legend, logarithmic_if_wide, panels
from lsa_theory.plots.style import COLOURS, FAINT, LINES

UPPER = {  # by model: names of the course, and how they are called
    "regression": {"in_context": "attention $a$", "in_weights": "table $b$"},
    "classification": {"in_context": "attention $g$", "in_weights": "memory $m$"},
    "coopetition": {"in_context": "in context $L_1$", "in_weights": "in the weights $L_2$"},
    "kinetics": {"match": "attention on the match $p$"},
}
LOWER = {
    "kinetics": {"strength": "strength $w$", "memory": "memory $m$"},
}
LEAST = 1e-6  # of a loss
MARKS = {  # quantities that are times
    "emergence_time": "emergence",
    "lifetime": "lifetime",
    "flip_time": "flip",
    "ignition_time": "ignition",
}


def model_course(model: str, course: Mapping[str, Array], quantities: Mapping[str, Any]) -> Figure:
    """A model's flow over time on a logarithmic axis, its closed-form times as verticals.

    Parameters
    ----------
    model
        "regression", "classification", "coopetition" or "kinetics".
    course
        "times" and what goes with them.
    quantities
        By name; of those that are times the finite ones within the course are drawn.
    """
    times = np.asarray(course["times"], dtype=float)
    with panels(2, height=3.4) as (figure, (upper, lower)):
        parts = (UPPER[model], LOWER.get(model, {"loss": "loss $L$"}))
        for axes, names in zip((upper, lower), parts, strict=True):
            for k, (name, words) in enumerate(names.items()):
                axes.plot(times[1:], course[name][1:], color=COLOURS[k], label=words)
            axes.set(xscale="log", xlim=(times[1], times[-1]))
        if model == "coopetition":
            for axes in (upper, lower):
                axes.set(xscale="linear", yscale="log", ylim=(LEAST, None))
        elif "loss" in parts[1]:
            lower.set(yscale=logarithmic_if_wide(np.asarray(course["loss"][1:])))
        marks = {name: quantities.get(name, np.nan) for name in MARKS}
        shown = {MARKS[name]: t for name, t in marks.items() if times[1] < t < times[-1]}
        for k, (words, time) in enumerate(shown.items()):
            style = LINES[1 + k % (len(LINES) - 1)]
            for axes in (upper, lower):
                label = words if axes is upper else None
                axes.axvline(time, color=FAINT, linewidth=0.8, linestyle=style, label=label)
        upper.set(ylabel="share" if model != "coopetition" else "loss of a strategy")
        lower.set(xlabel="step" if model == "coopetition" else "time $t$")
        lower.set(ylabel="loss $L$" if "loss" in parts[1] else "strength")
        legend(upper)
        if len(parts[1]) > 1:
            legend(lower)
    return figure
