"""Transformers on modular arithmetic: figures from the folders of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.joint import joint
from lsa_theory.plots.modular_ceilings import CEILINGS, ceilings, simplest_shares
from lsa_theory.plots.modular_inside import attention, circles, grids, neurons
from lsa_theory.plots.runs import at, course, data, labels, level, mean, one, stopped, weighted
from lsa_theory.plots.style import COLOURS, COLUMN, FAINT, INK, LINES, styled

WIDTH = 7.0  # inches
RARE = 0.01  # of queries
SETS = ("old tasks", "old tasks, held-out inputs", "new tasks", "new tasks, held-out inputs")
MEASURES = (
    "copying knows",
    "ratio matching knows",
    "regression knows",
    "none knows",
    "wrong as the list",
)


def panels(count: int, *, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Side by side: one is a column wide."""
    figure = Figure(figsize=(COLUMN if count == 1 else WIDTH, height))
    return figure, list(figure.subplots(1, count, squeeze=False, **options)[0])


def named_below(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend for all panels."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=columns, columnspacing=1.2)


# --- over steps ---


def accuracy(runs: Sequence[Any]) -> Figure:
    """The accuracy on the four sets over the steps, at the last place of a row: a panel a run."""
    with styled():
        figure, found = panels(len(runs), height=2.9, sharey=True)
        for axes, run, label in zip(found, runs, labels(runs), strict=True):
            _four_sets(axes, run)
            axes.set_title(label if len(runs) > 1 else "")
        found[0].set_ylabel("accuracy")
        named_below(figure, found[0], 2 if len(runs) == 1 else 4)
    return figure


def _four_sets(axes: Axes, run: Any) -> None:
    values = run.values["accuracy"][..., -1]  # (S, T, 4)
    for k, name in enumerate(SETS):
        style: dict[str, Any] = {"color": COLOURS[k // 2], "linestyle": LINES[k % 2]}
        course(axes, run.steps, values[..., k], name, **style)
    if run.analysis:
        ratio = ceilings("accuracy", run, "inputs")[1][-1]
        level(axes, float(ratio), "ratio matching", 1)
    level(axes, 1 / data(run, "p"), "chance")
    early = stopped(run)
    if early is not None:
        best = at(values[..., 2], early)
        mark: dict[str, Any] = {"color": COLOURS[1], "markeredgecolor": INK, "zorder": 3}
        axes.plot(run.steps[early], best, "D", label="best validation", **mark)
    axes.set(xlabel="steps", ylim=(0, 1.02), xlim=(0, max(run.steps[-1], 1)))


def compared(runs: Sequence[Any]) -> Figure:
    """Runs beside each other: new tasks over the steps, and both kinds of tasks at the end, at best
    validation and at their best."""
    with styled():
        figure = Figure(figsize=(WIDTH, 2.7))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        named = labels(runs)
        for k, (run, label) in enumerate(zip(runs, named, strict=True)):
            values, colour = run.values["accuracy"][..., -1], COLOURS[k % len(COLOURS)]
            style: dict[str, Any] = {"color": colour, "linestyle": LINES[k // len(COLOURS)]}
            course(left, run.steps, values[..., 2], label, **style)
            _summary(right, k, run, values)
        chances = {1 / data(run, "p") for run in runs}
        for axes in (left, right):
            for chance in sorted(chances):
                level(axes, chance, "chance" if (axes, chance) == (left, min(chances)) else "")
        last = max(1, *(run.steps[-1] for run in runs))
        left.set(xlabel="steps", ylabel="accuracy on new tasks", ylim=(0, 1.02), xlim=(0, last))
        turned = {"rotation": 20, "ha": "right"} if max(map(len, named)) > 8 else {}
        right.set_xticks(range(len(runs)), named, **turned)
        right.set(xlim=(-0.5, len(runs) - 0.5))
        for axes, columns in ((left, 2), (right, 3)):
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=columns,
                borderaxespad=0.2,
                columnspacing=1.0,
                handlelength=1.6,
            )
    return figure


def _summary(axes: Axes, place: int, run: Any, values: Shaped[Array, "s t 4"]) -> None:
    early, old, new = stopped(run), values[..., 0], values[..., 2]
    marks = [("old tasks, end", old[:, -1], "s", COLOURS[0]), ("end", new[:, -1], "o", INK)]
    if early is not None:
        marks.append(("best validation", at(new, early), "D", COLOURS[1]))
    marks.append(("highest", np.nanmax(new, axis=1), "^", COLOURS[2]))
    for k, (label, each, marker, colour) in enumerate(marks):
        x = place + 0.14 * (k - (len(marks) - 1) / 2)
        style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none"}
        axes.plot(np.full(len(each), x), each, markersize=2, alpha=0.45, **style)
        axes.plot([x], [mean(each)], markersize=5, label="" if place else label, **style)


def phases(runs: Sequence[Any]) -> Figure:
    """The accuracy on new tasks at best validation (without one: at the end), mean over seeds, by
    the number of tasks and the share of inputs: a cell a run."""
    with styled(**{"axes.grid": False}):
        figure = Figure(figsize=(COLUMN, 2.8))
        axes = figure.subplots()
        counts, shares = (
            sorted({data(run, name) for run in runs}) for name in ("task_count", "fraction")
        )
        cells = np.full((len(shares), len(counts)), np.nan)
        for run in runs:
            place = shares.index(data(run, "fraction")), counts.index(data(run, "task_count"))
            if np.isfinite(cells[place]):
                rule = "of different numbers of tasks or shares of inputs"
                checks.refuse("phases", "runs", f"{run.name!r} and another", rule)
            new, early = run.values["accuracy"][..., 2, -1], stopped(run)
            cells[place] = mean(new[:, -1] if early is None else at(new, early))
        chance = min(1 / data(run, "p") for run in runs)
        most = max(float(np.nanmax(cells)), 1.5 * chance)
        mesh = axes.imshow(cells, origin="lower", vmin=chance, vmax=most, aspect="auto")
        for (row, column), value in np.ndenumerate(cells):
            if np.isfinite(value):
                ink = "white" if value < (most + chance) / 2 else INK
                text = f"{value:.2f}"
                axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=7)
        axes.set_xticks(range(len(counts)), [str(count) for count in counts])
        axes.set_yticks(range(len(shares)), [f"{share:g}" for share in shares])
        axes.set(xlabel="pre-training tasks", ylabel=r"share of inputs $\alpha$")
        bar = figure.colorbar(mesh, ax=axes, pad=0.02)
        bar.set_label("accuracy on new tasks (least: chance)")
        bar.outline.set_linewidth(0.5)
    return figure


# --- by the number of examples ---


def shots(runs: Sequence[Any]) -> Figure:
    """Accuracy by the number of examples before the query, at the end and at best validation,
    beside what each algorithm can know on the very split: a column a kind of task."""
    (run,) = one("shots", runs)
    values = run.values["accuracy"]  # (S, T, 4, N)
    rows = [k for k in (0, 1) if np.isfinite(values[:, -1, [k, k + 2]]).any()]
    with styled():
        figure = Figure(figsize=(WIDTH, 1.0 + 2.0 * len(rows)))
        found = figure.subplots(len(rows), 2, sharex=True, sharey=True, squeeze=False)
        for (row, column), axes in np.ndenumerate(found):
            index = 2 * column + rows[row]
            _by_shots(axes, run, values[:, :, index], index)
            axes.set_title(SETS[index])
        for axes in found[:, 0]:
            axes.set(ylabel="accuracy", ylim=(0, 1.02))
        for axes in found[-1]:
            axes.set(xlabel="examples before the query")
        named_below(figure, found[0, 0], 4)
    return figure


def _by_shots(axes: Axes, run: Any, values: Shaped[Array, "s t n"], index: int) -> None:
    asked = "held_out" if index % 2 else "inputs"
    true = "out_of_distribution" if index >= 2 else "tasks"
    x = np.arange(values.shape[-1])
    course(axes, x, values[:, -1], "model, end", color=INK, marker="o")
    early = stopped(run)
    if early is not None:
        course(axes, x, at(values, early), "model, best validation", color=FAINT, marker="D")
    for k, curve in enumerate(ceilings("shots", run, asked, true)):
        style: dict[str, Any] = {"color": COLOURS[k], "linestyle": LINES[k + 1], "linewidth": 1.1}
        axes.plot(x, curve, label=CEILINGS[k], zorder=3, **style)
    level(axes, 1 / data(run, "p"), "chance")


def agreement(runs: Sequence[Any]) -> Figure:
    """Right answers to new tasks by the simplest algorithm that knows the query, and wrong ones
    that are those of the list of tasks: by the number of examples at the end, where queries of the
    kind are not rare, and over the steps, for all queries after an example or more."""
    (run,) = one("agreement", runs)
    values = run.values["agreement"]  # (S, T, 5, N)
    shares = np.vstack([simplest_shares(run), np.ones(values.shape[-1])])
    with styled():
        figure, (left, right) = panels(2, height=2.9, sharey=True)
        for k, name in enumerate(MEASURES):
            style: dict[str, Any] = {"color": COLOURS[k], "linestyle": LINES[k]}
            last = np.where(shares[k] < RARE, np.nan, values[:, -1, k])
            course(left, np.arange(values.shape[-1]), last, name, marker="o", **style)
            course(right, run.steps, weighted(values[:, :, k, 1:], shares[k, 1:]), name, **style)
        for axes in (left, right):
            level(axes, 1 / data(run, "p"), "chance")
        left.set(xlabel="examples before the query", ylabel="share of queries", ylim=(-0.03, 1.05))
        left.set_title("at the end")
        right.set(xlabel="steps", xlim=(0, max(run.steps[-1], 1)))
        right.set_title("after 1 example and more")
        named_below(figure, left, 3)
    return figure


FIGURES: dict[str, Callable[[Sequence[Any]], Figure]] = {
    "accuracy": accuracy,
    "shots": shots,
    "agreement": agreement,
    "grids": grids,
    "circles": circles,
    "attention": attention,
    "neurons": neurons,
    "depth": compared,
    "tasks": compared,
    "phases": phases,
    "joint": joint,
}
