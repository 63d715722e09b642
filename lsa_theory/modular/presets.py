"""Ready-made experiments on modular arithmetic, by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lsa_theory.modular.experiment import ModularExperiment
from lsa_theory.modular.tasks import ModularTasks
from lsa_theory.transformer.model import Architecture
from lsa_theory.transformer.optimisation import Optimisation
from lsa_theory.transformer.plan import Plan

SMALL = Architecture(width=8, heads=2, mlp=2, positions="rotary")
LARGE = Architecture(depth=2, width=128, positions="rotary")
PUBLISHED = Architecture(depth=4, width=512, positions="rotary")


def tiny() -> Plan:
    data = ModularTasks(p=3, task_count=4, ood_count=2, validation_count=1, examples=3)
    experiment = ModularExperiment(data, SMALL, evaluation_count=32, analysis_contexts=2)
    options = Optimisation(6, batch=8, weight_decay=0.5)
    return Plan(experiment, options, (0, 1), 2, "a few steps, to see that everything runs")


def cpu() -> Plan:
    about = (
        "two blocks on 40 of the 49 tasks modulo 7: they match ratios, on new tasks too; about "
        "twelve CPU minutes a seed"
    )
    return Plan(ModularExperiment(), Optimisation(20_000, weight_decay=0.1), about=about)


def gpu() -> Plan:
    about = (
        "two blocks on 96 of the 121 tasks modulo 11: from ratio matching on to regression; "
        "2e15 operations a seed, minutes on an accelerator and half a day on a processor"
    )
    data = ModularTasks(p=11, task_count=96, ood_count=17, validation_count=8, examples=16)
    options = Optimisation(
        20_000, batch=1024, learning_rate=1e-3, warmup=500, decay="cosine", weight_decay=0.5
    )
    return Plan(ModularExperiment(data, LARGE), options, about=about)


def paper() -> Plan:
    about = (
        "four blocks on 512 of the 841 tasks modulo 29 by the rectangular rule, as published by "
        "He, Doshi, Das, Gromov, arXiv:2406.02550: 2e5 steps of batch 1,024, 1.6e18 operations a "
        "seed, hours on an accelerator and a year on a processor"
    )
    data = ModularTasks(
        p=29, task_count=512, rule="rectangular", ood_count=64, validation_count=32, examples=32
    )
    options = Optimisation(
        200_000,
        batch=1024,
        learning_rate=1.5e-4,
        warmup=10_000,
        decay="cosine",
        weight_decay=2.0,
        betas=(0.9, 0.98),
    )
    return Plan(ModularExperiment(data, PUBLISHED), options, every=1000, about=about)


PRESETS: Mapping[str, Callable[[], Plan]] = {
    "tiny": tiny,
    "cpu": cpu,
    "gpu": gpu,
    "paper": paper,
}
