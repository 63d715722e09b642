r"""Least squares answers $\hat w = S^+ h$. Of $h = S w + g$, where $g = \frac1M \sum \varepsilon_i
x_i$ is what the label noise adds, it keeps the task whole as long as $S$ is invertible:
$\hat w - w = S^{-1} g$, in which no task, no query and no training law appears. Given the features
$E[g g^\top] = \frac{\sigma^2}M S$, so the risk is $\frac{\sigma^2}M \operatorname{tr}(\Lambda_q
E[S^{-1}])$, and with the mean of an inverse Wishart matrix

$$\text{risk} = \frac{\sigma^2 \operatorname{tr}(\Lambda_q \Lambda^{-1})}{M - d - 1},
\qquad M > d + 1 .$$

Without noise that is zero, whatever the shift: the trained layer, which inverts the covariance that
it was trained on, is brittle where least squares is not. With noise it diverges as $M$ comes down
to $d + 1$, since $S^{-1}$ grows like $1 / \chi^2_{M - d + 1}$.

Of fewer samples than features, the solution of least norm sees the task through the projection $P$
on the row space, $\hat w - w = (P - I) w + S^+ g$. For $\Lambda = c I$ that space is uniformly
random: $E[P B P] = \alpha B + \beta (B^\top + \operatorname{tr}(B) I)$ is the only form that
rotations leave, and $P^2 = P$ with $\operatorname{tr} P = M$ give both constants. In the row space
the sample is again a Wishart matrix, with the roles of $M$ and $d$ exchanged, so that the noise
diverges as $M$ comes up to $d - 1$. Between $d - 1$ and $d + 1$ the risk is infinite.

For other covariances with $M < d$ there is the limit of high dimensions, in which the resolvent of
$S$ becomes that of $\Lambda$ at a shifted ridge; at the law's own dimensions its variance is wrong
by a fraction of order $1 / d$. (Its bias is nearer than samples could tell here.)
"""

from fractions import Fraction as F
from functools import partial

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.estimators import EstimatorRisk, LeastSquares, ols_risk
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.sampling import sample_prompts
from validation.common.bartlett import InverseLaw
from validation.common.derived import derivation
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Rate, Sigma, batch_means, evidence, oracle
from validation.harness.figures import FAINT, canvas

BATCHES = 64
derived = derivation("least_squares_risk")


def rational_laws(setting):
    """Correlated features, up to three, of as few samples as the mean takes; tasks, queries and
    noise at random."""
    laws = {}
    for d in (1, 2, 3):
        for length in (d + 2, d + 3):
            draw = partial(halves, setting.rng(f"{d} {length}"))
            factor = draw(d, d) + 8 * np.eye(d, dtype=int)
            query, task = draw(d, d), draw(d, d)
            laws[f"d = {d}, M = {length}"] = (
                InverseLaw(factor, length),
                GaussianPrompts(
                    factor @ factor.T,
                    length,
                    noise_variance=F(2, 3),
                    task_covariance=task @ task.T,
                    query_covariance=query @ query.T,
                ),
            )
    return laws


@evidence(Equal, "the inverse by Bartlett's decomposition", cases=rational_laws)
def bartlett(formula, case, setting):
    """The mean of its entries, polynomials in Gaussians and in inverse roots of chi-squareds."""
    oracle_law, law = case
    mean = oracle_law.mean(oracle_law.inverse)
    found = formula(law)
    stated = law.noise_variance * (law.query_covariance @ mean).trace() / law.context_length
    return Equal([found.bias, found.variance - stated])


def few_samples(setting):
    """One sample, and one too few: a random direction is seen, or is all that is not."""
    laws = {}
    for d in (2, 3, 4, 5):
        for length in {1, d - 1}:
            query, task = halves(setting.rng(f"{d} {length}"), 2, d, d)
            laws[f"d = {d}, M = {length}"] = GaussianPrompts(
                np.full(d, F(3, 2)),
                length,
                noise_variance=F(2, 3) if length == 1 and d > 2 else F(0),
                task_covariance=task @ task.T,
                query_covariance=query @ query.T,
            )
    return laws


