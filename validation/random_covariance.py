r"""Let each prompt draw the covariance of its features, $\Lambda_\tau$, and train one gain on all
of them. Given the draw, the loss is that of a fixed covariance, so its slope in $B$ is
$\Gamma_\tau \Lambda_\tau B \Lambda_\tau - \Lambda_\tau^2$, and the mean slope vanishes where

$$E[\Gamma_\tau \Lambda_\tau B \Lambda_\tau] = E[\Lambda_\tau^2] .$$

The left side is a self-adjoint map of $B$. Diagonal draws make it one factor for each entry,
$E[\gamma_i \lambda_i \lambda_j] B_{ij} = E[\lambda_i^2]\, \delta_{ij}$, with a diagonal solution.
A spectrum in a random basis has no direction of its own: $B$ is a multiple of the identity. A
Wishart law knows its scale and nothing else: $B$ is a polynomial in it. For a few covariances that
do not commute the equation is solved as a linear system of $d^2$ unknowns, and $B$ is not
symmetric, for $\Gamma_\tau \Lambda_\tau$ and $\Lambda_\tau$ stand on different sides.

Has the layer learnt to adapt to a covariance? It has not: one gain stands for all of them. With
independent eigenvalues of density $e^{-\lambda}$ and endless contexts $B = \frac13 I$, so that on
a new covariance

$$\hat y \to \tfrac13\, x_q^\top \Lambda_{new} w,$$

which is right for $\Lambda_{new} = 3I$ alone. Averaged over the law a third of the signal is lost
however long the context, where least squares, which inverts what it is shown, loses nothing.
"""

from fractions import Fraction

import numpy as np
from scipy.optimize import minimize
from scipy.stats import expon

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.estimators import ols_risk
from lsa_theory.linalg import array, dense, operator, product_trace
from lsa_theory.minimum import Minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    RandomCovariancePrompts,
    mean_minimiser,
)
from lsa_theory.random_covariance.law import summary_moment
from lsa_theory.risk import population_loss, risk
from validation.common.derived import derivation, wrong_steps
from validation.common.layers import layer_of
from validation.common.limits import distance
from validation.common.random_laws import (
    APART,
    FACTORS,
    WEIGHTS,
    float_laws,
    mean_squared_error,
    rational_laws,
    spread_law,
)
from validation.harness import Bound, Claim, Control, Equal, Flow, Rate, Sigma, evidence, oracle
from validation.harness.figures import FAINT, canvas

F = Fraction


def slopes(loss, flat):
    """Of a quadratic in each single entry, for which central differences are exact."""
    steps = np.eye(len(flat), dtype=int)
    return np.array([loss(flat + step) - loss(flat - step) for step in steps])


@evidence(Equal, "the slope of the mean loss is 0, on rationals", cases=rational_laws)
def stationary(formula, prompts, setting):
    gain = dense(formula(prompts))
    flat, shape = gain.ravel(), gain.shape
    return Equal(slopes(lambda x: population_loss(x.reshape(shape), prompts), flat))


def network_laws(setting):
    noises = (F(0),) if setting.quick else (F(0), F(1, 2))
    return {f"σ = {noise}": (APART, noise) for noise in noises}


@evidence(Equal, "so is that of the network itself, in every parameter", cases=network_laws)
def network(formula, case, setting):
    """The loss of a whole layer as the mean of a polynomial in Gaussians, over two covariances
    that do not commute."""
    law, noise = case
    gain = formula(RandomCovariancePrompts(law, 2, noise_variance=noise**2))
    draws = [oracle.RationalLaw(factor, 2, noise=noise) for factor in FACTORS]

    def loss(flat):
        losses = [oracle.loss(layer_of(flat, 2), draw) for draw in draws]
        return sum(weight * one for weight, one in zip(WEIGHTS, losses, strict=True))

    zero = np.full(2, F(0))
    return Equal(slopes(loss, np.concatenate([zero, [F(1)], gain.ravel(), zero])))


