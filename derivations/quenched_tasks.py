r"""Beside attention, the tables of all tasks are one matrix.

A layer that sees a context of the task :math:`w_c` and knows which task it is predicts
:math:`x_q^\top (s U^\top h + \beta_c)`. Labels without noise are :math:`y = \langle \tilde w,
\tilde x \rangle` with the noise as a feature of its own, so that :math:`h = S (w_c + e)`, as in
`population_loss`. The loss is a mean over the `K` tasks, in which each entry occurs in one term.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

from derivations.algebra import Words, derivative, gradient, scalar, substituted, symbols
from derivations.chain import ANY, Chain, Identity, step
from derivations.population_loss import S, averaged, e, w, x
from derivations.setting import LAMBDA, OMEGA, ZERO_MEAN, I, U, mu, n, noise, s, s_symbol
from lsa_theory.minimum import summary_moment
from lsa_theory.transience.quenched import data_loss, slopes

X, M = symbols("X M")
beta, task = symbols("beta w_c")
eta, attention, table = (scalar(name) for name in ("eta", "lambda_a", "lambda_t"))
C = summary_moment(ZERO_MEAN)
OWN_COVARIANCE = {"mu": 0 * mu, "Lambda_q": LAMBDA}


def loss_of(error: Words) -> Words:
    """Half of the mean square, over contexts, queries that are distributed alike, and `w`."""
    return averaged(error * error, **OWN_COVARIANCE) / 2


def error(target: Words, entry: Words) -> Words:
    return x @ (s * (U.T @ (S @ (target + e))) + entry - target)


@cache
def loss_of_a_task() -> Words:
    r"""Given :math:`w_c` and its entry, which are letters and not averaged over."""
    return loss_of(error(task, beta))


@cache
def loss() -> Words:
    r"""Averaged over tasks of second moment :math:`\Omega_K`, with entries :math:`X w_c`."""
    return loss_of(error(w, X @ w))


@step(ANY)
def an_entry() -> Identity:
    r"""Given its task, the entry pulls with
    :math:`\partial L_c / \partial \beta_c = \Lambda (s U^\top \Lambda w_c + \beta_c - w_c)`, linear
    in it and driven by :math:`w_c` alone."""
    found = gradient(loss_of_a_task(), "beta")
    expected = LAMBDA @ (s * (U.T @ (LAMBDA @ task)) + beta - task)
    return Identity(found, expected, r"\partial L_c / \partial \beta_c")


@step(ANY)
def one_matrix(formula: Any = slopes) -> Iterator[Identity]:
    r"""So with :math:`\beta_c = X w_c` all entries move as :math:`\dot X w_c`, whatever the tasks:
    :math:`\dot X = -\eta \Lambda (s U^\top \Lambda + X - I) - \lambda_t X`, the library's."""
    pulled = substituted(gradient(loss_of_a_task(), "beta"), {"beta": X @ task})
    moved = -eta * pulled - table * (X @ task)
    yield Identity(moved, law(formula).table @ task, r"\dot\beta_c")


@step(ANY)
def the_tasks_enter_by_their_second_moment() -> Identity:
    r"""With those entries the loss of a task is a quadratic form in :math:`w_c`: its mean over the
    tasks is that over any law with their second moment
    :math:`\Omega_K = \frac1K \sum_c w_c w_c^\top`."""
    single = substituted(loss_of_a_task(), {"beta": X @ task})
    form = substituted(loss(), {"Omega": task.outer(task)})
    return Identity(single, form, r"L_c")


@step(ANY)
def the_loss() -> Identity:
    r"""In which :math:`C = E[h h^\top] = (1 + \frac1N) \Lambda\Omega_K\Lambda + \frac1N
    (\operatorname{tr} \Lambda\Omega_K + \sigma^2) \Lambda`. The library's."""
    return Identity(loss(), data_loss(s, U, X, LAMBDA, OMEGA, C), "L")


@step(ANY)
def the_attention(formula: Any = slopes) -> Iterator[Identity]:
    r"""Its slopes in `U` and `s`, with penalties, are the library's as well."""
    flow = law(formula)
    yield Identity(-gradient(loss(), "U") - attention * U, flow.factor, r"\dot U")
    yield Identity(-gradient(loss(), s_symbol) - attention * s, flow.scale, r"\dot s")


@step(ANY)
def the_loss_falls() -> Identity:
    r"""Without penalties, and with :math:`G = \Lambda (s U^\top \Lambda + X - I)`,
    :math:`\dot L = -\|\dot U\|^2 - \dot s^2 - \eta \operatorname{tr}(G \Omega_K G^\top)`: it
    never rises."""
    flow = slopes(s, U, X, LAMBDA, OMEGA, C, eta, 0, 0)
    found = derivative(loss(), {"U": flow.factor, s_symbol: flow.scale, "X": flow.table})
    pull = LAMBDA @ (s * U.T @ LAMBDA + X - I)
    squares = (flow.factor @ flow.factor.T).trace() + flow.scale * flow.scale
    return Identity(found, -squares - eta * (pull @ OMEGA @ pull.T).trace(), r"\dot L")


def law(formula: Any) -> Any:
    return formula(s, U, X, LAMBDA, OMEGA, C, eta, attention, table)


def forgotten_transpose(*args: Any) -> Any:
    """`U` in the place of `U^T` in what drives the table."""
    scale, factor, _, context, _, _, rate, *_ = args
    flow = slopes(*args)
    missed = rate * scale * (context @ (factor.T - factor) @ context)
    return SimpleNamespace(scale=flow.scale, factor=flow.factor, table=flow.table + missed)


@step(ANY)
def transpose_forgotten() -> Iterator[Identity]:
    r""":math:`U` for :math:`U^\top` in :math:`\dot X`."""
    yield from one_matrix.shown(forgotten_transpose)


@step(ANY)
def noise_forgotten() -> Identity:
    r"""Without the label noise in `C`."""
    without = C - noise * LAMBDA / n
    return Identity(loss(), data_loss(s, U, X, LAMBDA, OMEGA, without), "L")


steps = (
    an_entry,
    one_matrix,
    the_tasks_enter_by_their_second_moment,
    the_loss,
    the_attention,
    the_loss_falls,
)
chain = Chain(steps, wrong=(transpose_forgotten, noise_forgotten))
residuals = chain.residuals
