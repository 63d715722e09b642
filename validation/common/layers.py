"""Layers as flat vectors of their visible parameters, and derivatives by differences."""

import numpy as np

from lsa_theory.attention import LinearSelfAttention


def layer_of(flat, dimension):
    """The layer with visible parameters `(v, s, U, p)`."""
    v, s, u, p = np.split(flat, [dimension, dimension + 1, len(flat) - dimension])
    return LinearSelfAttention.from_parameters(v, s[0], u.reshape(dimension, dimension), p)


def flat_of(layer):
    return np.concatenate([np.ravel(part) for part in layer.parameters])


def hessian(loss, flat, directions, size=1):
    """By central differences of a given size, along directions: exact but for rounding where the
    loss is quadratic in each single parameter."""
    found = np.zeros((len(directions), len(directions)))
    for i, a in enumerate(directions):
        found[i, i] = loss(flat + size * a) - 2 * loss(flat) + loss(flat - size * a)
        for j, b in enumerate(directions[:i]):
            signs = [(k, m) for k in (1, -1) for m in (1, -1)]
            corners = sum(k * m * loss(flat + size * (k * a + m * b)) for k, m in signs)
            found[i, j] = found[j, i] = corners / 4
    return found / size**2
