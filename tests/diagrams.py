"""A small phase diagram with everything in it that can be drawn, from nothing but numbers."""

from __future__ import annotations

import numpy as np
import xarray as xr

from lsa_theory.phase import Boundary, Colours, PhaseDiagram, Region


def small(**changes) -> PhaseDiagram:
    length, level = np.arange(4, 40, 3), np.geomspace(0.01, 1, 9)
    values = np.log10(level[None] * length[:, None] / 2)
    values[4] = -np.inf
    values[-1, -1] = np.nan
    data = xr.Dataset(
        {"log_ratio": (("context_length", "noise"), values)},
        coords={
            "context_length": length,
            "length_ratio": ("context_length", length / 4, {"symbol": "M/d", "units": "1"}),
            "noise": ("noise", level, {"symbol": r"\sigma^2", "long_name": "label noise"}),
        },
    )
    points = xr.Dataset(
        {
            "length_ratio": ("point", [2.0, 6.0]),
            "noise": ("point", [0.1, 0.5]),
            "log_ratio": ("point", [-0.4, 0.8]),
            "log_ratio_error": ("point", [0.1, 0.02]),
        }
    )
    parts = {
        "boundaries": (
            Boundary("equal risk", length / 4, 2 / length),
            Boundary("another", length / 4, 4 / length),
        ),
        "regions": (
            Region("attention\nbetter", data.log_ratio < 0),
            Region("least squares\nbetter", data.log_ratio > 0),
        ),
        "points": points,
        "logarithmic": ("length_ratio", "noise"),
        "notes": (r"$\Lambda = I$", "$d = 4$", "trained on prompts of $N = 20$ pairs"),
        "missing": "not computed",
    }
    colours = Colours("risk of attention / risk of least squares", "ratio", -1.0, 1.0)
    title = r"A title that is longer than one line of a column, with $\Lambda \to c\,\Lambda$"
    arguments = {"data": data, "colours": colours, "title": title, **parts, **changes}
    names = {"name": "small", "variable": "log_ratio", "x": "length_ratio", "y": "noise"}
    return PhaseDiagram(**names, **arguments)
