"""What a gradient flow returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.status import Status


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """A path of gradient flow on the population loss, and what is known of its end.

    Attributes
    ----------
    times
        (T,), increasing: those asked for, or else the start and every accepted step.
    loss
        (T,), the population loss at `times`, in units of the label squared.
    residual
        (T,), the norm of the loss's gradient over all parameters at `times`.
    final_time
        Where the integration stopped; `final` is the layer there.
    distance_bound
        A bound on the distance of `final`, over all parameters, to the `limit` of the flow:
        infinite where nothing carries one. See `gradient_flow` for what carries it.
    status
        Why the integration stopped.
    """

    times: Shaped[Array, " t"]
    loss: Shaped[Array, " t"]
    residual: Shaped[Array, " t"]
    final_time: float
    distance_bound: float
    status: Status
    end: Callable[[], LinearSelfAttention] = field(repr=False)
    goal: Callable[[], LinearSelfAttention | None] = field(repr=False)
    states: Callable[[], list[LinearSelfAttention]] = field(repr=False)

    @cached_property
    def final(self) -> LinearSelfAttention:
        """The layer at `final_time`."""
        return self.end()

    @cached_property
    def limit(self) -> LinearSelfAttention | None:
        """The layer that the flow tends to, where a formula knows it."""
        return self.goal()

    @property
    def converged(self) -> bool:
        """Whether the distance bound is within the tolerance, and the limit a global minimum
        (for tasks with a mean, whose global minimum no formula gives: one no higher than the
        block's)."""
        return self.status is Status.CONVERGED

    @cached_property
    def layers(self) -> tuple[LinearSelfAttention, ...]:
        """The layers at `times`: T matrices of size d², made when first asked for."""
        return tuple(self.states())

    @cached_property
    def balance(self) -> Shaped[Array, " t"]:
        """(T,), the conserved `‖v‖² + s² − ‖U‖_F² − ‖p‖²` of `layers`."""
        return np.array([layer.balance for layer in self.layers])
