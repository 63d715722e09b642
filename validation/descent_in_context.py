r"""From $\hat w_0 = 0$, a step of gradient descent on the context with preconditioner $P$ adds
$P (h - S \hat w)$. Of $h = S w + g$, where $g$ is what the label noise adds, $k$ steps leave

$$\hat w - w = -(I - P S)^k w + A g, \qquad A = \sum_{j < k} (I - P S)^j P ,$$

and given the context $E[g g^\top] = \frac{\sigma^2}M S$. Bias $E \operatorname{tr}\big(
(I - S P^\top)^k \Lambda_q (I - P S)^k W \big)$ and variance $\frac{\sigma^2}M E
\operatorname{tr}(\Lambda_q A S A^\top)$ are means of polynomials of degree up to $2 k$ in the
sample covariance, exact for any context length and any dimension. The sample's fluctuations add up
from step to step: what the population gradient would reach is not what a context of $M$ pairs does.

One step answers $x_q^\top P h$: a layer of linear attention with gain $P^\top$. A trained layer is
gradient descent with one learnt preconditioner, and its risk is the case $k = 1$.
"""

from fractions import Fraction as F
from typing import Any, NamedTuple

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.estimators import GradientDescent, LeastSquares
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sampling import sample_prompts
from validation.common.derived import derivation
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Sigma, batch_means, evidence, oracle
from validation.harness.figures import FAINT, canvas

BATCHES = 64
derived = derivation("descent_in_context")


class Trial(NamedTuple):
    """A preconditioner, how many steps, the law, and a factor F of Λ = F Fᵀ."""

    step: Any
    steps: int
    law: Any
    factor: Any = None


def rational_trials(setting):
    """Preconditioners that are not symmetric; everything else at random too."""
    trials = {}
    for d, length, steps in ((2, 2, 1), (2, 1, 2), (2, 2, 2), (3, 1, 2), (2, 2, 3), (1, 3, 3)):
        name = f"d = {d}, M = {length}, k = {steps}"
        step, factor, task, query = halves(setting.rng(name), 4, d, d)
        law = GaussianPrompts(
            factor @ factor.T,
            length,
            noise_variance=F(2, 3),
            task_covariance=task @ task.T,
            query_covariance=query @ query.T,
        )
        trials[name] = Trial(step, steps, law, factor)
    return trials


@evidence(Equal, "polynomials in Gaussians", cases=rational_trials)
def gaussians(formula, trial, setting):
    """The iteration on a context of Gaussian entries, and `E z^{2k} = (2k − 1)!!`."""
    step, steps, law, factor = trial
    d, length = len(factor), law.context_length
    rational = np.vectorize(lambda q: QQ(q.numerator, q.denominator), otypes=[object])
    names = [f"z{k}" for k in range(d * length)]
    z = np.array(ring(names, QQ)[1:], dtype=object).reshape(d, length)
    x, step = rational(factor) @ z, rational(step)
    reached = 0 * x  # what labels y are turned into: ŵ = reached @ y
    for _ in range(steps):
        reached = reached + step @ (x - x @ (x.T @ reached)) * QQ(1, length)
    missed = reached @ x.T - np.eye(d, dtype=int)
    query, task = rational(law.query_covariance), rational(law.task_covariance)
    bias = oracle.expectation((missed.T @ query @ missed @ task).trace())
    variance = law.noise_variance * oracle.expectation((reached.T @ query @ reached).trace())
    found = formula(trial.step, steps).risk(law)
    return Equal([found.bias - bias, found.variance - variance])


@evidence(Equal, "one step is a layer", cases=rational_trials, given=lambda trial: trial.steps == 1)
def layer(formula, trial, setting):
    return Equal(formula(trial.step, 1).risk(trial.law).value - risk(trial.step.T, trial.law))


def sampled_trials(setting):
    """Correlated features, tasks with a mean, other queries."""
    rng, d = setting.rng("laws"), 4
    context, query, task = (
        root @ root.T / d + np.eye(d) / 4 for root in rng.standard_normal((3, d, d))
    )
    law = GaussianPrompts(
        context,
        12,
        noise_variance=0.5,
        task_covariance=task,
        task_mean=rng.standard_normal(d),
        query_covariance=query,
    )
    skew = np.eye(d) + np.triu(np.full((d, d), 0.4), 1)
    step = 0.3 * skew / np.linalg.eigvalsh(context)[-1]
    return {f"{k} steps": Trial(step, k, law) for k in (1, 2, 3)}


