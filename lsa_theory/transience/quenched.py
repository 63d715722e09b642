r"""The whole flow of attention beside a table, for given tasks and any covariance.

Given its task, a table entry obeys a linear equation that is driven by the task alone, so that the
entries are one matrix times their tasks: see `slopes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, concatenate, dense, identity
from lsa_theory.minimum import summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.transience.course import solution


@dataclass(frozen=True, eq=False)
class QuenchedCourse:
    r"""The flow over time.

    Attributes
    ----------
    times, loss
        (T,); the loss of the data, without penalties.
    scale, factor, table
        `s` (T,), `U` (T, d, d) and `X` (T, d, d): the table holds :math:`\beta_c = X w_c`.
    in_context, in_weights
        (T,): the shares :math:`\operatorname{tr}(s U^\top \Lambda) / d` and
        :math:`\operatorname{tr} X / d` of the task that either strategy carries.
    """

    times: Array
    loss: Array
    scale: Array = field(repr=False)
    factor: Array = field(repr=False)
    table: Array = field(repr=False)
    in_context: Array
    in_weights: Array


def quenched_flow(
    layer: LinearSelfAttention,
    prompts: GaussianPrompts,
    tasks: Shaped[Array, "k d"],
    times: Shaped[Array, " t"],
    *,
    table_rate: float | None = None,
    l2_attention: float = 0.0,
    l2_table: float = 0.0,
    solver: str = "lsoda",
) -> QuenchedCourse:
    r"""Gradient flow of attention and table on `K` given tasks, from an empty table.

    Parameters
    ----------
    layer
        The start of the attention, with `v = p = 0`.
    prompts
        :math:`\Lambda`, :math:`N` and :math:`\sigma^2`; its law of tasks is not used, and queries
        are distributed as the context.
    tasks
        (K, d), a row a task.
    times
        (T,), increasing, from 0 on.
    table_rate, l2_attention, l2_table
        As in `Regression`.
    solver
        "lsoda", SciPy's, which starts at once; or "kvaerno5", the implicit method by which
        `gradient_flow` integrates its stiffest flows, which JAX compiles in some seconds for each
        dimension and each 64 times. Its exponential method needs a symmetric Jacobian, and in `X`
        there is none.

    Raises
    ------
    ValueError
        If the shapes do not fit together or an argument is out of its range.
    RuntimeError
        If the solver gives up.

    Source: derived here.
    """
    name = "quenched_flow"
    checks.instance(name, "layer", layer, LinearSelfAttention)
    checks.instance(name, "prompts", prompts, GaussianPrompts)
    tasks = checks.real_array(name, "tasks", tasks, (2,)).astype(np.float64)
    d = prompts.dimension
    if not layer.dimension == tasks.shape[1] == d:
        rule = f"of the prompts' dimension {d}"
        checks.refuse(name, "tasks", f"{tasks.shape} with a layer of {layer.dimension}", rule)
    if layer.v.any() or layer.p.any():
        checks.refuse(name, "layer", "one with v or p non-zero", "on the block v = p = 0")
    rate = 1 / len(tasks) if table_rate is None else table_rate
    rule = "a positive number"
    rate = checks.option(name, "table_rate", rate, rule, lambda x: 0 < x < np.inf)
    penalties = [
        float(checks.real(name, argument, value, minimum=0))
        for argument, value in (("l2_attention", l2_attention), ("l2_table", l2_table))
    ]
    law = prompts.replace(
        task_covariance=tasks.T @ tasks / len(tasks), task_mean=None, query_covariance=None
    )
    matrices = (dense(array(m)) for m in (law.context, law.task, summary_moment(law)))
    args = (*(np.asarray(m, dtype=np.float64) for m in matrices), rate, *penalties)
    start = np.concatenate([[float(layer.s)], layer.u.ravel(), np.zeros(d * d)])
    return _course(*solution(name, force, start, times, args, solver), args)


class Slopes(NamedTuple):
    """Of `s`, `U` and `X`."""

    scale: Any
    factor: Any
    table: Any


def slopes(
    s: Any,
    u: Any,
    x: Any,
    context: Any,
    task: Any,
    moment: Any,
    rate: Any,
    l2_attention: Any,
    l2_table: Any,
) -> Slopes:
    r"""One matrix serves the table entries of all tasks, and the flow closes, for any `K`.

    Attention beside a table, :math:`\hat y = x_q^\top (s U^\top h + \beta_c)`, trained by gradient
    flow on the tasks :math:`w_1, \dots, w_K` from :math:`\beta_c(0) = X(0)\, w_c` on, has
    :math:`\beta_c(t) = X(t)\, w_c` for all tasks, and

    .. math::
        \dot U &= -s^2 C U \Lambda - s \Lambda \Omega_K (X - I)^\top \Lambda - \lambda_a U, \\
        \dot s &= -s \operatorname{tr} (U^\top C U \Lambda)
        - \operatorname{tr} (U \Lambda (X - I) \Omega_K \Lambda) - \lambda_a s, \\
        \dot X &= -\eta \Lambda (s U^\top \Lambda + X - I) - \lambda_t X,

    with :math:`\Omega_K = \frac1K \sum_c w_c w_c^\top` and :math:`C = E[h h^\top]`. For random
    tasks :math:`\Omega_K - I` is of the order of :math:`1/\sqrt K`, and so is the distance to the
    flow of three scalars.
    """
    seen = moment @ u @ context
    missed = x + -1 * identity(len(x))
    driven = context @ task @ missed.T @ context
    return Slopes(
        -s * (u.T @ seen).trace() - (u.T @ driven).trace() - l2_attention * s,
        -s * s * seen - s * driven - l2_attention * u,
        -rate * (context @ (s * (u.T @ context) + missed)) - l2_table * x,
    )


def data_loss(s: Any, u: Any, x: Any, context: Any, task: Any, moment: Any) -> Any:
    r""":math:`\frac12 E_c \|s U^\top h + X w_c - w_c\|_\Lambda^2`."""
    missed = x + -1 * identity(len(x))
    square = (u.T @ moment @ u @ context).trace()
    cross = (u @ context @ missed @ task @ context).trace()
    rest = (missed.T @ context @ missed @ task).trace()
    return (s * s * square + 2 * s * cross + rest) / 2


def force(time: Any, state: Any, args: Any) -> Any:
    """The flow of `(s, U, X)`, flat."""
    d = len(args[0])
    s, u, x = state[0], state[1 : 1 + d * d].reshape(d, d), state[1 + d * d :].reshape(d, d)
    return concatenate([slope.reshape(-1) for slope in slopes(s, u, x, *args)])


def _course(times: Array, states: Array, args: Any) -> QuenchedCourse:
    context, d = args[0], len(args[0])
    s = states[:, 0]
    u, x = (part.reshape(-1, d, d) for part in (states[:, 1 : 1 + d * d], states[:, 1 + d * d :]))
    loss = [data_loss(*state, *args[:3]) for state in zip(s, u, x, strict=True)]
    share = s * np.einsum("tij,ij->t", u, context) / d
    return QuenchedCourse(times, np.array(loss), s, u, x, share, x.trace(axis1=1, axis2=2) / d)
