r"""Let each prompt draw a diagonal covariance with independent eigenvalues of moments
$m_k = E \lambda^k$. Has the layer learnt to adapt to a covariance? It has not: one gain stands for
all of them, a multiple of the identity,

$$B = \frac{m_2}{m_3} \Big( 1 + \frac{k}{N} \Big)^{-1} I, \qquad
k = 2 + \big( (d - 1)\, m_1 + \sigma^2 \big) \frac{m_2}{m_3} .$$

In endless contexts, on a new covariance $\Lambda_{new}$, where $h \to \Lambda_{new} w$,

$$\hat y \to \frac{m_2}{m_3}\, x_q^\top \Lambda_{new} w,$$

which is right for $\Lambda_{new} = \frac{m_3}{m_2} I$ alone. With eigenvalues of density
$e^{-\lambda}$ the factor is $\frac13$. The answer's mean arrives there at order one, as
$\frac13 - \frac{d + 5}{9 N}$, and its variance vanishes at order one.

Averaged over the law the share $1 - m_2^2 / (m_1 m_3)$ of the signal is lost however long the
context, a third of it for $e^{-\lambda}$. It is $E[\lambda \mu (\lambda - \mu)^2] / (2 m_1 m_3)$
for two independent draws $\lambda$ and $\mu$, so that nothing is lost only where the eigenvalues
take one value besides 0. Least squares inverts what it is shown: its risk is
$\sigma^2 d / (M - d - 1)$ whatever the covariance, and vanishes.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import expon, gamma, uniform

from lsa_theory.estimators import ols_risk
from lsa_theory.linalg import product_trace
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance import DiagonalEigenvalues, RandomCovariancePrompts
from lsa_theory.random_covariance.law import summary_moment
from lsa_theory.risk import risk
from validation.common.derived import derivation
from validation.common.random_laws import mean_lead, mean_squared_error, spread_law
from validation.harness import Claim, Control, Equal, Rate, Sigma, evidence
from validation.harness.figures import FAINT, canvas

EPS = np.finfo(float).eps
F = Fraction


class LongContexts(NamedTuple):
    """Of the gain: limit and slope, `gain − slope / N`; of the mean risk: what is left."""

    gain: Any
    slope: Any
    left: Any


def long_contexts(moments, dimension, noise_variance):
    r"""What training on random covariances comes to as contexts grow.

    For diagonal covariances with independent eigenvalues of moments :math:`m_k = E \lambda^k`, in
    :math:`d` dimensions with label noise :math:`\sigma^2`, the minimiser is

    .. math::
        B = \Big( \frac{m_2}{m_3} - \frac{s}{N} + O(N^{-2}) \Big) I, \qquad
        s = \frac{m_2}{m_3} \Big( 2 + \big( (d - 1)\, m_1 + \sigma^2 \big) \frac{m_2}{m_3} \Big),

    so that on any covariance :math:`\Lambda_{new}` the answer tends in mean square to
    :math:`\frac{m_2}{m_3}\, x_q^\top \Lambda_{new} w`, at order one. On the training law itself, at
    :math:`N = M`, the risk tends to

    .. math::
        d\, \Big( m_1 - \frac{m_2^2}{m_3} \Big)
        = \frac{d}{2 m_3}\, E\big[ \lambda \mu (\lambda - \mu)^2 \big]

    with :math:`\mu` an independent copy of :math:`\lambda`: positive unless the eigenvalues take
    one value besides 0. That of least squares on the same prompts is
    :math:`\sigma^2 d / (M - d - 1)` and tends to 0. For Exp(1) eigenvalues :math:`m_2 / m_3 =
    \frac13`, and a third of the signal is left.
    """
    first, second, third = moments
    gain = second / third
    slope = gain * (2 + ((dimension - 1) * first + noise_variance) * gain)
    return LongContexts(gain, slope, dimension * (first - second * gain))


derived = derivation("brittleness")
EXPONENTIAL = DiagonalEigenvalues(expon(), 4)
LAWS = {
    "exponential, d = 1": DiagonalEigenvalues(expon(), 1),
    "exponential, d = 8": DiagonalEigenvalues(expon(), 8),
    "gamma of spread 1/2": DiagonalEigenvalues(gamma(4, scale=1 / 4), 4),
    "uniform on [0, 2]": DiagonalEigenvalues(uniform(0, 2), 4),
}
SIZES = 2 ** np.arange(8, 14)


def trained(law, n, noise):
    prompts = RandomCovariancePrompts(law, int(n), noise_variance=noise)
    return global_minimum(prompts).gain, prompts


def rational_thirds(setting):
    return {f"d = {d}": (d, n) for d, n in ((1, 1), (2, 7), (5, 40))}


@evidence(Equal, "Exp(1) at any length: N / (3 N + d + 5), on rationals", cases=rational_thirds)
def exponential(formula, case, setting):
    """With the stated limit and slope, `gain² N / (gain N + slope)`."""
    d, n = case
    limit = formula((F(1), F(2), F(6)), d, 0)
    gain, _ = trained(DiagonalEigenvalues((F(1), F(2), F(6)), d), n, F(0))
    stated = limit.gain**2 * n / (limit.gain * n + limit.slope)
    return Equal([gain[0] - stated, stated - F(n, 3 * n + d + 5)])


def new_covariances(setting):
    """Shown to a layer that was trained on others; with its label noise."""
    rng, d = setting.rng(), 4
    root = rng.standard_normal((d, d))
    cases = {"a random one": root @ root.T, "3 I": 3 * np.eye(d), "I / 10": np.eye(d) / 10}
    for name, covariance in setting.covariances.items():
        if name in ("diabetes", "wine"):
            cases[name] = covariance / np.trace(covariance) * len(covariance)
    return {
        f"{name}, σ² = {noise}": (covariance, noise)
        for name, covariance in cases.items()
        for noise in (0.0, 0.5)
    }


@evidence(
    Rate, r"the answer's distance to $\frac13 x_q^\top \Lambda_{new} w$", cases=new_covariances
)
def answer(formula, case, setting):
    """`E(ŷ − g x_q^T Λ_new w)²` at N = M = n, a quadratic in `B`: variance, and the mean's."""
    covariance, noise = case
    d, errors, cubed = len(covariance), [], covariance @ covariance @ covariance
    law = DiagonalEigenvalues(expon(), d)
    limit = formula(law.moments, d, noise).gain
    for n in SIZES:
        gain = np.diag(trained(law, n, noise)[0])
        moment = summary_moment(covariance, int(n), noise)
        square = product_trace(gain.T @ moment @ gain, covariance)
        cross = product_trace(gain, cubed)
        errors.append(square - 2 * limit * cross + limit * limit * cubed.trace())
    return Rate(SIZES, errors, order=1, control_order=0, numerical=64 * EPS * cubed.trace())


