"""What may stand for a predictor: a layer, its `Parameters`, or a gain alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory.attention import LinearSelfAttention, Parameters, checked
from lsa_theory.linalg import operator


def parameters_of(
    call: str, predictor: Any, dimension: int, argument: str = "predictor"
) -> Parameters:
    """The parameters of a predictor, with `u` as an operator; a gain `B` is `s = 1`, `U = B`."""
    if isinstance(predictor, LinearSelfAttention):
        found = predictor.parameters
    elif isinstance(predictor, Parameters):
        found = checked(call, predictor)
    else:
        gain = checks.real_array(call, argument, predictor, (1, 2))
        zero = np.zeros(len(gain), dtype=int)
        found = Parameters(zero, 1, operator(checks.square(call, argument, gain)), zero)
    if len(found.p) != dimension:
        rule = f"of the prompts' dimension {dimension}"
        checks.refuse(call, argument, f"dimension {len(found.p)}", rule)
    return found


def on_block(parameters: Parameters) -> bool:
    """Whether `v = p = 0`, so that the prediction is `h^T (s U) x_q`."""
    return not (parameters.v.any() or parameters.p.any())


def gain_of(call: str, predictor: Any, dimension: int) -> Any:
    """The gain of a predictor on the block `v = p = 0`, as an operator."""
    parameters = parameters_of(call, predictor, dimension)
    if not on_block(parameters):
        checks.refuse(call, "predictor", "layer with v or p non-zero", "on the block v = p = 0")
    return parameters.s * parameters.u
