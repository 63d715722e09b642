"""Runs on modular arithmetic made up of what algorithms do, with the arrays of a real one."""

from __future__ import annotations

import numpy as np

from lsa_theory.modular import masks
from lsa_theory.modular.ceilings import accuracies
from lsa_theory.modular.plane import points
from lsa_theory.transformer.recorded import Recorded


def made_up(
    p=5, task_count=14, depth=2, fraction=0.8, seeds=3, count=6, level=1.0, name="made-up"
) -> Recorded:
    """A model that copies, then matches ratios on old tasks, and on new ones up to a level and not
    for ever."""
    rng = np.random.default_rng([p, task_count, depth, int(100 * fraction)])
    steps = np.arange(0, 4001, 250)
    cut = round(fraction * p**2)
    order = np.array([rng.permutation(points(p)) for _ in range(seeds)])
    tasks = np.array([rng.permutation(points(p)) for _ in range(seeds)])
    ratio = np.array(
        [[accuracies(p, k, inputs=x[:cut]).ratio for k in range(count)] for x in order]
    )
    rise = 1 / (1 + np.exp(-(steps - 1200) / 200))
    fall = level * rise * (1 - 0.5 * np.clip((steps - 2000) / 2000, 0, 1))
    shape = (seeds, len(steps), 4, count)
    accuracy = np.full(shape, 1 / p) + 0.02 * rng.standard_normal(shape)
    for k, course in ((0, rise), (1, 0.4 * rise), (2, fall), (3, 0.1 * fall)):
        accuracy[:, :, k] += course[None, :, None] * (ratio - 1 / p)[:, None]
    if fraction == 1:
        accuracy[:, :, [1, 3]] = np.nan
    agreement = np.full((seeds, len(steps), 5, count), 1 / p)
    for k, course in ((0, rise), (1, fall), (4, 0.3 * (1 - fall))):
        agreement[:, :, k] += (1 - 1 / p) * course[:, None]
    agreement += 0.01 * rng.standard_normal(agreement.shape)
    agreement[:, :, 0, 0] = np.nan
    contexts = np.array([[x[rng.integers(cut, size=count - 1)] for _ in range(2)] for x in order])
    right = np.array([[masks.ratio_mask(p, c) for c in row] for row in contexts]) * (1 - 1 / p)
    heads, width, turn = 4, 16, 2 * np.pi * np.arange(p) / p
    embedding = 0.3 * rng.standard_normal((seeds, p, width))
    embedding[..., 0] += 2 * np.cos(turn)
    embedding[..., 1] += 2 * np.sin(turn)
    attention = rng.uniform(0.01, 0.4, (seeds, depth, heads, 6))
    neurons = rng.beta(2, 3, (2, seeds, depth, 4 * width))
    settings = {
        "experiment": {
            "data": {"p": p, "task_count": task_count, "fraction": fraction, "examples": count},
            "architecture": {"depth": depth, "width": width},
        },
        "optimisation": {"steps": 4000, "weight_decay": 0.5},
        "seeds": list(range(seeds)),
        "every": 250,
    }
    values = {
        "accuracy": accuracy,
        "agreement": agreement,
        "validation": fall + 0.01 * rng.standard_normal((seeds, len(steps))),
    }
    analysis = {
        "inputs": order[:, :cut],
        "held_out": order[:, cut:],
        "tasks": tasks[:, :task_count],
        "out_of_distribution": tasks[:, task_count : task_count + 4],
        "embedding": embedding,
        "grid_contexts": contexts,
        "grids": right + 1 / p,
        "neuron_frequency": np.minimum(*neurons),
        "neuron_line": neurons[1],
        "attention": attention,
        "attention_uniform": np.full((seeds, 6), 0.1),
    }
    return Recorded(settings, tuple(range(seeds)), steps, values, analysis, name)
