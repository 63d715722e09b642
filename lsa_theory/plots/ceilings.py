"""Exact accuracies of algorithms by the number of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from lsa_theory.plots.style import COLOURS, COLUMN, FAINT, LINES, styled

NAMES = {
    "copy": "copying",
    "ratio": "ratio matching",
    "regression": "modular regression",
    "bayes": "Bayes, list of tasks",
    "bayes_new_tasks": "Bayes, new tasks",
}


def shot_curves(
    p: int, shots: Sequence[int], parts: Mapping[str, Mapping[str, Sequence[float]]]
) -> Figure:
    """A panel for each set of queries, a line for each algorithm.

    Parameters
    ----------
    p
        The prime: chance is `1/p`.
    shots
        Numbers of examples.
    parts
        By the panel's title, accuracies by algorithm: "copy", "ratio", "regression", "bayes",
        "bayes_new_tasks".
    """
    with styled():
        figure = Figure(figsize=(COLUMN * (1 if len(parts) == 1 else 1.9), 2.6))
        panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        for axes, (title, found) in zip(panels, parts.items(), strict=True):
            for k, (name, values) in enumerate(found.items()):
                style = {"color": COLOURS[k], "linestyle": LINES[k]}
                axes.plot(shots, values, marker="o", label=NAMES[name], **style)
            axes.axhline(1 / p, color=FAINT, linewidth=0.9, linestyle=LINES[2], label="chance")
            axes.set(xlabel="examples before the query", ylim=(0, 1.02))
            axes.set_title(title if len(parts) > 1 else "")
        panels[0].set(ylabel="accuracy")
        handles, names = panels[0].get_legend_handles_labels()
        columns = 2 if len(parts) == 1 else 3
        figure.legend(handles, names, loc="outside lower left", ncols=columns)
    return figure
