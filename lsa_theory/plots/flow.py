"""Gradient flow over time: the loss and the scale."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.curves import legend, logarithmic_if_wide, panels
from lsa_theory.plots.style import COLOURS, FAINT, INK, LINES


def time_course(
    times: Shaped[Array, " t"],
    loss: Shaped[Array, " t"],
    scale: Shaped[Array, " t"],
    *,
    least: float,
    bound: Shaped[Array, " t"] | None = None,
    limit: float | None = None,
) -> Figure:
    """The loss above its minimum, and the scale `s`, against time.

    Parameters
    ----------
    times, loss, scale
        Along the flow.
    least
        The least loss.
    bound
        On the loss, by Theorem 4.1, where that says anything.
    limit
        Of the scale, if it is known.
    """
    above = loss - least
    seen = above > 1e-14 * max(abs(loss).max(), 1e-300)
    with panels(2, height=3.2) as (figure, (upper, lower)):
        upper.plot(times[seen], above[seen], color=COLOURS[0], label="gradient flow")
        if bound is not None:
            upper.plot(
                times, bound - least, color=INK, linestyle=LINES[1], label="bound of Theorem 4.1"
            )
        upper.set(ylabel=r"$L - \min L$", yscale="log" if seen.any() else "linear")
        if seen.any():
            upper.set(ylim=(0.5 * above[seen].min(), None))
        lower.plot(times, scale, color=COLOURS[1], label="$s$")
        if limit is not None:
            lower.axhline(limit, color=FAINT, linewidth=0.8, linestyle=LINES[1], label=r"its limit")
        lower.set(xlabel="time $t$", ylabel="scale $s$", yscale=logarithmic_if_wide(scale))
        upper.set(xlim=(times[0], max(times[-1], np.nextafter(times[0], np.inf))))
        legend(upper)
        legend(lower)
    return figure
