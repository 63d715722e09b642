r"""The argument for the limit of training asks little of the start. The block flow conserves
$c = s^2 - \|U\|_F^2$, of either sign, and a path that does not end at $s = 0$ ends where
$sU = \Gamma^{-1}$. Both together are a quadratic equation for $s^2$,

$$s^2 - \frac{\|\Gamma^{-1}\|_F^2}{s^2} = c, \qquad
s^2 = \tfrac12 \Big( c + \sqrt{c^2 + 4 \|\Gamma^{-1}\|_F^2} \Big),$$

with one positive root. (For $c < 0$ the sum cancels; the same root is
$2 \|\Gamma^{-1}\|_F^2 / (\sqrt{c^2 + 4 \|\Gamma^{-1}\|_F^2} - c)$.) The start decides how the
strength of the gain is shared between values and keys, and their sign. It does not change the gain.

When does a path not end at $s = 0$?

* If $c > 0$, then $s^2 \ge c$ for ever: $s$ keeps away from 0, and its sign, however large the
  start.
* If $L(0) < \frac12 \operatorname{tr}\Lambda$, since that is the loss wherever $s = 0$, and the
  loss never rises.
* If $s = 0$ and $\operatorname{tr}(\Lambda^2 U^\top) \ne 0$, the loss is below it at once.

Small starts of Theorem 4.1 are in the second case. Neither smallness, nor balance, nor a
semidefinite $U$ is needed. For $c \le 0$ and a loss above the plateau's, $s$ may pass through 0 and
change its sign. Such starts converge too, but for those on the way into a saddle, the set between
the two signs: near it they take a time that grows like the logarithm of the distance. The map shows
this set as a ridge of long times. With white features and $U \propto I$ it is the line
$U = -s I / \sqrt d$, at 135°; in general it bends.

The sharing matters where the limit is used further: the larger $|c|$, the larger one of the
factors and the norm of the layer, and the stiffer the minimum.
"""

from fractions import Fraction as F
from math import isqrt
from typing import NamedTuple

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.basin import known_to_converge
from lsa_theory.convergence import convergence_guarantee
from lsa_theory.minimum import Minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.saddle import run_into_saddle
from validation.common import enclosures, sensitivity
from validation.common.basin_map import along, figure
from validation.common.derived import derivation
from validation.common.flows import largest_size
from validation.common.limits import distance, size, waiting_time
from validation.harness import Claim, Close, Control, Flow, Table, evidence

RTOL = 1e-10


class Start(NamedTuple):
    """A law, a layer on the block, and when to look at the flow from there (None: now known)."""

    prompts: GaussianPrompts
    layer: LinearSelfAttention
    end_time: float | None = None


def started(prompts, u, s):
    return Start(prompts, LinearSelfAttention.from_block(u, s))


def random_law(rng, d, n):
    root = rng.standard_normal((d, d))
    return GaussianPrompts(root @ root.T / d, n)


def towards(prompts, u, length):
    """A direction made to have a positive part along Λ², at a length."""
    u = u if along(prompts, u)[0] > 0 else -u
    return length * u / np.linalg.norm(u)


def block_starts(setting):
    """Of both balances and signs, small and at 20 times the paper's bound on σ₀²."""
    n, rng = setting.context_length or 20, setting.rng()
    laws = {"random, d = 2": random_law(rng, 2, n), "random, d = 8": random_law(rng, 8, n)}
    for name, covariance in setting.covariances.items():
        if len(covariance) <= (7 if setting.quick else 30):
            laws[name] = GaussianPrompts(covariance, n)
    cases = {}
    for name, law in laws.items():
        d, unit = law.dimension, largest_size(law)
        u = rng.standard_normal((d, d))
        long = towards(law, u, np.sqrt(20) * unit)
        b, a = along(law, long)
        cases[f"{name}, 20 times the bound, c > 0"] = started(law, -long, 1.1 * np.sqrt(20) * unit)
        cases[f"{name}, c < 0, s < 0"] = started(law, -long, -b / a)
        cases[f"{name}, small, any U"] = started(law, towards(law, u, unit / 100), unit / 1000)
    law, long = laws["random, d = 2"], towards(laws["random, d = 2"], np.ones((2, 2)), 1.0)
    cases["s = 0"] = started(law, long, 0.0)
    cases["20 times the bound, c = 0: not known"] = started(
        law, np.sqrt(10) * largest_size(law) * np.eye(2), np.sqrt(20) * largest_size(law)
    )
    return cases


