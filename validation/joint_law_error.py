r"""Train on linear tasks and test on anything. Let the pairs $(x_i, y_i)$ of a test prompt and the
query's $(x_q, y_q)$ be independent draws of one law, of which nothing is assumed but
$E[x x^\top] = \Lambda$ and that $E[y^2 x x^\top]$ is finite; labels may be noisy, non-linear, or no
function of $x$ at all. The trained layer forms $h = \frac1M \sum_i y_i x_i$ and answers
$h^\top \Gamma^{-1} x_q$.

Let $\langle a, x \rangle$ be the best linear predictor, $\Lambda a = E[xy]$. Its residual
$y_q - \langle a, x_q \rangle$ is uncorrelated with $x_q$ and independent of the context, so it adds
what it is: $\min_w E(\langle w, x \rangle - y)^2$. The rest is
$\langle \Gamma^{-1} h - a, x_q \rangle$, whose mean square over the query is a norm of
$\Gamma^{-1} h - a$. As $h$ is a mean of $M$ independent terms $y_i x_i$, its mean is $\Lambda a$
and its covariance $\Sigma / M$, whatever the law:

$$E(\hat y - y_q)^2 = \min_w E(\langle w, x \rangle - y)^2
+ \|(\Gamma^{-1}\Lambda - I)\, a\|_\Lambda^2
+ \tfrac1M \operatorname{tr}(\Sigma\, \Gamma^{-1} \Lambda\, \Gamma^{-1}) .$$

With $\Gamma - \Lambda = \frac1N (\Lambda + \operatorname{tr}(\Lambda) I)$ the middle term is
$\frac{1}{N^2} \| \Gamma^{-1} (\Lambda + \operatorname{tr}(\Lambda) I)\, a \|_\Lambda^2$: the square
gives the three terms of the theorem, and the order $N^{-2}$. The layer competes with the best
linear predictor, not with the best predictor: of $y = \langle w, x \rangle^2$ it learns nothing,
since $a = 0$, and the longer the context the more surely it answers 0.
"""

from fractions import Fraction as F
from typing import Any, NamedTuple

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.linalg import dense
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.single_index import linear_target, square_target, tanh_target
from lsa_theory.targets import PredictionError, TargetPrompts, prediction_error, theorem_4_2
from validation.common import enclosures, sensitivity
from validation.common.derived import derivation
from validation.harness import Claim, Close, Control, Equal, Sigma, batch_means, evidence, oracle
from validation.harness.figures import canvas


class Case(NamedTuple):
    """A training law, and a target by the function, task and noise of its labels."""

    train: GaussianPrompts
    kind: str
    task: Any
    length: int
    noise: Any = 0

    @property
    def target(self) -> TargetPrompts:
        target, _ = TARGETS[self.kind]
        return target(self.task, self.train.covariance, self.length, noise_variance=self.noise**2)

    @property
    def error(self) -> PredictionError:
        return theorem_4_2(self.train, self.target)


TARGETS = {
    "linear": (linear_target, lambda signal: signal),
    "square": (square_target, lambda signal: signal * signal),
    "tanh": (tanh_target, np.tanh),
}


def rational_cases(setting):
    """Features by a rational factor, so that a prompt is a polynomial in Gaussians."""
    factor = np.array([[F(1), F(0)], [F(1, 2), F(2)]])
    task = np.array([F(3, 2), F(-1)])
    three = np.array([[F(1), F(0), F(1)], [F(1), F(1), F(0)], [F(0), F(1, 2), F(2)]])
    long = np.array([F(1), F(2), F(-1, 2)])
    return {
        "linear, noisy": (factor, Case(law(factor, 3), "linear", task, 2, F(1, 2))),
        "linear, d = 3": (three, Case(law(three, 2), "linear", long, 4, F(2))),
        "square": (factor, Case(law(factor, 2), "square", task, 3, F(1, 3))),
        "square, d = 3": (three, Case(law(three, 4), "square", long, 2)),
    }


def law(factor, n):
    return GaussianPrompts(factor @ factor.T, n)


