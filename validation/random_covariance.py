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

One gain for all of them does not adapt to any: that is a claim of its own. But of all fixed gains
it is the best one over the law, and better than that of the mean covariance, which amplifies the
large eigenvalues of a draw too much.
"""

from fractions import Fraction

import numpy as np
from scipy.optimize import minimize

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, dense, operator, product_trace
from lsa_theory.minimum import Minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance import (
    RandomCovariancePrompts,
    mean_minimiser,
)
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
from validation.harness import Bound, Claim, Control, Equal, Flow, Sigma, evidence, oracle
from validation.harness.figures import canvas

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
    """The minimiser beside the gain of the mean covariance: by spread, and by length."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    d, count = 5, 1000 if setting.quick else 8000
    gains = {"over the law": mean_minimiser, "of the mean covariance": mean_covariance}
    spreads, lengths = np.linspace(0.02, 1.5, 60), 2 ** np.arange(3, 12)
    for k, (label, gain) in enumerate(gains.items()):
        laws = [spread_law(v, d, 20) for v in spreads]
        left.plot(spreads, [risk(gain(one), one) / d for one in laws], label=label)
        shown = laws[5::9]
        seeds = [setting.integer_seed(f"{label} {j}") for j in range(len(shown))]
        pairs = zip(shown, seeds, strict=True)
        dots = [mean_squared_error(gain(one), one, count, seed) / d for one, seed in pairs]
        left.plot(spreads[5::9], dots, "o", color=f"C{k}")
        laws = [spread_law(0.5, d, int(n)) for n in lengths]
        right.semilogx(lengths, [risk(gain(one), one) / d for one in laws], label=label)
    symbol = r"$\sqrt{\operatorname{Var} \lambda} / E \lambda$"
    left.set(
        xlabel=f"spread of the eigenvalues, {symbol}",
        title="relative risk, gamma eigenvalues, $N = M = 20$",
        ylim=(0, 2),
    )
    right.set(
        xlabel="context length $N = M$", title=r"the same at spread $\frac{1}{2}$", ylim=(0, 1.2)
    )
    right.legend(title="gain of least loss", alignment="left")
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
    ),
    call="""law = DiagonalEigenvalues(scipy.stats.expon(), 5)   # or a Mixture, WishartCovariances
prompts = RandomCovariancePrompts(law, 20)
gain = global_minimum(prompts).gain
risk(gain, prompts)                                 # averaged over the law
risk(gain, GaussianPrompts(new_covariance, 20))     # on a given covariance""",
    evidence=(derived, stationary, network, optimised, flowing, sampled),
    control=(
        Control(
            "the mean covariance for every prompt",
            mean_covariance,
            rejected_by=(stationary, network, optimised, flowing, sampled),
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