@evidence(Rate, "its mean: what limit and slope leave is of order $1/n^2$", cases=new_covariances)
def mean_answer(formula, case, setting):
    """Given task and query it is `x_q^T B Λ_new w`, whose root mean square over both is that of
    the gain in the norm of Λ_new."""
    covariance, noise = case
    d, law = len(covariance), DiagonalEigenvalues(expon(), len(covariance))
    limit, scale = formula(law.moments, d, noise), np.sqrt(product_trace(covariance, covariance))
    errors = []
    for n in SIZES:
        rest = covariance @ np.diag(trained(law, n, noise)[0] - limit.gain + limit.slope / n)
        errors.append(np.sqrt(product_trace(rest @ covariance, rest.T)))
    numerical = 64 * EPS * scale * np.sqrt(np.trace(covariance))
    return Rate(SIZES, errors, order=2, control_order=1, numerical=numerical)


@evidence(Rate, "the mean risk tends to what is left", cases=LAWS)
def left_over(formula, law, setting):
    left = formula(law.moments, law.dimension, 0.0).left
    excess = np.array([risk(*trained(law, n, 0.0)) for n in SIZES]) - left
    return Rate(SIZES, excess, order=1, control_order=0, numerical=64 * EPS * law.dimension)


def lengths(setting):
    return {"N = M = 128": 128} if setting.quick else {"N = M = 128": 128, "N = M = 512": 512}


@evidence(Sigma, "how far least squares is ahead on the same prompts", cases=lengths)
def ahead(formula, n, setting):
    """Simulated: by what is left and two terms of order `1 / n`, up to `1 / n²`."""
    noise, d, count = 0.5, EXPONENTIAL.dimension, 32 if setting.quick else 96
    gain, prompts = trained(EXPONENTIAL, n, noise)
    limit = formula(EXPONENTIAL.moments, d, noise)
    layer = limit.left + d * EXPONENTIAL.moments[1] * limit.slope / n
    least = noise * d / (n - d - 1)
    return Sigma.of_batches(
        lambda seed: mean_lead(gain, prompts, count, seed), layer - least, setting
    )


