r"""On the block $v = p = 0$ a layer predicts $h^\top B x_q$ with $B = sU$. By Isserlis' theorem
$E[h h^\top] = \Gamma\Lambda$ with $\Gamma = (1 + \frac1N)\Lambda + \frac{\operatorname{tr}
\Lambda}{N} I$, the loss is a quadratic in $B$, and the flow is

$$\dot U = -s\, \Gamma\Lambda\, (B - \Gamma^{-1})\, \Lambda, \qquad
\dot s = -\operatorname{tr}\big[ \Gamma\Lambda\, (B - \Gamma^{-1})\, \Lambda U^\top \big] .$$

*It ends.* The loss is a polynomial and the path is bounded, so the path converges to a stationary
point. If $s \ne 0$ there, then $B = \Gamma^{-1}$: the minimum. If $s = 0$, the loss is that of the
zero predictor, $\frac12 \operatorname{tr}\Lambda$, and this is excluded for a small start
$U(0) = \sigma_0 \Theta\Theta^\top$, $s(0) = \sigma_0$. Its loss is

$$\tfrac12 \operatorname{tr}\Lambda - \sigma_0^2 \|\Lambda\Theta\|_F^2
+ \tfrac12 \sigma_0^4 \operatorname{tr}(\Gamma\Lambda \Theta\Theta^\top \Lambda \Theta\Theta^\top)
\le \tfrac12 \operatorname{tr}\Lambda
- \tfrac12 \sigma_0^2 \|\Lambda\Theta\|_F^2 \big[ 2 - \sqrt d\, \sigma_0^2 \|\Gamma\| \big],$$

which is less, and the loss never rises.

*Where.* $\Gamma^{-1}$ fixes the product $sU$ and leaves a whole curve of factors. The flow
conserves $s^2 - \|U\|_F^2$, which is 0 at the start. So $s = \|U\|_F$ at the end too,
$s^2 = \|sU\|_F = \|\Gamma^{-1}\|_F = \operatorname{tr}(\Gamma^{-2})^{1/2}$, and $s$ has kept its
sign: one point is left.

The way there is slow where features have little variance. In the eigenbasis of $\Lambda$ the
direction of $\lambda_i$ relaxes at the rate $s^2 \gamma_i \lambda_i^2$: directions are learnt one
after the other, strong ones first, over times that spread like the square of the condition number.
"""

from dataclasses import dataclass
from fractions import Fraction as F
from functools import cached_property
from math import isqrt

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.convergence import convergence_guarantee
from lsa_theory.gamma import gamma
from lsa_theory.initial import initial_layer, isotropic_theta
from lsa_theory.linalg import is_exact, solve, square_root, squared_norm
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from validation.common import enclosures, sensitivity
from validation.common.derived import derivation
from validation.common.flows import largest_size, unit_theta
from validation.common.limits import distance, size, waiting_time
from validation.common.rationals import integers
from validation.harness import Claim, Close, Control, Flow, evidence
from validation.harness.figures import canvas

RTOL = 1e-10


def trained_layer(prompts):
    r"""From a small start, gradient flow ends at one layer, whatever the start.

    With :math:`\Gamma = (1 + \frac1N) \Lambda + \frac{\operatorname{tr} \Lambda}{N} I` and the
    start :math:`U(0) = \sigma_0 \Theta\Theta^\top`, :math:`s(0) = \sigma_0 > 0`, :math:`v = p = 0`,
    :math:`\|\Theta\Theta^\top\|_F = 1`, :math:`\sigma_0^2 \|\Gamma\| \sqrt d < 2`, it converges to

    .. math::
        W^{KQ}_* = \operatorname{tr}(\Gamma^{-2})^{-1/4}
        \begin{pmatrix} \Gamma^{-1} & 0 \\ 0 & 0 \end{pmatrix}, \qquad
        W^{PV}_* = \operatorname{tr}(\Gamma^{-2})^{1/4} \begin{pmatrix} 0 & 0 \\ 0 & 1
        \end{pmatrix},

    that is :math:`s\, U = \Gamma^{-1}` with :math:`s = \|\Gamma^{-1}\|_F^{1/2}`.
    """
    return global_minimum(prompts).layer()


@dataclass(frozen=True, eq=False)
class Case:
    """A law, and a start of Theorem 4.1 at a share of its bound on σ₀², with the flows' ends."""

    prompts: GaussianPrompts
    start: LinearSelfAttention

    @cached_property
    def on_block(self):
        """When the theorem's rate says that what is left is `RTOL`."""
        scale_bound = convergence_guarantee(self.start, self.prompts, sharp=True).scale_bound
        options = {"rtol": RTOL, "tolerance": 1e-15, "max_steps": 20_000}
        options["end_time"] = waiting_time(self.start, self.prompts, scale_bound, RTOL)
        return gradient_flow(self.start, self.prompts, **options).final

    @cached_property
    def anywhere(self):
        return gradient_flow(self.start, self.prompts, parameters="all")