@evidence(Equal, "a random direction, as a polynomial in Gaussians", cases=few_samples)
def direction(formula, law, setting):
    """With `u = z / |z|`, independent of `|z|`, a mean of degree four in `u` is that in `z` over
    `E |z|^4 = d (d + 2)`, and for one sample the noise adds `σ² E[u u^T] E[1 / χ²_d] / c`."""
    d = law.dimension
    z = np.array(ring([f"z{k}" for k in range(d)], QQ)[1:], dtype=object)
    rational = np.vectorize(lambda q: QQ(q.numerator, q.denominator), otypes=[object])
    task, query = rational(law.task_covariance), rational(law.query_covariance)
    seen = z[:, None] * z[None, :]
    norm = np.diag(np.array([z @ z] * d, dtype=object))
    missed = seen if law.context_length == d - 1 else norm - seen
    bias = oracle.expectation((query @ missed @ task @ missed).trace()) / (d * (d + 2))
    found = formula(law)
    if law.noise_variance == 0:
        return Equal([found.bias - bias, found.variance])
    variance = law.noise_variance * law.query_covariance.trace() / (d * (d - 2)) / F(3, 2)
    return Equal([found.bias - bias, found.variance - variance])


def sampled_laws(setting):
    """Everything shifted and correlated; fewer samples than white features; real features. So many
    samples more or less than features that squared errors have a variance."""
    rng, laws = setting.rng("laws"), {}

    def definite(d):
        root = rng.standard_normal((d, d))
        return root @ root.T / d + np.eye(d) / 4

    for d, length in ((4, 14), (3, 40), (16, 6), (12, 2)):
        laws[f"d = {d}, M = {length}"] = GaussianPrompts(
            definite(d) if length > d else np.full(d, 0.5),
            length,
            noise_variance=0.6,
            task_covariance=definite(d),
            task_mean=rng.standard_normal(d),
            query_covariance=definite(d) / 10,
        )
    for name, covariance in setting.covariances.items():
        d = len(covariance)
        if d <= 13:
            scale = np.sqrt(np.diag(covariance))
            laws[name] = GaussianPrompts(
                covariance / np.outer(scale, scale),
                max(setting.context_length or 40, d + 10),
                noise_variance=1.0,
                query_covariance=np.eye(d),
            )
    return laws


@evidence(Sigma, "`lstsq` on whole prompts", cases=sampled_laws)
def whole_prompts(formula, law, setting):
    exact = formula(law)
    values = errors(law, BATCHES * (32 if setting.quick else 64), setting)
    return Sigma(*batch_means(values, BATCHES), exact.value, degrees=BATCHES - 1)


def errors(law, count, setting):
    """Squared errors of the solution of least norm on prompts drawn pair by pair."""
    drawn = sample_prompts(law, count, seed=setting.integer_seed("prompts"))
    found = [np.linalg.lstsq(x, y)[0] for x, y in zip(drawn.x, drawn.y, strict=True)]
    return ((np.array(found) - drawn.task) * drawn.x_query).sum(axis=1) ** 2


def growing_families(setting):
    """Families of laws by their dimension: spectra, tasks and queries of one shape."""

    def law(spread, d):
        spectrum = np.linspace(1 - spread, 1 + spread, d)
        slope = np.linspace(0.5, 1.5, d)
        return GaussianPrompts(
            spectrum,
            d // 4,
            noise_variance=0.5,
            task_covariance=slope[::-1] / d,
            query_covariance=slope**2,
        )

    return {"correlated features": partial(law, 0.4)}


@evidence(Rate, "the limit, $M = d / 4$, is wrong by a fraction of $1 / d$", cases=growing_families)
def approached(formula, family, setting):
    """What the noise adds, relative: sampled contexts, with what white features of the same
    Gaussians add, whose mean is known, as a control variate."""
    sizes, count = np.array([8, 16, 32, 64]), 2**12
    found = []
    for d in map(int, sizes):
        law = family(d)
        values, white = given_contexts(law, count, setting.rng(f"{d}"))
        exact = ols_risk(law.replace(covariance=np.ones(d))).variance
        both = np.cov(values, white)
        values = values - both[0, 1] / both[1, 1] * (white - exact)
        limit = formula(law, method="limit", count=2).variance
        found.append((abs(values.mean() / limit - 1), values.std() / limit / count**0.5))
    errors, standard = np.transpose(found)
    return Rate(sizes, errors, order=1, control_order=0, standard_errors=standard)


def given_contexts(law, count, rng):
    """What the noise adds given each context, and with white features instead."""
    g = rng.standard_normal((count, law.context_length, law.dimension))

    def added(x):
        inverse = np.linalg.solve(x @ x.swapaxes(1, 2), x)  # (X X^T)^{-1} X
        return law.noise_variance * (inverse**2).sum(axis=1) @ law.query_covariance

    return added(g * np.sqrt(law.covariance)), added(g)


def replaced(prompts, factor, **options):
    """The variance by a factor wrong."""
    found = ols_risk(prompts, **options)
    return EstimatorRisk(found.bias, found.variance * factor, found.kind, found.error)


