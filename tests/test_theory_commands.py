"""`lsa transience theory` and `lsa modular theory`: the library's own values, and figures."""

from __future__ import annotations

import numpy as np
import pytest
from commands import asked, documented, refused

from lsa_theory.command_line import modular, solvable, transience
from lsa_theory.modular import accuracies, task_list_accuracy
from lsa_theory.modular.tasks import ModularTasks
from lsa_theory.transience import Classification, Coopetition, Kinetics, Regression

REGRESSION = ("--dimension", "8", "--task-count", "200", "--context-length", "16")


def test_regression_is_the_library_s():
    settings = {"dimension": 8, "task_count": 200, "context_length": 16}
    model = Regression(**settings)
    arguments = [f"--{k.replace('_', '-')}={v}" for k, v in settings.items()]
    found = asked("transience", "theory", *arguments, "--end-time", 1000)
    assert found.keys() == documented("transience theory")
    assert (found["model"], found["settings"]) == ("regression", settings)
    quantities, course = found["quantities"], found["course"]
    for name in ("peak_height", "peak_time", "lifetime", "emergence_time", "persistence_boundary"):
        assert quantities[name] == getattr(model, name)
    assert quantities["fixed_point"] == [0.0, 1.0]
    assert not quantities["persists"]
    assert quantities["flow_peak_height"] == max(course["in_context"])
    assert quantities["flow_peak_height"] == pytest.approx(0.634, abs=1e-3)
    assert course["times"][-1] == pytest.approx(1000)
    kept = asked("transience", "theory", *arguments, "--l2-attention=0.01", "--l2-table=0.01")
    assert kept["quantities"]["persists"]
    share = Regression(**settings, l2_attention=0.01, l2_table=0.01).fixed_point[0]
    assert kept["quantities"]["kept"] == pytest.approx(share * (1 + 9 / 16))
    assert kept["course"]["in_context"][-1] == pytest.approx(share, rel=1e-6)


def test_without_noise_the_race_decides():
    arguments = ("--dimension", 4, "--task-count", 50, "--context-length", "inf")
    found = asked("transience", "theory", *arguments)["quantities"]
    assert found["lifetime"] == "Infinity"
    assert found["fixed_point"][0] == pytest.approx(Regression(4, 50, np.inf).fixed_point[0])


def test_the_other_models_are_the_library_s():
    theory = ("transience", "theory", "--model")
    found = asked(*theory, "classification", "--class-count", 160, "--evidence-noise", 0.3)
    assert found["quantities"]["flip_time"] == Classification(160, 0.3).flip_time
    found = asked(*theory, "kinetics", "--context-length", 16, "--task-count", 200)
    assert found["quantities"]["ignition_time"] == Kinetics(16, 200).ignition_time
    found = asked(*theory, "coopetition", "--steps", 400, "--seed", 3, "--alpha", 0.2)
    course = Coopetition.drawn(seed=3, alpha=0.2).descent(400)
    assert found["quantities"]["least_in_context"] == course.in_context.min()
    assert found["quantities"]["final_loss"] == course.loss[-1]
    assert found["settings"] == {"alpha": 0.2, "seed": 3}


def test_theory_of_a_preset():
    found = asked("transience", "theory", "--preset", "tiny", "--class-count", 9)
    noise = (3 + 2 * 0.09 + 2 * 0.09 * 1.09 / 2) / 4  # four dimensions, two pairs of four, ε = 0.3
    assert found["model"] == "classification"
    assert found["settings"] == pytest.approx({"class_count": 9, "evidence_noise": noise})
    found = asked("modular", "theory", "--preset", "tiny", "--fraction", 1)
    assert (found["p"], found["shots"], len(found["tasks"])) == (3, [0, 1, 2], 4)
    assert found["accuracy"]["ratio"][2] == accuracies(3, 2).ratio
    for wrong in (
        ("transience", "theory", "--preset", "tiny", "--model", "kinetics"),
        ("modular", "theory"),
    ):
        assert "--p" in refused(*wrong)


def test_ceilings_are_the_library_s():
    arguments = ("--p", 5, "--shots", "0,2,6", "--fraction", 0.8, "--task-count", 10, "--seed", 4)
    found = asked("modular", "theory", *arguments)
    assert found.keys() == documented("modular theory")
    law = ModularTasks(p=5, fraction=0.8, task_count=10, validation_count=0)
    world = law.world(4)
    assert found["tasks"] == world.tasks.tolist()
    for part, queries in (("accuracy", world.inputs), ("held_out", world.held_out)):
        split = {"inputs": world.inputs, "queries": queries}
        for row, shots in enumerate([0, 2, 6]):
            three = accuracies(5, shots, **split)
            assert [found[part][name][row] for name in three._fields] == list(three)
            bayes = task_list_accuracy(5, shots, world.tasks, **split)
            assert found[part]["bayes"][row] == bayes
            new = world.out_of_distribution
            bayes = task_list_accuracy(5, shots, world.tasks, true_tasks=new, **split)
            assert found[part]["bayes_new_tasks"][row] == bayes
    plain = asked("modular", "theory", "--p", 7)
    assert (plain["held_out"], plain["tasks"], len(plain["shots"])) == (None, None, 16)
    assert plain["accuracy"]["regression"][7] == accuracies(7, 7).regression


@pytest.mark.parametrize(
    "arguments",
    [
        ["transience", "theory", *REGRESSION, "--end-time", "9"],
        ["transience", "theory", "--model", "coopetition", "--steps", "500"],
        ["modular", "theory", "--p", "3", "--fraction", "0.5"],
    ],
)
def test_theory_is_drawn(arguments, tmp_path):
    file = tmp_path / "theory.svg"
    assert asked(*arguments, "--plot", file)["files"] == [str(file)]
    assert file.read_bytes().startswith(b"<?xml")


def test_models_and_figures_are_all_offered():
    from lsa_theory.plots import modular as modular_plots
    from lsa_theory.plots import transience as transience_plots

    assert transience.KINDS.keys() == transience_plots.FIGURES.keys()
    assert modular.KINDS.keys() == modular_plots.FIGURES.keys()
    assert solvable.MODELS.keys() == solvable.TITLES.keys()