def case(covariance, n, theta, share):
    prompts = GaussianPrompts(covariance, n)
    return Case(prompts, initial_layer(theta, np.sqrt(share) * largest_size(prompts)))


def dense(rng, d):
    root = rng.standard_normal((d, d))
    return root @ root.T / d


def moderate(rng):
    return dense(rng, 3) + np.eye(3) / 4


def block_cases(setting):
    """Real features from starts that do not commute with them, and random ones."""
    n, rng = setting.context_length or 20, setting.rng()
    cases = {
        "random, d = 2, close to the bound": case(dense(rng, 2), n, unit_theta(rng, 2, 2), 0.99),
        "random, d = 2, a start of 1e-6": case(dense(rng, 2), n, unit_theta(rng, 2, 2), 1e-12),
        "random, d = 8": case(dense(rng, 8), n, unit_theta(rng, 8, 8), 1e-2),
    }
    for name, covariance in setting.covariances.items():
        d = len(covariance)
        if d <= (10 if setting.quick else 64):
            theta = isotropic_theta(d) if setting.quick else unit_theta(rng, d, d)
            cases[name] = case(covariance, n, theta, 1e-2)
    return cases


def hypotheses(case):
    """Those of Theorem 4.1: singular features, among others, do not fulfil them."""
    return convergence_guarantee(case.start, case.prompts).holds


@evidence(Flow, "end of the flow on the block, mode by mode", cases=block_cases, given=hypotheses)
def reduced(formula, case, setting):
    """The theorem's rate says when the flow is as close to its limit as the tolerance. The
    method conserves the balance by construction and takes the rest from the flow's coefficients;
    `whole` conserves nothing."""
    return Flow(
        distance=distance(case.on_block, formula(case.prompts)),
        allowed=2 * RTOL,
        reason=f"{RTOL:g} left by the rate of the theorem at the end time, {RTOL:g} by a step",
    )


def full_cases(setting):
    """In three dimensions, with rates that the method for moderate ones is for."""
    n, rng = setting.context_length or 20, setting.rng()
    cases = {
        "random, a small start": case(moderate(rng), n, unit_theta(rng, 3, 3), 1e-4),
        "isotropic start": case(np.diag([2.0, 1.0, 0.5]), n, isotropic_theta(3), 1e-2),
        "random, close to the bound": case(moderate(rng), n, unit_theta(rng, 3, 3), 0.99),
    }
    return dict(list(cases.items())[:1]) if setting.quick else cases


@evidence(Flow, "end of the flow of all parameters", cases=full_cases, given=hypotheses)
def whole(formula, case, setting):
    """Which does not know the closed form: it ends where the gradient is small. What is left
    follows from the least curvature there."""
    flow, limit = case.anywhere, formula(case.prompts)
    return Flow(
        distance=distance(flow.final, limit),
        allowed=flow.distance_bound / size(limit),
        reason="2 |gradient| / least curvature, and the balance lost to steps of rtol = 1e-8",
    )


def limit_laws(setting):
    return {name: case.prompts for name, case in block_cases(setting).items()}


@evidence(Close, "both matrices against exact arithmetic", cases=limit_laws)
def rounded(formula, prompts, setting):
    layer, d = formula(prompts), prompts.dimension
    inverse = exact_inverse(prompts)
    s = fourth_root((inverse * inverse).sum())
    eigenvalues = np.linalg.eigvalsh(gamma(prompts))
    pv, kq = (np.full((d + 1, d + 1), F(0)) for _ in range(2))
    pv[d, d], kq[:d, :d] = s, inverse / s
    return Close(
        np.concatenate([layer.pv, layer.kq]),
        np.concatenate([pv, kq]),
        ulps=d + 4,
        condition=eigenvalues[-1] / eigenvalues[0],
    )


@evidence(Close, "s and U against ball arithmetic", cases=enclosures.laws, extra="rigor")
def enclosed(formula, prompts, setting):
    """For Λ with condition numbers from 1 to 1e12; the digits lost are those of Γ."""
    layer, (s, u) = formula(prompts), enclosures.limit(prompts)
    condition = sensitivity.of_gamma(prompts)
    return enclosures.close([(layer.s, s), (layer.u, u)], 4 * prompts.dimension, condition)