def known(case):
    """The wider condition, and features of which none is a linear function of the others."""
    definite = convergence_guarantee(case.layer, case.prompts).hypotheses["covariance"]
    return known_to_converge(case.layer, case.prompts).holds and definite


@evidence(Flow, "end of the flow on the block, mode by mode", cases=block_starts, given=known)
def reduced(formula, case, setting):
    """The method conserves the balance by construction and takes the rest from the flow's
    coefficients; `whole` conserves nothing."""
    prompts, start, end_time = case
    options = {"rtol": RTOL, "tolerance": 1e-15, "max_steps": 20_000}
    if end_time is None:
        end_time = waiting(start, prompts)
    flow = gradient_flow(start, prompts, end_time=end_time, **options)
    return Flow(
        distance=distance(flow.final, formula(global_minimum(prompts), *shared(case))),
        allowed=2 * RTOL,
        reason=f"{RTOL:g} left by the rate at the lower bound on s, {RTOL:g} by a step",
    )


def waiting(layer, prompts):
    """A first short while, since a start may be at the limit already, as some are for `d = 1`;
    from `s = 0`, of which no bound is known, the bound is that of the layer after it."""
    first = 1 / np.linalg.norm(prompts.covariance) ** 2
    bound = known_to_converge(layer, prompts).scale_bound
    if bound:
        return first + waiting_time(layer, prompts, bound, RTOL)
    return first + waiting(gradient_flow(layer, prompts, end_time=first).final, prompts)


def shared(case):
    """The balance and the sign that the flow keeps; from `s = 0`, the sign it takes."""
    prompts, layer, _ = case
    return float(layer.balance), 1 if (layer.s or along(prompts, layer.u)[0]) > 0 else -1


def full_starts(setting):
    """In three dimensions."""
    rng = setting.rng()
    law = random_law(rng, 3, setting.context_length or 20)
    unit, u = largest_size(law), towards(law, rng.standard_normal((3, 3)), 1.0)
    b, a = along(law, u)
    cases = {
        "20 times the bound, c > 0": started(law, -4 * unit * u, 5 * unit),
        "c < 0, s < 0": started(law, -4 * unit * u, -b / a / (4 * unit)),
        "s = 0": started(law, unit * u, 0.0),
    }
    return dict(list(cases.items())[:2]) if setting.quick else cases


@evidence(Flow, "end of the flow of all parameters", cases=full_starts, given=known)
def whole(formula, case, setting):
    """Which does not know the closed form: it ends where the gradient is small."""
    prompts, start, _ = case
    flow = gradient_flow(start, prompts, parameters="all")
    limit = formula(global_minimum(prompts), *shared(case))
    return Flow(
        distance=distance(flow.final, limit),
        allowed=flow.distance_bound / size(limit),
        reason="2 |gradient| / least curvature, and the balance lost to steps of rtol = 1e-8",
    )


def balances(setting):
    """A rational law, and balances over 16 decades of both signs."""
    context = np.array([[F(2), F(1)], [F(1), F(3)]])
    prompts = GaussianPrompts(context, 7)
    powers = (-8, -2, 0, 2, 8)
    return {
        f"c = {sign * 10.0**power:g}": (prompts, sign * F(10) ** power)
        for power in powers
        for sign in (1, -1)
    } | {"c = 0": (prompts, F(0))}


@evidence(Close, "both factors against exact arithmetic", cases=balances)
def rounded(formula, case, setting):
    prompts, balance = case
    minimum = global_minimum(prompts)
    layer = formula(minimum, balance, 1)
    discriminant = balance**2 + 4 * (minimum.gain**2).sum()
    s = root((balance + root(discriminant)) / 2)
    exact = minimum.gain / s
    return Close(
        np.append(layer.u / float(abs(exact).max()), layer.s / s),
        np.append(exact / F(float(abs(exact).max())), F(1)),
        ulps=8,
    )


