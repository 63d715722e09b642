r"""With the context's summary $h = \frac1N \sum_i y_i x_i$ the prediction on the block is
$\hat y = h^\top B x_q$, linear in the gain, so the loss is a quadratic in $B$,

$$L(B) = \tfrac12 \operatorname{tr}(B^\top C B \Lambda_q)
- \operatorname{tr}(B^\top \Lambda\Omega\Lambda_q) + \tfrac12 \operatorname{tr}(\Omega\Lambda_q).$$

Isserlis' theorem for four Gaussians gives, for $C = E[h h^\top]$, the square of the mean
$E[h \mid w] = \Lambda w$ and one term from each pair that meets itself:

$$C = \big(1 + \tfrac1N\big) \Lambda\Omega\Lambda
+ \tfrac1N \big(\operatorname{tr}(\Lambda\Omega) + \sigma^2\big) \Lambda .$$

The gradient $(C B - \Lambda\Omega)\Lambda_q$ vanishes where
$\Lambda \big[ (1 + \frac1N) \Omega\Lambda + \tau I \big] B = \Lambda\Omega$ with
$\tau = (\operatorname{tr}(\Lambda\Omega) + \sigma^2)/N$. The bracket is invertible for every
positive semi-definite $\Lambda$ and $\Omega$ once $\tau > 0$, because its eigenvalues are those of
$(1 + \frac1N) \Omega^{1/2}\Lambda\Omega^{1/2} + \tau I$; so it gives a minimiser for singular
matrices too. The prior enters as a ridge that shrinks with the context: directions in which the
tasks vary little, or whose features are small beside $\tau$, are shrunk most.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from lsa_theory.linalg import array, dense, resolvent
from lsa_theory.minimum import global_minimum, label_variance
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss, risk
from lsa_theory.sampling import sampled_risk
from validation.common import enclosures, sensitivity
from validation.common.derived import derivation
from validation.common.layers import layer_of
from validation.harness import Bound, Claim, Close, Control, Equal, Sigma, evidence
from validation.harness.figures import canvas

F = Fraction


@dataclass(frozen=True, eq=False)
class Wrong:
    """What a wrong formula returns in the place of a `Minimum`."""

    gain: Any
    loss: Any


def rational_laws(setting):
    """Laws in rationals: noisy, singular in the features, singular in the tasks, shifted query."""
    wide = exact([[2, 1, 0], [1, 3, F(1, 2)], [0, F(1, 2), 1]])
    flat = exact([[1, 1, 0], [1, 1, 0], [0, 0, 4]])  # rank 2
    prior = exact([[1, F(-1, 3), 0], [F(-1, 3), 2, F(1, 5)], [0, F(1, 5), F(1, 2)]])
    return {
        "noise": GaussianPrompts(wide, 5, noise_variance=F(3, 4)),
        "prior and noise": GaussianPrompts(
            wide, 7, noise_variance=F(1, 3), task_covariance=prior, query_covariance=prior
        ),
        "singular features": GaussianPrompts(flat, 3, task_covariance=prior),
        "singular tasks": GaussianPrompts(wide, 4, task_covariance=flat, noise_variance=2),
        "one pair": GaussianPrompts(exact([[3, 1], [1, 2]]), 1, noise_variance=F(1, 7)),
    }


def exact(rows):
    return np.array([[F(entry) for entry in row] for row in rows], dtype=object)


derived = derivation("general_prior")


@evidence(Equal, "the gradient of the loss over all parameters is 0", cases=rational_laws)
def stationary(formula, prompts, setting):
    """The loss is quadratic in each parameter, so central differences are exact derivatives."""
    gain, d = formula(prompts).gain, prompts.dimension
    start = np.concatenate([np.full(d, F(0)), [F(1)], gain.ravel(), np.full(d, F(0))])

    def loss(flat):
        return population_loss(layer_of(flat, d), prompts)

    steps = np.eye(len(start), dtype=int)
    return Equal(np.array([loss(start + step) - loss(start - step) for step in steps]))


@evidence(Equal, "the stated loss is the loss at the gain", cases=rational_laws)
def attained(formula, prompts, setting):
    minimum = formula(prompts)
    return Equal(minimum.loss - population_loss(minimum.gain, prompts))


def float_laws(setting):
    """Real features with a prior that favours some of them, and random dense laws."""
    n = setting.context_length or 40
    laws = {}
    for name, covariance in setting.covariances.items():
        if setting.quick and name in ("breast cancer", "digits"):
            continue
        prior = np.diag(1.0 / np.arange(1, len(covariance) + 1))
        noise = float(np.trace(covariance)) / 2
        laws[name] = GaussianPrompts(covariance, n, task_covariance=prior, noise_variance=noise)
    rng = setting.rng("dense laws")
    for d in (2, 5, 8):
        features, tasks = rng.standard_normal((2, d, d))
        laws[f"random, d = {d}"] = GaussianPrompts(
            features @ features.T, n, task_covariance=tasks @ tasks.T, noise_variance=0.5
        )
    return laws


def system(prompts, scalar):
    """Both sides of ``[(N + 1) Ω Λ + (tr(ΛΩ) + σ²) I] B = N Ω``."""
    context, tasks = (
        np.vectorize(scalar, otypes=[object])(dense(array(matrix)))
        for matrix in (prompts.context, prompts.task)
    )
    product, n = tasks @ context, prompts.context_length
    ridge = product.trace() + scalar(prompts.noise_variance)
    return (n + 1) * product + ridge * np.eye(len(product), dtype=int), n * tasks


def eliminable_laws(setting):
    """Those for which exact elimination takes seconds: its numbers grow to thousands of digits."""
    return {name: law for name, law in float_laws(setting).items() if law.dimension <= 30}


@evidence(Close, "floats against exact elimination in rationals", cases=eliminable_laws)
def rounded(formula, prompts, setting):
    d = prompts.dimension
    sides = system(prompts, lambda entry: QQ(*F(entry).as_integer_ratio()))
    left, right = (DomainMatrix(side.tolist(), (d, d), QQ) for side in sides)
    entries = [[rational(x) for x in row] for row in left.lu_solve(right).to_list()]
    return Close(
        formula(prompts).gain,
        np.array(entries, dtype=object),
        ulps=d,
        condition=condition(prompts),
    )


def rational(entry):
    return F(int(entry.numerator), int(entry.denominator))


def condition(prompts):
    """Of ``(N + 1) Ω^{1/2} Λ Ω^{1/2} + N τ I``: at most ``N + 2``."""
    root = np.linalg.cholesky(prompts.task_covariance)
    largest = np.linalg.eigvalsh(root.T @ prompts.covariance @ root)
    ridge = largest.sum() + prompts.noise_variance
    n = prompts.context_length
    return ((n + 1) * largest[-1] + ridge) / ((n + 1) * max(largest[0], 0) + ridge)


def conditioned_laws(setting):
    """Λ, Ω and Λ_q in bases of their own, each with condition numbers from 1 to 1e12."""
    return {
        f"{part}, {name}": (law, part)
        for name, law in enclosures.laws(setting, general=True).items()
        for part in ("gain", "loss")
    }


@evidence(Close, "gain and loss against ball arithmetic", cases=conditioned_laws, extra="rigor")
def enclosed(formula, case, setting):
    """The normal equations in balls; the bound is the condition number of the bracket, in norms."""
    (prompts, part), (gain, loss) = case, enclosures.minimum(case[0])
    minimum, ulps = formula(prompts), 4 * prompts.dimension
    if part == "gain":
        condition = sensitivity.of_gain(prompts, minimum.gain)
        return enclosures.close([(minimum.gain, gain)], ulps, condition)
    condition = sensitivity.of_least_loss(prompts, minimum.gain, minimum.loss)
    return enclosures.close([(minimum.loss, loss)], ulps, condition)


@evidence(Sigma, "risk of sampled prompts at the gain", cases=float_laws)
def sampled(formula, prompts, setting):
    minimum, count = formula(prompts), 200 if setting.quick else 400

    def mean(seed):
        return sampled_risk(minimum.gain, prompts, count, seed=seed)[0]

    return Sigma.of_batches(mean, 2 * minimum.loss, setting)


@evidence(Bound, "no other gain has a smaller risk", cases=float_laws)
def least(formula, prompts, setting):
    minimum, rng = formula(prompts), setting.rng()
    scale = abs(minimum.gain).max()
    others = [
        minimum.gain + size * scale * rng.standard_normal(minimum.gain.shape)
        for size in np.logspace(-3, 0, 40)
    ]
    return Bound([risk(gain, prompts) for gain in others], 2 * minimum.loss, ulps=64)


def forgotten_pair(prompts):
    """N in the place of N + 1: the pairs that meet themselves are left out of ``C``."""
    n, variance = prompts.context_length, label_variance(prompts)
    gain = array(n * resolvent(prompts.task, prompts.context, n, variance))
    return Wrong(gain, population_loss(gain, prompts))


def forgotten_noise(prompts):
    return global_minimum(prompts.replace(noise_variance=0))


def figure(setting):
    """Least risk against context length: theory as lines, samples as dots."""
    figure, (left, right) = canvas(1, 2)
    covariance = np.array([4.0, 2.0, 1.0, 0.5, 0.25])
    lengths = np.unique(np.logspace(0, 4, 60).astype(int))
    for noise in (0.0, 1.0, 10.0):
        laws = [GaussianPrompts(covariance, int(n), noise_variance=noise) for n in lengths]
        minima = [global_minimum(law) for law in laws]
        left.loglog(lengths, [2 * m.loss for m in minima], label=f"$\\sigma^2 = {noise:g}$")
    left.set(xlabel="context length $N$", title="risk of the minimiser")
    left.legend()
    for index, eigenvalue in enumerate(covariance):
        shrunk = [
            global_minimum(GaussianPrompts(covariance, int(n), noise_variance=1.0)).gain[index]
            for n in lengths
        ]
        right.semilogx(lengths, eigenvalue * np.array(shrunk), label=f"$\\lambda = {eigenvalue:g}$")
    right.set(
        xlabel="context length $N$", title=r"share recovered, $\lambda_i B_{ii}$ ($\sigma^2 = 1$)"
    )
    right.legend()
    return figure


claim = Claim(
    title="The minimiser for any prior and label noise",
    source="beyond Zhang, Frei, Bartlett, JMLR 25(49), 2024, Lemma 5.2; "
    "Ahn, Cheng, Daneshmand, Sra, arXiv:2306.00297, for diagonal cases",
    formula=global_minimum,
    hypotheses=(
        r"$\Lambda, \Omega, \Lambda_q \succeq 0$, singular ones included",
        r"$x \sim N(0, \Lambda)$, $w \sim N(0, \Omega)$",
        r"$\varepsilon \sim N(0, \sigma^2)$",
    ),
    call="""prompts = GaussianPrompts(covariance, 20, noise_variance=0.5, task_covariance=prior)
global_minimum(prompts).gain""",
    evidence=(derived, stationary, attained, rounded, enclosed, least, sampled),
    control=(
        Control(
            "$N$ for $N + 1$ in $C$",
            forgotten_pair,
            rejected_by=(derived, stationary, rounded, enclosed, least),
        ),
        Control(
            "label noise left out of $C$",
            forgotten_noise,
            rejected_by=(derived, stationary, attained, rounded, enclosed, sampled),
        ),
    ),
    figure=figure,
)
