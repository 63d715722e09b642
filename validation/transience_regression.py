r"""Attention is trained beside a table of the tasks, $\hat y = x_q^\top (s U^\top h + \beta_c)$.
For white features, tasks of second moment $I$ and $\beta_c = b\, w_c$ the flow has three scalars.
In context the share $a = su$ is explained, $r = 1 - a - b$ is left, and

$$L = \tfrac d2 (r^2 + \kappa a^2), \qquad \kappa = \frac{d + 1 + \sigma^2}{N},$$

because a context is noisy evidence and a table is not.

*Two times.* Balanced, $s = \sqrt d\, u$, the share obeys $\dot a = 2\sqrt d\, a\, [(1 - b) - (1 +
\kappa) a]$. While the table is empty it is logistic, of rate $2 \sqrt d$ whatever `K`, and it
peaks where $(1 + \kappa)\, a = 1 - b$. Then it follows the table, which learns $K$ times more
slowly: $\dot b = \frac1K (1 - a - b) = \frac1K \frac{\kappa}{1 + \kappa} (1 - b)$. So the share
falls by $e$ in the time $K (1 + \kappa)/\kappa$. What the table holds at the peak, $\frac1K \int
(1 - a)\, dt$, is of the order of $\frac{\ln K}{K}$, since the logistic tail meets the decay only
after a time $\frac{\ln K}{2\sqrt d}$.

*The loss falls all the while*, $\dot L = -d\, [2 \sqrt d\, a (r - \kappa a)^2 + \frac1K r^2]$,
and rests only where $r = 0$ and $\kappa a = 0$. With $\kappa > 0$ that is the table alone:
in-context learning is transient. In the end, when the share is below $1/K$, its decay slows down
to $a \approx 1/(2 \sqrt d\, \kappa t)$. With $\kappa = 0$ every point of $a + b = 1$ rests, $\ln
a - 2 \sqrt d\, K b$ is conserved, and what was learnt in context stays.

*Penalties* balance the slow drain: $\eta r = \lambda_t b$ and $r = \kappa a + \lambda_a / \sqrt
d$ are two linear equations for the end.
"""

import math

import numpy as np
from scipy.integrate import solve_ivp

from lsa_theory.transience.regression import Regression, force
from validation.common.derived import derivation, wrong_steps
from validation.harness import Bound, Claim, Control, Flow, Rate, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("transience_regression")
COUNTS = 100 * 2 ** np.arange(6)


def laws(setting):
    """One dimension, the published one, a short noisy context."""
    return {
        "d = 1, N = 4": {"dimension": 1, "context_length": 4, "initial_share": 1e-2},
        "d = 8, N = 16": {"dimension": 8, "context_length": 16, "initial_share": 3e-4},
        "d = 5, N = 2, noise": {
            "dimension": 5,
            "context_length": 2,
            "noise_variance": 0.7,
            "initial_share": 1e-3,
        },
    }


def courses(setting):
    return {name: {**law, "task_count": 200} for name, law in laws(setting).items()}


@evidence(Bound, "the loss never rises, though the share does and falls", cases=courses)
def falling(formula, case, setting):
    """Between samples up to the solver's ten digits; with a fall of the share by half."""
    model = formula(**case)
    course = model.trajectory(np.linspace(0, 2 * Regression(**case).lifetime, 400))
    share, loss = course.in_context, course.loss
    fallen = [share.max() / 2, share.max()], [share[-1], 2 * share[0]]
    scale = 1e-9 / (16 * np.finfo(float).eps) * loss[0]
    greater, lesser = np.append(loss[:-1], fallen[0]), np.append(loss[1:], fallen[1])
    return Bound(greater, lesser, scale=scale)


def published(case, count):
    """The peak (time, share) of the flow and the time in which the share then falls by e."""
    model = Regression(**case, task_count=int(count))
    noise, u = model.evidence_noise, math.sqrt(model.initial_share / model.dimension**0.5)

    def peak(time, state, args):
        return 1 - state[2] - (1 + noise) * state[0] * state[1]

    peak.terminal, peak.direction = True, -1
    args = ((float(model.dimension), noise, model.rate, 0.0, 0.0),)
    options = {"method": "LSODA", "rtol": 1e-12, "atol": 1e-14, "args": args}
    start = [u, model.dimension**0.5 * u, 0.0]
    rise = solve_ivp(force, (0, 10 * model.peak_time), start, events=peak, **options)
    top = rise.y[0, -1] * rise.y[1, -1]

    def fallen(time, state, args):
        return state[0] * state[1] - top / math.e

    fallen.terminal = True
    fall = solve_ivp(force, (0, 2 * model.lifetime), rise.y[:, -1], events=fallen, **options)
    return rise.t[-1], top, fall.t[-1]


