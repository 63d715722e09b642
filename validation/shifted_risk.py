r"""A matrix predictor $\hat y = h^\top B x_q$ misses the target $\langle w, x_q \rangle$ by
$\langle B^\top h - w,\, x_q \rangle$. The query is independent of the context and of the task, so
the mean square over it is $\| B^\top h - w \|^2$ in the norm of the *query's* covariance
$\Lambda_q$. Given the task, the test context of length $M$ has

$$E[h \mid w] = \Lambda_c w, \qquad
\operatorname{Cov}(h \mid w) = \tfrac1M \big[ (w^\top \Lambda_c w + \sigma^2) \Lambda_c
+ \Lambda_c w w^\top \Lambda_c \big],$$

one pair's covariance over $M$, with Isserlis' theorem for the fourth moments of $x$. Bias and
variance add:

$$\text{risk} = E_w \| B^\top \Lambda_c w - w \|^2_{\Lambda_q}
+ \operatorname{tr}\big( B \Lambda_q B^\top \operatorname{Cov}(h) \big).$$

The training law does not appear: it acted once, when it chose $B$. A shift of the task changes
$W = E[w w^\top]$, one of the covariates $\Lambda_c$, one of the queries $\Lambda_q$, one of the
labels $\sigma^2$, one of the length $M$; a *distribution shift* is the risk of one law's gain on
another. Trained gains happen to be symmetric when $\Lambda$ and $\Omega$ are, which hides a
transpose and an exchange of $\Lambda_q$ for $\Lambda_c$: here they are not.
"""

from fractions import Fraction as F
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sampling import sampled_risk
from validation.common import enclosures, sensitivity
from validation.common.derived import derivation
from validation.common.rationals import definite, exact_law, fractions, halves
from validation.common.samples import simulated
from validation.harness import (
    Claim,
    Close,
    Control,
    Equal,
    Sigma,
    Table,
    batch_means,
    evidence,
    oracle,
)
from validation.harness.figures import canvas


class Trial(NamedTuple):
    """A gain, and the law of the prompts that it is tested on."""

    gain: Any
    law: Any


def rational_tests(setting):
    """Gains that are not symmetric, and one argument of the law moved at a time."""
    rng = setting.rng()
    draw = partial(halves, rng)
    unshifted = {"context": draw(2, 2), "context_length": 3}
    shifts = {
        "task": {"task": draw(2, 2), "mean": draw(2)},
        "query": {"query": draw(2, 2)},
        "covariate": {"context": draw(2, 2), "query": unshifted["context"]},
        "label noise": {"noise": F(2, 3)},
        "context length": {"context_length": 1},
    }
    laws = {name: oracle.RationalLaw(**unshifted | shift) for name, shift in shifts.items()}
    three = {"context": draw(3, 3), "query": draw(3, 3), "task": draw(3, 3), "mean": draw(3)}
    laws["all at once, d = 3"] = oracle.RationalLaw(context_length=2, noise=F(1, 2), **three)
    return {name: Trial(draw(*law.context.shape), law) for name, law in laws.items()}


@evidence(Equal, "the network's definition, as a polynomial in Gaussians", cases=rational_tests)
def definition(formula, test, setting):
    layer = LinearSelfAttention.from_block(test.gain, 1)
    return Equal(formula(test.gain, test.law.prompts) - 2 * oracle.loss(layer, test.law))


def real_tests(setting):
    """Trained on real features; tested on uncorrelated ones, with queries as in training."""
    n = setting.context_length or 40
    tests = {}
    for name, covariance in setting.covariances.items():
        d = len(covariance)
        if d <= (13 if setting.quick else 30):
            train = GaussianPrompts(covariance, n)
            change = np.eye(d) + setting.rng(name).standard_normal((d, d)) / 2
            law = train.replace(
                covariance=np.diag(np.diag(covariance)),
                query_covariance=covariance,
                noise_variance=float(np.trace(covariance)) / 8,
                context_length=2 * n,
            )
            tests[name] = Trial(global_minimum(train).gain @ change, law)
    return tests


