r"""What a prompt shows is $z = (z_1, z_2)$: the mean of $y_i x_i$, in units of $1/d$, and that of
$y_i^2$. Given the task $w$ a label is Gaussian of variance $t = \|w\|^2 / d + \rho$, so that

$$E[z_1] = w, \quad E[z_2] = t, \qquad E[z_1 z_1^\top] = \Big( 1 + \frac1\ell \Big) w w^\top
+ \frac{d t}{\ell} I, \quad E[z_1 z_2] = \Big( 1 + \frac2\ell \Big) t w, \quad
E[z_2^2] = \Big( 1 + \frac2\ell \Big) t^2 :$$

of $\ell$ independent pairs one in $\ell$ coincides with another. The query is independent of them,
and the error $\rho + \frac1d E \|W z - w\|^2$ is a quadratic in the weights. It is averaged over
the tasks of the pool, or over Gaussian ones, by the moments of $t$ and $w$ up to the fourth. No
dimension has to be large: how well any weights do, fitted or not, is known without a test set.
"""

from fractions import Fraction as F

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.finite_data import ridge_weights, sample_tasks, sample_training_set, weight_error
from validation.common.derived import derivation, wrong_steps
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Sigma, batch_means, evidence, oracle
from validation.harness.figures import canvas

BATCHES = 64
derived = derivation("weight_error")


def small_layers(setting):
    """d, ℓ, the standard deviation of the noise, and how many tasks; None: fresh ones. The root of
    the dimension is rational."""
    cases = [(1, 1, F(1, 2), 2), (1, 3, F(2), None), (4, 1, F(1, 3), 3), (4, 1, F(1), None)]
    if not setting.quick:
        cases.append((4, 2, F(1, 2), 2))
    return {
        f"d = {d}, ℓ = {length}, {'a list' if count else 'fresh tasks'}": (
            halves(setting.rng(f"{d} {length}"), d, d + 1),
            length,
            noise,
            None if count is None else halves(setting.rng(f"tasks {d} {length}"), count, d),
        )
        for d, length, noise, count in cases
    }


@evidence(Equal, "the mean of a polynomial in Gaussians, on rationals", cases=small_layers)
def polynomial(formula, case, setting):
    """Whole prompts, pair by pair, and the layer's answer to each."""
    weights, length, noise, tasks = case
    found = formula(weights, length, noise_variance=noise**2, tasks=tasks)
    if tasks is None:
        return Equal(found - prompt_error(weights, length, noise, None))
    errors = [prompt_error(weights, length, noise, task) for task in tasks]
    return Equal(found - sum(errors) / len(errors))


def prompt_error(weights, length, noise, task):
    """`E(ŷ − y)²` of one task, or of a Gaussian one."""
    d = len(weights)
    root = QQ(round(d**0.5))
    gaussians = iter(ring([f"z{k}" for k in range((length + 2) * d + length)], QQ)[1:])

    def normal(count):
        return np.array([next(gaussians) for _ in range(count)], dtype=object)

    rational = np.vectorize(lambda x: QQ(x.numerator, x.denominator), otypes=[object])
    x, query = normal(length * d).reshape(length, d) / root, normal(d) / root
    w = normal(d) if task is None else rational(task)
    y = x @ w + rational(np.array([noise])) * normal(length)
    shown = np.append((y @ x) * QQ(d, length), (y @ y) * QQ(1, length))
    error = query @ (rational(weights) @ shown) - query @ w
    return oracle.product_expectation(error, error) + noise**2  # the query's own label noise


FLOATS = {"a pool": (6, 5, 8, 0.5), "a pool without noise": (2, 4, 3, 0.0), "fresh": (0, 4, 6, 0.7)}


@evidence(Sigma, "squared errors on whole prompts", cases=FLOATS)
def whole_prompts(formula, case, setting):
    """Of weights that were fitted to other prompts."""
    count, d, length, noise = case
    size = BATCHES * (256 if setting.quick else 512)
    rng = setting.rng("prompts")
    pool = sample_tasks(count or 4, d, seed=setting.integer_seed("pool"))
    fitted = sample_training_set(pool, 40, length, noise_variance=noise, seed=3)
    weights = ridge_weights(fitted, 0.1)
    tasks = pool[rng.integers(len(pool), size=size)] if count else rng.standard_normal((size, d))
    x = rng.standard_normal((size, length, d)) / np.sqrt(d)
    query = rng.standard_normal((size, d)) / np.sqrt(d)
    deviation = np.sqrt(noise)
    y = (x @ tasks[..., None])[..., 0] + deviation * rng.standard_normal((size, length))
    shown = (y[:, None] @ x)[:, 0] * (d / length)
    shown = np.column_stack([shown, (y * y).mean(1)])
    label = (query * tasks).sum(1) + deviation * rng.standard_normal(size)
    squares = ((query @ weights * shown).sum(1) - label) ** 2
    exact = formula(weights, length, noise_variance=noise, tasks=pool if count else None)
    return Sigma(*batch_means(squares, BATCHES), float(exact), degrees=BATCHES - 1)


