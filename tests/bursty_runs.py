"""Folders of runs on bursty sequences as training leaves them, without training."""

from __future__ import annotations

import json

import numpy as np

CHANCE = 1 / 32


def history(steps, class_count, seeds=2, flips=True):
    """Curves of the shape that experiments have: in-context learning rises by step 1,000 and, if it
    flips, decays over 25 steps a class."""
    x = steps[None] * np.linspace(0.9, 1.1, seeds)[:, None]
    rise = 1 / (1 + np.exp(-(x - 1000) / 150))
    fall = np.exp(-x / (25 * class_count)) if flips else np.ones_like(x)
    shares = {"icl": 0.9, "flip": 0.8, "icl_without_mlp": 0.9, "icl_without_attention": 0.0}
    found = {name: CHANCE + (peak - CHANCE) * rise * fall for name, peak in shares.items()}
    table = CHANCE + 0.6 * (1 - fall)
    return found | {
        "icl_two_way": 0.5 + 0.4 * rise,
        "iwl": table,
        "iwl_without_attention": table,
        "iwl_without_mlp": CHANCE + 0 * x,
        "copy": table,
        "loss": np.where(steps == 0, np.nan, 3.5 * fall * (1 - 0.8 * rise) + 0.05),
        "norm": 10 + x / 1000,
        "match": 0.4 + 0.5 * rise,
        "logit_attention": 5 * rise * fall,
        "logit_mlp": 5 * (1 - fall),
    }


def folder(path, class_count=160, l2=0.0, seeds=2, flips=True, last=10_000):
    """A finished run; returns its folder."""
    path.mkdir()
    data = {"class_count": class_count, "label_count": 32, "pairs": 4, "burst": 2, "noise": 1.2}
    settings = {
        "experiment": {"data": data | {"dimension": 32}, "interleaved": False},
        "optimisation": {"steps": last, "l2": l2, "weight_decay": 0.0},
        "seeds": list(range(seeds)),
        "every": 250,
    }
    (path / "settings.json").write_text(json.dumps(settings))
    steps = np.arange(0, last + 1, 250)
    values = history(steps, class_count, seeds, flips)
    rows = [
        {"step": int(step)} | {name: x[:, k].tolist() for name, x in values.items()}
        for k, step in enumerate(steps)
    ]
    (path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