@evidence(Rate, "height of the peak, of the order of ln K / K", cases=laws)
def peaks(formula, case, setting):
    """The relative gap to 1/(1 + κ), in units of the logarithm that the formula has for it."""
    found = []
    for count in COUNTS:
        model = formula(**case, task_count=int(count))
        gap = abs(1 - published(case, count)[1] / model.peak_height)
        found.append(gap / (count * model.table_at_peak))
    return Rate(COUNTS, found, order=1, control_order=0, numerical=1e-11)


@evidence(Rate, "time in which the share falls by e", cases=laws)
def lifetimes(formula, case, setting):
    found = [published(case, k)[2] / formula(**case, task_count=int(k)).lifetime for k in COUNTS]
    return Rate(COUNTS, abs(np.array(found) - 1), order=1, control_order=0, numerical=1e-10)


def penalised(setting):
    """Ends with both strategies, with L2 on either or both, and on the line of rest points."""
    base = {"dimension": 4, "task_count": 20, "context_length": 8, "initial_share": 1e-2}
    cases = {
        "both": {"l2_attention": 0.05, "l2_table": 0.05},
        "the table": {"l2_table": 0.02},
        "both, a fast table": {"l2_attention": 0.3, "l2_table": 0.4, "table_rate": 0.5},
        "neither, N = ∞": {"context_length": math.inf},
        "neither, N = ∞, few tasks": {"context_length": math.inf, "task_count": 1},
        "attention dies": {"l2_attention": 1.9, "l2_table": 0.1},
    }
    found = {name: {**base, **change} for name, change in cases.items()}
    edge = Regression(**base).persistence_boundary
    found["at the boundary"] = {**base, "l2_attention": edge, "l2_table": edge}
    for share in (0.9, 1.1):  # of the penalty at which attention dies
        edge = share * Regression(**base).existence_boundary
        found[f"{share:g} of extinction"] = {**base, "l2_attention": edge, "l2_table": edge}
    return found


def end_time(case):
    """Forty of the slowest of the times that the law has."""
    model = Regression(**case)
    slow = min(model.rate + model.l2_table, model.rate * (model.l2_table > 0) + 0.04)
    return 40 / slow + 4000


@evidence(Flow, "where the flow ends, with penalties or without noise", cases=penalised)
def ends(formula, case, setting):
    course = Regression(**case).trajectory(np.array([0.0, end_time(case)]))
    found = course.in_context[-1], course.in_weights[-1]
    return Flow(
        math.dist(found, formula(**case).fixed_point),
        1e-8,
        "ten digits of the solver, after forty of the slowest times",
    )


@evidence(Flow, "half of the peak is left at the boundary", cases=laws)
def halved(formula, case, setting):
    edge = formula(**case, task_count=30).persistence_boundary
    model = Regression(**case, task_count=30, l2_attention=edge, l2_table=edge)
    end = model.trajectory(np.array([0.0, 60 / edge]))
    half = 1 / (2 * (1 + model.evidence_noise))
    return Flow(abs(end.in_context[-1] - half), 1e-8, "ten digits of the solver, after 60 / λ")


def noisy(setting):
    return {name: {**law, "task_count": 20} for name, law in laws(setting).items()}


@evidence(Flow, "without penalties nothing is left in context", cases=noisy)
def transient(formula, case, setting):
    """What is left falls like 1/(2 √d κ t)."""
    model = Regression(**case)
    pace = model.growth_rate * max(model.evidence_noise, 0.1)
    time = 1e4 * model.task_count
    course = model.trajectory(np.array([0.0, time]))
    distance = abs(course.in_context[-1] - formula(**case).fixed_point[0])
    return Flow(distance, 2 / (pace * time), "twice the tail 1/(2 √d κ t)")


def kept(setting):
    cases = penalised(setting)
    return {name: cases[name] for name in ("both", "both, a fast table")}


@evidence(Bound, "the end attracts, and attention off does not", cases=kept)
def attracting(formula, case, setting):
    """The real parts of the Jacobian's eigenvalues in (u, s, b)."""
    model = formula(**case)
    args = (model.dimension, model.evidence_noise, model.rate, model.l2_attention, model.l2_table)
    off = 0.0, model.rate / (model.rate + model.l2_table)
    largest = []
    for share, table in (model.fixed_point, off):
        u = math.sqrt(share / model.dimension**0.5)
        state = np.array([u, model.dimension**0.5 * u, table])
        columns = [force(0.0, state + 1e-30j * unit, args).imag / 1e-30 for unit in np.eye(3)]
        largest.append(np.linalg.eigvals(np.transpose(columns)).real.max())
    return Bound([-largest[0], largest[1]], [1e-3, 1e-3])


