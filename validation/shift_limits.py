r"""Train on prompts of length $N$ until the minimum and test on prompts of length $M$, on another
law. The trained gain answers $\hat y = h^\top B x_q$, and as both contexts grow
$h \to \Lambda_c w$ while $B \to \Lambda^{-1}$:

$$\hat y \to x_q^\top \Lambda^{-1} \Lambda_c\, w .$$

The gain has learnt to undo the covariance of the *training* features. A new task is no different
from an old one, and a new law of the query only asks elsewhere; both are answered without error in
the limit. Features with another covariance $\Lambda_c$ are not: $\Lambda_c = c \Lambda$ alone
answers $c \langle w, x_q \rangle$ and leaves the relative risk $(c - 1)^2$, however long the
context. Least squares, which inverts the covariance that it is shown, has no such limit.

How fast? Multiplying the minimiser's equation by $\Omega^{-1}$ shows that at $N = M = n$

$$B^{-1} = \Lambda + \tfrac1n (\Lambda + \tau\, \Omega^{-1}), \qquad
\tau = \operatorname{tr}(\Lambda\Omega) + \sigma^2,$$

so $B = \Lambda^{-1} - \frac1n D + O(n^{-2})$ with
$D = \Lambda^{-1} + \tau \Lambda^{-1}\Omega^{-1}\Lambda^{-1}$. The answer's bias is
$B\Lambda_c - I = E - \frac1n D\Lambda_c + \dots$ with $E = \Lambda^{-1}\Lambda_c - I$. Where
$E = 0$ its square is of order $n^{-2}$, below the variance of $h$, which is of order $n^{-1}$: the
tolerated shifts vanish at order one, not faster. Where $E \ne 0$ the square of $E$ stays, and the
cross term of $E$ with $D$ adds to the variance at order one, with either sign: under a covariate
shift longer contexts can even hurt.
"""

from typing import NamedTuple

import numpy as np

from lsa_theory.linalg import array, identity, product_trace, resolvent
from lsa_theory.minimum import global_minimum, label_variance
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sampling import sampled_risk
from validation.common.derived import derivation
from validation.common.samples import simulated
from validation.harness import Claim, Control, Rate, Sigma, evidence
from validation.harness.figures import FAINT, canvas


class Expansion(NamedTuple):
    """A risk at context length `n`: `limit + (bias + variance) / n`, up to order `1 / n²`."""

    limit: float
    bias: float
    variance: float

    def at(self, n):
        return self.limit + (self.bias + self.variance) / n


class Shift(NamedTuple):
    """A law to train on and a law to test on; context lengths are the check's."""

    train: GaussianPrompts
    test: GaussianPrompts

    def at(self, n):
        return Shift(*(law.replace(context_length=n) for law in self))


def long_context_risk(train, test):
    r"""The risk of the trained layer on another law, as both contexts grow.

    With :math:`B = \Lambda^{-1} - \frac1n D + O(n^{-2})` the minimiser trained on prompts of length
    :math:`N = n`, tested at :math:`M = n` with context covariance :math:`\Lambda_c`, query
    covariance :math:`\Lambda_q`, task second moment :math:`W` and label noise :math:`\sigma_t^2`,

    .. math::
        \mathrm{bias}^2 = \operatorname{tr}(E^\top \Lambda_q E W)
        - \tfrac2n \operatorname{tr}(E^\top \Lambda_q D \Lambda_c W) + O(n^{-2}), \qquad
        \mathrm{variance} = \tfrac1n \operatorname{tr}\big( \Lambda^{-1} \Lambda_q \Lambda^{-1}
        [ (\operatorname{tr} W\Lambda_c + \sigma_t^2) \Lambda_c + \Lambda_c W \Lambda_c ] \big)
        + O(n^{-2}),

    whose sum is the risk, where :math:`E = \Lambda^{-1} \Lambda_c - I` and
    :math:`D = \Lambda^{-1} + \tau \Lambda^{-1} \Omega^{-1} \Lambda^{-1}`,
    :math:`\tau = \operatorname{tr}(\Lambda\Omega) + \sigma^2`. The limit is
    0 for every task, every query law and every label noise if and only if the features keep their
    covariance; :math:`\Lambda_c = c \Lambda` leaves :math:`(c - 1)^2` of the signal's variance.
    """
    inverse, prior_inverse = inverse_of(train.context), inverse_of(train.task)
    correction = inverse + label_variance(train) * (inverse @ (prior_inverse @ inverse))
    return expansion(inverse, correction, test)


