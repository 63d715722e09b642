"""Anchors of the layer itself, of its losses on any law, and of their minima."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from lsa_theory import LinearSelfAttention
from tests.anchors_shared import Bowl, Case, Topic, drawn, fractions, law_of, on_block
from validation.harness.oracle import RationalLaw, loss

SIZES = [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]
SEED = 20240802


# --- any law, any layer ------------------------------------------------------------------------


def law_cases() -> list[Case]:
    """Laws with every argument given, with none but the covariance, and layers without a zero."""
    rng = np.random.default_rng(SEED)
    found = []
    for d, n in SIZES:
        for plain in (True, False):
            context, task, query = (np.tril(drawn(rng, d, d)) for _ in range(3))  # no zero pivot
            law: Case = {"context_length": n, "context": context, "noise": Fraction(0)}
            law |= {"task": None, "query": None, "mean": None}
            if not plain:
                law |= {"task": task, "query": query, "mean": drawn(rng, d)}
                law |= {"noise": drawn(rng, 1)[0]}
            layer = {"pv": drawn(rng, d + 1, d + 1), "kq": drawn(rng, d + 1, d + 1)}
            found.append(law | layer | {"gain": drawn(rng, d, d)})
    return found


def layer_of(case: Case) -> LinearSelfAttention:
    return LinearSelfAttention(case["pv"], case["kq"])


def losses(case: Case) -> Case:
    law, block = law_of(case), on_block(case["gain"])
    whole, centred = Bowl(law), Bowl(law_of(case, mean=None))
    return {
        "population_loss": loss(layer_of(case), law),
        "block_loss": loss(block, law),
        "block_minimum": {"gain": whole.gain, "loss": whole.least},
        "global_minimum": {"gain": centred.gain, "loss": centred.least},
        "one_task_loss": loss(block, one_task(case)),
    }


def one_task(case: Case) -> RationalLaw:
    """The task is the first row of the layer, always: Theorem 4.2 for a linear target."""
    d = len(case["context"])
    nothing = np.full((d, d), Fraction(0))
    return law_of(case, task=nothing, mean=case["pv"][0, :d], query=None)


# --- singular laws -----------------------------------------------------------------------------


def singular_cases() -> list[Case]:
    nothing, half = [[0, 0], [0, 0]], [[1, 0], [0, 0]]
    laws: list[dict[str, Any]] = [
        {"context": half},
        {"context": [[1, 0], [2, 0]], "task": [[1, 0], [1, 3]], "noise": 1},
        {"context": [[1, 0], [1, 2]], "query": half},
        {"context": [[1, 0], [1, 2]], "task": half},
        {"context": [[1, 0], [1, 2]], "task": nothing, "noise": 2},
        {"context": [[1, 0], [1, 2]], "task": nothing},
        {"context": nothing},
        {"context": [[1, 0, 0], [2, 1, 0], [0, 3, 0]]},
    ]
    return [{"context_length": 2} | {name: fractions(x) for name, x in law.items()} for law in laws]


def singular_minima(case: Case) -> Case:
    """Along as many directions as the Hessian has eigenvalues 0 the loss does not change."""
    bowl = Bowl(law_of(case))
    rank = sympy.Matrix(bowl.hessian).rank()
    return {"free_directions": len(bowl.hessian) - rank, "loss": bowl.least}


# --- the layer alone ---------------------------------------------------------------------------


def layer_cases() -> list[Case]:
    rng = np.random.default_rng(SEED + 1)
    found = []
    for d, n in ((1, 2), (2, 1), (2, 3), (3, 2)):
        layer = {"pv": drawn(rng, d + 1, d + 1), "kq": drawn(rng, d + 1, d + 1)}
        found.append(layer | {"x": drawn(rng, n, d), "y": drawn(rng, n), "x_query": drawn(rng, d)})
    return found


def layer_values(case: Case) -> Case:
    """The gain is what is odd in the labels: `Σ y_i x_i^T gain x_q / N`."""
    pv, kq = case["pv"], case["kq"]
    d = len(pv) - 1
    units = np.eye(d, dtype=int) * Fraction(1)
    one = np.array([Fraction(1)])

    def odd(x: Any, x_query: Any) -> Fraction:
        up, down = (network(pv, kq, x[None, :], label, x_query) for label in (one, -one))
        return (up - down) / 2

    weights, keys = pv[-1], kq[:, :d]
    return {
        "predict": network(pv, kq, case["x"], case["y"], case["x_query"]),
        "gain": fractions([[odd(x, x_query) for x_query in units] for x in units]),
        "balance": weights @ weights - (keys * keys).sum(),
    }


def network(pv: Any, kq: Any, x: Any, y: Any, x_query: Any) -> Fraction:
    """The last entry of `E + W^PV E (E^T W^KQ E) / N`."""
    embedding = np.vstack([np.column_stack([x.T, x_query]), [*y, Fraction(0)]])
    attention = embedding.T @ kq @ embedding / len(x)
    return (embedding + pv @ embedding @ attention)[-1, -1]


TOPICS = {
    "losses": Topic(law_cases, losses),
    "singular": Topic(singular_cases, singular_minima),
    "layers": Topic(layer_cases, layer_values),
}
