r"""Attention of strength $w$ has to find the one match among $N$ examples: its weight is $p =
e^\beta / (e^\beta + N - 1)$, and the mean $\xi$ of the other labels, random signs, is noise. With
the logit $\zeta = m + w (p + (1 - p) \xi)$ and the logistic loss, $w$, $\beta$ and the memory $m$
all learn by $\sigma(-\zeta)$, so its integral $u = \int E \sigma(-\zeta)\, dt$ is the clock; $m =
u / K$.

For a long context $p \approx e^\beta / N$ is the gain of $w$. But $\sigma(-\zeta)$ is smaller
where $\xi$ agrees with the label, and this covariance, $-\sigma(-m) \sigma(m)\, w / N$, is of the
same order in $N$: the noise of the other labels is a drag,

$$N \frac{dw}{du} = e^\beta - \sigma(m)\, w, \qquad N \frac{d\beta}{du} = w\, e^\beta .$$

Without it $w^2/2 - \beta$ would be conserved and $w$ diverge at $u = \sqrt{\pi/2}\, N
e^{-\beta(0)}$. With it the ignition is late by a factor that does not go away as $N$ grows: 9 per
cent for $\beta(0) = 0$ and many tasks. From $\beta - \beta(0) = -\ln y$ and the unit $N
e^{-\beta(0)}$ of the clock, $\frac{d\tau}{dw} = \frac{y}{1 - \delta w y}$ with $\delta =
\sigma(m) e^{-\beta(0)}$, so to first order $\tau = \sqrt{\pi/2} + (1 - \frac\pi4)\, \delta$.

What is left out is of a smaller order. Close to the ignition $p$ saturates, $N \dot\beta$ is less
by the factor $1 - 2 e^\beta/N$, and this costs $2 \int \frac{d\beta}{w}$ ticks, which is $2 w$ at
the ignition, $2 \sqrt{2 \ln N}$, since $\beta - \beta(0)$ is about $w^2 / 2$.

While attention adds nothing, $\dot u = \sigma(-u/K)$, and the clock shows $u$ at $t = u + K
(e^{u/K} - 1)$: many tasks let the clock run, few let the memory stop it.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.integrate import solve_ivp
from scipy.stats import binom

from lsa_theory.transience.course import states_at
from lsa_theory.transience.kinetics import Kinetics, force, ignition
from validation.common.derived import derivation, wrong_steps
from validation.harness import Bound, Claim, Control, Flow, Rate, Table, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("kinetics")
LENGTHS = 400 * 4 ** np.arange(4)


@cache
def ignited(length, count, sharpness=0.0):
    """Clock and time of the whole flow when half of the attention is on the match."""
    others = length - 1
    ups = np.arange(others + 1)
    weights = binom.pmf(ups, others, 0.5)
    seen = weights > 1e-18
    args = ((2 * ups / others - 1)[seen], weights[seen], float(others), float(count), 0.0, 0.0)

    def half(time, state, *args):
        return state[1] - math.log(others)

    half.terminal = True
    late = 4 * Kinetics(length, count, initial_sharpness=sharpness).ignition_time
    options = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12, "events": half}
    end = solve_ivp(force, (0, late), [0.0, sharpness, 0.0, 0.0], args=(args,), **options)
    return end.y[3, -1], end.t[-1], end.y[:, -1]


def settings(setting):
    """Initial sharpness, and tasks for each pair of a context."""
    return {
        "β(0) = 0, many tasks": (0.0, 10**4),
        "β(0) = 0, K = 2 N": (0.0, 2),
        "β(0) = 1, K = N": (1.0, 1),
        "β(0) = -1, K = 4 N": (-1.0, 4),
    }


def lengths(setting):
    return LENGTHS[: 3 if setting.quick else 4]


@evidence(Bound, "the clock at the ignition, up to 2 √(2 ln N)", cases=settings)
def clock(formula, case, setting):
    sharpness, tasks = case
    late = []
    for n in map(int, lengths(setting)):
        stated = formula(n, tasks * n, initial_sharpness=sharpness).ignition_clock
        late.append(ignited(n, tasks * n, sharpness)[0] - stated)
    allowed = 2 * np.sqrt(2 * np.log(lengths(setting)))
    return Bound(np.append(allowed, late), np.append(late, 0 * allowed))


@evidence(Bound, "the time of the ignition, to a vanishing share", cases=settings)
def time(formula, case, setting):
    """Against what attention of a logit of the order of 1 in the last ticks costs: each of them
    lasts longer, by the factor that the clock has at the ignition."""
    sharpness, tasks = case
    gaps, allowed = [], []
    for n in map(int, lengths(setting)):
        model = formula(n, tasks * n, initial_sharpness=sharpness)
        u, t, (w, *_) = ignited(n, tasks * n, sharpness)
        tick = 1 + math.exp(u / (tasks * n) + w / 2)
        gaps.append(abs(t - model.ignition_time))
        allowed.append(2 * math.sqrt(2 * math.log(n)) * tick)
    return Bound(allowed, gaps)


DRAGS = 2.0 ** -np.arange(1, 7)


@evidence(Rate, "first order of the drag", cases={"many tasks": 0.0})
def drag(formula, ratio, setting):
    """What is left is of second order."""
    sizes = 1 / DRAGS
    clocks = [
        formula(100, 10**12, initial_sharpness=-math.log(2 * x)).ignition_clock / (200 * x)
        for x in DRAGS
    ]
    gaps = math.sqrt(math.pi / 2) + (1 - math.pi / 4) * DRAGS - clocks
    return Rate(sizes, abs(gaps), order=2, control_order=1, numerical=1e-11)


def memories(setting):
    """Contexts, tasks and penalties, far beyond the ignition."""
    return {"N = 20, K = 30": (20, 30), "N = 50, K = 5": (50, 5)}


@evidence(Flow, "the memory is the clock over K", cases=memories)
def remembered(formula, case, setting):
    course = formula(*case).trajectory(np.linspace(0, 400, 41))
    gap = abs(course.memory - course.clock / case[1]).max()
    return Flow(gap, 1e-7, "both are integrated to ten digits of numbers below 100")


def penalised(setting):
    """Contexts, tasks and penalties of attention and memory; the first with two ends and a point
    between them."""
    return {
        "N = 100, K = 30, λ = 0.01 each": (100, 30, 0.01, 0.01),
        "N = 20, K = 30, λ = 0.02, 0.01": (20, 30, 0.02, 0.01),
        "N = 20, K = 30, λ = 0.1, 0.01": (20, 30, 0.1, 0.01),
    }


@evidence(Flow, "with penalties the flow ends at the points called stable", cases=penalised)
def ended(formula, case, setting):
    """From attention at rest and from far beyond the ignition; from a point called unstable, moved
    to either side, at its neighbours."""
    n, k, attention, memory = case
    options = {"l2_attention": attention, "l2_memory": memory}
    *point, stable = zip(*formula(n, k, **options).stationary_points(), strict=True)
    stated = np.transpose(point)
    starts = [(0.0, 0.0, 0.0), (6.0, 8.0, 0.0)]
    expected = [stated[0], stated[-1]]
    for j in np.flatnonzero(~np.array(stable)):
        starts += [stated[j] + [0, shift, 0] for shift in (-1e-3, 1e-3)]
        expected += [stated[j - 1], stated[j + 1]]
    slowest = min(attention, memory + 1 / (4 * k))
    args = Kinetics(n, k, **options)._args
    ends = [
        states_at(force, [*at, 0.0], np.array([0, 80 / slowest]), args)[-1, :3] for at in starts
    ]
    reason = "ten digits of the solver, after eighty of the slowest times"
    return Flow(abs(np.array(ends) - expected).max(), 1e-7, reason)


class Undragged(Kinetics):
    """The clock of the conserved w²/2 − β."""

    @property
    def ignition_clock(self):
        unit = self.context_length * math.exp(-self.initial_sharpness)
        return unit * math.sqrt(math.pi / 2)


class HalfDrag(Kinetics):
    """A drag of σ(m)² for σ(m)."""

    @property
    def ignition_clock(self):
        unit = self.context_length * math.exp(-self.initial_sharpness)
        return unit * ignition(math.exp(-self.initial_sharpness) / 2, unit / self.task_count)


def forgetful(setting):
    """A memory with a penalty."""
    return {"λ = 0.1": (20, 30)}


class Forgetful(Kinetics):
    def trajectory(self, times):
        return Kinetics(self.context_length, self.task_count, l2_memory=0.1).trajectory(times)


class Shared(Kinetics):
    """The memory's penalty a mean over tasks, as its slope is."""

    def stationary_points(self):
        less = replace(self, l2_memory=self.l2_memory / self.task_count)
        return Kinetics.stationary_points(less)


