"""The gradient flow of strategies with shared parts, up to the first one's emergence."""

import numpy as np
from scipy.integrate import solve_ivp

from lsa_theory.transience.strategies import NAMES, slopes


def grown(model, without):
    """When half of an error is gone along the gradient flow of the eight scalars."""
    law, (share, beside) = model._law(), model._start(without and NAMES.index(without))
    held = np.array([k != without for k in NAMES])

    def errors(state):
        return slopes(state[:4], state[4:], *law)[:2]

    def force(time, state):
        at = slopes(state[:4], state[4:], *law)
        shrink = np.array(at.shrink)
        pull = held * np.array(at.pull)
        return np.append(pull - shrink * state[:4], -2 * shrink * state[4:])

    start = np.append(share, beside)
    whole = errors(start)

    def half(time, state):
        return min(x / y for x, y in zip(errors(state), whole, strict=True)) - 0.5

    half.terminal = True
    end = 3 * model.emergence_time(without) + 1e4
    options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-15, "events": half}
    return solve_ivp(force, (0, end), start, **options).t[-1]
