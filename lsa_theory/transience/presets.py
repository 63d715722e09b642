"""Ready-made experiments on transience, by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lsa_theory.transformer.model import Architecture
from lsa_theory.transformer.optimisation import Optimisation
from lsa_theory.transformer.plan import Plan
from lsa_theory.transience.bursty import Bursty
from lsa_theory.transience.drawn import drawn_classes
from lsa_theory.transience.experiment import BurstyExperiment
from lsa_theory.transience.images import drawings
from lsa_theory.transience.omniglot import OmniglotExperiment

SMALL = Architecture(width=8, heads=2, mlp=2)
ONE_BLOCK = Architecture(normalised=False, block_scale=0.3, embedding_scale=0.1)
LARGE = Architecture(depth=2, width=128, heads=8)
PUBLISHED = Architecture(depth=12, width=64, heads=8, positions="absolute")
SEQUENCES = Bursty(class_count=1600, label_count=1600, pairs=8, burst=3, dimension=64)
SHORT = Optimisation(6, batch=8)
MINUTES = Optimisation(20_000)
LONGER = Optimisation(50_000, batch=512, learning_rate=1e-3, warmup=1000)
FULL = Optimisation(50_000_000, batch=32, learning_rate=3e-4)
FEATURES = 64  # of a drawing
COST = (
    "5e7 steps of batch 32, 12 blocks: about 1e17 operations a seed, days on an accelerator and "
    "months on a processor"
)


def tiny() -> Plan:
    data = Bursty(class_count=8, label_count=4, dimension=4, noise=0.3)
    experiment = BurstyExperiment(data, SMALL, evaluation_count=64)
    return Plan(experiment, SHORT, (0, 1), 2, "a few steps, to see that everything runs")


def cpu() -> Plan:
    about = (
        "one block on 160 Gaussian classes: in-context learning emerges and gives way to the "
        "weights, in about a CPU minute a seed"
    )
    data = Bursty(pairs=8, burst=4, burstiness=0.97)
    return Plan(BurstyExperiment(data, ONE_BLOCK), MINUTES, every=250, about=about)


def gpu() -> Plan:
    about = "two blocks on 640 Gaussian classes and 64 labels, for an accelerator"
    data = Bursty(class_count=640, label_count=64, dimension=64, pairs=8, burst=3)
    return Plan(BurstyExperiment(data, LARGE), LONGER, every=500, about=about)


def paper() -> Plan:
    about = (
        "the published set-up of Singh et al., arXiv:2311.08360, on Gaussian classes instead of "
        f"images, with learned positions: {COST}"
    )
    experiment = BurstyExperiment(SEQUENCES, PUBLISHED, interleaved=True)
    return Plan(experiment, FULL, every=10_000, about=about)


PRESETS: Mapping[str, Callable[[], Plan]] = {
    "tiny": tiny,
    "cpu": cpu,
    "gpu": gpu,
    "paper": paper,
}


# --- real images ---


def omniglot(
    folder: str | Path | None = None, embedding: str = "fixed", dimension: int = FEATURES
) -> Mapping[str, Callable[[], Plan]]:
    """Likewise on characters of Omniglot.

    Parameters
    ----------
    folder
        See `lsa_theory.transience.images.drawings`.
    embedding, dimension
        See `lsa_theory.transience.drawn.drawn_classes`.
    """

    def experiment(data: Bursty, shape: Architecture, held_out: int = 42, **options: Any) -> Any:
        classes = drawn_classes(drawings(folder), embedding, dimension)
        return OmniglotExperiment(classes, data, shape, held_out, **options)

    def law(**options: Any) -> Bursty:
        return Bursty(**({"noise": 0.0, "dimension": dimension} | options))

    def small() -> Plan:
        chosen = experiment(law(class_count=8, label_count=4), SMALL, evaluation_count=64)
        return Plan(chosen, SHORT, (0, 1), 2, "a few steps, to see that everything runs")

    def minutes() -> Plan:
        about = "one block on 200 drawn classes, in about a CPU minute a seed"
        chosen = experiment(law(class_count=200), Architecture())
        return Plan(chosen, Optimisation(10_000), every=250, about=about)

    def larger() -> Plan:
        about = "two blocks on 1,600 drawn classes and 64 labels, for an accelerator"
        data = law(class_count=1600, label_count=64, pairs=8, burst=3)
        return Plan(experiment(data, LARGE), LONGER, every=500, about=about)

    def published() -> Plan:
        about = (
            "the published set-up of Singh et al., arXiv:2311.08360: 1,600 classes with a label "
            f"each, here a character in one of 8 positions, with learned positions: {COST}"
        )
        data = law(class_count=1600, label_count=1600, pairs=8, burst=3)
        return Plan(experiment(data, PUBLISHED, interleaved=True), FULL, every=10_000, about=about)

    return {"tiny": small, "cpu": minutes, "gpu": larger, "paper": published}
