"""Transformers on bursty sequences: figures from the folders of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.plots.phase import plain_decades
from lsa_theory.plots.runs import course, data, labels, level, mean, one, setting
from lsa_theory.plots.style import COLOURS, COLUMN, FAINT, INK, LINES, styled
from lsa_theory.transience.classification import Classification
from lsa_theory.transience.milestones import evidence_noise, flip_step

WIDTH = 7.0  # inches
CURVES = {
    "icl": "in context, new classes",
    "icl_two_way": "in context, of the two labels",
    "flip": "swapped labels, by the context",
    "iwl": "in the weights",
    "loss": "loss",
    "norm": "norm of the weights",
}
SHORT = {"icl": "in context", "flip": "flip", "iwl": "in the weights"}
PATHS = {"": "whole model", "_without_attention": "no attention", "_without_mlp": "no MLP"}
POINTS = 2000


def chance(run: Any) -> float:
    """Of one label among all."""
    return 1 / data(run, "label_count")


def values(call: str, run: Any, name: str) -> Array:
    """A number over the steps, (S, T)."""
    if name not in run.values:
        checks.refuse(call, "runs", repr(run.name), f"a run that recorded {name}")
    return run.values[name]


# --- curves ---


def curves(runs: Sequence[Any]) -> Figure:
    """Evaluators, loss and norm over the steps; every run in its colour, every seed a thin line."""
    with styled():
        figure = Figure(figsize=(WIDTH, 4.0))
        panels = figure.subplots(2, 3, sharex=True).ravel()
        for axes, (name, title) in zip(panels, CURVES.items(), strict=True):
            for k, (run, label) in enumerate(zip(runs, labels(runs), strict=True)):
                style = {"color": COLOURS[k % len(COLOURS)], "linestyle": LINES[k // len(COLOURS)]}
                course(axes, run.steps, values("curves", run, name), label, **style)
            axes.set_title(title)
            if name in ("loss", "norm"):
                axes.set(yscale="log" if name == "loss" else "linear")
            else:
                level(axes, 0.5 if name == "icl_two_way" else chance(runs[0]), "chance")
                axes.set(ylim=(0, 1.02))
        for axes in panels[3:]:
            axes.set(xlabel="step")
        for axes in panels[::3]:
            axes.set(ylabel="accuracy")
        panels[4].set(ylabel="nats")
        _legend(figure, [panels[0]], 6)
    return figure


def _legend(
    figure: Figure, panels: Sequence[Axes], columns: int, place: str = "outside lower left"
) -> None:
    """One for all panels."""
    handles = [handle for axes in panels for handle in axes.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc=place, ncols=columns, columnspacing=1.2)


# --- theory ---


def theory(runs: Sequence[Any]) -> Figure:
    """The solvable model of labels beside a memory under the experiment, on one axis of time.

    Its `K` and the noise of its evidence are those of the data. One number is fitted, the steps in
    a unit of the model's time: such that the flips fall together, which are where the flip accuracy
    is down to half of its peak and where the memory is as strong as attention.
    """
    (run,) = one("theory", runs)
    model = _model(run)
    flipped, unit, flow = _clock(run, model)
    steps = np.linspace(0, run.steps[-1], POINTS)
    found = [np.interp(steps / unit, flow.times, x) for x in (flow.in_context, flow.in_weights)]
    with styled():
        figure = Figure(figsize=(COLUMN, 4.2))
        upper, lower = figure.subplots(2, 1, sharex=True)
        for k, (name, words) in enumerate(SHORT.items()):
            course(upper, run.steps, values("theory", run, name), words, color=COLOURS[k])
        level(upper, chance(run), "chance")
        names = ("attention $g$", "memory $m$")
        for k, (share, name) in enumerate(zip(found, names, strict=True)):
            lower.plot(steps, share, color=COLOURS[2 * k], label=name)
        for axes in (upper, lower):
            axes.axvline(flipped, color=FAINT, linewidth=0.8, linestyle=LINES[1], zorder=0.9)
        upper.annotate("flip", (flipped, 1), (2, -1), **_AT_TOP)
        upper.set(ylabel="experiment: accuracy", ylim=(0, 1.02))
        lower.set(ylabel="theory: strength", xlabel="step", ylim=(0, 1.02))
        lower.xaxis.set_major_locator(MaxNLocator(5))
        _legend(figure, [upper, lower], 3, "outside upper left")
        note = (
            f"theory: $K = {model.class_count}$ and $v = {model.evidence_noise:.2f}$ of the data;"
            f" one time is {unit:.3g} steps, so that\nthe flips coincide (accuracy down to half of"
            " its peak; $m = g$)"
        )
        figure.supxlabel(note, x=0.01, ha="left", fontsize=6, color=FAINT)
    return figure


_AT_TOP: dict[str, Any] = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "va": "top",
    "fontsize": 6,
    "color": FAINT,
}


def _model(run: Any) -> Classification:
    names = ("dimension", "pairs", "burst", "noise")
    law = [data(run, name) for name in names]
    if setting(run, "experiment", "images") is not None:
        rule = "of Gaussian classes, whose evidence has a known noise"
        checks.refuse("theory", "runs", repr(run.name), rule)
    return Classification(data(run, "class_count"), evidence_noise(*law))


def _clock(run: Any, model: Classification) -> tuple[float, float, Any]:
    """The step of the flip, the steps of a unit of the model's time, and the model's course."""
    average = mean(values("theory", run, "flip"))[None]
    flipped = float(flip_step(run.steps, average, chance(run))[0])
    if not np.isfinite(flipped):
        rule = "one in which the flip accuracy rises, and falls to half of its peak"
        checks.refuse("theory", "runs", repr(run.name), rule)
    end = model.emergence_time + 2 * model.lifetime
    flow = model.trajectory(np.concatenate([[0.0], np.geomspace(end * 1e-5, end, POINTS)]))
    after = slice(int(flow.in_context.argmax()), None)
    stronger = (flow.in_weights - flow.in_context)[after]
    unit = flipped / _crossed(flow.times[after], stronger)
    if run.steps[-1] / unit > end:
        times = np.concatenate([flow.times, np.geomspace(end, run.steps[-1] / unit, POINTS)[1:]])
        flow = model.trajectory(times)
    return flipped, unit, flow


def _crossed(times: Array, height: Array) -> float:
    """Where a curve first comes from below 0 to it."""
    k = int(np.flatnonzero(height >= 0)[0])
    return float(np.interp(0.0, height[k - 1 : k + 1], times[k - 1 : k + 1]))


# --- time to flip ---


def flip(runs: Sequence[Any]) -> Figure:
    """The step of the flip against the number of classes, every seed a point, beside the model's
    lifetime, which grows with the number of classes, through the geometric mean."""
    points = []
    for run in runs:
        found = flip_step(run.steps, values("flip", run, "flip"), chance(run))
        points += [(data(run, "class_count"), step, run.steps[-1]) for step in found]
    counts, steps, last = np.array(points, dtype=float).T
    seen = np.isfinite(steps)
    if not seen.any():
        checks.refuse("flip", "runs", f"{len(runs)} runs", "such that one flips")
    with styled():
        figure = Figure(figsize=(COLUMN, 2.6))
        axes = figure.subplots()
        axes.plot(counts[seen], steps[seen], "o", color=COLOURS[0], alpha=0.7, label="a seed")
        if not seen.all():
            words = "not yet"
            axes.plot(counts[~seen], last[~seen], "^", color=COLOURS[1], label=words)
        factor = np.exp(np.log(steps[seen] / counts[seen]).mean())
        ends = np.array([counts.min() / 1.2, counts.max() * 1.2])
        words = r"theory, $\propto K$"
        axes.plot(ends, factor * ends, color=INK, linestyle=LINES[1], label=words)
        axes.set(xlabel="classes $K$", ylabel="step of the flip", xscale="log", yscale="log")
        plain_decades(axes.yaxis, *axes.get_ylim())
        axes.set_xticks(sorted(set(counts)), [f"{count:g}" for count in sorted(set(counts))])
        axes.xaxis.minorticks_off()
        _legend(figure, [axes], 3, "outside upper left")
        note = (
            "flip: first step after its peak at which the flip accuracy is below half of it;\n"
            r"theory: lifetime $K (1 + v)/v$ with one $v$, through the geometric mean"
        )
        figure.supxlabel(note, x=0.01, ha="left", fontsize=6, color=FAINT)
    return figure


# --- circuits ---


def circuits(runs: Sequence[Any]) -> Figure:
    """What the two paths do over the steps: attention to the match, the model without a path, and
    what each path writes for the right label."""
    (run,) = one("circuits", runs)
    with styled():
        figure = Figure(figsize=(WIDTH, 4.2))
        panels = figure.subplots(2, 2, sharex=True)
        _match(panels[0, 0], run)
        _written(panels[0, 1], run)
        for axes, name in zip(panels[1], ("icl", "iwl"), strict=True):
            _drawn(axes, run, {f"{name}{end}": words for end, words in PATHS.items()})
            level(axes, chance(run), "chance")
            axes.set_title(CURVES[name])
            axes.set(xlabel="step", ylabel="accuracy", ylim=(0, 1.02))
            axes.xaxis.set_major_locator(MaxNLocator(5))
        for axes in panels.ravel():
            axes.legend(loc="best")
    return figure


def _match(axes: Axes, run: Any) -> None:
    _drawn(axes, run, {"match": "best head"})
    burst, pairs = data(run, "burst"), data(run, "pairs")
    tokens = 2 if setting(run, "experiment", "interleaved") else 1
    level(axes, tokens * burst / (tokens * pairs + 1), "even attention")
    axes.set_title("attention to the query's class")
    axes.set(ylabel="weight", ylim=(0, 1.02))


def _written(axes: Axes, run: Any) -> None:
    _drawn(axes, run, {"logit_attention": "attention", "logit_mlp": "MLP"})
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_title("logit of the right label, less the mean")
    axes.set(ylabel="logit")


def _drawn(axes: Axes, run: Any, names: Mapping[str, str]) -> None:
    for k, (name, words) in enumerate(names.items()):
        style = {"color": COLOURS[k], "linestyle": LINES[k]}
        course(axes, run.steps, values("circuits", run, name), words, **style)


FIGURES: dict[str, Callable[[Sequence[Any]], Figure]] = {
    "curves": curves,
    "theory": theory,
    "flip": flip,
    "circuits": circuits,
}