@evidence(Close, "s and U against ball arithmetic", cases=enclosures.balanced_laws, extra="rigor")
def enclosed(formula, case, setting):
    prompts, *given = case
    layer, (s, u) = formula(global_minimum(prompts), *given), enclosures.limit(prompts, *given)
    condition = sensitivity.of_gamma(prompts)
    return enclosures.close([(layer.s, s), (layer.u, u)], 4 * prompts.dimension, condition)


def root(value, bits=400):
    """To `2^-bits`."""
    top, bottom = value.as_integer_ratio()
    return F(isqrt((top << (2 * bits)) // bottom), 1 << bits)


def balance_forgotten(minimum, balance, sign):
    return minimum.layer(0.0, sign)


def sign_forgotten(minimum, balance, sign):
    return minimum.layer(balance, 1)


def cancelling(minimum, balance, sign):
    """The same root, by a sum that cancels."""
    gain = minimum.gain.astype(float)
    s = sign * np.sqrt((float(balance) + np.sqrt(float(balance) ** 2 + 4 * (gain**2).sum())) / 2)
    return LinearSelfAttention.from_block(gain / (s or 1e-300), s)


def into_the_saddle(setting):
    """On the stable set of the saddle, which no condition excludes for `c = 0`, `L > ½ tr Λ`."""
    prompts = GaussianPrompts(np.eye(4), 20)
    path = run_into_saddle(prompts, 0.5)
    return {"white, U = -I/2, s = 1": Start(prompts, path.layer(0.0), 12 / path.rate)}


def observed(setting):
    """Random starts of every size, and what is known of them."""
    rng, count = setting.rng(), 20 if setting.quick else 100
    prompts = random_law(rng, 3, 20)
    unit, rows = largest_size(prompts), []
    kinds = {
        "balanced, semidefinite (as in Theorem 4.1)": (True, 1.0),
        "balanced, any U": (False, 1.0),
        "s larger, any U": (False, 1.5),
        "s smaller, any U": (False, 0.5),
    }
    for name, (semidefinite, ratio) in kinds.items():
        starts = []
        for _ in range(count):
            u = rng.standard_normal((3, 3))
            u = u @ u.T if semidefinite else u
            length = unit * np.sqrt(20) * rng.uniform()
            starts.append(started(prompts, length * u / np.linalg.norm(u), ratio * length).layer)
        verdicts = [
            (
                convergence_guarantee(start, prompts).holds,
                known_to_converge(start, prompts).holds,
                gradient_flow(start, prompts).converged,
            )
            for start in starts
        ]
        rows.append((name, count, *(sum(column) for column in zip(*verdicts, strict=True))))
    yield Table(
        "Random starts with ‖U‖² up to 20 times the paper's bound, d = 3: how many fulfil the "
        "condition of Theorem 4.1, how many the wider one, and how many flows converged.",
        ("start", "starts", "Theorem 4.1", "wider condition", "converged"),
        tuple(rows),
    )


derived = derivation("unbalanced_starts")

claim = Claim(
    title="The limit from unbalanced and oversized starts",
    source="derived here; for balanced small starts: Zhang, Frei, Bartlett, JMLR 25(49), 2024, "
    "Theorem 4.1",
    formula=Minimum.layer,
    hypotheses=(
        r"$\Lambda \succ 0$, $w \sim N(0, I)$, no label noise, $\Lambda_q = \Lambda$ "
        "(other zero-mean laws: see `known_to_converge`)",
        r"$v = p = 0$",
        r"$c > 0$, or $L(0) < \frac12 \operatorname{tr} \Lambda$, "
        r"or $s = 0$ and $\operatorname{tr}(\Lambda^2 U^\top) \ne 0$",
    ),
    call="""known_to_converge(layer, prompts).holds
global_minimum(prompts).layer(layer.balance, sign=1)
gradient_flow(layer, prompts).final                 # the same, if s > 0""",
    evidence=(derived, rounded, enclosed, reduced, whole),
    control=(
        Control("the limit of balance 0 for every start", balance_forgotten),
        Control(
            "the sign of $s$ not kept",
            sign_forgotten,
            rejected_by=(derived, enclosed, reduced, whole),
        ),
        Control("the root by a sum that cancels", cancelling, rejected_by=(rounded, enclosed)),
        Control(
            "a start on the way into the saddle", cases=into_the_saddle, rejected_by=(reduced,)
        ),
    ),
    figure=figure,
    reported=observed,
)
