r"""How many pre-training tasks make the layer solve tasks that it never saw? The risk of any gain
is affine in the second moment of the tasks, so a list of $K$ tasks is its second moment
$\Omega_K = \frac1K \sum_k w_k w_k^\top$. The minimum is that of a prior $\Omega_K$: the layer has
memorised a prior, and on new tasks it pays for a wrong one.

For white covariates an eigenvalue $r$ of $\Omega_K$ becomes $\beta = r / ((1 + \frac1N) r + \tau)$
of the gain, with $\tau = (\operatorname{tr} \Omega_K + \sigma^2) / N$, so that

$$\text{in} = \sum_r r\, (1 - \beta), \qquad \text{out} = \operatorname{tr} \Omega (I - B)^2
+ \frac1N \operatorname{tr} \Omega B^2 + \tau_\Omega \operatorname{tr} B^2 .$$

A direction that no task has, $r = 0$, is answered by 0. Fewer tasks than dimensions leave $d - K$
of them, so that in long contexts the layer loses $1 - K/d$ of a new task and nothing of an old one;
from $K = d$ on it loses nothing of either. As $d, K \to \infty$ the spectrum has a limit, for
$\Omega = I$ the Marchenko–Pastur law, and the risks of a random list become certain.
"""

from fractions import Fraction as F

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.diversity import (
    TaskRisks,
    average_task_risks,
    finite_task_risks,
    limit_task_risks,
)
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sampling import sampled_risk
from lsa_theory.task_list import task_list_comparison
from validation.common.derived import derivation, wrong_steps
from validation.common.finite_training import controlled
from validation.common.rationals import halves
from validation.harness import Bound, Claim, Control, Equal, Rate, Sigma, Table, evidence, oracle
from validation.harness.figures import FAINT, canvas

derived = derivation("finite_task_risks")


def both(found):
    return np.array([found.in_distribution, found.out_of_distribution])


def law_of(tasks, length, covariance=None, noise=0, prior=None):
    """Of prompts with new tasks, in the arithmetic of the list."""
    features = 0 * tasks[0] + 1 if covariance is None else covariance
    return GaussianPrompts(features, length, noise_variance=noise, task_covariance=prior)


def gain_of(tasks, *law):
    """What training on the list reaches."""
    listed = law_of(tasks, *law).replace(task_covariance=tasks.T @ tasks / len(tasks))
    return block_minimum(listed).gain


def rational_lists(setting):
    """Tasks, N, and roots of Λ and of Ω, and σ."""
    cases = {"d = 1, K = 2": (1, 2, 3), "d = 2, K = 1": (2, 1, 2), "d = 2, K = 3": (2, 3, 2)}
    return {
        name: (
            halves(setting.rng(name), k, d),
            n,
            *(root + 2 * np.eye(d, dtype=int) for root in halves(setting.rng(f"{n}"), 2, d, d)),
            F(1, 2),
        )
        for name, (d, k, n) in cases.items()
    }


@evidence(Equal, "the mean of a polynomial in Gaussians, on rationals", cases=rational_lists)
def polynomial(formula, case, setting):
    """Whole prompts through the whole network: one task of the list after the other, new tasks."""
    tasks, n, features, prior, deviation = case
    found = formula(
        tasks,
        n,
        covariance=features @ features.T,
        noise_variance=deviation**2,
        task_covariance=prior @ prior.T,
    )
    gain = gain_of(tasks, n, features @ features.T, deviation**2)
    layer = LinearSelfAttention.from_block(gain, F(1))
    no_spread = 0 * features
    listed = [
        oracle.loss(layer, oracle.RationalLaw(features, n, deviation, no_spread, task))
        for task in tasks
    ]
    fresh = oracle.loss(layer, oracle.RationalLaw(features, n, deviation, prior))
    return Equal(both(found) - [2 * sum(listed) / len(listed), 2 * fresh])


LISTS = {f"d = {d}, K = {k}, N = {n}": (d, k, n) for d, k, n in ((5, 2, 8), (5, 20, 8), (8, 8, 30))}


@evidence(Sigma, "risks on sampled prompts with tasks of the list", cases=LISTS)
def sampled(formula, case, setting):
    d, k, n = case
    tasks = setting.rng("tasks").standard_normal((k, d))
    spectrum = np.linspace(0.5, 1.5, d)
    exact = formula(tasks, n, covariance=spectrum, noise_variance=0.5).in_distribution
    gain = gain_of(tasks, n, spectrum, 0.5)
    count = 8 if setting.quick else 16

    law = GaussianPrompts(spectrum, n, noise_variance=0.5, task_covariance=np.zeros(d))

    def mean(seed):
        laws = [law.replace(task_mean=w) for w in tasks]
        found = [sampled_risk(gain, one, count, seed=seed + i) for i, one in enumerate(laws)]
        return np.mean([value for value, _ in found])

    return Sigma.of_batches(mean, exact, setting)


