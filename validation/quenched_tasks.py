r"""Beside attention stands a table: for the task $w_c$ of the $K$ training tasks the prediction
is $\hat y = x_q^\top (s U^\top h + \beta_c)$. The loss is the mean

$$L = \frac1K \sum_c \tfrac12 E \| s U^\top h + \beta_c - w_c \|_\Lambda^2 .$$

An entry occurs in one term, and given its task $E[h] = \Lambda w_c$, so $\dot\beta_c = -\frac1K
\Lambda (s U^\top \Lambda w_c + \beta_c - w_c)$: a linear equation, the same for all entries, that
is driven by $w_c$ alone. From $\beta_c(0) = X(0) w_c$ on it is solved by $\beta_c = X w_c$ with
one matrix $\dot X = -\frac1K \Lambda (s U^\top \Lambda + X - I)$. With it each term of the loss
is a quadratic form in its task, so that attention sees the tasks through $\Omega_K = \frac1K
\sum_c w_c w_c^\top$ only: the flow of $K d + d^2 + 1$ parameters is one of $2 d^2 + 1$.

For $\Lambda = I$ and $\Omega_K = I$ it stays among multiples of the identity and is that of three
scalars. Random tasks have $\Omega_K = I + G / \sqrt K$ with a fluctuation $G$ of the order of 1.
A flow over a time in which it converges depends smoothly on its coefficients, so its courses
differ from the three scalars by the order of $1/\sqrt K$.
"""

import math
from dataclasses import dataclass
from fractions import Fraction as F
from functools import cached_property
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from derivations.quenched_tasks import forgotten_transpose
from lsa_theory.linalg import dense
from lsa_theory.minimum import summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.transience.quenched import slopes
from lsa_theory.transience.regression import Regression
from validation.common import simulated
from validation.common.derived import derivation
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Flow, Rate, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("quenched_tasks")


def rational_cases(setting):
    """A covariance, tasks, s, U, X, (η = 1/K, λ_a, λ_t)."""
    cases = {}
    for d, count in ((1, 2), (2, 3), (3, 2)):
        rng = setting.rng(f"d = {d}")
        root, u, x = (halves(rng, d, d) for _ in range(3))
        tasks = halves(rng, count, d)
        penalties = F(1, count), F(1, 5), F(2, 7)
        cases[f"d = {d}, K = {count}"] = (root @ root.T, tasks, F(3, 2), u, x, penalties)
    return cases


def law_of(covariance, tasks, noise):
    omega = tasks.T @ tasks / len(tasks)
    return GaussianPrompts(covariance, 5, noise_variance=noise, task_covariance=omega)


def whole_loss(covariance, tasks, noise, penalties, s, u, entries):
    """From the moments of h given each task, for any entries."""
    total = penalties[1] * (s * s + (u * u).sum()) / 2 + penalties[2] * (entries**2).sum() / 2
    for task, entry in zip(tasks, entries, strict=True):
        law = law_of(covariance, task[None], noise)
        seen, gap = s * u.T, entry - task
        moment = (seen @ dense(summary_moment(law)) @ seen.T @ covariance).trace()
        cross = gap @ covariance @ (seen @ (covariance @ task))
        total = total + (moment + 2 * cross + gap @ covariance @ gap) / (2 * len(tasks))
    return total


@evidence(Equal, "slopes by every entry of the table, on rationals", cases=rational_cases)
def entries(formula, case, setting):
    """The loss is quadratic in each parameter, so central differences are exact derivatives."""
    covariance, tasks, s, u, x, penalties = case
    noise, d = F(3, 4), len(x)
    law = law_of(covariance, tasks, noise)
    args = covariance, law.task, dense(summary_moment(law)), *penalties
    flow = formula(s, u, x, *args)
    flat = np.concatenate([[s], u.ravel(), (tasks @ x.T).ravel()])

    def loss(point):
        parts = point[0], point[1 : 1 + d * d].reshape(d, d), point[1 + d * d :].reshape(-1, d)
        return whole_loss(covariance, tasks, noise, penalties, *parts)

    steps = np.eye(len(flat), dtype=int)
    slope = [(loss(flat + step) - loss(flat - step)) / 2 for step in steps]
    stated = np.concatenate([[flow.scale], flow.factor.ravel(), (tasks @ flow.table.T).ravel()])
    return Equal(np.array(slope) + stated)


def integrated(force, start, times):
    options = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12, "t_eval": times}
    return solve_ivp(force, (0, times[-1]), start, **options).y.T