def inverse_of(matrix):
    return resolvent(identity(len(array(matrix))), matrix, 1, 0)


def expansion(inverse, correction, test):
    """The risk of the gain `inverse - correction / n` on prompts of length `n`."""
    context, query, weight = test.context, test.query, test.second_moment
    error = inverse @ context - identity(test.dimension)  # E
    spread = label_variance(test) * context + context @ weight @ context  # n Cov(h)
    return Expansion(
        limit=product_trace(error.T @ query @ error, weight),
        bias=-2 * product_trace(error.T @ query @ correction @ context, weight),
        variance=product_trace(inverse @ query @ inverse, spread),
    )


def dense_shifts(setting):
    """Random training law with prior and noise; each shift alone, then all together."""
    rng, d = setting.rng("laws"), 4
    features, prior, tasks, queries, context = (
        root @ root.T / d + np.eye(d) / 2 for root in rng.standard_normal((5, d, d))
    )
    train = GaussianPrompts(features, 1, task_covariance=prior, noise_variance=0.3)
    task = {"task_covariance": tasks, "task_mean": rng.standard_normal(d)}
    changes = {
        "task": task,
        "query": {"query_covariance": queries},
        "covariate": {"covariance": context, "query_covariance": features},
        "covariate, doubled": {"covariance": 2 * features, "query_covariance": features},
        "all at once": task
        | {"covariance": context, "query_covariance": queries, "noise_variance": 0.7},
    }
    return {name: Shift(train, train.replace(**change)) for name, change in changes.items()}


def real_shifts(setting):
    """Real features, in units of their standard deviations, whose correlations are lost."""
    shifts = {}
    for name, covariance in setting.covariances.items():
        scale = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(scale, scale).clip(min=np.finfo(float).tiny)
        train = GaussianPrompts(correlation, 1)
        shifts[f"{name}, correlations lost"] = Shift(
            train, train.replace(covariance=np.eye(len(scale)), query_covariance=correlation)
        )
    return shifts


def well_posed(shift):
    """The features' correlations are far enough from singular for 1/n to be seen in floats."""
    eigenvalues = np.linalg.eigvalsh(shift.train.covariance)
    return eigenvalues[0] > 1e-3 * eigenvalues[-1]


def trained_risk(shift, n):
    train, test = shift.at(n)
    return risk(global_minimum(train).gain, test)


derived = derivation("shift_limits")


def parts(shift, n):
    """Bias and variance of the layer trained at length `n`, tested at `n`: its risk is affine in
    the reciprocal of the test's length, and at twice the length it has half of the variance."""
    train, test = shift.at(n)
    gain = global_minimum(train).gain
    half = risk(gain, test) - risk(gain, test.replace(context_length=2 * n))
    return risk(gain, test) - 2 * half, 2 * half


def left_over(formula, shift, part):
    """What limit and slope leave of one part. Sizes start where n beats the largest of the ratios
    that 1/n multiplies."""
    expansion, eigenvalues = formula(*shift), np.linalg.eigvalsh(shift.train.covariance)
    start = int(np.ceil(np.log2(eigenvalues.sum() / eigenvalues[0]))) + 4
    sizes = 2 ** np.arange(start, start + 5)
    found = np.array([parts(shift, int(n)) for n in sizes])
    stated = (expansion.limit + expansion.bias / sizes, expansion.variance / sizes)[part]
    rounding = 64 * np.finfo(float).eps * found.sum(axis=1) * eigenvalues[-1] / eigenvalues[0]
    errors = abs(found[:, part] - stated)
    return Rate(sizes, errors, order=2, control_order=1, numerical=rounding)


def all_shifts(setting):
    return dense_shifts(setting) | real_shifts(setting)


@evidence(
    Rate,
    "the answer's bias: what limit and slope leave is of order $1/n^2$",
    cases=all_shifts,
    given=well_posed,
)
def bias(formula, shift, setting):
    """Where the features keep their covariance limit and slope are 0: it is all of the bias."""
    return left_over(formula, shift, 0)


@evidence(
    Rate,
    "its variance: what the slope leaves is of order $1/n^2$",
    cases=all_shifts,
    given=well_posed,
)
def variance(formula, shift, setting):
    return left_over(formula, shift, 1)