@evidence(Bound, "least on the list, and on new tasks no less than the least there", cases=LISTS)
def best(formula, case, setting):
    """Beside gains around it, and the minimum for endless tasks."""
    d, k, n = case
    rng = setting.rng("tasks")
    tasks = rng.standard_normal((k, d))
    found, gain = formula(tasks, n), gain_of(tasks, n)
    law = GaussianPrompts(np.ones(d), n)
    moment = law.replace(task_covariance=tasks.T @ tasks / k)
    others = gain + 0.05 * rng.standard_normal((20, d, d))
    listed = [risk(other, moment) for other in others]
    least = 2 * block_minimum(law).loss
    return Bound([*listed, found.out_of_distribution], [found.in_distribution] * 20 + [least])


SINGLE = {"Ω = I": (1.0, 1.0), "Ω = diag(2, 1/4)": (2.0, 0.25)}


@evidence(Sigma, "the mean over lists of one task, $d = 2$", cases=SINGLE)
def averaged(formula, spectrum, setting):
    """Both risks, by quadrature over the task, of the one direction that the layer knows."""
    n, noise, count = 6, 0.5, 10 if setting.quick else 20
    omega = np.array(spectrum)
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    square = (nodes**2 * omega[0])[:, None], (nodes**2 * omega[1])[None]
    size = square[0] + square[1]
    known = 1 / ((1 + 1 / n) * size + (size + noise) / n)  # B = known · w wᵀ
    along = square[0] * omega[0] + square[1] * omega[1]  # wᵀ Ω w
    spread = (along + (omega.sum() + noise) * size) * size / n
    exact = omega.sum() - 2 * known * along + known**2 * (along * size + spread)
    exact = exact + size * (1 - known * size)

    def mean(seed):
        tasks = np.random.default_rng(seed).standard_normal((count, 1, 2)) * np.sqrt(omega)
        found = [formula(w, n, noise_variance=noise, task_covariance=omega) for w in tasks]
        return np.mean([sum(both(each)) for each in found])

    return Sigma.of_batches(mean, float((weights * exact).sum()), setting, batches=32)


def ramp(d):
    return np.linspace(0.2, 1.8, d)


GROWING = {"Ω = I, K = d / 2": (0.5, np.ones), "Ω a ramp, K = 2 d": (2.0, ramp)}
SIZES = np.array([4, 8, 16, 32])


@evidence(Rate, "the limit, $N = d$, is wrong by a fraction of $1 / d$", cases=GROWING)
def limit(formula, case, setting):
    """Both risks, in the mean over lists, whose first two moments are control variates."""
    (ratio, prior), found = case, []
    counts = np.array([100, 500, 500, 500])
    for d, count in zip(map(int, SIZES), counts, strict=True):
        omega = prior(d)
        values, centred = listed(formula, d, int(ratio * d), prior, int(count), setting)
        stated = limit_task_risks(ratio, omega.mean() + 0.5, task_covariance=omega)
        mean, error = controlled(values / d, centred)
        found.append((abs(mean / sum(both(stated)) - 1), error / sum(both(stated))))
    errors, standard = np.transpose(found)
    return Rate(SIZES, errors, order=1, control_order=0, standard_errors=standard)


def listed(formula, d, k, prior, count, setting):
    rng, omega, values, centred = setting.rng(f"{d}"), prior(d), [], []
    for _ in range(count):
        tasks = rng.standard_normal((k, d)) * np.sqrt(omega)
        found = formula(tasks, d, noise_variance=d / 2, task_covariance=omega)
        values.append(sum(both(found)))
        moment = tasks.T @ tasks / k
        first, second = omega.sum(), (omega**2).sum()
        square = (first**2 + (k + 1) * second) / k
        centred.append((np.trace(moment) - first, (moment**2).sum() - square))
    return np.array(values), np.array(centred)


def risks(gain, tasks, *law):
    fresh = law_of(tasks, *law)
    listed = fresh.replace(task_covariance=tasks.T @ tasks / len(tasks))
    return TaskRisks(risk(gain, listed), risk(gain, fresh))


def endless_tasks(tasks, n, *, covariance=None, noise_variance=0, task_covariance=None):
    """Ω for Ω_K."""
    law = (n, covariance, noise_variance, task_covariance)
    return risks(block_minimum(law_of(tasks, *law)).gain, tasks, *law)