def lawful(test):
    """The queries' covariance is positive definite in exact arithmetic too."""
    return definite(test.law.replace(covariance=test.law.query_covariance))


@evidence(Close, "floats against exact rationals", cases=real_tests, given=lawful)
def rounded(formula, test, setting):
    """Sums of non-negative terms but for the bias, whose terms are of the signal's size."""
    gain, law = test
    value = risk(fractions(gain), exact_law(law))
    signal = risk(0 * gain, law)
    return Close(
        formula(gain, law), value, ulps=16 * law.dimension, condition=1 + signal / float(value)
    )


def conditioned_tests(setting):
    """All matrices in bases of their own, with condition numbers from 1 to 1e12; gains trained on
    one law and skewed, tested on another."""
    tests = {}
    for name, law in enclosures.laws(setting, general=True).items():
        d, rng = law.dimension, setting.rng(name)
        train = GaussianPrompts(law.covariance, law.context_length)
        skew = np.eye(d) + rng.standard_normal((d, d)) / 2
        gain = global_minimum(train).gain @ skew
        tests[name] = Trial(gain, law.replace(task_mean=rng.standard_normal(d)))
    return tests


@evidence(Close, "floats against ball arithmetic", cases=conditioned_tests, extra="rigor")
def enclosed(formula, test, setting):
    gain, law = test
    condition = 1 + sensitivity.of_risk(gain, law, risk(gain, law))
    pairs = [(formula(gain, law), enclosures.matrix_risk(gain, law))]
    return enclosures.close(pairs, 4 * law.dimension, condition)


def dense_tests(setting):
    """A gain trained with prior and noise and then skewed; each shift by a factor of about 3."""
    rng, d = setting.rng("laws"), 4
    features, prior, tasks, queries, context = (
        root @ root.T / d + np.eye(d) / 2 for root in rng.standard_normal((5, d, d))
    )
    train = GaussianPrompts(features, 20, task_covariance=prior, noise_variance=0.3)
    skew = np.eye(d) + np.triu(np.ones((d, d)), 1)
    gain = global_minimum(train).gain @ skew
    changes = {
        "task": {"task_covariance": tasks, "task_mean": rng.standard_normal(d)},
        "query": {"query_covariance": 3 * queries},
        "covariate": {"covariance": context, "query_covariance": features},
        "label noise": {"noise_variance": 3.0},
        "context length": {"context_length": 7},
    }
    return {name: Trial(gain, train.replace(**change)) for name, change in changes.items()}


@evidence(Sigma, "whole prompts", cases=dense_tests)
def whole_prompts(formula, test, setting):
    """Every labelled pair is drawn and attended to."""
    count = 2**14 if setting.quick else 2**16
    return simulated(*test, count, setting, formula(*test), whole_prompts=True)


def transposed(gain, prompts):
    return risk(gain.T, prompts)


def contexts_covariance(gain, prompts):
    """Λ for Λ_q in the variance, which is what doubling the context halves."""

    def variance(law):
        return 2 * (
            risk(gain, law) - risk(gain, law.replace(context_length=2 * law.context_length))
        )

    same = prompts.replace(query_covariance=prompts.covariance)
    return risk(gain, prompts) - variance(prompts) + variance(same)


