"""The gain of a trained layer against the eigenvalue of the covariance."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.curves import legend, logarithmic_if_wide, panels
from lsa_theory.plots.style import COLOURS, INK, LINES


def gain_spectrum(
    eigenvalues: Shaped[Array, " d"], gains: Shaped[Array, " d"], context_length: int
) -> Figure:
    r"""Gains `e_i^T B e_i` on the eigenvectors of Λ, beside :math:`1/\lambda`, to which they tend
    in long contexts: what they lack of it is what the layer does not learn."""
    seen = eigenvalues > 0
    with panels() as (figure, (axes,)):
        wide = logarithmic_if_wide(eigenvalues[seen])
        low, high = eigenvalues[seen].min(), eigenvalues[seen].max()
        if wide == "log":
            line = np.geomspace(low / 1.2, high * 1.2, 200)
        else:
            line = np.linspace(low / 1.2, high * 1.2, 200)
        axes.plot(
            line, 1 / line, color=INK, linestyle=LINES[1], label=r"$1/\lambda$, long contexts"
        )
        label = rf"gain $b(\lambda)$, $N = {context_length}$"
        axes.plot(eigenvalues[seen], gains[seen], "o", color=COLOURS[0], label=label)
        axes.set(xlabel=r"eigenvalue $\lambda$ of $\Lambda$", ylabel=r"gain $b$")
        axes.set(xscale=wide, yscale=logarithmic_if_wide(np.concatenate([1 / line, gains[seen]])))
        legend(axes)
    return figure