@evidence(Sigma, "squared errors on sampled training sets", cases=FLOATS)
def statistics(formula, case, setting):
    """The library's training prompts, drawn through the sufficient statistic, for weights that did
    not see them."""
    count, d, length, noise = case
    size = BATCHES * (256 if setting.quick else 512)
    rng = setting.rng("weights")
    pool = sample_tasks(count or size, d, seed=setting.integer_seed("pool"))
    weights = rng.standard_normal((d, d + 1)) / 2
    drawn = sample_training_set(
        pool, size, length, noise_variance=noise, seed=setting.integer_seed("prompts")
    )
    squares = ((drawn.queries @ weights * drawn.summaries).sum(1) - drawn.labels) ** 2
    exact = formula(weights, length, noise_variance=noise, tasks=pool)
    return Sigma(*batch_means(squares, BATCHES), float(exact), degrees=BATCHES - 1)


def of_fixed_size(weights, length, **options):
    """`z_2` without fluctuations: `t² ‖g‖²` without its 2/ℓ."""
    last = 0 * weights
    last[:, -1] = weights[:, -1]
    spread = weight_error(last, length, **options) - weight_error(last, 10**9, **options)
    return weight_error(weights, length, **options) - spread


def quiet_contexts(weights, length, *, noise_variance=0, **options):
    """The noise in the query's label alone."""
    return noise_variance + weight_error(weights, length, noise_variance=0, **options)


def always_fresh(weights, length, *, noise_variance=0, **options):
    return weight_error(weights, length, noise_variance=noise_variance)


def figure(setting):
    """Weights fitted to more and more prompts: exact errors of each fit, and what a test set of
    500 prompts says of it."""
    figure, axis = canvas(1, 1, height=3.4)
    d, length, noise, ridge = 8, 16, 0.1, 0.05
    pool = sample_tasks(6, d, seed=setting.integer_seed("pool"))
    counts = np.unique(np.geomspace(8, 800, 13 if setting.quick else 25).astype(int))
    found = []
    for n in map(int, counts):
        drawn = sample_training_set(
            pool, n, length, noise_variance=noise, seed=setting.integer_seed(f"train {n}")
        )
        weights = ridge_weights(drawn, ridge)
        exact = [weight_error(weights, length, noise_variance=noise, tasks=t) for t in (pool, None)]
        tested = []
        for kind, tasks in enumerate((pool, sample_tasks(500, d, seed=n))):
            seed = setting.integer_seed(f"test {n} {kind}")
            test = sample_training_set(tasks, 500, length, noise_variance=noise, seed=seed)
            answers = (test.queries @ weights * test.summaries).sum(1)
            tested.append(np.mean((answers - test.labels) ** 2))
        found.append(exact + tested)
    inside, outside, *tested = np.transpose(found)
    for k, (exact, label) in enumerate(((inside, "tasks of the pool"), (outside, "new tasks"))):
        axis.loglog(counts / d**2, exact, color=f"C{k}", label=label)
        axis.loglog(counts / d**2, tested[k], "o", color=f"C{k}", alpha=0.6)
    axis.set(
        xlabel=rf"training prompts, $n / d^2$, $d = {d}$",
        ylabel="error",
        title=rf"one fit for each $n$: 6 tasks, $\ell = {length}$, $\rho = 0.1$"
        "; dots: on 500 prompts",
    )
    axis.legend()
    return figure


claim = Claim(
    title="The error of any weights, exactly",
    source="derived here; for tasks of one norm: Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, "
    "arXiv:2405.11751",
    formula=weight_error,
    hypotheses=(
        r"$x, x_q \sim N(0, I/d)$, labels with noise of variance $\rho$",
        r"tasks even on a list, or $N(0, C)$; any $d$, $\ell$ and weights",
    ),
    call="""tasks = finite_data.sample_tasks(20, 10, seed=0)
training = finite_data.sample_training_set(tasks, 500, 20, noise_variance=0.1, seed=1)
weights = finite_data.ridge_weights(training, 0.1)
finite_data.weight_error(weights, 20, noise_variance=0.1, tasks=tasks)   # in distribution
finite_data.weight_error(weights, 20, noise_variance=0.1)                # new tasks""",
    evidence=(derived, polynomial, whole_prompts, statistics),
    control=(
        Control("label noise in the query alone", quiet_contexts),
        Control("$z_2$ without fluctuations", of_fixed_size, rejected_by=(polynomial,)),
        Control("new tasks for those of the list", always_fresh),
        wrong_steps("weight_error", derived),
    ),
    figure=figure,
)