def forgotten_pair(tasks, n, *, covariance=None, noise_variance=0, task_covariance=None):
    """N for N + 1 in the gain: that of a context shorter by one, times N / (N − 1)."""
    gain = gain_of(tasks, n - 1, covariance, noise_variance) * n / (n - 1)
    return risks(gain, tasks, n, covariance, noise_variance, task_covariance)


def no_new_tasks(tasks, n, **options):
    inside = finite_task_risks(tasks, n, **options).in_distribution
    return TaskRisks(inside, inside)


def figure(setting):
    """Left: both risks of random lists, and their limit. Right: what longer contexts do."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    d, noise, ratios = 16, 1.0, np.geomspace(0.1, 20, 120)
    names = ("in distribution", "out of distribution")
    for style, prior in (("-", np.ones), (":", ramp)):
        omega, n = prior(d), 4 * d
        tau = (omega.sum() + noise) / n
        limits = both(limit_task_risks(ratios, tau, context_length=n, task_covariance=omega))
        for k, name in enumerate(names):
            label = name if prior is np.ones else None
            left.semilogx(ratios, limits[k], style, color=f"C{k}", label=label)
        for count in (2, 4, 8, 16, 32, 64, 128):
            found = average_task_risks(
                count, d, n, noise_variance=noise, task_covariance=omega, count=16, seed=count
            )
            for k, value in enumerate(both(found)):
                bars = 2 * found.errors[k] / d
                marker = "o" if prior is np.ones else "s"
                left.errorbar(count / d, value / d, bars, fmt=marker, color=f"C{k}", markersize=4)
    left.set(
        xlabel="tasks per dimension, $K / d$",
        title=rf"risk / $d$, $N = 4d$, $d = {d}$ (dotted: $\Omega$ a ramp)",
    )
    left.legend()
    for k, length in enumerate((1, 4, 16, 256)):
        out = limit_task_risks(ratios, 1 / length).out_of_distribution
        right.semilogx(ratios, out, color=f"C{k}", label=f"$N = {length}\\, d$")
    right.semilogx(ratios, (1 - ratios).clip(min=0), "--", color=FAINT, label=r"$1 - K/d$")
    right.set(xlabel="tasks per dimension, $K / d$", title="new tasks, in the limit")
    right.legend()
    return figure


def beside_bayes(setting):
    """The layer, the posterior mean over the list, and ridge on the same prompts."""
    d, rows, rng = 8, [], setting.rng("lists")
    for count in (2, 4, 8, 16, 64, 256):
        tasks = rng.standard_normal((count, d))
        for where, new in (("the list", False), ("new", True)):
            seed = setting.integer_seed(f"{count} {where}")
            found = task_list_comparison(
                tasks, 8 * d, noise_variance=1.0, new_tasks=new, count=512, seed=seed
            )
            means = [*found.risks.values(), *found.distances.values()]
            numbers = [f"{each.value / d:.3f}" for each in means]
            rows.append((count, where, *numbers, found.nearest.replace("_", " ")))
    columns = ("K", "tasks", "layer", "list", "ridge", "to list", "to ridge", "nearest")
    caption = "Risks of the layer and of both Bayes predictors, and its distances to them"
    yield Table(f"{caption}, over d = {d}, at N = {8 * d}", columns, tuple(rows))


claim = Claim(
    title="How many tasks it takes to solve new ones",
    source="derived here; compare Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751, and "
    "Raventós, Paul, Chen, Ganguli, arXiv:2306.15063",
    formula=finite_task_risks,
    hypotheses=(
        "the layer at the minimum of its loss over prompts with tasks even on the list",
        r"$x, x_q \sim N(0, \Lambda)$; new tasks of mean 0 and covariance $\Omega$",
        r"the limit: $\Lambda = I$, tasks $N(0, \Omega)$, $d \to \infty$ at fixed $K/d$, $\tau$",
    ),
    call="""tasks = np.random.default_rng(0).standard_normal((20, 50))
risks = diversity.finite_task_risks(tasks, 100, noise_variance=0.1)
risks.in_distribution, risks.out_of_distribution
diversity.average_task_risks(20, 50, 100).errors     # over lists
diversity.limit_task_risks(20 / 50, 50 / 100)        # d, K to infinity, per dimension""",
    evidence=(derived, polynomial, best, sampled, averaged, limit),
    control=(
        Control(
            "trained on endless tasks",
            endless_tasks,
            rejected_by=(polynomial, best, sampled, averaged, limit),
        ),
        Control("$N$ for $N + 1$ in the gain", forgotten_pair, rejected_by=(polynomial,)),
        Control(
            "new tasks as those of the list", no_new_tasks, rejected_by=(polynomial, best, averaged)
        ),
        wrong_steps("finite_task_risks", derived),
    ),
    figure=figure,
    reported=beside_bayes,
)
