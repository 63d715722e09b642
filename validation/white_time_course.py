r"""On white features and from $U(0) = u_0 I$ no direction is singled out, so $U$ stays a multiple
$u I$ of the identity, and the flow is that of two numbers. With $b$ the minimising gain
($1/\gamma$ for unit tasks without noise),

$$\dot u = s \lambda^2 \Big(1 - \frac{s u}{b}\Big), \qquad
\dot s = d\, u \lambda^2 \Big(1 - \frac{s u}{b}\Big) .$$

Hence $s \dot s = d\, u \dot u$: the balance $s^2 - d u^2$ is conserved, and a balanced start keeps
$s = \sqrt d\, u$. One number is left, and $z = u^2$ obeys the logistic equation

$$\dot z = 2 \sqrt d\, \lambda^2\, z \Big( 1 - \frac{z}{z_\infty} \Big), \qquad
z_\infty = \frac{b}{\sqrt d} .$$

Its odds $z_\infty / z - 1$, what is to learn over what is known, fall as
$e^{-2\sqrt d \lambda^2 t}$. That is the whole course of training. While $z$ is small it only grows
exponentially, and the loss

$$L(t) = \min L + \frac{d \lambda^2 b}{2} \Big( 1 - \frac{z(t)}{z_\infty} \Big)^2$$

rests on a plateau, the zero predictor's. It falls fastest where a third is learnt, at
$z = z_\infty/3$, over a time of order $1/(\sqrt d \lambda^2)$. Half is learnt at

$$t_{1/2} = \frac{\ln( z_\infty / z_0 - 1 )}{2 \sqrt d\, \lambda^2} :$$

a start a hundred times smaller in $z$ delays the drop by the same amount each time, and leaves its
shape as it is. The excess ends at twice the rate of the odds.
"""

from dataclasses import replace
from fractions import Fraction as F
from math import isqrt, log, log10

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.white import white_time_course
from validation.common import enclosures
from validation.common.derived import derivation
from validation.common.white import flow_equations
from validation.harness import Claim, Close, Control, Equal, Flow, evidence
from validation.harness.figures import FAINT, INK, canvas

RTOL = 1e-9


def law(d, covariance, n, **scalars):
    """A law whose matrices are multiples of the identity."""
    noise = scalars.pop("noise_variance", 0)
    others = {name: np.array([value] * d) for name, value in scalars.items()}
    return GaussianPrompts(np.array([covariance] * d), n, noise_variance=noise, **others)


RATIONAL = {
    "d = 1": (law(1, F(3, 2), 2), F(1, 5)),
    "d = 4": (law(4, F(2), 10), F(1, 100)),
    "d = 4, start above the limit": (law(4, F(1, 3), 7), F(3)),
    "d = 9, prior, noise and query": (
        law(
            9, F(5, 4), 6,
            task_covariance=F(2, 3), noise_variance=F(1, 2), query_covariance=F(7, 5),
        ),
        F(1, 30),
    ),
}  # fmt: skip


@evidence(Equal, "both flow equations hold identically in time", cases=RATIONAL)
def identically(formula, case, setting):
    """At `U = u I`, `s = √d u`, and with them the loss and the start."""
    prompts, start = case
    return Equal(flow_equations(formula(prompts, start), prompts, start, 1))


def flows(setting):
    """Law, start and method. The sizes of start reach from 1e-6 to above the limit."""
    cases = {
        "d = 3": (law(3, 1.0, 20), 1e-3, "block"),
        "d = 3, a start of 1e-6": (law(3, 0.2, 5), 1e-6, "block"),
        "d = 3, a start above the limit": (law(3, 0.5, 20), 4.0, "block"),
        "d = 8, noise": (law(8, 2.0, 40, noise_variance=3.0), 1e-4, "block"),
        "d = 8, prior and query": (
            law(8, 0.1, 200, task_covariance=3.0, query_covariance=0.5), 1e-2, "block"
        ),
    }  # fmt: skip
    if setting.quick:
        return cases
    return cases | {
        "d = 3, all parameters": (law(3, 1.0, 20), 1e-2, "all"),
        "d = 3, all parameters, noise": (law(3, 0.7, 8, noise_variance=1.0), 0.1, "all"),
    }


@evidence(Flow, "the loss along the integrated flow", cases=flows)
def integrated(formula, case, setting):
    """A step errs by at most `rtol` of s and of U. That moves z by `2 rtol` of itself, and the
    share at any later time by no more; and the balance, hence the rate, by `2 rtol`, so the odds
    by that times `r t`, which is the logarithm of the initial odds at the drop. The loss above the
    least one, in units of its range, moves by twice the share."""
    prompts, start, parameters = case
    course = formula(prompts, start)
    flow = gradient_flow(course.layer(0.0), prompts, parameters=parameters, rtol=RTOL)
    plateau = population_loss(np.zeros(prompts.dimension), prompts)
    height = max(plateau, flow.loss[0]) - course.least_loss
    steps = len(flow.times) - 1
    return Flow(
        distance=float(abs(flow.loss - course.loss(flow.times)).max() / height),
        allowed=4 * steps * RTOL * (1 + abs(log(abs(course.odds)))),
        reason=f"{steps} steps of relative error {RTOL:g}, times 4 (1 + |ln odds|)",
    )


def ahead(case):
    """The start is below half of the limit."""
    prompts, start, _ = case
    return white_time_course(prompts, start).odds > 1