@evidence(Sigma, "simulated answers at $n = 2^{24}$", cases=dense_shifts)
def answers(formula, shift, setting):
    """At this length the order 1/n² is far below the standard error."""
    n, count = 2**24, 2**13 if setting.quick else 2**16
    train, test = shift.at(n)
    expected = formula(train, test).at(n)
    return simulated(global_minimum(train).gain, test, count, setting, expected)


def tolerated(train, test):
    """As if the layer inverted the covariance that it is shown: the risk of no covariate shift."""
    return long_context_risk(train, test.replace(covariance=train.covariance))


def trained_for_ever(train, test):
    """D = 0: the gain is Λ^{-1} at every length, as if training contexts had no end."""
    inverse = inverse_of(train.context)
    return expansion(inverse, 0 * inverse, test)


def plane_shifts():
    """Laws in two dimensions for the figure."""
    features = np.array([1.6, 0.4])
    train = GaussianPrompts(features, 1)
    task = {"task_covariance": np.zeros(2), "task_mean": np.array([0.5, 2.0])}
    changes = {
        "another task": task,
        "queries along a weak feature": {"query_covariance": np.array([0.1, 2.0])},
        "features exchanged": {"covariance": features[::-1], "query_covariance": features},
        r"$\Lambda_c = \frac{3}{2} \Lambda$": {
            "covariance": 1.5 * features,
            "query_covariance": features,
        },
    }
    return {name: Shift(train, train.replace(**change)) for name, change in changes.items()}


def figure(setting):
    """Relative risk: left against the length of both contexts, right against the scale."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    lengths = 2 ** np.arange(1, 17)
    count = 1000 if setting.quick else 10_000
    for index, (name, shift) in enumerate(plane_shifts().items()):
        signal = risk(np.zeros(2), shift.test)
        risks = [trained_risk(shift, int(n)) / signal for n in lengths]
        left.loglog(lengths, risks, color=f"C{index}", label=name)
        dots = simulated_dots(shift, lengths[1::3], count, setting.at(name))
        left.loglog(lengths[1::3], dots / signal, "o", color=f"C{index}", markersize=4)
        if limit := long_context_risk(*shift).limit:
            left.axhline(limit / signal, color=f"C{index}", linestyle=":", linewidth=1)
    left.set(xlabel="context length $N = M$", title="relative risk", ylim=(1e-6, 10))
    left.legend(loc="lower left")

    scales, features = np.linspace(0, 2.5, 51), np.array([1.6, 0.4])
    train = GaussianPrompts(features, 1)
    for n in (4, 16, 64):
        shifts = (
            Shift(train, train.replace(covariance=c * features, query_covariance=features))
            for c in scales
        )
        right.plot(scales, [trained_risk(s, n) / 2 for s in shifts], label=f"$N = M = {n}$")
    right.plot(scales, (scales - 1) ** 2, color=FAINT, linestyle=":", label="$(c - 1)^2$")
    right.set(
        xlabel=r"features scaled, $\Lambda_c = c \Lambda$", title="relative risk", ylim=(0, 3)
    )
    right.legend()
    return figure


def simulated_dots(shift, lengths, count, setting):
    risks = []
    for n in lengths:
        train, test = shift.at(int(n))
        gain, seed = global_minimum(train).gain, setting.integer_seed(f"{n}")
        risks.append(sampled_risk(gain, test, count, seed=seed)[0])
    return np.array(risks)


claim = Claim(
    title="Shifts of task, query and covariates in long contexts",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Section 4.2; the order one beyond it",
    formula=long_context_risk,
    hypotheses=(
        r"Gaussian features; trained at $\Lambda, \Omega \succ 0$ on tasks of zero mean",
        r"$N = M = n \to \infty$",
        "any law of test tasks with second moment $W$, any $\\Lambda_c, \\Lambda_q \\succeq 0$",
    ),
    call="""train = GaussianPrompts(covariance, 10**6)
test = train.replace(covariance=2 * covariance, query_covariance=covariance)
risk(global_minimum(train).gain, test)    # (2 - 1)^2 of the signal's variance, and no less""",
    evidence=(derived, bias, variance, answers),
    control=(
        Control("every shift tolerated", tolerated, rejected_by=(derived, bias, variance, answers)),
        Control("trained on endless contexts", trained_for_ever, rejected_by=(derived, bias)),
    ),
    figure=figure,
)
