r"""A layer trained on $K$ tasks can have learnt two things: these tasks, or to solve tasks. Two
Bayes predictors embody them, the posterior mean over the list, which knows the task as soon as it
has seen enough of a context, and ridge regression, the posterior mean for tasks $N(0, I)$. Which of
them is the layer near, on the tasks that it was trained on?

To the task itself its squared distance is its risk, $\tau \phi$ per dimension with $\phi = \langle
R / (R + \tau) \rangle$, $R$ the second moment of the list. To ridge it is less or more: both are
linear in the same labels, so what they miss is correlated. Ridge misses $\gamma m$ of a direction,
a context knows no direction, and what is left of the correlation is $\gamma m\, [1 - 2 (1 + \tau)
\phi]$. Its sign changes at $\phi = \frac{1}{2 (1 + \tau)}$, and for random tasks that is

$$\frac Kd = \frac{1 + 2 \tau}{2 (1 + \tau)^2}, \qquad \tau = \frac{(1 + \rho)\, d}{N} :$$

one half of the dimension for long contexts, fewer for short ones. Below, the layer memorises.
"""

from functools import cache

import numpy as np

from lsa_theory.diversity import limit_task_risks
from lsa_theory.nearest import PredictorDistances, equidistant_ratio, predictor_distances
from lsa_theory.task_list import task_list_comparison
from validation.common.derived import derivation, wrong_steps
from validation.common.finite_training import controlled
from validation.harness import Bound, Claim, Close, Control, Rate, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("nearest_predictor")

LENGTHS = {f"N/d = {n:g}, ρ = {rho:g}": (n, rho) for n in (0.5, 4.0, 200.0) for rho in (0.1, 2.0)}


@evidence(Close, "at the ratio stated as near to both, and to the list as its risk", cases=LENGTHS)
def equidistant(formula, case, setting):
    length, noise = case
    there = formula(equidistant_ratio(length, noise=noise), length, noise=noise)
    ratios = np.array([0.2, 1.0, 7.0])
    found = formula(ratios, length, noise=noise).task_list
    exact = limit_task_risks(ratios, (1 + noise) / length).in_distribution
    values = np.append(found, there.ridge)
    return Close(values, np.append(exact, there.task_list), ulps=64, condition=10)


SIZES = np.array([2, 4, 8, 16])
COUNTS = (20_000, 40_000, 60_000, 30_000)


@evidence(Rate, "to ridge, of finite layers: the limit is off by $1/d$", cases={"K = N = 2 d": 2.0})
def limit(formula, ratio, setting):
    """The mean over lists and contexts, of which moments are control variates; over the list and
    label noise it is taken exactly."""
    stated, found = formula(ratio, ratio, noise=0.5).ridge, []
    for d, count in zip(map(int, SIZES), COUNTS, strict=True):
        mean, error = simulated(round(ratio * d), d, count, setting.seed)
        found.append((abs(mean - stated), error))
    errors, standard = np.transpose(found)
    return Rate(SIZES, errors, order=1, control_order=0, standard_errors=standard)