def course(formula, start, times, args):
    """Of (s, U, X) by the formula."""
    s, u, x = start
    d = len(u)

    def force(time, state):
        u, x = state[1 : 1 + d * d].reshape(d, d), state[1 + d * d :].reshape(d, d)
        flow = formula(state[0], u, x, *args)
        return np.concatenate([[flow.scale], flow.factor.ravel(), flow.table.ravel()])

    states = integrated(force, np.concatenate([[s], u.ravel(), x.ravel()]), times)
    return states[:, 0], *(
        part.reshape(-1, d, d) for part in (states[:, 1 : 1 + d * d], states[:, 1 + d * d :])
    )


@dataclass(frozen=True, eq=False)
class Start:
    """A law, tasks and a start far from symmetric, and where the simulator of chapter 1 goes."""

    covariance: Any
    tasks: Any
    layer: tuple  # s, U and X
    penalties: tuple  # η, λ_a, λ_t

    times = np.array([0.0, 2.0, 20.0])
    noise = 0.3

    @property
    def unit(self):
        """In which the entries learn at the rate of the others."""
        return (self.penalties[0] * len(self.tasks)) ** 0.5

    def flat(self, s, u, x):
        return np.concatenate([[s], u.ravel(), (self.tasks @ x.T).ravel() / self.unit])

    @cached_property
    def states(self):
        laws = [law_of(self.covariance, task[None], self.noise) for task in self.tasks]
        moments = np.array([dense(summary_moment(law)) for law in laws])
        given = self.covariance, self.tasks, moments, *self.penalties
        return simulated.flow(penalised_loss, self.flat(*self.layer), self.times, given)


def float_cases(setting):
    """More tasks than dimensions, and two that are one, with a table that learns faster."""
    cases = {}
    for rate, tasks in ((0.25, 4), (0.9, 2)):
        rng = setting.rng(f"{rate}")
        root, u, x = 0.7 * rng.standard_normal((3, 2, 2))
        tasks = np.resize(rng.standard_normal((tasks, 2)), (4, 2))
        covariance = root @ root.T + np.eye(2) / 3
        cases[f"η = {rate}"] = Start(covariance, tasks, (0.5, u, x), (rate, 0.02, 0.01))
    return cases


def parts(point, count, d):
    return point[0], point[1 : 1 + d * d].reshape(d, d), point[1 + d * d :].reshape(count, d)


def penalised_loss(point, args):
    """Of s, U and every entry of the table, in units in which its rate is that of the others."""
    covariance, tasks, moments, rate, l2_attention, l2_table = args
    s, u, scaled = parts(point, *tasks.shape)
    gap = (rate * len(tasks)) ** 0.5 * scaled - tasks
    square = s * s * ((u.T @ moments @ u) * covariance).sum()
    cross = 2 * s * ((gap @ covariance @ u.T) * (tasks @ covariance)).sum()
    missed = ((gap @ covariance) * gap).sum()
    penalty = l2_attention * (s * s + (u * u).sum()) + l2_table * (scaled * scaled).sum()
    return (square + cross + missed) / (2 * len(tasks)) + penalty / 2


@evidence(Flow, "every entry of the table, by the simulator of chapter 1", cases=float_cases)
def whole(formula, case, setting):
    """Exponential steps on the gradient of the loss, which JAX takes."""
    law = law_of(case.covariance, case.tasks, case.noise)
    args = case.covariance, law.task, dense(summary_moment(law)), *case.penalties
    found = zip(*course(formula, case.layer, case.times, args), strict=True)
    gaps = [
        abs(state - case.flat(*one)).max() for state, one in zip(case.states, found, strict=True)
    ]
    return Flow(max(gaps), 1e-6, "two flows of bounded growth, by steps of 1e-9 and 1e-10")


ROOTS = 32 * 2 ** np.arange(5)  # √K


def fluctuations(setting):
    """√K (Ω_K − I) of random tasks, for white features."""
    found = {}
    for d in (2, 3):
        tasks = setting.rng(f"d = {d}").standard_normal((400, d))
        found[f"d = {d}"] = 20 * (tasks.T @ tasks / 400 - np.eye(d))
    return found