@evidence(Rate, "the mean risk of least squares vanishes", cases={"d = 4": lambda n: 4})
def vanishing(formula, dimension, setting):
    """Over eight draws at each length, by the exact risk on each; `d` a function of the length."""
    sizes, risks = 2 ** np.arange(5, 11), []
    for n in map(int, sizes):
        draws = DiagonalEigenvalues(expon(), dimension(n)).sample(8, seed=setting.integer_seed())
        laws = [GaussianPrompts(draw, n, noise_variance=0.5) for draw in draws]
        risks.append(np.mean([ols_risk(law, method="exact").value for law in laws]))
    return Rate(sizes, risks, order=1, control_order=0)


def mean_covariance(moments, dimension, noise_variance):
    """As if every prompt had the mean covariance, to which the gain adapts."""
    first = moments[0]
    slope = (first + (dimension * first + noise_variance)) / first / first
    return LongContexts(1 / first, slope, 0 * first)


def forgotten_pair(moments, dimension, noise_variance):
    """N for N + 1 in Γ_τ."""
    found = long_contexts(moments, dimension, noise_variance)
    return found._replace(slope=found.slope - found.gain)


def figure(setting):
    """Left: longer contexts do not help. Right: nor does anything but a narrower law."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    d, noise, count = 5, 0.25, 1000 if setting.quick else 8000
    lengths = 2 ** np.arange(3, 15)
    law = DiagonalEigenvalues(expon(), d)
    risks = [2 * global_minimum(trained(law, n, noise)[1]).loss / d for n in lengths]
    left.loglog(lengths, risks, label="trained layer")
    dots = lengths[:6:2]
    seeds = (setting.integer_seed(f"{n}") for n in dots)
    pairs = (trained(law, n, noise) for n in dots)
    simulated = [
        mean_squared_error(*pair, count, seed) / d for pair, seed in zip(pairs, seeds, strict=True)
    ]
    left.loglog(dots, simulated, "o", color="C0")
    white = [GaussianPrompts(np.ones(d), int(n), noise_variance=noise) for n in lengths]
    least = [ols_risk(one).value / d for one in white]
    left.loglog(lengths, least, color="C1", label="least squares")
    left.axhline(1 / 3, color=FAINT, linestyle=":", linewidth=1)
    left.set(
        xlabel="context length $N = M$",
        title=r"relative risk, $\lambda \sim$ Exp(1), $\sigma^2 = \frac{1}{4}$",
    )
    left.legend()
    _by_spread(right, d)
    return figure


def _by_spread(axes, d):
    spreads = np.linspace(0.02, 2, 60)
    for n in (10, 40, 160):
        risks = [2 * global_minimum(spread_law(v, d, n)).loss / d for v in spreads]
        axes.plot(spreads, risks, label=f"$N = M = {n}$")
    limit = spreads**2 / (1 + 2 * spreads**2)
    axes.plot(spreads, limit, color=FAINT, linestyle=":", label=r"$N, M \to \infty$")
    axes.set(
        xlabel=r"spread, $\sqrt{\operatorname{Var} \lambda} / E \lambda$",
        title="relative risk, gamma eigenvalues",
        ylim=(0, 0.8),
    )
    axes.legend()


claim = Claim(
    title="Training on random covariances leaves the layer brittle",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, after Theorem 4.5, for the limit of Exp(1) "
    "eigenvalues; rates, the risk that is left and other laws derived here",
    formula=long_contexts,
    hypotheses=(
        r"$\Lambda_\tau$ diagonal with independent eigenvalues, $E \lambda^3 < \infty$, drawn for "
        "each prompt; context and query of the same draw",
        r"$w \sim N(0, I)$, $\varepsilon \sim N(0, \sigma^2)$",
        r"$d$ fixed, $N = M = n \to \infty$",
    ),
    call="""law = DiagonalEigenvalues(scipy.stats.expon(), 5)
prompts = RandomCovariancePrompts(law, 10**6)
gain = global_minimum(prompts).gain                 # 1/3, on each direction
risk(gain, prompts)                                 # 5/3, and no less""",
    evidence=(derived, exponential, answer, mean_answer, left_over, ahead, vanishing),
    control=(
        Control(
            "the mean covariance for every prompt",
            mean_covariance,
            rejected_by=(derived, exponential, answer, mean_answer, left_over, ahead),
        ),
        Control(
            "$N$ for $N + 1$ in $\\Gamma_\\tau$",
            forgotten_pair,
            rejected_by=(derived, exponential, mean_answer),
        ),
        Control(
            "half as many features as pairs, however many",
            cases={"d = M / 2": lambda n: n // 2},
            rejected_by=(vanishing,),
        ),
    ),
    figure=figure,
)
