"""How a model is trained: Adam, its schedule, and two penalties that are not the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import equinox as eqx
import jax
import optax

from lsa_theory import checks
from lsa_theory._typing import Array


@dataclass(frozen=True)
class Optimisation:
    r"""How it is trained: Adam, with two penalties that are not the same thing.

    Attributes
    ----------
    steps, batch, learning_rate
        How many steps, prompts a step, and the rate.
    warmup
        Steps of linear growth of the rate from 0.
    decay
        "constant", or "cosine" down to zero.
    l2
        :math:`\lambda` of :math:`\frac\lambda2 \|\theta\|^2` *in the loss*: Adam rescales its
        gradient with the rest.
    weight_decay
        Decoupled, as in AdamW: :math:`\theta` shrinks by the rate times this a step.
    betas
        Of Adam.
    """

    steps: int
    batch: int = 128
    learning_rate: float = 2e-3
    warmup: int = 0
    decay: str = "constant"
    l2: float = 0.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        name = "Optimisation"
        for argument, least in (("steps", 1), ("batch", 1), ("warmup", 0)):
            checks.integer(name, argument, getattr(self, argument), minimum=least)
        for argument in ("learning_rate", "l2", "weight_decay"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        if self.decay not in ("constant", "cosine"):
            checks.refuse(name, "decay", repr(self.decay), '"constant" or "cosine"')

    @cache  # noqa: B019 - one object for equal settings, so that nothing is compiled twice
    def optimiser(self) -> optax.GradientTransformation:
        """Adam with its schedule."""
        rate: Any = self.learning_rate
        if self.decay == "cosine":
            rate = optax.cosine_decay_schedule(rate, max(self.steps - self.warmup, 1))
        if self.warmup:
            rise = optax.linear_schedule(0.0, self.learning_rate, self.warmup)
            after = rate if callable(rate) else optax.constant_schedule(rate)
            rate = optax.join_schedules([rise, after], [self.warmup])
        first, second = self.betas
        return optax.adamw(rate, b1=first, b2=second, weight_decay=self.weight_decay, mask=matrices)


def matrices(model: Any) -> Any:
    """Which parameters are penalised: matrices, not the scales of norms."""
    return jax.tree.map(lambda leaf: eqx.is_array(leaf) and leaf.ndim >= 2, model)


def squared_size(model: Any) -> Array:
    """The squared norm of the penalised parameters."""
    return sum(
        (leaf**2).sum()
        for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array))
        if leaf.ndim >= 2
    )