@evidence(Sigma, "the least risk on sampled covariances and prompts", cases=float_laws)
def sampled(formula, prompts, setting):
    """Beside `tr(E Λ_τ − B^T E Λ_τ²)`, which is the risk at the minimiser only."""
    gain, count = formula(prompts), 100 if setting.quick else 200
    law = prompts.law
    least = law.mean.trace() - product_trace(operator(gain).T, law.square)
    return Sigma.of_batches(
        lambda seed: mean_squared_error(gain, prompts, count, seed), least, setting
    )


@evidence(Bound, "direct optimisation finds nothing lower", cases=float_laws)
def optimised(formula, prompts, setting):
    d = prompts.dimension

    def loss(flat):
        return float(population_loss(flat.reshape(d, d), prompts))

    found = minimize(loss, np.eye(d).ravel() / 2, method="BFGS", options={"gtol": 1e-7})
    scale = prompts.law.mean.trace()
    return Bound(found.fun, population_loss(formula(prompts), prompts), scale=scale, ulps=64)


@evidence(Flow, "end of the flow", cases=float_laws)
def flowing(formula, prompts, setting):
    d, tolerance = prompts.dimension, 1e-10
    start = LinearSelfAttention.from_block(np.eye(d) * 0.05, 0.05 * np.sqrt(d))
    flow = gradient_flow(start, prompts, tolerance=tolerance)
    limit = Minimum(formula(prompts), 0.0, prompts).layer()
    return Flow(
        distance(flow.final, limit),
        allowed=2 * tolerance,
        reason="the tolerance, and as much for the eigenvectors of the mean map",
    )


def new_covariances(setting):
    """Prompts of one given covariance, after training on exponential eigenvalues."""
    rng, d = setting.rng(), 4
    root = rng.standard_normal((d, d))
    cases = {"a random one": root @ root.T, "3 I": 3 * np.eye(d), "I / 10": np.eye(d) / 10}
    for name, covariance in setting.covariances.items():
        if name in ("diabetes", "wine"):
            cases[name] = covariance / np.trace(covariance) * len(covariance)
    return cases


@evidence(
    Rate, r"the answer's distance to $\frac13 x_q^\top \Lambda_{new} w$", cases=new_covariances
)
def answer(formula, covariance, setting):
    """`E(ŷ − x_q^T Λ_new w / 3)²` at N = M = n, a quadratic in `B`."""
    d, errors, sizes = len(covariance), [], 2 ** np.arange(8, 14)
    law, cubed = DiagonalEigenvalues(expon(), d), covariance @ covariance @ covariance
    for n in sizes:
        gain = np.diag(formula(RandomCovariancePrompts(law, int(n))))
        moment = summary_moment(covariance, int(n), 0.0)
        square = product_trace(gain.T @ moment @ gain, covariance)
        cross = product_trace(gain, cubed)
        errors.append(square - 2 * cross / 3 + cubed.trace() / 9)
    return Rate(sizes, errors, order=1, control_order=0, numerical=64 * EPS * cubed.trace())


EPS = np.finfo(float).eps


@evidence(
    Rate, "the mean risk tends to a third of the signal's", cases={f"d = {d}": d for d in (1, 2, 8)}
)
def brittle(formula, d, setting):
    sizes, law = 2 ** np.arange(8, 14), DiagonalEigenvalues(expon(), d)
    laws = [RandomCovariancePrompts(law, int(n)) for n in sizes]
    excess = np.array([risk(formula(one), one) for one in laws]) - d / 3
    return Rate(sizes, excess, order=1, control_order=0, numerical=64 * EPS * d)


def mean_covariance(prompts):
    """As if every prompt had the mean covariance."""
    fixed = GaussianPrompts(
        array(prompts.law.mean), prompts.context_length, noise_variance=prompts.noise_variance
    )
    return global_minimum(fixed).gain