def figure(setting):
    """Risk of one trained layer against the size of each shift: theory lines, simulated dots."""
    figure, axis = canvas(height=3.6)
    features = np.array([2.0, 1.0, 0.5, 0.5])
    train = GaussianPrompts(features, 256, noise_variance=0.25)
    gain = global_minimum(train).gain
    shifts = {
        r"covariates, $\Lambda_c = c\,\Lambda$": lambda c: {
            "covariance": c * features,
            "query_covariance": features,
        },
        r"queries, $\Lambda_q = c\,\Lambda$": lambda c: {"query_covariance": c * features},
        r"tasks, $W = c\,I$": lambda c: {"task_covariance": c * np.ones(4)},
        r"label noise, $c\,\sigma^2$": lambda c: {"noise_variance": c * 0.25},
        "context length, $M = c N$": lambda c: {"context_length": round(256 * c)},
    }
    scales, unshifted = 2.0 ** np.arange(-3, 3.01, 0.125), risk(gain, train)
    count = 2_000 if setting.quick else 20_000
    for index, (name, change) in enumerate(shifts.items()):
        laws = [train.replace(**change(c)) for c in scales]
        axis.loglog(scales, [risk(gain, law) / unshifted for law in laws], label=name)
        for c, law in list(zip(scales, laws, strict=True))[4::8]:
            mean, error = sampled_risk(gain, law, count, seed=setting.integer_seed(f"{name} {c}"))
            axis.errorbar(
                c, mean / unshifted, 2 * error / unshifted, fmt="o", color=f"C{index}", markersize=4
            )
    axis.set(xlabel="size of the shift $c$", ylabel="risk / risk without a shift")
    axis.set_xscale("log", base=2)
    axis.legend(loc="upper left")
    return figure


def real_prompts(setting):
    """Theory of Gaussian prompts beside prompts made of the rows themselves."""
    n = setting.context_length or 40
    lines = []
    for name, rows in setting.rows.items():
        train = GaussianPrompts(setting.covariances[name], n)
        minimum = global_minimum(train)
        mean, error = resampled_risk(minimum.gain, rows - rows.mean(axis=0), n, setting.at(name))
        theory = 2 * minimum.loss
        lines.append(
            (
                name,
                rows.shape[1],
                f"{theory:.5g}",
                f"{mean:.5g}",
                f"{mean / theory:.3f} ± {error / theory:.3f}",
            )
        )
    yield Table(
        f"Risk of the minimum at {n} pairs with noise-free labels and tasks from N(0, I): the "
        "theory of Gaussian features with the rows' covariance, beside prompts whose features "
        "are rows drawn at random (centred; mean and standard error)",
        ("features", "dimension", "theory", "rows", "rows / theory"),
        tuple(lines),
    )


def resampled_risk(gain, rows, n, setting):
    """Mean squared error and its standard error over prompts whose features are random rows."""
    batches, size = 64, 32 if setting.quick else 256
    rng, means = setting.rng(), []
    for _ in range(batches):
        query = rows[rng.integers(len(rows), size=size)]
        task = rng.standard_normal(query.shape)
        errors = ((resampled_summary(rows, task, n, rng) @ gain - task) * query).sum(axis=1)
        means.append((errors**2).mean())
    return batch_means(means, batches)


def resampled_summary(rows, task, n, rng):
    """`h` of one context of `n` random rows for each task: row by row, or by their counts."""
    if n <= len(rows):
        x = rows[rng.integers(len(rows), size=(len(task), n))]
        return np.einsum("kn,knd->kd", np.einsum("knd,kd->kn", x, task), x) / n
    counts = rng.multinomial(n, np.full(len(rows), 1 / len(rows)), size=len(task))
    return (counts * (task @ rows.T)) @ rows / n


claim = Claim(
    title="Risk under every shift",
    source="beyond Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2, which is one trained "
    "gain with its own features",
    formula=risk,
    hypotheses=(
        r"$x \sim N(0, \Lambda_c)$, $x_q$ independent with covariance $\Lambda_q$",
        r"any $B$, any law of the tasks with second moment $W$",
        r"label noise of variance $\sigma^2$, $M$ pairs",
    ),
    call="""train = GaussianPrompts(covariance, 20)
test = train.replace(query_covariance=other, noise_variance=0.5, context_length=100)
risk(global_minimum(train).gain, test)""",
    evidence=(derivation("shifted_risk"), definition, rounded, enclosed, whole_prompts),
    control=(
        Control(r"$B^\top$ for $B$", transposed),
        Control(r"$\Lambda$ for $\Lambda_q$ in the variance", contexts_covariance),
    ),
    figure=figure,
    reported=real_prompts,
)