@evidence(Sigma, "descent on whole prompts", cases=sampled_trials)
def whole_prompts(formula, trial, setting):
    step, steps, law, _ = trial
    values = errors(step, steps, law, BATCHES * (64 if setting.quick else 256), setting)
    exact = formula(step, steps).risk(law).value
    return Sigma(*batch_means(values, BATCHES), exact, degrees=BATCHES - 1)


def errors(step, steps, law, count, setting):
    """Squared errors, the gradient taken on the labelled pairs themselves."""
    x, y, query, task = sample_prompts(law, count, seed=setting.integer_seed("prompts"))
    weights = np.zeros_like(task)
    for _ in range(steps):
        residual = y - np.einsum("kni,ki->kn", x, weights)
        weights = weights + np.einsum("kni,kn->ki", x, residual) @ step.T / law.context_length
    return ((weights - task) * query).sum(axis=1) ** 2


def transposed(step, steps):
    return GradientDescent(step.T, steps)


def one_long_step(step, steps):
    return GradientDescent(steps * step, 1)


def figure(setting):
    """Risk against the learning rate, and, with the trained layer's gain, in longer contexts."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    d, count = 8, BATCHES * (4 if setting.quick else 64)
    white = GaussianPrompts(np.ones(d), 24, noise_variance=1.0, task_covariance=np.full(d, 1 / d))
    rates, lengths = np.linspace(0.02, 1.2, 40), np.array([4, 6, 8, 12, 16, 24, 32, 48, 64, 128])
    features = np.linspace(0.4, 1.6, d)
    for index, k in enumerate((1, 2, 3)):
        label = f"{k} step" + "s" * (k > 1)
        values = [GradientDescent(float(rate), k).risk(white).value for rate in rates]
        left.plot(rates, values, label=label)
        for rate in (0.2, 0.5, 0.8):
            at = setting.at(f"{k} {rate}")
            dot(left, rate, errors(rate * np.eye(d), k, white, count, at), index)
        laws = [
            GaussianPrompts(features, int(n), noise_variance=0.2, task_covariance=np.full(d, 1 / d))
            for n in lengths
        ]
        steps = [np.diag(global_minimum(law).gain) for law in laws]
        values = [
            GradientDescent(step, k).risk(law).value for step, law in zip(steps, laws, strict=True)
        ]
        right.loglog(lengths, values, label=label)
        for n in (2, 5, 9):
            at = setting.at(f"{k} at {n}")
            dot(right, lengths[n], errors(steps[n], k, laws[n], count, at), index)
    for axis, long in ((left, [white]), (right, laws[4:])):
        least = [LeastSquares().risk(law).value for law in long]
        places = rates[[0, -1]] if axis is left else lengths[4:]
        least = 2 * least if axis is left else least
        axis.plot(places, least, color=FAINT, linestyle="--", label="least squares")
    left.set(xlabel="learning rate", title="white features, $d = 8$, $M = 24$", ylim=(0, 1.2))
    right.set(xlabel="context length $M$", title=r"$P$ the trained gain, one step the layer")
    left.set(ylabel="risk")
    left.legend()
    return figure


def dot(axis, place, values, index):
    mean, error = batch_means(values, BATCHES)
    axis.errorbar(place, mean, 2 * error, fmt="o", color=f"C{index}", markersize=4)


claim = Claim(
    title="Gradient descent in context, and the layer as one step of it",
    source="one step: von Oswald et al., ICML 2023; Ahn, Cheng, Daneshmand, Sra, NeurIPS 2023; "
    "the exact risk beyond them",
    formula=GradientDescent,
    hypotheses=(
        r"$x \sim N(0, \Lambda)$, $x_q$ independent with covariance $\Lambda_q$",
        r"any $P$, tasks, label noise and $M$; $k \le 3$ steps from zero",
    ),
    call="""prompts = GaussianPrompts(covariance, 20, noise_variance=0.5)
GradientDescent(global_minimum(prompts).gain, steps=2).risk(prompts)""",
    evidence=(derived, gaussians, layer, whole_prompts),
    control=(
        Control(r"$P^\top$ for $P$", transposed, rejected_by=(gaussians, layer)),
        Control(
            "one step of $k P$", one_long_step, rejected_by=(derived, gaussians, whole_prompts)
        ),
    ),
    figure=figure,
)