def forgotten_one(prompts, **options):
    """M − d, and d − M for fewer samples."""
    gap = abs(prompts.context_length - prompts.dimension)
    return replaced(prompts, F(gap - 1, gap), **options)


def own_queries(prompts, **options):
    return ols_risk(prompts.replace(query_covariance=prompts.covariance), **options)


def fixed_projection(prompts, **options):
    """(1 − M/d)² W, as if P were its mean."""
    found = ols_risk(prompts, **options)
    left = max(prompts.dimension - prompts.context_length, 0)
    zero = (prompts.query @ prompts.second_moment).trace()
    return EstimatorRisk(F(left, prompts.dimension) ** 2 * zero, found.variance, found.kind)


def mean_eigenvalue(prompts, **options):
    """Of features that are white, with the same trace."""
    white = np.full(prompts.dimension, prompts.covariance.mean())
    return ols_risk(prompts.replace(covariance=white), **options)


def figure(setting):
    """Risk against the number of samples: both descents, the gap, and the trained layer."""
    figure, axes = canvas(1, 2, height=3.6, sharey=True)
    d, count = 20, 2**7 if setting.quick else 2**8
    lengths = np.array([m for m in [*range(1, 40), *range(40, 101, 5)] if abs(m - d) > 1])
    dots = np.array([2, 5, 8, 12, 15, 25, 30, 40, 60, 90])
    spectra = {"white features": np.ones(d), "spectrum $k^{-1}$": 1 / np.arange(1, d + 1)}
    for axis, (name, spectrum) in zip(axes, spectra.items(), strict=True):
        spectrum = spectrum * (d / spectrum.sum())
        axis.axvspan((d - 1) / d, (d + 1) / d, color=FAINT, alpha=0.3, linewidth=0)
        for index, noise in enumerate((0.0, 1.0, 5.0)):

            def law(m, spectrum=spectrum, noise=noise):
                task = np.full(d, 1 / d)
                return GaussianPrompts(spectrum, int(m), noise_variance=noise, task_covariance=task)

            shown = lengths if noise else lengths[lengths < d]
            colour = {"color": f"C{index}"}
            values = [sum(LeastSquares().known(law(m))) for m in shown]
            values = np.insert(values, np.searchsorted(shown, d), np.nan)
            places = np.insert(shown.astype(float), np.searchsorted(shown, d), d)
            axis.semilogy(places / d, values, label=rf"$\sigma^2 = {noise:g}$", **colour)
            trained = [2 * global_minimum(law(m)).loss for m in lengths]
            axis.semilogy(lengths / d, trained, linestyle="--", linewidth=1.2, **colour)
            for m in dots[: None if noise else 5]:
                at = setting.at(f"{name} {noise} {m}")
                mean, error = batch_means(errors(law(m), count, at), BATCHES)
                axis.errorbar(m / d, mean, 2 * error, fmt="o", markersize=4, **colour)
        axis.set(title=name, xlabel=r"samples per feature, $M / d$", ylim=(3e-2, 30))
    axes[0].set(ylabel="risk")
    axes[1].plot([], [], color=FAINT, linestyle="--", label="layer trained for it")
    axes[1].legend()
    return figure


claim = Claim(
    title="Least squares: blind to every shift, but not to noise",
    source="beyond Zhang, Frei, Bartlett, JMLR 25(49), 2024; the inverse moment: von Rosen, "
    "Scand. J. Statist. 15, 1988; the limit: Hastie, Montanari, Rosset, Tibshirani, "
    "Ann. Statist. 50, 2022",
    formula=ols_risk,
    hypotheses=(
        r"$x \sim N(0, \Lambda)$, $x_q$ independent with covariance $\Lambda_q$, any tasks",
        r"exact: $\Lambda \succ 0$ and $M \ge d$, or $\Lambda = c I$",
        r"else the limit $M, d \to \infty$ at a fixed ratio below 1",
    ),
    call="""prompts = GaussianPrompts(covariance, 100, noise_variance=0.5, query_covariance=other)
ols_risk(prompts).value""",
    evidence=(derived, bartlett, direction, whole_prompts, approached),
    control=(
        Control(
            "$M - d$ for $M - d - 1$", forgotten_one, rejected_by=(derived, bartlett, direction)
        ),
        Control(
            r"$\Lambda$ for $\Lambda_q$",
            own_queries,
            rejected_by=(derived, bartlett, direction, whole_prompts),
        ),
        Control("$E[P]$ for $P$", fixed_projection, rejected_by=(derived, direction)),
        Control("white features of the same trace", mean_eigenvalue, rejected_by=(approached,)),
    ),
    figure=figure,
)
