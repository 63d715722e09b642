"""How an integration ended: an enumeration whose members carry the messages."""

from __future__ import annotations

import enum


class Status(enum.Enum):
    """Why the integration stopped. The first two alone say anything about the limit."""

    CONVERGED = "converged: the distance bound is within the tolerance"
    LOCAL_MINIMUM = "converged to a local minimum, above the global one"
    END_TIME = "the end time was reached"
    STATIONARY = (
        "the gradient vanished, but nothing bounds the distance to a limit within the tolerance: "
        "a saddle, a degenerate minimum, or too strict a tolerance"
    )
    STEP_LIMIT = "the step limit was reached (max_steps)"
    FAILED = "a step failed: the solver found no acceptable step size"
