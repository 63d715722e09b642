"""The effects of He and others, arXiv:2406.02550, and what the stored runs show of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from effects import Effect, Measure

from lsa_theory.modular.agreement import ALGORITHMS
from lsa_theory.modular.ceilings import ratio_accuracy
from lsa_theory.modular.effects import effects, followed, stopping
from lsa_theory.modular.fourier import degrees, gaussian_share, largest_share, powers
from lsa_theory.transformer.recorded import Recorded
from lsa_theory.transformer.windows import windows

TIMES_CHANCE = "accuracy on new tasks, in units of chance"


def new_tasks(run: Recorded) -> list[Measure]:
    found = effects(run)
    return [
        Measure(f"{TIMES_CHANCE}, at its peak", found.peak / found.chance, least=2.5),
        Measure("at the end", found.new / found.chance, least=2.5),
    ]


def ratio(run: Recorded) -> list[Measure]:
    found, as_algorithm = effects(run), followed(run)
    others = np.maximum(as_algorithm["copy"], as_algorithm["regression"])
    return [
        Measure("old tasks: distance from what ratio matching can do", far(found), most=0.05),
        Measure("new tasks, query by query: as ratio matching", as_algorithm["ratio"], least=0.8),
        Measure("more than as copying or regression", as_algorithm["ratio"] - others, least=0.05),
    ]


def far(found: Any) -> Any:
    """From the ceiling of ratio matching on the very split."""
    return abs(found.old - found.ceiling)


def diversity(few: Recorded, some: Recorded, many: Recorded) -> list[Measure]:
    """On one fixed set of new tasks."""
    one, two, three = map(effects, (few, some, many))
    words = "accuracy on new tasks, the most over the steps: gain"
    return [
        Measure(f"{words} from 8 to 20 tasks", three.peak - one.peak, least=0.15),
        Measure("from 8 to 14", two.peak - one.peak, least=0.0),
        Measure("from 14 to 20", three.peak - two.peak, least=0.0),
        Measure("at the end: gain from 8 to 20 tasks", three.new - one.new, least=0.15),
    ]


def transience(*runs: Recorded) -> list[Measure]:
    words = "accuracy on new tasks, loss from the peak to the end"
    counts = [run.settings["experiment"]["data"]["task_count"] for run in runs]
    return [
        Measure(f"{words}, {count} tasks", effects(run).lost, least=0.05)
        for run, count in zip(runs, counts, strict=True)
    ]


def one_block(one: Recorded, two: Recorded) -> list[Measure]:
    first, second = effects(one), effects(two)
    words = "new tasks, peak less chance"
    return [
        Measure(f"{words}, one block", first.peak - first.chance, most=0.05),
        Measure(f"{words}, two blocks", second.peak - second.chance, least=0.15),
    ]


def inputs(few: Recorded, many: Recorded) -> list[Measure]:
    """Of the seeds that both have."""
    one, two, both = effects(few), effects(many), len(few.seeds)
    words = "accuracy on new tasks, the most: gain from 40 to 80 % of the inputs"
    return [
        Measure(words, two.peak[:both] - one.peak, least=0.1),
        Measure("at the end", two.new[:both] - one.new, least=0.1),
    ]


def early(run: Recorded) -> list[Measure]:
    words = "accuracy on new tasks, gain by stopping at best validation"
    return [Measure(words, stopping(run).gain, least=0.05)]


def circles(run: Recorded) -> list[Measure]:
    embedding = run.analysis["embedding"]
    shares = largest_share(powers(embedding))
    control = gaussian_share(degrees(*embedding.shape[1:]))
    words = "share of power in the largest frequency, in units of that of a Gaussian matrix"
    return [Measure(words, shares / control, least=1.25)]


def regression(run: Recorded) -> list[Measure]:
    """Of queries that modular regression alone knows, after two and more examples."""
    found = windows(run.values["agreement"])[:, -1, ALGORITHMS.index("regression"), 2:]
    words = "new tasks: right answers to queries that only regression knows"
    return [Measure(words, found.mean(axis=1), least=0.5)]


def held_out(run: Recorded) -> list[Measure]:
    """Above chance, in units of what ratio matching can do on these very queries."""
    found, data = effects(run), run.settings["experiment"]["data"]
    parts = zip(run.analysis["inputs"], run.analysis["held_out"], strict=True)
    ceiling = [
        ratio_accuracy(data["p"], data["examples"] - 1, inputs=inputs, queries=asked)
        for inputs, asked in parts
    ]
    words = "new tasks and held-out inputs: share of what ratio matching adds to chance"
    values = (found.new_held_out - found.chance) / (np.array(ceiling) - found.chance)
    return [Measure(words, values, least=0.5)]


EFFECTS = {
    "new_tasks": Effect("Tasks never seen are solved, after many were", ("p7",), new_tasks),
    "larger": Effect("likewise modulo 11, one seed", ("p11",), new_tasks),
    "ratio": Effect("Two blocks match ratios", ("p7",), ratio),
    "diversity": Effect("The more tasks, the better", ("p5-8", "p5-14", "p5-20"), diversity),
    "transience": Effect("Solving new tasks is transient", ("p5-14", "p5-20"), transience),
    "one_block": Effect("One block does not do, two do", ("p5-one-block", "p5-20"), one_block),
    "four_blocks": Effect("With four blocks it is transient, too", ("p5-four-blocks",), transience),
    "inputs": Effect("The more inputs, the better", ("p5-20-inputs40", "p5-20"), inputs),
    "early": Effect("Early stopping keeps it", ("p5-stopped",), early),
    "circles": Effect("Embeddings lie on circles", ("p7",), circles),
    "regression": Effect(
        "Deeper models go on to modular regression", ("p5-four-blocks",), regression
    ),
    "held_out": Effect("Held-out inputs are answered too", ("p7",), held_out),
}
