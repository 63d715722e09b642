r"""Whoever knows the $K$ tasks that a prompt can be of need not solve it: it suffices to tell which
of them it is. Each pair multiplies the odds of two tasks by $\exp -\frac{1}{2 \sigma^2} [(y -
\langle w_1, x \rangle)^2 - (y - \langle w_2, x \rangle)^2]$, and after the context the mean over
the list, $\hat w = \sum p_k w_k$, is the answer of least squared error: what any other answer $u$
adds is $\|u - \hat w\|^2$. So no predictor is better on the list, the trained layer included, and
$E \|\hat w - w\|^2 = E \|w\|^2 - E \|\hat w\|^2$.

On a new task it still answers by the list. Only if the list is long does it contain something near:
as $K \to \infty$, tasks drawn from $N(0, I)$, it becomes the mean of a Gaussian posterior, which is
ridge regression with penalty $\sigma^2$, best on new tasks.
"""

from decimal import Decimal, localcontext
from fractions import Fraction as F
from operator import mul

import numpy as np

from lsa_theory.task_list import TaskListBayes, task_list_comparison
from validation.common.derived import derivation, wrong_steps
from validation.harness import Claim, Close, Control, Sigma, batch_means, evidence
from validation.harness.figures import canvas

BATCHES = 64
derived = derivation("task_list")
CONTEXTS = {
    "d = 1, K = 2": (1, 2, 1, 0.7),
    "d = 3, K = 5": (3, 5, 4, 2.0),
    "d = 2, K = 9": (2, 9, 30, 0.5),
}


@evidence(Close, "Bayes' rule, pair by pair, to fifty digits", cases=CONTEXTS)
def posterior(formula, case, setting):
    (d, count, length, noise), rng = case, setting.rng("context")
    tasks, x = rng.standard_normal((count, d)), rng.standard_normal((length, d))
    y = x @ tasks[0] + noise**0.5 * rng.standard_normal(length)
    chances = [Decimal(1)] * count
    with localcontext(prec=50):
        for pair, label in zip(x, y, strict=True):
            for k, task in enumerate(tasks):
                missed = Decimal(label) - sum(map(mul, map(Decimal, pair), map(Decimal, task)))
                chances[k] *= (-missed * missed / (2 * Decimal(noise))).exp()
        exact = np.array([F(p / sum(chances)) for p in chances], dtype=object)
    found = formula(tasks, noise).fit(x, y).probabilities_
    size = ((y[:, None] - x @ tasks.T) ** 2).sum() / noise
    return Close(found, exact, ulps=16, condition=size)


LISTS = {f"d = {d}, K = {k}, N = {n}": (d, k, n) for d, k, n in ((2, 3, 2), (4, 12, 5), (1, 2, 1))}


@evidence(Sigma, r"on the list $E \|\hat w\|^2 + E \|\hat w - w\|^2 = E \|w\|^2$", cases=LISTS)
def orthogonal(formula, case, setting):
    """Of the posterior mean alone: what it misses is uncorrelated with it."""
    (d, k, n), rng, noise = case, setting.rng("prompts"), 0.8
    tasks, count = rng.standard_normal((k, d)), BATCHES * (40 if setting.quick else 80)
    known, found = formula(tasks, noise), []
    for _ in range(count):
        task, x = tasks[rng.integers(k)], rng.standard_normal((n, d))
        weights = known.fit(x, x @ task + noise**0.5 * rng.standard_normal(n)).coef_
        found.append(weights @ weights + (weights - task) @ (weights - task) - task @ task)
    mean, error = batch_means(np.array(found), BATCHES)
    exact = float((tasks * tasks).sum() / k)
    return Sigma(mean + exact, error, exact, degrees=BATCHES - 1)


@evidence(Sigma, "a long list is ridge regression", cases={f"N = {n}": n for n in (0, 1, 3)})
def endless(formula, length, setting):
    """40,000 tasks in one dimension; of the context's likelihood, they are a sample."""
    rng, noise = setting.rng("list"), 0.6
    tasks, x = rng.standard_normal((40_000, 1)), rng.standard_normal((max(length, 1), 1))
    x = x * (length > 0)  # no pair: nothing is seen
    y = x[:, 0] * 0.9 + noise**0.5 * rng.standard_normal(len(x))
    found = formula(tasks, noise).fit(x, y)
    spread = (found.probabilities_**2) @ (tasks[:, 0] - found.coef_[0]) ** 2
    ridge = float(x[:, 0] @ y / (x[:, 0] @ x[:, 0] + noise))
    return Sigma(float(found.coef_[0]), float(spread**0.5), ridge)


class TwoForgotten(TaskListBayes):
    """σ² for 2 σ² in the exponent."""

    def __init__(self, tasks, noise_variance):
        super().__init__(tasks, noise_variance / 2)


class MostProbable(TaskListBayes):
    """The likeliest task instead of the mean."""

    def fit(self, x, y):
        found = super().fit(x, y)
        found.probabilities_ = np.eye(len(self.tasks))[found.probabilities_.argmax()]
        found.coef_ = found.probabilities_ @ self.tasks
        return found


def figure(setting):
    """Risks of the three on the same prompts, on the list and on new tasks."""
    figure, axes = canvas(1, 2, sharey=True)
    d, lengths = 6, (2, 4, 8, 16, 32, 64)
    tasks = setting.rng("figure").standard_normal((8, d))
    for axis, new in zip(axes, (False, True), strict=True):
        found = [
            task_list_comparison(
                tasks, n, noise_variance=1.0, new_tasks=new, count=512, seed=n
            ).risks
            for n in lengths
        ]
        for name, label in (("layer", "layer"), ("task_list", "list"), ("ridge", "ridge")):
            means = [each[name].value / d for each in found]
            bars = [2 * each[name].error / d for each in found]
            axis.errorbar(lengths, means, bars, fmt="o-", markersize=4, label=label)
        axis.set(xscale="log", xlabel="length of the context, $N$")
        axis.minorticks_off()
        axis.set_xticks(lengths, lengths)
    axes[0].set(title="risk / $d$, tasks of the list, $K = 8$, $d = 6$")
    axes[1].set(title="new tasks")
    axes[0].legend()
    return figure


claim = Claim(
    title="Who knows the list of tasks only has to tell which it is",
    source="the estimator: Raventós, Paul, Chen, Ganguli, arXiv:2306.15063; derived here",
    formula=TaskListBayes,
    hypotheses=(
        "prompts with tasks even on the list, Gaussian label noise $\\sigma^2 > 0$",
        "against ridge: a list drawn from $N(0, I)$, $K \\to \\infty$",
    ),
    call="""known = task_list.TaskListBayes(tasks, noise_variance=0.5).fit(x, y)
known.probabilities_, known.predict(x_query)
task_list.task_list_comparison(tasks, 20, noise_variance=0.5).risks""",
    evidence=(derived, posterior, orthogonal, endless),
    control=(
        wrong_steps("task_list", derived),
        Control(
            "$\\sigma^2$ for $2 \\sigma^2$",
            TwoForgotten,
            rejected_by=(posterior, orthogonal, endless),
        ),
        Control("the most probable task", MostProbable, rejected_by=(posterior, orthogonal)),
    ),
    figure=figure,
)
