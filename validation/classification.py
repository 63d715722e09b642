r"""Attention answers a query by the labels of its context, with a strength $g$; a memory holds
the label of each of $K$ classes, with a strength $m$. The match in the context is one example,
and $N - 1$ others in dimension $D$ add noise of the variance $v = (N - 1)/D$, so

$$L = \tfrac12 [(1 - m - g)^2 + v g^2] .$$

Gradient flow over the two balanced factors of $g$ and over the $K$ memories, each of which learns
only when its class comes up, is

$$\dot g = 2 g\, [(1 - m) - (1 + v) g], \qquad \dot m = \tfrac1K (1 - m - g) .$$

It is the regression model in one dimension. Attention, fast, stays at $g = (1 - m)/(1 + v)$,
while the memory fills at the rate $\frac{v}{K (1 + v)}$. An evaluator sees the exchange: with the
labels of the context swapped, the answer follows the context while $g > m$ and the memory
afterwards. On the slow manifold $g = m$ at $1 - m = \frac{1 + v}{2 + v}$, which is $t_{\rm
flip}$; what the rise adds is a shift of the order of 1 in time.

A penalty on the memory alone, $\lambda_m$, keeps both: half of the peak where $K \lambda_m = v/(1
+ v)$.
"""

import math

import numpy as np
from scipy.integrate import solve_ivp

from lsa_theory.transience.classification import Classification, force
from validation.common.derived import derivation, wrong_steps
from validation.harness import Bound, Claim, Control, Flow, Rate, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("classification")
COUNTS = 100 * 2 ** np.arange(6)


def noises(setting):
    return {f"v = {v:g}": {"evidence_noise": v, "initial_strength": 1e-3} for v in (0.05, 0.25, 2)}


def turned(model):
    """When g last equals m."""

    def ahead(time, state, args):
        return state[0] - state[1]

    ahead.terminal, ahead.direction = True, -1
    options = {"method": "LSODA", "rtol": 1e-12, "atol": 1e-14, "events": ahead}
    args = ((float(model.class_count), float(model.evidence_noise), 0.0, 0.0),)
    rise = 2 * model.emergence_time
    middle = solve_ivp(force, (0, rise), [model.initial_strength, 0.0], args=args, **{
        **options, "events": None
    })  # fmt: skip
    span = (rise, 3 * model.flip_time)
    return solve_ivp(force, span, middle.y[:, -1], args=args, **options).t[-1]


@evidence(Rate, "when the answer to swapped labels turns", cases=noises)
def flips(formula, case, setting):
    late = [
        turned(Classification(int(k), **case)) / formula(int(k), **case).flip_time for k in COUNTS
    ]
    return Rate(COUNTS, abs(np.array(late) - 1), order=1, control_order=0, numerical=1e-10)


@evidence(Rate, "distance to the slow manifold", cases=noises)
def slow(formula, case, setting):
    """Over the time in which half of the memory fills; from the formula's peak height."""
    gaps = []
    for count in COUNTS:
        model = Classification(int(count), **case)
        times = model.lifetime * np.linspace(0.2, 0.7, 26)
        course = model.trajectory(times)
        stated = formula(int(count), **case).peak_height * (1 - course.in_weights)
        gaps.append(abs(course.in_context - stated).max())
    return Rate(COUNTS, gaps, order=1, control_order=0, numerical=1e-9)


def penalised(setting):
    """Both strategies, attention dead, and the line of rest points without noise."""
    base = {"class_count": 20, "evidence_noise": 0.25, "initial_strength": 1e-2}
    cases = {
        "memory": {"l2_memory": 5e-3},
        "both": {"l2_memory": 2e-2, "l2_attention": 0.1},
        "attention dies": {"l2_memory": 1e-2, "l2_attention": 0.9},
        "v = 0": {"evidence_noise": 0.0},
        "v = 0, one class": {"evidence_noise": 0.0, "class_count": 1},
        "v = 0, penalised": {"evidence_noise": 0.0, "l2_memory": 1e-2},
    }
    return {name: {**base, **change} for name, change in cases.items()}


@evidence(Flow, "where the flow ends", cases=penalised)
def ends(formula, case, setting):
    end = Classification(**case).trajectory(np.array([0.0, 2e4])).states[-1]
    distance = math.dist(end, formula(**case).fixed_point)
    return Flow(distance, 1e-8, "ten digits of the solver, after a hundred of the slowest times")


@evidence(Flow, "half of the peak is left at the boundary", cases=noises)
def halved(formula, case, setting):
    edge = formula(30, **case).persistence_boundary
    model = Classification(30, **case, l2_memory=edge)
    end = model.trajectory(np.array([0.0, 60 / edge])).in_context[-1]
    half = 1 / (2 * (1 + case["evidence_noise"]))
    return Flow(abs(end - half), 1e-8, "ten digits of the solver, after 60 / λ")