def forgotten_pair(prompts):
    """N for N + 1 in Γ: `N Γ` is then `(N − 1) Γ` of a context shorter by one."""
    n = prompts.context_length
    return n * mean_minimiser(prompts.replace(context_length=n - 1)) / (n - 1)


def exchanged(prompts):
    """`E[Λ_τ B Γ_τ Λ_τ]` for `E[Γ_τ Λ_τ B Λ_τ]`: the transpose."""
    return mean_minimiser(prompts).T


def figure(setting):
    """Left: longer contexts do not help. Right: nor does anything but a narrower law."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    d, noise, count = 5, 0.25, 1000 if setting.quick else 8000
    lengths = 2 ** np.arange(3, 15)
    law = DiagonalEigenvalues(expon(), d)
    laws = [RandomCovariancePrompts(law, int(n), noise_variance=noise) for n in lengths]
    left.loglog(lengths, [2 * global_minimum(one).loss / d for one in laws], label="trained layer")
    shown = laws[:6:2]
    dots = [
        mean_squared_error(mean_minimiser(one), one, count, setting.integer_seed(f"{k}")) / d
        for k, one in enumerate(shown)
    ]
    left.loglog([one.context_length for one in shown], dots, "o", color="C0")
    white = [GaussianPrompts(np.ones(d), int(n), noise_variance=noise) for n in lengths]
    left.loglog(
        lengths, [ols_risk(one).value / d for one in white], color="C1", label="least squares"
    )
    left.axhline(1 / 3, color=FAINT, linestyle=":", linewidth=1)
    left.set(
        xlabel="context length $N = M$",
        title=r"relative risk, $\lambda \sim$ Exp(1), $\sigma^2 = \frac{1}{4}$",
    )
    left.legend()

    spreads = np.linspace(0.02, 2, 60)
    for n in (10, 40, 160):
        spread_laws = [spread_law(v, d, n) for v in spreads]
        right.plot(
            spreads,
            [2 * global_minimum(one).loss / d for one in spread_laws],
            label=f"$N = M = {n}$",
        )
    right.plot(
        spreads,
        spreads**2 / (1 + 2 * spreads**2),
        color=FAINT,
        linestyle=":",
        label=r"$N, M \to \infty$",
    )
    right.set(
        xlabel=r"spread, $\sqrt{\operatorname{Var} \lambda} / E \lambda$",
        title="relative risk, gamma eigenvalues",
        ylim=(0, 0.8),
    )
    right.legend()
    return figure


derived = derivation("random_covariance")

claim = Claim(
    title="The minimiser over random covariances",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5 for diagonal draws; "
    "derived here for the others",
    formula=mean_minimiser,
    hypotheses=(
        r"$\Lambda_\tau \succeq 0$ drawn for each prompt, $E \|\Lambda_\tau\|^3 < \infty$; context "
        "and query of the same draw",
        r"$w \sim N(0, I)$, $\varepsilon \sim N(0, \sigma^2)$",
        r"the limit $\frac13 x_q^\top \Lambda_{new} w$: independent Exp(1) eigenvalues",
    ),
    call="""law = DiagonalEigenvalues(scipy.stats.expon(), 5)   # or a Mixture, WishartCovariances
prompts = RandomCovariancePrompts(law, 20)
gain = global_minimum(prompts).gain
risk(gain, prompts)                                 # averaged over the law
risk(gain, GaussianPrompts(new_covariance, 20))     # on a given covariance""",
    evidence=(derived, stationary, network, optimised, flowing, sampled, answer, brittle),
    control=(
        Control(
            "the mean covariance for every prompt",
            mean_covariance,
            rejected_by=(stationary, network, optimised, flowing, sampled, answer, brittle),
        ),
        Control(
            "$N$ for $N + 1$ in $\\Gamma_\\tau$",
            forgotten_pair,
            rejected_by=(stationary, network, optimised, flowing),
        ),
        Control(
            "sides exchanged",
            exchanged,
            rejected_by=(stationary, network, optimised, flowing),
        ),
        wrong_steps("random_covariance", derived),
    ),
    figure=figure,
)