@cache
def simulated(number, d, count, seed):
    """The mean and its standard error."""
    rng = np.random.default_rng([seed, d])
    parts = [squares(rng, count // 10, number, d, 0.5) for _ in range(10)]
    return controlled(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def squares(rng, count, number, d, noise):
    """Distances per dimension of layer and ridge, `number` tasks and pairs; what vanishes in the
    mean."""
    moments = []
    for _ in range(2):
        drawn = rng.standard_normal((count, number, d))
        moments.append(drawn.swapaxes(1, 2) @ drawn / number)
    tasks, sample = moments
    gamma, whole = noise * d / number, np.trace(tasks, axis1=1, axis2=2)
    shrink = ((whole + noise * d) / number)[:, None, None] * np.eye(d)
    gain = np.linalg.solve((1 + 1 / number) * tasks + shrink, tasks).swapaxes(1, 2)
    apart = gain - np.linalg.inv(sample + gamma * np.eye(d))
    seen = apart @ sample
    values = ((seen @ tasks) * seen).sum((1, 2)) + gamma * (seen * apart).sum((1, 2))
    centred = [whole * np.trace(sample, axis1=1, axis2=2) - d * d, (tasks * sample).sum((1, 2)) - d]
    for moment in moments:
        trace, square = np.trace(moment, axis1=1, axis2=2), moment @ moment
        centred += [trace - d, trace**2 - d * d - 2 * d / number]
        centred.append((moment * moment).sum((1, 2)) - d * (d + 1 + number) / number)
        third = d * (number**2 + 3 * number * (d + 1) + d * d + 3 * d + 4) / number**2
        centred.append((square * moment).sum((1, 2)) - third)
    return values / d, np.transpose(centred) / d


SIDES = {f"{x:g} times the ratio, N = {n} d": (x, n) for x in (0.35, 3.0) for n in (1, 6)}


@evidence(Bound, "on whole prompts the layer is nearer to the one stated, $d = 16$", cases=SIDES)
def sides(formula, case, setting):
    """By six standard errors, of both predictors run on the same contexts."""
    (factor, length), d, noise = case, 16, 0.25
    count = max(round(factor * equidistant_ratio(length, noise=noise) * d), 1)
    tasks = setting.rng("tasks").standard_normal((count, d))
    found = task_list_comparison(
        tasks, length * d, noise_variance=noise * d, count=2048, seed=setting.integer_seed()
    )
    names = ("task_list", "ridge")
    if not formula(count / d, length, noise=noise).memorises:
        names = names[::-1]
    nearer, farther = (found.distances[name] for name in names)
    return Bound(farther.value - 6 * farther.error, nearer.value + 6 * nearer.error)


def uncorrelated(task_ratio, length_ratio, *, noise):
    """As if layer and ridge saw contexts of their own: squares add."""
    found = predictor_distances(task_ratio, length_ratio, noise=noise)
    far = predictor_distances(1e-12, length_ratio, noise=noise)  # φ = 0
    return PredictorDistances(found.task_list, found.task_list + far.ridge - far.task_list)


def swapped(task_ratio, length_ratio, *, noise):
    found = predictor_distances(task_ratio, length_ratio, noise=noise)
    return PredictorDistances(found.ridge, found.task_list)


def figure(setting):
    """Distances by the number of tasks, and the ratio at which they cross."""
    figure, (left, right) = canvas(1, 2)
    d, length, noise, ratios = 16, 4, 0.25, np.geomspace(0.05, 10, 100)
    found = predictor_distances(ratios, length, noise=noise)
    left.semilogx(ratios, found.task_list, label="to the list")
    left.semilogx(ratios, found.ridge, label="to ridge")
    for count in (1, 3, 8, 20, 60, 150):
        tasks = setting.rng(f"{count}").standard_normal((count, d))
        drawn = task_list_comparison(
            tasks, length * d, noise_variance=noise * d, count=256, seed=count
        )
        for colour, one in zip(COLOURS, drawn.distances.values(), strict=False):
            left.plot(count / d, one.value / d, "o", color=colour, markersize=4)
    left.axvline(equidistant_ratio(length, noise=noise), color=FAINT, lw=0.9)
    left.set(
        xlabel="tasks per dimension, $K / d$", title=f"distance / $d$, $N = 4d$; dots: $d = {d}$"
    )
    left.legend()
    lengths = np.geomspace(0.1, 100, 100)
    for noise in (0.1, 1.0, 10.0):
        right.semilogx(
            lengths, equidistant_ratio(lengths, noise=noise), label=rf"$\rho = {noise:g}$"
        )
    right.axhline(0.5, color=FAINT, lw=0.9)
    right.set(xlabel="length of the context, $N / d$", title="$K / d$ as near to both")
    right.legend()
    return figure


claim = Claim(
    title="A trained layer changes sides between two Bayes predictors",
    source="derived here; the comparison: Raventós, Paul, Chen, Ganguli, arXiv:2306.15063",
    formula=predictor_distances,
    hypotheses=(
        r"white covariates, tasks of the list $N(0, I)$, label noise $\rho d$",
        r"$d, K, N \to \infty$ at fixed $K/d$, $N/d$; prompts with tasks of the list",
    ),
    call="""found = nearest.predictor_distances(0.3, 4.0, noise=0.25)
found.task_list, found.ridge, found.memorises
nearest.equidistant_ratio(4.0, noise=0.25)           # tasks per dimension
task_list.task_list_comparison(tasks, 64, noise_variance=4.0).nearest   # of a given list""",
    evidence=(derived, equidistant, limit, sides),
    control=(
        wrong_steps("nearest_predictor", derived),
        Control("squares add", uncorrelated, rejected_by=(equidistant, limit, sides)),
        Control("ridge for the list", swapped, rejected_by=(equidistant, limit, sides)),
    ),
    figure=figure,
)