def transience(setting):
    return noises(setting) | {"v = 0": {"evidence_noise": 0.0, "initial_strength": 1e-3}}


@evidence(Bound, "transient if and only if v > 0", cases=transience)
def decides(formula, case, setting):
    """After a hundred lifetimes less than a hundredth is left in context, or else all of it."""
    model = formula(20, **case)
    time = 100 * Classification(20, **case | {"evidence_noise": 0.05}).lifetime
    course = Classification(20, **case).trajectory(np.array([0.0, 100.0, time]))
    before, after = course.in_context[1:]
    if model.transient:
        return Bound(before / 100, after)
    return Bound(after, before, ulps=2**26)


@evidence(Bound, "the loss never rises", cases=noises)
def falling(formula, case, setting):
    """Between samples, up to the solver's ten digits."""
    model = formula(200, **case)
    loss = model.trajectory(np.linspace(0, 2 * model.lifetime, 400)).loss
    return Bound(loss[:-1], loss[1:], scale=1e-9 / (16 * np.finfo(float).eps) * loss[0])


class NoiseOfTheMatch(Classification):
    """The slow manifold and the flip at g = 1 − m, as if attention had no noise of its own."""

    @property
    def peak_height(self):
        return 1.0

    @property
    def flip_time(self):
        return self.lifetime * math.log(2)


class DrainForgotten(Classification):
    """The end and the boundary with v for v (1 + v)^{-1}."""

    @property
    def fixed_point(self):
        slow = self.class_count * self.l2_memory
        memory = 1.0 if slow == 0 else self.evidence_noise / (self.evidence_noise + slow)
        return (1 - memory - self.l2_attention) / (1 + self.evidence_noise), memory

    @property
    def persistence_boundary(self):
        return self.evidence_noise / self.class_count


class Always(Classification):
    """Transient whatever the noise."""

    @property
    def transient(self):
        return True


def regularised(setting):
    """A start above what the penalty leaves: the loss of the data rises."""
    return {"λ = 0.9": {"evidence_noise": 0.25, "initial_strength": 0.7, "l2_attention": 0.9}}


def figure(setting):
    """The exchange, and what the evaluators say of it; the error of the flip time."""
    figure, (left, right) = canvas(1, 2)
    model, times = Classification(200, 0.25), np.geomspace(0.02, 4000, 500)
    course = model.trajectory(times)
    g, m = course.in_context, course.in_weights
    left.semilogx(times, g, label="attention, $g$")
    left.semilogx(times, m, label="memory, $m$")
    left.semilogx(times, model.flip_accuracy(g, m), color=COLOURS[2], label="swapped labels")
    slow = model.peak_height * (1 - m)
    left.semilogx(times, slow, ":", color="black", label="$(1 - m)/(1 + v)$")
    left.axvline(model.flip_time, color=FAINT, lw=0.9)
    left.annotate("$t_{\\rm flip}$", (model.flip_time * 1.1, 0.05))
    left.set(xlabel="time", title="$K = 200$, $v = 1/4$", ylim=(-0.05, 1.05))
    left.legend(fontsize=7.5, loc="center left")
    for name, law in noises(setting).items():
        models = [Classification(int(k), **law) for k in COUNTS]
        right.loglog(COUNTS, [abs(turned(x) / x.flip_time - 1) for x in models], "o-", label=name)
    right.set(xlabel="classes $K$", title=r"relative error of $t_{\rm flip}$")
    right.legend()
    return figure


claim = Claim(
    title="A memory takes over from attention, and swapped labels tell when",
    source="derived here; the phenomenon: Singh et al., arXiv:2311.08360",
    formula=Classification,
    hypotheses=(
        "balanced factors, an empty memory, labels $\\pm 1$",
        "flip and slow manifold: no penalties, to leading order in $1/K$",
    ),
    call="""model = Classification(class_count=200, evidence_noise=0.25)
model.flip_time, model.transient""",
    evidence=(derived, falling, slow, flips, ends, halved, decides),
    control=(
        wrong_steps("classification", derived),
        Control("flip at $m = 1/2$", NoiseOfTheMatch, rejected_by=(slow, flips)),
        Control("$v$ for $v/(1 + v)$", DrainForgotten, rejected_by=(ends, halved)),
        Control("transient without noise too", Always, rejected_by=(decides,)),
        Control("the data's loss with a penalty", cases=regularised, rejected_by=(falling,)),
    ),
    figure=figure,
)
