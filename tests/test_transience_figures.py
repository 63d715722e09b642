"""Figures of runs on bursty sequences: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
from bursty_runs import CHANCE, folder

from lsa_theory.plots import transience as plots
from lsa_theory.transformer.recorded import recorded
from lsa_theory.transience import Classification
from lsa_theory.transience.milestones import evidence_noise, flip_step


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """By name: with few, more and many classes, and one with a penalty that does not flip."""
    path = tmp_path_factory.mktemp("runs")
    return {
        "plain": recorded(folder(path / "plain")),
        "few": recorded(folder(path / "few", 80)),
        "many": recorded(folder(path / "many", 640)),
        "kept": recorded(folder(path / "kept", l2=0.01, flips=False)),
    }


def lines(axes):
    """By label, of those that have one."""
    return {
        line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")
    }


def test_curves_have_every_run_and_every_seed(runs):
    chosen = [runs["plain"], runs["kept"]]
    figure = plots.curves(chosen)
    assert len(figure.axes) == len(plots.CURVES) == 6
    for axes, name in zip(figure.axes, plots.CURVES, strict=True):
        found = lines(axes)
        for run, label in zip(chosen, ("L2 0", "L2 0.01"), strict=True):
            expected = run.values[name].mean(axis=0)
            np.testing.assert_allclose(found[label].get_ydata(), expected, equal_nan=True)
        thin = [line for line in axes.get_lines() if line.get_linewidth() == 0.5]
        assert len(thin) == 4
        level = {"icl_two_way": 0.5, "icl": CHANCE, "flip": CHANCE, "iwl": CHANCE}.get(name)
        if level is not None:
            assert found["chance"].get_ydata()[0] == level


def test_theory_is_on_the_experiment_s_time(runs):
    """At the flip the memory is as strong as attention; nothing but a unit of time is fitted."""
    run = runs["plain"]
    upper, lower = plots.theory([run]).axes
    attention, memory = (line.get_ydata() for line in lines(lower).values())
    steps = lines(lower)["attention $g$"].get_xdata()
    fall = float(flip_step(run.steps, run.values["flip"].mean(0)[None], CHANCE)[0])
    (mark,) = (x.get_xdata()[0] for x in upper.get_lines() if list(x.get_ydata()) == [0, 1])
    assert mark == pytest.approx(fall)
    assert np.interp(fall, steps, attention - memory) == pytest.approx(0, abs=2e-3)
    model = Classification(160, evidence_noise(32, 4, 2, 1.2))
    unit = fall / model.flip_time
    peak = steps[attention.argmax()] / unit
    assert model.emergence_time < peak < 4 * model.emergence_time
    assert attention.max() == pytest.approx(model.peak_height, rel=0.05)
    late = steps > fall
    lifetimes = (steps[late][-1] - steps[late][0]) / unit / model.lifetime
    assert attention[late][-1] / attention[late][0] == pytest.approx(np.exp(-lifetimes), rel=0.03)
    shown = lines(upper)["flip"].get_ydata()
    np.testing.assert_allclose(shown, run.values["flip"].mean(0), rtol=1e-12)


def test_flip_against_the_number_of_classes(runs):
    chosen = [runs["few"], runs["plain"], runs["many"]]
    (axes,) = plots.flip(chosen).axes
    found = lines(axes)
    expected = [
        (run.settings["experiment"]["data"]["class_count"], step)
        for run in chosen
        for step in flip_step(run.steps, run.values["flip"], CHANCE)
    ]
    seen = [pair for pair in expected if np.isfinite(pair[1])]
    assert len(seen) == 4
    np.testing.assert_allclose(found["a seed"].get_xydata(), seen)
    np.testing.assert_allclose(found["not yet"].get_xydata(), [(640, 10_000)] * 2)
    (line,) = (line for label, line in found.items() if label.startswith("theory"))
    counts, steps = line.get_xydata().T
    ratio = np.exp(np.mean([np.log(step / count) for count, step in seen]))
    np.testing.assert_allclose(steps, ratio * counts)


def test_circuits_show_both_paths(runs):
    run = runs["plain"]
    match, written, context, weights = plots.circuits([run]).axes
    assert lines(match)["even attention"].get_ydata()[0] == 2 / 5
    for axes, names in (
        (match, {"best head": "match"}),
        (written, {"attention": "logit_attention", "MLP": "logit_mlp"}),
        (context, {"whole model": "icl", "no attention": "icl_without_attention"}),
        (weights, {"no MLP": "iwl_without_mlp", "no attention": "iwl_without_attention"}),
    ):
        found = lines(axes)
        for label, name in names.items():
            np.testing.assert_allclose(found[label].get_ydata(), run.values[name].mean(0))


@pytest.mark.parametrize(
    ("kind", "chosen", "sentence"),
    [
        (
            "theory",
            ["kept"],
            r"theory\(runs='kept'\): must be one in which the flip accuracy rises, and",
        ),
        ("theory", ["few", "many"], "must be one run"),
        ("circuits", ["few", "many"], "must be one run"),
        ("flip", ["kept"], "must be such that one flips"),
    ],
)
def test_runs_that_do_not_fit_are_refused(runs, kind, chosen, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.FIGURES[kind]([runs[name] for name in chosen])


def test_a_run_without_the_numbers_is_refused(runs):
    run = runs["plain"]
    bare = type(run)(run.settings, run.seeds, run.steps, {"icl": run.values["icl"]}, {}, "bare")
    with pytest.raises(ValueError, match=r"circuits\(runs='bare'\): must be a run that recorded m"):
        plots.circuits([bare])