@evidence(Equal, "the error as a polynomial in Gaussians", cases=rational_cases)
def definition(formula, case, setting):
    """`E(h^T Γ^{-1} x_q − y_q)²` by the moments of single Gaussians."""
    factor, case = case
    d, pairs = len(factor), case.length
    names = [f"z{k}" for k in range((pairs + 1) * (d + 1))]
    z = np.array(ring(names, QQ)[1:], dtype=object).reshape(pairs + 1, d + 1)
    x = z[:, :d] @ rational(factor.T)
    y = TARGETS[case.kind][1](x @ rational(case.task)) + rational(case.noise) * z[:, d]
    gain = rational(global_minimum(case.train).gain)
    error = (y[:-1] @ x[:-1]) @ (gain @ x[-1]) * QQ(1, pairs) - y[-1]
    total = formula(case.train, case.target).total
    return Equal(total - oracle.product_expectation(error, error))


def rational(entries):
    """Fractions as SymPy's ground rationals, which its polynomials multiply."""
    return np.vectorize(lambda x: QQ(x.numerator, x.denominator), otypes=[object])(entries)


def float_cases(setting):
    """White and real features, with tasks of unit signal; every kind of target."""
    n = setting.context_length or 40
    kinds = ("tanh", "linear", "square")
    white = GaussianPrompts(np.ones(3), 10)
    return {f"{kind}, white": unit_signal(white, kind, setting.rng(kind)) for kind in kinds} | {
        f"{kind}, {name}": unit_signal(GaussianPrompts(covariance, n), kind, setting.rng(name))
        for index, (name, covariance) in enumerate(setting.covariances.items())
        for kind in (kinds[index % 3], *(() if setting.quick else kinds[: index % 3]))
    }


def unit_signal(train, kind, rng, length=50, noise=0.5, signal=1.0):
    """A random task with `w^T Λ w = signal²`."""
    task, context = rng.standard_normal(train.dimension), dense(train.covariance)
    return Case(train, kind, task * signal / np.sqrt(task @ context @ task), length, noise)


def condition(case):
    """Of the bias, a square that is smaller than its terms by the square of N + 2."""
    return (case.train.context_length + 2) ** 2


def resolved(case):
    """Contexts are short enough for floats to hold the bias beside the signal."""
    return 16 * case.train.dimension * condition(case) * np.finfo(float).eps < 1e-3


@evidence(Close, "the theorem against the error of any gain", cases=float_cases, given=resolved)
def two_forms(formula, case, setting):
    """Each of the three terms by itself, in units of the general form's."""
    paper = terms(formula(case.train, case.target))
    general = terms(prediction_error(global_minimum(case.train).gain, case.target))
    unit = np.where(general > 0, general, 1.0)
    ulps = 16 * case.train.dimension
    return Close(paper / unit, general / unit, ulps=ulps, condition=condition(case))


def terms(error):
    return np.array([error.linear_error, error.bias, error.variance], dtype=float)


def conditioned_cases(setting):
    """Condition numbers of Λ from 1 to 1e12, and tasks in no special direction."""
    return {
        f"{kind}, {name}": unit_signal(train, kind, setting.rng(name))
        for name, train in enclosures.laws(setting).items()
        for kind in ("linear", "square")
    }


@evidence(Close, "the three terms against ball arithmetic", cases=conditioned_cases, extra="rigor")
def enclosed(formula, case, setting):
    """From the error of any gain, whose bias cancels; balls have the digits for that."""
    train, kind, task, length, noise = case
    exact = enclosures.error_terms(train, kind, task, length, noise)
    condition = sensitivity.of_trained_error(train, task)
    pairs = zip(terms(formula(train, case.target)), exact, strict=True)
    return enclosures.close(pairs, 4 * train.dimension, condition)


def sampled_cases(setting):
    """Dense features; a long test context, where the bias decides, and short ones."""
    d = 4
    factor = setting.rng("features").standard_normal((d, d))
    covariance = factor @ factor.T / d + np.eye(d) / 4
    kinds = {
        "linear, noisy": (3, "linear", 200, 0.25, 1.0),
        "tanh": (10, "tanh", 30, 0.25, 2.0),
        "square": (20, "square", 20, 0.0, 1.0),
    }
    return {
        name: unit_signal(
            GaussianPrompts(covariance, n), kind, setting.rng(name), length, noise, signal
        )
        for name, (n, kind, length, noise, signal) in kinds.items()
    }