@evidence(
    Flow, "the flow's gain is half of the minimiser's at the half-time", cases=flows, given=ahead
)
def halfway(formula, case, setting):
    """Where the share's error has its largest coefficient, 1/4 of that of the logarithm of z."""
    prompts, start, parameters = case
    course = formula(prompts, start)
    options = {"parameters": parameters, "rtol": RTOL, "end_time": course.half_time}
    flow = gradient_flow(course.layer(0.0), prompts, **options)
    half = course.gain / 2 * np.eye(prompts.dimension)
    steps = len(flow.times) - 1
    return Flow(
        distance=float(abs(flow.final.gain - half).max() / course.gain),
        allowed=2 * steps * RTOL * (1 + log(course.odds)),
        reason=f"{steps} steps of relative error {RTOL:g}, times 2 (1 + ln odds)",
    )


def ratios(setting):
    """What is to learn over what is known at the start: from 1 to 1e12, and to 1e-12, from starts
    far above the limit."""
    laws = {
        "d = 3": law(3, 1.0, setting.context_length or 20),
        "d = 8, noise": law(8, 2.0, 40, noise_variance=3.0),
        "d = 9, prior, noise and query": law(
            9, 1.25, enclosures.LONG,
            task_covariance=0.7, noise_variance=0.5, query_covariance=1.4,
        ),
    }  # fmt: skip
    return {
        f"{name}, ratio {ratio:g}": (prompts, (learnable(prompts) / ratio) ** 0.5)
        for name, prompts in laws.items()
        for ratio in enclosures.RATIOS
    }


def learnable(prompts):
    """`z_∞`."""
    return white_time_course(prompts, 1.0).odds + 1


@evidence(Close, "shares and losses against ball arithmetic", cases=ratios, extra="rigor")
def enclosed(formula, case, setting):
    """Each by itself, from just after the start to three half-times; an exponential loses as many
    digits as its exponent has before the point."""
    prompts, start = case
    course, exponent = formula(prompts, start), 3 * max(log(learnable(prompts) / start**2), 1)
    times = enclosures.moments(exponent) / white_time_course(prompts, start).rate
    exact = np.concatenate(enclosures.white_course(prompts, start, times))
    floats = np.concatenate([course.share(times), course.loss(times)])
    return enclosures.close(zip(floats, exact, strict=True), 8, condition=1 + exponent)


def slower(factor):
    """The formula with another exponent; the start stays."""

    def formula(prompts, start):
        course = white_time_course(prompts, start)
        return replace(course, rate=course.rate / factor(prompts.dimension))

    return formula


def root(d):
    return isqrt(d) if isqrt(d) ** 2 == d else d**0.5


def figure(setting):
    """Left: the drop, for ever smaller starts. Right: one curve for all, in its own clock."""
    figure, (left, right) = canvas(1, 2)
    prompts = law(3, 1.0, 20)
    for start in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        course = white_time_course(prompts, start)
        flow = gradient_flow(course.layer(0.0), prompts, rtol=1e-6)
        times = np.linspace(0, 13, 400)
        (line,) = left.plot(times, course.loss(times), label=power(start))
        dots = flow.times < times[-1]
        left.plot(flow.times[dots], flow.loss[dots], "o", color=line.get_color(), markersize=3)
        half = "half-time" if start == 1e-5 else None
        left.plot(course.half_time, course.loss(course.half_time), "D", color=INK, label=half)
    left.set(
        xlabel="time $t$",
        title="loss $L(t)$: a plateau and one drop",
        xlim=(-0.4, 13),
        ylim=(0, None),
    )
    left.legend(title="$u_0$")

    clock = np.linspace(-8, 8, 400)
    right.plot(clock, 1 / (1 + np.exp(-clock)), color=FAINT, label="logistic curve")
    laws = {
        "$d = 3$, $N = 20$": law(3, 1.0, 20),
        r"$d = 3$, $N = 2$, $\lambda = 5$": law(3, 5.0, 2),
        r"$d = 8$, $N = 40$, $\sigma^2 = 3$": law(8, 2.0, 40, noise_variance=3.0),
    }
    for marker, (name, prompts) in zip("os^", laws.items(), strict=True):
        course = white_time_course(prompts, 1e-4)
        flow = gradient_flow(course.layer(0.0), prompts, rtol=1e-4)
        plateau = population_loss(np.zeros(prompts.dimension), prompts)
        missing = np.sqrt((flow.loss - course.least_loss).clip(0) / (plateau - course.least_loss))
        own = course.rate * (flow.times - course.half_time)
        seen = abs(own) < clock[-1]
        right.plot(own[seen], 1 - missing[seen], marker, label=name)
    right.set(
        xlabel=r"$2\sqrt{d}\,\lambda^2\, (t - t_{1/2})$",
        title=r"share learnt, $z(t)/z_\infty$",
    )
    right.legend()
    return figure


def power(start):
    return f"$10^{{{round(log10(start))}}}$"


claim = Claim(
    title="White features: the whole time course, one abrupt drop",
    source="derived here; the limit: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1; "
    "compare Zhang, Singh, Latham, Saxe, arXiv:2501.16265",
    formula=white_time_course,
    hypotheses=(
        r"$\Lambda = \lambda I$, and $\Omega$, $\Lambda_q$ multiples of $I$ too",
        r"zero task mean",
        r"$U(0) = u_0 I$, $s(0) = \sqrt d\, u_0$, $u_0 > 0$, $v = p = 0$",
    ),
    call="""course = white_time_course(GaussianPrompts(np.ones(3), 20), 1e-3)
course.loss(times), course.half_time""",
    evidence=(derivation("white_time_course"), identically, enclosed, integrated, halfway),
    control=(
        Control("the exponent without its factor 2", slower(lambda d: 2)),
        Control("the exponent without its factor √d", slower(root)),
    ),
    figure=figure,
)
