"""What a gradient flow returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.flow.status import Status


@runtime_checkable
class Course(Protocol):
    """What a flow is asked for later."""

    def scalars(self) -> tuple[Array, Array]:
        """Loss and residual at the times."""

    def layers(self) -> list[LinearSelfAttention]:
        """At the times."""

    def final(self) -> LinearSelfAttention: ...

    def limit(self) -> LinearSelfAttention | None: ...


class Known(NamedTuple):
    """A `Course` of functions that answer."""

    scalars: Callable[[], tuple[Array, Array]]
    layers: Callable[[], list[LinearSelfAttention]]
    final: Callable[[], LinearSelfAttention]
    limit: Callable[[], LinearSelfAttention | None]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """A path of gradient flow on the population loss, and what is known of its end.

    Attributes
    ----------
    times
        (T,), increasing: those asked for, or else the start and every accepted step.
    final_time
        Where the integration stopped; `final` is the layer there.
    distance_bound
        A bound on the distance of `final`, over all parameters, to the `limit` of the flow:
        infinite where nothing carries one. See `gradient_flow` for what carries it.
    status
        Why the integration stopped.
    """

    times: Shaped[Array, " t"]
    final_time: float
    distance_bound: float
    status: Status
    course: Course = field(repr=False)

    @cached_property
    def _scalars(self) -> tuple[Array, Array]:
        return self.course.scalars()

    @property
    def loss(self) -> Shaped[Array, " t"]:
        """(T,), the population loss at `times`, in units of the label squared."""
        return self._scalars[0]

    @property
    def residual(self) -> Shaped[Array, " t"]:
        """(T,), the norm of the loss's gradient over all parameters at `times`."""
        return self._scalars[1]

    @cached_property
    def final(self) -> LinearSelfAttention:
        """The layer at `final_time`."""
        return self.course.final()

    @cached_property
    def limit(self) -> LinearSelfAttention | None:
        """The layer that the flow tends to, where a formula knows it."""
        return self.course.limit()

    @property
    def converged(self) -> bool:
        """Whether the distance bound is within the tolerance, and the limit a global minimum
        (for tasks with a mean, whose global minimum no formula gives: one no higher than the
        block's)."""
        return self.status is Status.CONVERGED

    @cached_property
    def layers(self) -> tuple[LinearSelfAttention, ...]:
        """The layers at `times`: T matrices of size d², made when first asked for."""
        return tuple(self.course.layers())

    @cached_property
    def balance(self) -> Shaped[Array, " t"]:
        """(T,), the conserved `‖v‖² + s² − ‖U‖_F² − ‖p‖²` of `layers`."""
        return np.array([layer.balance for layer in self.layers])
