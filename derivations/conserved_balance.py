r"""What gradient flow conserves: the layer may carry its strength in either of two factors.

Every term of the prediction has one factor of :math:`(v, s)` and one of :math:`(U, p)`. A symmetry
of the prediction is one of the loss, whatever the law of the prompts, and a symmetry of the loss
makes its gradient orthogonal to a direction at each point. That direction is half of the gradient
of the balance :math:`\|v\|^2 + s^2 - \|U\|_F^2 - \|p\|^2`, which the flow therefore conserves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import sympy

from derivations.algebra import derivative, gradient, scalar, substituted, symbols
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import e, prediction, w
from derivations.setting import PARAMETERS, U, p, s, s_symbol, v, whole_loss
from lsa_theory.attention import Parameters

SCALED = {"v": v, s_symbol: s, "U": -U, "p": -p}  # the rates of v, s growing and U, p shrinking


def balance(parameters: Any) -> Any:
    return parameters.balance


@cache
def slopes() -> Parameters:
    """Of the loss of the general law, in all parameters."""
    loss = whole_loss()
    names = ("v", s_symbol, "U", "p")
    return Parameters(*(gradient(loss, name) for name in names))


@step(ANY)
def the_symmetry() -> Iterator[Identity]:
    r"""The prediction in any prompt, label noise included (as a feature :math:`e`), is that of
    :math:`(a v, a s, U/a, p/a)` for every :math:`a > 0`; at :math:`a = 1` it has no slope along
    :math:`(v, s, -U, -p)`."""
    a = sympy.Symbol("a", positive=True)
    found = prediction(w + e)
    scaled = {"v": v * scalar(a), s_symbol: a * s_symbol, "U": U / a, "p": p / a}
    label = r"\hat y(av, as, U/a, p/a)"
    yield Identity(substituted(found, scaled), found, label)
    yield Identity(derivative(found, SCALED), 0, r"\frac{d\hat y}{da}")


@step(ANY)
def the_gradient() -> Identity:
    r"""So has its mean squared error:
    :math:`\langle v, \partial_v L \rangle + s\, \partial_s L
    - \operatorname{tr}(U^\top \partial_U L) - \langle p, \partial_p L \rangle = 0`, for the loss
    over all parameters, any covariances, task mean and label noise."""
    of_v, of_s, of_u, of_p = slopes()
    along = v @ of_v + s * of_s - (U.T @ of_u).trace() - p @ of_p
    return Identity(along, 0, r"\langle (v, s, -U, -p), \nabla L \rangle")


@step(ANY)
def the_flow(formula: Any = balance) -> Iterator[Identity]:
    r"""Along :math:`\dot\theta = -\nabla L` the balance has twice the negative of that product as
    its rate of change: none."""
    of_v, of_s, of_u, of_p = slopes()
    flow = {"v": -of_v, s_symbol: -of_s, "U": -of_u, "p": -of_p}
    yield Identity(derivative(formula(PARAMETERS), flow), 0, r"\frac{d}{dt} c")


g, k = symbols("g k")
(K,) = symbols("K")
STEP = Parameters(g, scalar("k_s"), K, k)  # any direction


@step(ANY)
def a_step_of_any_size(formula: Any = balance) -> Identity:
    r"""The balance is a quadratic form, so that a move by :math:`-\eta` times any direction
    changes it by :math:`-\eta` times its slope along that direction, and by :math:`\eta^2` times
    the balance of the direction. Along :math:`\nabla L` the slope is 0: a step of gradient descent
    changes the balance by :math:`\eta^2 c(\nabla L)`, no more and no less."""
    eta = scalar("eta")
    moved = Parameters(*(x - eta * y for x, y in zip(PARAMETERS, STEP, strict=True)))
    along = derivative(formula(PARAMETERS), dict(zip(("v", s_symbol, "U", "p"), STEP, strict=True)))
    stated = -eta * along + eta * eta * formula(STEP)
    label = r"c(\theta - \eta g) - c(\theta)"
    return Identity(formula(moved) - formula(PARAMETERS), stated, label)


@step(ANY)
def sum_of_squares() -> Identity:
    r"""The sum of all squares, as if values and keys grew at the expense of each other."""
    of_v, of_s, of_u, of_p = slopes()
    along = v @ of_v + s * of_s + (U.T @ of_u).trace() + p @ of_p
    label = r"\langle (v, s, U, p), \nabla L \rangle"
    return Identity(along, 0, label)


chain = Chain((the_symmetry, the_gradient, the_flow, a_step_of_any_size), wrong=(sum_of_squares,))
residuals = chain.residuals