@evidence(Sigma, "whole prompts", cases=sampled_cases)
def whole_prompts(formula, case, setting):
    """Every pair is drawn, labelled by the target and read by the trained layer."""
    size = 128 if setting.quick else 512
    mean, error = simulated_error(case, size, setting)
    return Sigma(mean, error, formula(case.train, case.target).total, degrees=63)


def simulated_error(case, size, setting):
    """Mean squared error and its standard error, from 64 batches of prompts."""
    rng, function = setting.rng(), TARGETS[case.kind][1]
    factor = np.linalg.cholesky(dense(case.train.covariance))
    gain, means = dense(global_minimum(case.train).gain), []
    for _ in range(64):
        x = rng.standard_normal((size, case.length + 1, len(factor))) @ factor.T
        y = function(x @ case.task) + case.noise * rng.standard_normal(x.shape[:2])
        h = np.einsum("kn,knd->kd", y[:, :-1], x[:, :-1]) / case.length
        answers = ((h @ gain) * x[:, -1]).sum(axis=1)
        means.append(((answers - y[:, -1]) ** 2).mean())
    return batch_means(means, 64)


def without_cross_term(train, target):
    """The square of Λ + tr(Λ) I without its middle term."""
    true, context = theorem_4_2(train, target), dense(train.covariance)
    seen = context @ (dense(global_minimum(train).gain) @ target.coefficients)
    lost = 2 * context.trace() * (seen @ seen) / train.context_length**2
    return PredictionError(true.linear_error, true.bias - lost, true.variance)


def first_order(train, target):
    """1/N for 1/N² before the bias."""
    true = theorem_4_2(train, target)
    return PredictionError(true.linear_error, true.bias * train.context_length, true.variance)


def figure(setting):
    """Total error against the length of the test context: theory lines, simulated dots."""
    figure, (left, right) = canvas(1, 2, height=3.2)
    covariance = np.array([1.5, 1.0, 0.5])
    task = np.array([0.6, 0.6, 0.6])
    lengths = np.unique(np.logspace(0, 4, 50).astype(int))
    size = 16 if setting.quick else 128
    names = {
        "linear": r"$\langle w, x \rangle$",
        "tanh": r"$\tanh(2 \langle w, x \rangle)$",
        "square": r"$\langle w, x \rangle^2$",
    }
    for index, (kind, name) in enumerate(names.items()):
        scale = 2.0 if kind == "tanh" else 1.0
        case = Case(GaussianPrompts(covariance, 100), kind, scale * task, 1, 0.1)
        errors = [case._replace(length=int(m)).error for m in lengths]
        left.loglog(lengths, [error.total for error in errors], label=name)
        left.axhline(errors[0].linear_error, color=f"C{index}", linestyle=":", linewidth=1)
        for m in (2, 8, 32, 128):
            mean, error = simulated_error(case._replace(length=m), size, setting.at(f"{kind} {m}"))
            left.errorbar(m, mean, 2 * error, fmt="o", color=f"C{index}", markersize=4)
    left.set(xlabel="test context $M$", title="error; dotted: best linear predictor")
    left.legend()
    for n in (10, 100, 1000):
        case = Case(GaussianPrompts(covariance, n), "linear", task, 1, 0.1)
        errors = [case._replace(length=int(m)).error for m in lengths]
        right.loglog(lengths, [error.excess for error in errors], label=f"$N = {n}$")
    right.set(xlabel="test context $M$", title="excess on the linear target", ylim=(1e-4, None))
    right.legend()
    return figure


claim = Claim(
    title="The trained layer on any joint law",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2",
    formula=theorem_4_2,
    hypotheses=(
        r"trained on $w \sim N(0, I)$, noise-free, $N$ pairs with $x \sim N(0, \Lambda)$, "
        r"$\Lambda_q = \Lambda$",
        r"tested on $M$ independent pairs of any law with $E[x x^\top] = \Lambda$ "
        r"and finite $E[y^2 x x^\top]$",
    ),
    call="""target = tanh_target(task, covariance, context_length=50, noise_variance=0.1)
theorem_4_2(GaussianPrompts(covariance, 20), target).total""",
    evidence=(derivation("joint_law_error"), definition, two_forms, enclosed, whole_prompts),
    control=(
        Control(r"the cross term in $\operatorname{tr} \Lambda$ dropped", without_cross_term),
        Control("$1/N$ for $1/N^2$ before the bias", first_order),
    ),
    figure=figure,
)