def deviation(formula, fluctuation, count):
    r"""The largest of :math:`\|s U^\top - a I\| / \sqrt d` over the rise and the decay, for `K`
    tasks of second moment I + fluctuation."""
    d = len(fluctuation)
    law = GaussianPrompts(np.eye(d), 8, task_covariance=np.eye(d) + fluctuation)
    args = np.eye(d), law.task, dense(summary_moment(law)), 1 / count, 0.0, 0.0
    times = np.unique([*np.linspace(0, 8, 60), *count * np.linspace(0.1, 1.5, 15)])
    u = math.sqrt(0.05 / math.sqrt(d))
    start = math.sqrt(d) * u, u * np.eye(d), np.zeros((d, d))
    s, u, _ = course(formula, start, times, args)
    share = Regression(d, count, 8, initial_share=0.05).trajectory(times).in_context
    gap = s[:, None, None] * u - share[:, None, None] * np.eye(d)
    return np.linalg.norm(gap, axis=(1, 2)).max() / math.sqrt(d)


@evidence(Rate, "distance to the three scalars against √K", cases=fluctuations)
def reduced(formula, fluctuation, setting):
    gaps = [deviation(formula, fluctuation / root, int(root**2)) for root in ROOTS]
    return Rate(ROOTS, gaps, order=1, control_order=0, numerical=1e-8)


class Fixed(np.ndarray):
    """A fluctuation that no number of tasks makes smaller."""

    def __truediv__(self, root):
        return np.asarray(self) / 32


def anisotropic(setting):
    return {"tasks of another second moment": fluctuations(setting)["d = 3"].view(Fixed)}


def noise_forgotten(s, u, x, context, task, moment, *rest):
    """C without a part of the noise of the evidence."""
    return slopes(s, u, x, context, task, moment - context / 5, *rest)


def figure(setting):
    """Courses for random tasks beside the three scalars; their distance against K."""
    figure, (left, right) = canvas(1, 2)
    times, d = np.geomspace(1e-4, 2000, 400), 3
    for count, colour in ((30, COLOURS[0]), (300, COLOURS[1])):
        u = math.sqrt(1e-3 / math.sqrt(d))
        for draw in range(3):
            tasks = setting.rng(f"figure {count}, {draw}").standard_normal((count, d))
            law = GaussianPrompts(np.eye(d), 8, task_covariance=tasks.T @ tasks / count)
            args = np.eye(d), law.task, dense(summary_moment(law)), 1 / count, 0.0, 0.0
            start = math.sqrt(d) * u, u * np.eye(d), np.zeros((d, d))
            s, factor, _ = course(slopes, start, times, args)
            share = s * factor.trace(axis1=1, axis2=2) / d
            left.semilogx(times, share, color=colour, lw=0.7, alpha=0.8)
        model = Regression(d, count, 8, initial_share=1e-3)
        scalars = model.trajectory(times).in_context
        left.semilogx(times, scalars, "--", color="black", lw=1.2)
        left.plot([], [], color=colour, label=f"$K = {count}$, random tasks")
    left.plot([], [], "--", color="black", label="three scalars")
    left.set(xlabel="time", title="in-context share, $d = 3$, $N = 8$")
    left.legend(fontsize=7.5, loc="center left")
    counts = 4 ** np.arange(3, 8)
    for name, fluctuation in fluctuations(setting).items():
        gaps = [deviation(slopes, fluctuation / math.sqrt(k), int(k)) for k in counts]
        right.loglog(counts, gaps, "o", label=name)
    right.loglog(
        counts, gaps[-1] * np.sqrt(counts[-1] / counts), color=FAINT, label=r"$1/\sqrt{K}$"
    )
    right.set(xlabel="tasks $K$", title="distance to the three scalars")
    right.legend()
    return figure


claim = Claim(
    title="One matrix holds the tables of all training tasks",
    source="derived here",
    formula=slopes,
    hypotheses=(
        r"$x, x_q \sim N(0, \Lambda)$, label noise $\sigma^2$, $v = p = 0$",
        r"$\beta_c(0) = X(0)\, w_c$, for instance an empty table",
        r"against the three scalars: $\Lambda = I$ and $E[w w^\top] = I$",
    ),
    call="""layer = LinearSelfAttention.from_block(0.01 * np.eye(d), 0.02)
quenched_flow(layer, GaussianPrompts(covariance, 20), tasks, times).in_context""",
    evidence=(derived, entries, whole, reduced),
    control=(
        Control(
            "$U$ for $U^\\top$ in $\\dot X$",
            forgotten_transpose,
            rejected_by=(derived, entries, whole),
        ),
        Control("noise left out of $C$", noise_forgotten, rejected_by=(derived, entries, whole)),
        Control("$E[w w^\\top] \\ne I$", cases=anisotropic, rejected_by=(reduced,)),
    ),
    figure=figure,
)