class PairingForgotten(Regression):
    """κ without the term of a pair that meets itself transposed."""

    @property
    def evidence_noise(self):
        return (self.dimension + self.noise_variance) / self.context_length


class DrainForgotten(Regression):
    """The end as if the table kept all that it took: η/λ for 1 + η/λ."""

    @property
    def fixed_point(self):
        if self.l2_table == 0:
            return 0.0, 1.0
        ratio, root = self.rate / self.l2_table, self.dimension**0.5
        share = (1 - ratio * self.l2_attention / root) / (1 + ratio * self.evidence_noise)
        return share, ratio * (self.evidence_noise * share + self.l2_attention / root)


def without_noise(setting):
    return {"N = ∞": {**courses(setting)["d = 8, N = 16"], "context_length": math.inf}}


def penalised_start(setting):
    law = {**courses(setting)["d = 8, N = 16"], "initial_share": 0.6}
    return {"λ on attention": {**law, "l2_attention": 3.0}}


def strangled(setting):
    return {"μ λ > √d": {**penalised(setting)["both"], "l2_attention": 1.5}}


class Gone(Regression):
    """In-context learning transient whatever the noise."""

    @property
    def fixed_point(self):
        return 0.0, 1.0


def figure(setting):
    """A course with and without L2; errors of both closed forms against K."""
    figure, (left, right) = canvas(1, 2)
    law = {"dimension": 8, "context_length": 16, "initial_share": 3e-4}
    model, times = Regression(**law, task_count=200), np.geomspace(1e-4, 5000, 500)
    course = model.trajectory(times)
    left.semilogx(times, course.in_context, label="in context, $a$")
    left.semilogx(times, course.in_weights, label="in weights, $b$")
    left.semilogx(times, course.loss / course.loss[0], color=FAINT, label="loss, relative")
    regularised = Regression(**law, task_count=200, l2_attention=1e-2, l2_table=1e-2)
    kept = regularised.trajectory(times)
    left.semilogx(times, kept.in_context, "--", color=COLOURS[0], label=r"$a$, $\lambda = 10^{-2}$")
    fall = times[times > model.peak_time]
    decay = model.peak_height * np.exp(-(fall - model.peak_time) / model.lifetime)
    left.semilogx(fall, decay, ":", color="black", label="lifetime $K (1 + \\kappa)/\\kappa$")
    left.set(xlabel="time", title="$d = 8$, $N = 16$, $K = 200$")
    left.legend(fontsize=7.5, loc="center left")
    found = [published(law, count) for count in COUNTS]
    models = [Regression(**law, task_count=int(count)) for count in COUNTS]
    height = [abs(1 - f[1] / m.peak_height) for f, m in zip(found, models, strict=True)]
    life = [abs(f[2] / m.lifetime - 1) for f, m in zip(found, models, strict=True)]
    right.loglog(COUNTS, height, "o", label="height of the peak")
    right.loglog(
        COUNTS, [m.table_at_peak for m in models], color=COLOURS[0], label="$b$ at the peak"
    )
    right.loglog(COUNTS, life, "s", color=COLOURS[1], label="lifetime")
    slope = life[-1] * COUNTS[-1] / COUNTS
    right.loglog(COUNTS, slope, ":", color=COLOURS[1], label="$1/K$")
    right.set(xlabel="tasks $K$", title="relative error of the closed forms")
    right.legend(fontsize=7.5)
    return figure


claim = Claim(
    title="In-context learning beside a table is transient if its evidence is noisy",
    source="derived here; the phenomenon: Singh et al., arXiv:2311.08360",
    formula=Regression,
    hypotheses=(
        r"$x \sim N(0, I)$, tasks with second moment $I$, noise $\sigma^2$",
        r"a balanced start, $s = \sqrt d\, u > 0$, and an empty table",
        r"times and peak: no penalties, to leading order in $\eta = 1/K$",
    ),
    call="""model = Regression(dimension=8, task_count=200, context_length=16)
model.peak_height, model.lifetime, model.fixed_point""",
    evidence=(derived, falling, peaks, lifetimes, ends, halved, transient, attracting),
    control=(
        wrong_steps("transience_regression", derived),
        Control(
            r"$\kappa = (d + \sigma^2)/N$",
            PairingForgotten,
            rejected_by=(peaks, lifetimes, ends, halved),
        ),
        Control(r"$\eta/\lambda_t$ for $1 + \eta/\lambda_t$", DrainForgotten, rejected_by=(ends,)),
        Control("no evidence noise", Gone, cases=without_noise, rejected_by=(transient,)),
        Control("the data's loss with a penalty", cases=penalised_start, rejected_by=(falling,)),
        Control(
            r"$\mu \lambda_a > \sqrt d$: attention off attracts",
            cases=strangled,
            rejected_by=(attracting,),
        ),
    ),
    figure=figure,
)