def tables(setting):
    rows = []
    for n, k, beta in ((100, 10**6, 0.0), (100, 10**6, 1.0), (400, 10**6, 0.0), (400, 400, 0.0)):
        closed = [x(n, k, initial_sharpness=beta).ignition_clock for x in (Kinetics, Undragged)]
        rows.append((n, k, beta, *(f"{x:.1f}" for x in (ignited(n, k, beta)[0], *closed))))
    columns = ("N", "K", "β(0)", "whole flow", "with drag", "without drag")
    yield Table("Ignition: the clock of the whole flow against the closed forms", columns, rows)


def figure(setting):
    """Courses around the ignition; its time against the number of tasks."""
    figure, (left, right) = canvas(1, 2)
    for count, colour in ((10**6, COLOURS[0]), (100, COLOURS[1]), (40, COLOURS[2])):
        model = Kinetics(100, count)
        times = np.linspace(0, 2200, 400)
        course = model.trajectory(times)
        label = "$K = \\infty$" if count > 10**5 else f"$K = {count}$"
        left.plot(times, course.match, color=colour, label=label)
        left.axvline(model.ignition_time, color=colour, ls=":", lw=1)
    left.set(xlabel="time", title="attention on the match, $N = 100$", xlim=(0, 2200))
    left.legend()
    counts = np.unique(np.geomspace(25, 3000, 14).astype(int))
    found = [ignited(100, int(k))[1] for k in counts]
    right.loglog(counts, found, "ko", label="whole flow")
    fine = np.geomspace(25, 3000, 40)
    for kind, style, label in ((Kinetics, "-", "with drag"), (Undragged, "--", "without drag")):
        times = [kind(100, max(int(k), 1)).ignition_time for k in fine]
        right.loglog(fine, times, style, label=label, color=FAINT if style == "--" else COLOURS[0])
    right.set(xlabel="tasks $K$", title="time of the ignition, $N = 100$")
    right.legend()
    return figure


claim = Claim(
    title="When attention that must find its match ignites",
    source="after Nguyen and Reddy, Differential learning kinetics govern the transition from "
    "memorization to generalization during in-context learning, 2024; formulas derived here",
    formula=Kinetics,
    hypotheses=(
        "times: $w(0) = 0$, an empty memory, no penalties",
        "to leading order in a long context, $K/N$ fixed",
    ),
    call="""model = Kinetics(context_length=100, task_count=200)
model.ignition_clock, model.ignition_time""",
    evidence=(derived, clock, time, drag, remembered, ended),
    control=(
        wrong_steps("kinetics", derived),
        Control("no drag: $w^2/2 - \\beta$ conserved", Undragged, rejected_by=(clock, time, drag)),
        Control("half of the drag", HalfDrag, rejected_by=(clock, drag)),
        Control("the memory's penalty over $K$", Shared, rejected_by=(ended,)),
        Control("a memory with a penalty", Forgetful, cases=forgetful, rejected_by=(remembered,)),
    ),
    figure=figure,
    reported=tables,
)
