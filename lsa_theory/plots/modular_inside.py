"""Inside a transformer on modular arithmetic: which queries, which frequencies, which triples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.agreement import grid_fit
from lsa_theory.modular.fourier import (
    circle,
    degrees,
    gaussian_neuron_shares,
    gaussian_share,
    largest_share,
    logarithmic,
    powers,
)
from lsa_theory.modular.heads import KINDS
from lsa_theory.modular.masks import copy_mask, ratio_mask, regression_mask
from lsa_theory.plots.runs import array, course, data, mean, one
from lsa_theory.plots.style import COLOURS, DIVERGING, FAINT, INK, LINES, SEQUENTIAL, styled

WIDTH = 7.0  # inches
CONTEXTS = 3  # shown
MASKS = {"copying": copy_mask, "ratio matching": ratio_mask, "regression": regression_mask}
NAMES = ("its own", "before", "same input", "a multiple", "same $x$", "same $y$")


def grids(runs: Sequence[Any]) -> Figure:
    """Which queries a model answers after fixed examples, the rings: the share of new tasks that it
    answers right, as it is and less what each algorithm knows. The fit of an algorithm is how much
    more often the model is right where it knows than where not, 1 if it guesses the others, over
    all contexts and seeds and the training inputs; crosses are held-out inputs."""
    (run,) = one("grids", runs)
    contexts, right = (array("grids", run, name) for name in ("grid_contexts", "grids"))
    inputs, held_out = (array("grids", run, name) for name in ("inputs", "held_out"))
    held_out, p, rows = held_out[0], data(run, "p"), min(CONTEXTS, contexts.shape[1])
    with styled(**{"axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 0.75 + 1.6 * rows))
        found = figure.subplots(rows, 1 + len(MASKS), sharex=True, sharey=True, squeeze=False)
        for k, row in enumerate(found):
            context, share = contexts[0, k], right[0, k]
            plain = row[0].imshow(share.T, origin="lower", vmin=0, vmax=1, cmap=SEQUENTIAL)
            for axes, mask in zip(row[1:], MASKS.values(), strict=True):
                less = (share - mask(p, context)).T
                minus = axes.imshow(less, origin="lower", vmin=-1, vmax=1, cmap=DIVERGING)
            for axes in row:
                axes.plot(*held_out.T, "x", markersize=2.5, color=FAINT)
                axes.plot(*context.T, "o", markersize=4, markerfacecolor="white", color=INK)
            row[0].set_ylabel("$y$")
        found[0, 0].set_title("right")
        fits = grid_fit(right, contexts, inputs)
        for axes, name, fit in zip(found[0, 1:], MASKS, fits, strict=True):
            axes.set_title(f"− {name}" + (f", fit {fit:.2f}" if np.isfinite(fit) else ""))
        for axes in found[-1]:
            axes.set_xlabel("$x$")
        for mesh, place, label in (
            (plain, 0, "share right"),
            (minus, slice(1, None), "difference"),
        ):
            bar = figure.colorbar(mesh, ax=found[:, place], location="bottom", aspect=30, pad=0.02)
            bar.set_label(label)
            bar.outline.set_linewidth(0.5)
    return figure


def circles(runs: Sequence[Any]) -> Figure:
    """The embedding of the numbers in the plane of its strongest frequency, of addition and, all
    but 0, of multiplication; that of a Gaussian matrix; and the power of the frequencies by rank,
    of every seed, beside what a Gaussian matrix has."""
    (run,) = one("circles", runs)
    embedding = array("circles", run, "embedding")  # (S, p, width)
    _, p, width = embedding.shape
    first = embedding[0] - embedding[0].mean(0)
    roots = logarithmic(np.arange(p)[:, None], p)[:, 0]
    control = np.random.default_rng(0).standard_normal((p, width))
    planes = [
        (first, np.arange(p), "frequency {} of addition"),
        (control, np.arange(p), "Gaussian matrix"),
    ]
    if p > 3:
        planes.insert(1, (logarithmic(first, p), roots, "{} of multiplication"))
    with styled():
        figure = Figure(figsize=(WIDTH, 2.5))
        found = figure.subplots(1, len(planes) + 1)
        for axes, (rows, numbers, title) in zip(found, planes, strict=False):
            _plane(axes, rows, numbers, title)
        _ranks(found[-1], embedding, "addition", 0)
        if p > 3:
            _ranks(found[-1], logarithmic(embedding, p), "multiplication", 1)
        found[-1].set(xlabel="frequencies, by rank", ylabel="share of power", ylim=(0, None))
        found[-1].legend(loc="lower left", bbox_to_anchor=(-0.2, 1), borderaxespad=0.2, fontsize=6)
    return figure


def _plane(axes: Axes, rows: Shaped[Array, "n w"], numbers: Array, title: str) -> None:
    power = powers(rows)
    frequency = int(power.argmax()) + 1
    place = circle(rows - rows.mean(0), frequency)
    if np.gcd(frequency, len(place)) == 1:  # in the order of the circle
        ring = np.arange(len(place) + 1) * pow(frequency, -1, len(place)) % len(place)
        axes.plot(*place[ring].T, color=FAINT, linewidth=0.6)
    reach = 1.25 * max(abs(place).max(), 1e-12)
    for (x, y), number in zip(place, numbers, strict=True):
        axes.text(x, y, str(number), ha="center", va="center", color=COLOURS[0], fontsize=7)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    share = f"{largest_share(power):.0%} of its power"
    axes.set_title(title.format(frequency), fontsize=7)
    axes.set_xlabel(share, fontsize=7)


def _ranks(axes: Axes, rows: Shaped[Array, "s n w"], name: str, k: int) -> None:
    ordered = np.sort(powers(rows), axis=-1)[:, ::-1]
    shares = ordered / ordered.sum(-1, keepdims=True)
    x = np.arange(1, shares.shape[1] + 1)
    style: dict[str, Any] = {"color": COLOURS[k], "marker": "o"}
    axes.plot(x, shares.T, **style, linestyle="none", markersize=2, alpha=0.4)
    axes.plot(x, mean(shares), **style, label=name)
    axes.set_xticks(x if len(x) < 8 else x[:: len(x) // 6])
    several = np.arange(1, min(len(x), 12) + 1)
    whole = [gaussian_share(degrees(*rows.shape[1:]), int(count)) for count in several]
    axes.plot(
        several,
        np.diff(whole, prepend=0),
        color=COLOURS[k],
        linestyle=LINES[2],
        linewidth=1,
        label=f"{name}, Gaussian",
    )


def neurons(runs: Sequence[Any]) -> Figure:
    """How far the neurons answer to one frequency of the inputs, or to one linear form `k x + l y`
    of both: the share of neurons with so much of their power there, or more."""
    (run,) = one("neurons", runs)
    control = gaussian_neuron_shares(data(run, "p"))
    with styled():
        figure = Figure(figsize=(WIDTH, 2.5))
        both = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, name in zip(both, control._fields, strict=True):
            shares = array("neurons", run, f"neuron_{name}")  # (S, blocks, hidden)
            for block in range(shares.shape[1]):
                style: dict[str, Any] = {"color": COLOURS[block], "linestyle": LINES[block]}
                levels = np.linspace(0, 1, 101)
                with np.errstate(invalid="ignore"):
                    above = (shares[:, block, :, None] >= levels).mean(1)
                course(axes, levels, above, f"block {block + 1}", **style)
            level = getattr(control, name)
            axes.axvline(level, color=FAINT, linewidth=0.9, linestyle=LINES[2], label="Gaussian")
            axes.set(xlabel=f"share of power in one {name}", xlim=(0, 1), ylim=(0, 1.02))
        both[0].set_ylabel("share of neurons")
        both[1].legend()
    return figure


def attention(runs: Sequence[Any]) -> Figure:
    """How much more than a uniform head each head attends to the triples of a kind from where it
    answers: a panel a seed, since heads of different seeds have no order in common."""
    (run,) = one("attention", runs)
    weights, uniform = (
        array("attention", run, name) for name in ("attention", "attention_uniform")
    )
    seeds, blocks, heads, _ = weights.shape
    ratio = np.log2(np.maximum(weights, 1e-6) / uniform[:, None, None])
    with styled(**{"axes.grid": False}):
        figure = Figure(figsize=(WIDTH, max(2.2, 1.1 + 0.17 * blocks * heads)))
        found = figure.subplots(1, seeds, sharex=True, sharey=True, squeeze=False)[0]
        for k, axes in enumerate(found):
            rows = ratio[k].reshape(blocks * heads, -1)
            mesh = axes.imshow(rows, vmin=-3, vmax=3, cmap=DIVERGING, aspect="auto")
            for place, value in np.ndenumerate(weights[k].reshape(rows.shape)):
                ink = "white" if abs(rows[place]) > 1.8 else INK
                text = f"{100 * value:.0f}"
                axes.text(*place[::-1], text, ha="center", va="center", color=ink, fontsize=5)
            for block in range(1, blocks):
                axes.axhline(block * heads - 0.5, color=INK, linewidth=0.8)
            axes.set_xticks(range(len(KINDS)), NAMES, rotation=90)
            axes.set_title(f"seed {run.seeds[k]}")
        named = [f"{block + 1}.{head + 1}" for block in range(blocks) for head in range(heads)]
        found[0].set_yticks(range(len(named)), named)
        found[0].set_ylabel("block.head")
        bar = figure.colorbar(mesh, ax=list(found), pad=0.01, aspect=15)
        bar.set_ticks([-3, 0, 3], labels=["⅛", "1", "8"])
        bar.set_label("weight / uniform weight")
        bar.outline.set_linewidth(0.5)
    return figure
