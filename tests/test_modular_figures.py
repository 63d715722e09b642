"""Figures of runs on modular arithmetic, drawn from what a folder holds."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

from lsa_theory.modular import accuracies, masks, task_list_accuracy
from lsa_theory.modular.agreement import simplest
from lsa_theory.plots.modular import FIGURES
from lsa_theory.plots.modular_ceilings import ceilings, simplest_shares
from lsa_theory.plots.runs import labels, weighted
from tests.modular_runs import made_up

RUNS = {
    "depth": lambda: [made_up(depth=depth) for depth in (1, 2, 4)],
    "tasks": lambda: [made_up(task_count=count) for count in (8, 14, 20)],
    "phases": lambda: [made_up(task_count=k, fraction=f) for k in (8, 14) for f in (0.6, 0.8)],
    "joint": lambda: [made_up(task_count=count, level=count / 20) for count in (20, 8)],
    "attention": lambda: [made_up(seeds=2)],
    "grids": lambda: [made_up(p=3, task_count=4, seeds=1)],
}


def drawn(kind, runs=None):
    return FIGURES[kind](RUNS.get(kind, lambda: [made_up()])() if runs is None else runs)


def lines(axes):
    """By their labels, of which each axes has its own."""
    return {line.get_label(): line for line in axes.get_lines() if line.get_label()[:1] != "_"}


@pytest.mark.parametrize("kind", FIGURES)
def test_every_figure_fits_its_page(kind):
    figure = drawn(kind)
    figure.draw_without_rendering()
    box, page = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 > -0.02
    assert box.y0 > -0.02
    assert box.x1 < page[0] + 0.02
    assert box.y1 < page[1] + 0.02


def test_curves_are_means_over_seeds():
    run = made_up()
    found = lines(drawn("accuracy", [run]).axes[0])
    for k, name in ((0, "old tasks"), (2, "new tasks")):
        assert np.allclose(found[name].get_ydata(), run.values["accuracy"][:, :, k, -1].mean(0))
    assert found["chance"].get_ydata()[0] == 1 / 5
    exact = np.mean([accuracies(5, 5, inputs=x).ratio for x in run.analysis["inputs"]])
    assert found["ratio matching"].get_ydata()[0] == pytest.approx(exact)
    best = run.values["validation"].argmax(1)
    assert (found["best validation"].get_xdata() == run.steps[best]).all()
    assert "old tasks, held-out inputs" in found
    whole = lines(drawn("accuracy", [made_up(fraction=1.0)]).axes[0])
    assert "old tasks, held-out inputs" not in whole


def test_ceilings_are_those_of_the_split():
    run = made_up(seeds=2)
    old, new = (ceilings("shots", run, "inputs", x) for x in ("tasks", "out_of_distribution"))
    parts = [run.analysis[name] for name in ("inputs", "tasks", "out_of_distribution")]
    for true, found in ((1, old), (2, new)):
        exact = [
            task_list_accuracy(5, 3, x[1], true_tasks=x[true], inputs=x[0])
            for x in zip(*parts, strict=True)
        ]
        assert found[3, 3] == pytest.approx(np.mean(exact))
    assert (old[:3] == new[:3]).all()
    figure = drawn("shots", [run])
    shown = lines(figure.axes[1])  # new tasks, training inputs
    assert np.allclose(shown["regression"].get_ydata(), new[2])
    assert np.allclose(shown["model, end"].get_ydata(), run.values["accuracy"][:, -1, 2].mean(0))
    assert len(drawn("shots", [made_up(fraction=1.0)]).axes) == 2


def test_grids_less_the_mask_of_the_algorithm_are_its_guesses():
    run = made_up()
    figure = drawn("grids", [run])
    ratio = next(axes for axes in figure.axes if "ratio" in axes.get_title("left"))
    shown = ratio.get_images()[0].get_array()
    known = masks.ratio_mask(5, run.analysis["grid_contexts"][0, 0])
    assert np.allclose(np.sort(np.unique(np.round(shown, 12))), [0, 0.2])
    assert (np.asarray(shown).T[known] < 1e-12).all()
    assert "fit 1.00" in ratio.get_title("left")


def test_kinds_of_queries_weigh_as_many_as_there_are():
    run = made_up(p=3, task_count=4, seeds=1, count=4)
    inputs, found = run.analysis["inputs"][0], simplest_shares(run)
    rows = np.array(list(itertools.product(inputs.tolist(), repeat=4)))
    for k in range(4):
        assert np.allclose(found[k], (simplest(rows, 3) == k).mean(0))
    values = run.values["agreement"][:, :, 3, 1:]
    shown = lines(drawn("agreement", [run]).axes[1])["none knows"].get_ydata()
    assert np.allclose(shown, (values[0] @ found[3, 1:]) / found[3, 1:].sum())
    assert np.allclose(weighted(np.array([[[np.nan, 1.0, 3.0]]]), np.array([9.0, 1, 1])), 2)


def test_cells_are_at_their_settings():
    runs = RUNS["phases"]()
    (image,) = drawn("phases", runs).axes[0].get_images()
    for run in runs:
        data = run.settings["experiment"]["data"]
        row, column = (0.6, 0.8).index(data["fraction"]), (8, 14).index(data["task_count"])
        best = run.values["validation"].argmax(1)
        value = run.values["accuracy"][np.arange(3), best, 2, -1].mean()
        assert image.get_array()[row, column] == pytest.approx(value)


def test_the_two_sides_meet_on_one_axis():
    figure = drawn("joint")
    upper, lower = figure.axes[:2]
    assert upper.get_xlim() == lower.get_xlim()
    new = lines(lower)["new tasks, end"]
    assert np.allclose(new.get_xdata(), [8 / 25, 20 / 25])
    runs = RUNS["joint"]()[::-1]
    errors = [1 - run.values["accuracy"][:, -1, 2, -1].mean() for run in runs]
    assert np.allclose(new.get_ydata(), errors)
    risks = lines(upper)["new tasks, limit"].get_ydata()
    assert (np.diff(risks) < 0).all()
    two = drawn("joint", [*RUNS["joint"](), made_up(p=7, task_count=30)])
    assert "new tasks, end, $p = 7$" in lines(two.axes[1])
    points_ = next(c for c in upper.containers if c.get_label()[:4] == "$d =")
    exact = np.interp(points_[0].get_xdata(), lines(upper)["new tasks, limit"].get_xdata(), risks)
    assert np.allclose(points_[0].get_ydata(), exact, atol=0.03)


def test_without_validation_the_best_step_is_shown():
    run = made_up()
    del run.values["validation"]
    found = lines(drawn("joint", [run]).axes[1])["new, best step"].get_ydata()
    assert found == pytest.approx([1 - run.values["accuracy"][:, :, 2, -1].max(axis=1).mean()])


def test_runs_are_told_apart_by_what_differs():
    assert labels(RUNS["depth"]()) == ["depth 1", "depth 2", "depth 4"]
    assert labels([made_up(name="one"), made_up(name="two")]) == ["one", "two"]
    assert labels(RUNS["phases"]())[0] == r"8 tasks, $\alpha = 0.6$"


def test_figures_need_no_model():
    code = "import sys, lsa_theory.plots.modular; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("kind", "runs", "sentence"),
    [
        ("shots", lambda: [made_up()] * 2, r"shots\(runs=2 runs\): must be one run"),
        ("phases", lambda: [made_up()] * 2, r"phases\(runs=.*different numbers of tasks"),
        ("joint", list, r"joint\(runs=no runs\): must be one run at least"),
    ],
)
def test_figures_refuse(kind, runs, sentence):
    with pytest.raises(ValueError, match=sentence):
        drawn(kind, runs())


@pytest.mark.parametrize("kind", ["shots", "grids", "circles", "attention"])
def test_an_unfinished_run_is_refused(kind):
    run = made_up()
    run.analysis.clear()
    with pytest.raises(ValueError, match=rf"{kind}\(runs='made-up'\): must be finished"):
        drawn(kind, [run])