def exact_inverse(prompts):
    """Of Γ: a Newton step from the inverse in floats, `X + X (I - Γ X)`, in integers, so that its
    relative error, 1e-12 or less, is squared and nothing is rounded."""
    d, n = prompts.dimension, prompts.context_length
    covariance, guess = integers(prompts.covariance), integers(np.linalg.inv(gamma(prompts)))
    one = np.eye(d, dtype=int).astype(object)
    scaled = (n + 1) * covariance.entries + covariance.entries.trace() * one  # of n Γ
    unit = n << (covariance.bits + guess.bits)
    product = unit * guess.entries + guess.entries @ (unit * one - scaled @ guess.entries)
    return np.array([[F(int(x), unit << guess.bits) for x in row] for row in product], dtype=object)


def fourth_root(value, bits=200):
    top, bottom = value.as_integer_ratio()
    return F(isqrt(isqrt((top << (4 * bits)) // bottom)), 1 << bits)


def layer_of(inverse, power=1):
    root = square_root(square_root(squared_norm(inverse)))  # tr(Γ^{-2})^{1/4}
    return LinearSelfAttention.from_block(inverse / root, root**power)


def inverse_of(matrix):
    """Of floats, singular ones among them, or of symbols."""
    one = np.eye(len(matrix), dtype=int)
    return solve(matrix, one) if is_exact(matrix) else np.linalg.pinv(matrix)


def one_pair_less(prompts):
    covariance, n = prompts.covariance, prompts.context_length
    rest = covariance.trace() / n * np.eye(len(covariance), dtype=int)
    return layer_of(inverse_of(covariance + rest))


def no_trace(prompts):
    n = prompts.context_length
    return layer_of(inverse_of((n + 1) / n * prompts.covariance))


def wrong_power(prompts):
    return layer_of(inverse_of(gamma(prompts)), power=2)


def figure(setting):
    """Left: one direction after another, on the features with the widest spread. Right: how far
    from the limit."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    wanted = ("diabetes", "wine", "breast cancer")
    for name in wanted[:1] if setting.quick else wanted:
        covariance = setting.covariances[name] / np.trace(setting.covariances[name])
        d, n = len(covariance), setting.context_length or 20
        chosen = case(covariance, n, isotropic_theta(d), 1e-4)
        prompts, start = chosen.prompts, chosen.start
        eigenvalues, basis = np.linalg.eigh(covariance)
        limit = trained_layer(prompts)
        slowest = limit.s**2 * gamma_eigenvalues(prompts)[0] * eigenvalues[0] ** 2
        times = np.logspace(-1, np.log10(30 / slowest), 60)
        flow = gradient_flow(start, prompts, times=times, tolerance=1e-14)
        far = [distance(layer, limit) for layer in flow.layers]
        right.loglog(times, np.maximum(far, 1e-12), label=f"{name}, $d = {d}$")
    gains = np.array([(basis.T @ layer.gain @ basis).diagonal() for layer in flow.layers])
    shades = shades_of(len(eigenvalues))
    for share, shade in zip((gains * gamma_eigenvalues(prompts)).T, shades, strict=True):
        left.semilogx(times, share, color=shade, linewidth=1)
    left.set(
        xlabel=r"time $t$; from the largest $\lambda_i$ to the smallest",
        ylim=(0, 1.05),
        title=f"{name}: " + r"share learnt, $\gamma_i\, (sU)_{ii}$",
    )
    right.set(xlabel="time $t$", title="distance to the limit, relative", ylim=(1e-12, 3))
    figure.legend(loc="outside lower right", ncols=3)  # curves fall anywhere, by features
    return figure


def gamma_eigenvalues(prompts):
    return np.linalg.eigvalsh(gamma(prompts))


def shades_of(count):
    from matplotlib import colormaps

    return colormaps["cividis"](np.linspace(0.95, 0.1, count))


claim = Claim(
    title="The limit of training",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1",
    formula=trained_layer,
    hypotheses=(
        r"$\Lambda \succ 0$",
        r"$w \sim N(0, I)$, no label noise, $\Lambda_q = \Lambda$",
        r"$U(0) = \sigma_0 \Theta\Theta^\top$, $s(0) = \sigma_0 > 0$, $v = p = 0$, "
        r"$\|\Theta\Theta^\top\|_F = 1$",
        r"$\sigma_0^2 \|\Gamma\| \sqrt d < 2$",
    ),
    call="""prompts = GaussianPrompts(covariance, 20)
layer = global_minimum(prompts).layer()
gradient_flow(initial_layer(isotropic_theta(d), 0.01), prompts).final    # the same""",
    evidence=(derivation("flow_limit"), rounded, enclosed, reduced, whole),
    control=(
        Control("$N$ for $N + 1$ in Γ", one_pair_less),
        Control("Γ without its trace", no_trace),
        Control("the power 1/2 for 1/4 in $W^{PV}$", wrong_power),
    ),
    figure=figure,
)
