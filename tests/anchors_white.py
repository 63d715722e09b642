"""Anchors of the time courses on white features, from the loss along the identity.

With `U = u I`, `s = √d u` and `z = u²` the gain is `g I`, `g = √d z`. Gradient flow has
`u' = -L'(g) s / d`, so `z' = -(2/√d) L'(g) z`, and `L'(g) = -α + β g`: logistic in z, with the rate
`2 α / √d` and the limit `g = α / β`. From `U = -u I`, `g = -√d z`, the same equation runs to 0.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

from tests.anchors_shared import Bowl, Case, Topic, fractions, law_of

GROWTHS = [Fraction(1), Fraction(7, 2), Fraction(40)]  # e^{rt}
SHARES = [Fraction(1, 3), Fraction(1, 2), Fraction(9, 10)]


def cases() -> list[Case]:
    """`d` a square, the law a multiple of the identity in each argument."""
    laws: list[dict[str, Any]] = [
        {"d": 1, "context_length": 2, "context": "3/2", "start": "1/7"},
        {"d": 1, "context_length": 1, "context": 1, "noise": 2, "task": 3, "query": "1/2"},
        {"d": 4, "context_length": 1, "context": 2, "start": "1/9"},
        {"d": 4, "context_length": 2, "context": "1/2", "noise": 1, "task": 2, "query": 3},
        {"d": 9, "context_length": 1, "context": 1, "start": "1/10"},
        {"d": 1, "context_length": 3, "context": 1, "start": 2},  # above the limit
    ]
    found = []
    for law in laws:
        d, law = law["d"], {"start": "1/5"} | law
        ones = {k: np.full(d, Fraction(law[k])) for k in ("context", "task", "query") if k in law}
        rest = {k: fractions(law[k]) for k in ("noise", "start") if k in law}
        found.append({"context_length": law["context_length"]} | rest | ones)
    return found


def values(case: Case) -> Case:
    bowl = Bowl(law_of(case))
    d, z = bowl.dimension, case["start"] ** 2
    root, unit = isqrt(d), np.eye(d, dtype=int) * Fraction(1)
    up, down = bowl.at(unit), bowl.at(-unit)
    force, stiffness = (down - up) / 2, up + down - 2 * bowl.top  # α, β
    gain = force / stiffness
    odds, saddle_odds = gain / (root * z) - 1, gain / (root * z) + 1
    shares = [1 / (1 + odds / growth) for growth in GROWTHS]
    decays = [1 / (saddle_odds * growth - 1) for growth in GROWTHS]
    return {
        "rate": 2 * force / root,
        "odds": odds,
        "gain": gain,
        "least_loss": bowl.at(gain * unit),
        "shares": fractions(shares),
        "losses": fractions([bowl.at(gain * share * unit) for share in shares]),
        "scales_squared": fractions([root * gain * share for share in shares]),
        "growths_of_shares": fractions([odds * share / (1 - share) for share in SHARES]),
        "saddle": {
            "odds": saddle_odds,
            "plateau": bowl.top,
            "shares": fractions(decays),
            "losses": fractions([bowl.at(-gain * decay * unit) for decay in decays]),
            "scales_squared": fractions([root * gain * decay for decay in decays]),
        },
    }


TOPICS = {"white": Topic(cases, values)}
