r"""The last row $(v, s)$ of $W^{PV}$ and the first $d$ columns of $W^{KQ}$, $U$ over $p^\top$, are
all that the prediction sees. With $A = (U; p^\top)$ and $u = (v, s)$,

$$\hat y = x_q^\top A^\top Z u + \tfrac1N (v^\top x_q)(x_q^\top U x_q), \qquad
Z = \tfrac1N \sum_i (x_i, y_i)(x_i, y_i)^\top :$$

the labelled pairs enter through $Z$, and the query attends to its own column, which carries no
label. Given the task, pairs are Gaussian with covariance

$$\Psi_w = \begin{pmatrix} \Lambda & \Lambda w \\ w^\top \Lambda & w^\top \Lambda w + \sigma^2
\end{pmatrix},$$

so $NZ$ is a Wishart matrix. Its second moment is the square of its mean and two terms from pairs
that meet themselves: for a vector $u$ and any $A$

$$E\, \|A^\top Z u\|^2 = \|A^\top \Psi u\|^2 + \tfrac1N \|A^\top \Psi u\|^2
+ \tfrac1N\, (u^\top \Psi u) \operatorname{tr}(A^\top \Psi A) .$$

Three steps remain. Every quantity here is a quadratic in the task, and the mean of a product of two
quadratics $f, g$ with Hessians $H_f, H_g$ and slopes at the mean $\nabla f, \nabla g$ is
$E f\, E g + \tfrac12 \operatorname{tr}(H_f \Omega H_g \Omega) + \nabla f^\top \Omega \nabla g$.
The query's own column is a cubic in $x_q$; crossed with the rest it has fourth moments,
$E[x_q x_q^\top U x_q x_q^\top] = \Lambda_q (U + U^\top) \Lambda_q
+ \operatorname{tr}(U\Lambda_q) \Lambda_q$, and squared it has sixth, in 15 pairings. At
$v = p = 0$ all of it collapses to one term in $U$ of each degree.
"""

from fractions import Fraction as F
from functools import partial
from typing import NamedTuple

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, dense, product_trace
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.sampling import sampled_risk
from validation.common import enclosures
from validation.common.derived import derivation
from validation.common.rationals import definite, exact_law, fractions, halves
from validation.common.samples import simulated
from validation.harness import Claim, Close, Control, Equal, Sigma, evidence, oracle
from validation.harness.figures import canvas


class Case(NamedTuple):
    """A layer, and a law of prompts to take its loss on."""

    layer: LinearSelfAttention
    law: GaussianPrompts | oracle.RationalLaw


def rational_cases(setting):
    """Layers without a zero entry, and laws with every argument away from its default."""
    sizes = {
        "one feature": (1, 4),
        "one pair": (3, 1),
        "two by two": (2, 2),
        "three by three": (3, 3),
    }
    cases = {name: generic(setting.rng(name), *size) for name, size in sizes.items()}
    layer, law = generic(setting.rng("zero mean"), 2, 4)
    cases["zero mean"] = Case(layer, oracle.RationalLaw(law.context, 4, noise=2, task=law.task))
    layer, law = generic(setting.rng("noise-free"), 2, 3)
    cases["as in the theorem"] = Case(layer, oracle.RationalLaw(law.context, 3))
    cases["on the block"] = Case(LinearSelfAttention.from_block(layer.u, layer.s), law)
    return cases


def generic(rng, d, n):
    """Small rationals, none of them zero."""
    draw = partial(halves, rng)
    layer = LinearSelfAttention(draw(d + 1, d + 1), draw(d + 1, d + 1))
    law = oracle.RationalLaw(
        draw(d, d), n, noise=F(1, 3), task=draw(d, d), mean=draw(d), query=draw(d, d)
    )
    return Case(layer, law)


@evidence(Equal, "the network's definition, as a polynomial in Gaussians", cases=rational_cases)
def definition(formula, case, setting):
    """No identity about Wishart matrices: moments of single Gaussians, `E z^{2k} = (2k − 1)!!`."""
    layer, law = case
    return Equal(formula(layer, law.prompts) - oracle.loss(layer, law))


def float_cases(setting):
    """Real features and random laws, with layers of the size that training reaches."""
    n = setting.context_length or 20
    laws = {}
    for name, covariance in setting.covariances.items():
        if len(covariance) <= (13 if setting.quick else 30):
            noise = float(np.trace(covariance)) / 8
            laws[name] = GaussianPrompts(covariance, n, noise_variance=noise)
    for d in (2, 6, 12):
        laws[f"random, d = {d}"] = random_law(setting.rng(f"{d}"), d, n)
    return {name: Case(trained_size(law, setting.rng(name)), law) for name, law in laws.items()}


def random_law(rng, d, n):
    features, tasks, queries = (
        root @ root.T / d + np.eye(d) / 4 for root in rng.standard_normal((3, d, d))
    )
    return GaussianPrompts(
        features,
        n,
        noise_variance=0.5,
        task_covariance=tasks,
        task_mean=rng.standard_normal(d) / 2,
        query_covariance=queries,
    )


def trained_size(law, rng):
    """The minimum for zero-mean tasks, with all parameters moved by a third of their size."""
    d = law.dimension
    v, s, u, p = global_minimum(law.replace(task_mean=None)).layer().parameters
    move = rng.standard_normal((d + 3, d)) / (3 * np.sqrt(d))
    return LinearSelfAttention.from_parameters(
        v + s * move[0], s, u + abs(u).max() * move[3:], p + s * move[1]
    )


def lawful(case):
    """The features' covariance is positive definite in exact arithmetic too."""
    return definite(case.law)


@evidence(Close, "floats against exact rationals", cases=float_cases, given=lawful)
def rounded(formula, case, setting):
    """The same numbers as fractions; cancellation against the signal is the condition."""
    layer, law = case
    loss = population_loss(exact_layer(layer), exact_law(law))
    signal = population_loss(0 * layer.u, law)
    return Close(formula(layer, law), loss, ulps=64 * law.dimension, condition=1 + signal / loss)


def exact_layer(layer):
    return LinearSelfAttention(fractions(layer.pv), fractions(layer.kq))


def conditioned_cases(setting):
    """All matrices in bases of their own, with condition numbers from 1 to 1e12."""
    cases = {}
    for name, law in enclosures.laws(setting, general=True).items():
        rng = setting.rng(name)
        law = law.replace(task_mean=rng.standard_normal(law.dimension) / 2)
        cases[name] = Case(trained_size(law, rng), law)
    return cases


@evidence(Close, "floats against ball arithmetic", cases=conditioned_cases, extra="rigor")
def enclosed(formula, case, setting):
    """Nothing is solved, so what is lost is lost against the signal, whatever the condition."""
    layer, law = case
    value = population_loss(layer, law)
    tasks = np.linalg.norm(law.task_covariance, 2) + law.task_mean @ law.task_mean
    signal = np.linalg.norm(law.query_covariance, 2) * tasks / 2
    pairs = [(formula(layer, law), enclosures.layer_loss(layer, law))]
    return enclosures.close(pairs, 64 * law.dimension, condition=1 + signal / value)


def sampled_cases(setting):
    """Few pairs and many features, where the query's own column is large; and the reverse."""
    d, white = 8, GaussianPrompts(np.ones(8), 2)
    first = np.eye(d)[0]
    seen = LinearSelfAttention.from_parameters(first / 4, 0.0, np.eye(d), 0 * first)
    cases = {"the query attends to itself": Case(seen, white)}
    for d, n in ((10, 4), (6, 40), (2, 3)):
        law = random_law(setting.rng(f"law {d}"), d, n)
        cases[f"d = {d}, N = {n}"] = Case(trained_size(law, setting.rng(f"layer {d}")), law)
    law = GaussianPrompts(np.ones(2), 2, noise_variance=0.25)
    cases["on the block"] = Case(global_minimum(law.replace(context_length=20)).layer(), law)
    return cases


@evidence(Sigma, "whole prompts", cases=sampled_cases)
def whole_prompts(formula, case, setting):
    """Every labelled pair is drawn and attended to."""
    count = 2**15 if setting.quick else 2**17
    exact = 2 * formula(*case)
    return simulated(*case, count, setting, exact, whole_prompts=True)


def own_column_forgotten(layer, prompts):
    """Without the query's own column: it alone is cubic in `x_q`, so that the loss over Λ_q at
    `c Λ_q` is a quadratic in `c`, whose value at 0 leaves it out."""
    query = array(prompts.query)
    one, two, three = (
        population_loss(layer, prompts.replace(query_covariance=c * query)) / c for c in (1, 2, 3)
    )
    return 3 * one - 3 * two + three


def square_of_the_mean(layer, prompts):
    """`n` for `n + 1`: without the first of the two terms from pairs that meet themselves."""
    context, query, weight = (
        dense(array(matrix)) for matrix in (prompts.context, prompts.query, prompts.second_moment)
    )
    explained = layer.gain.T @ context
    lost = product_trace(explained.T @ query @ explained, weight) / prompts.context_length
    return population_loss(layer, prompts) - lost / 2


def figure(setting):
    """Left: loss against context length. Right: along a line that leaves the block."""
    figure, (left, right) = canvas(1, 2, height=3.2)
    law = GaussianPrompts(np.array([1.5, 0.5]), 8, noise_variance=0.25)
    v, s, u, p = global_minimum(law).layer().parameters
    count = 4_000 if setting.quick else 40_000

    def layer(size):
        return LinearSelfAttention.from_parameters(
            v + size * np.array([0.3, 0.2]), s, u, p + size * np.array([0.1, -0.2])
        )

    def sampled(size, law):
        seed = setting.integer_seed(f"{size} {law.context_length}")
        mean, error = sampled_risk(layer(size), law, count, seed=seed)
        return mean / 2, error  # of the loss: half the risk, and two standard errors

    lengths = np.unique(np.logspace(0, 2, 40).astype(int))
    for index, size in enumerate((0.0, 1.0)):
        laws = [law.replace(context_length=int(n)) for n in lengths]
        name = "off the block" if size else "on the block"
        losses = [population_loss(layer(size), each) for each in laws]
        left.loglog(lengths, losses, color=f"C{index}", label=name)
        dots = [sampled(size, each) for each in laws[::5]]
        means, errors = np.transpose(dots)
        left.errorbar(lengths[::5], means, errors, fmt="o", color=f"C{index}", markersize=4)
    forgotten = [own_column_forgotten(layer(1.0), each) for each in laws]
    left.loglog(lengths, forgotten, ":", color="C1", label="its own column forgotten")
    left.set(xlabel="context length $N$", title="loss, exact and simulated")
    left.legend()

    sizes = np.linspace(-2, 2, 81)
    for index, n in enumerate((2, 8, 32)):
        each = law.replace(context_length=n)
        losses = [population_loss(layer(size), each) for size in sizes]
        right.plot(sizes, losses, color=f"C{index + 2}", label=f"$N = {n}$")
        means, errors = np.transpose([sampled(size, each) for size in sizes[::20]])
        right.errorbar(sizes[::20], means, errors, fmt="o", color=f"C{index + 2}", markersize=4)
    right.set(xlabel="distance $t$ along $(v, p)$ from the block", title="loss off the block")
    right.legend()
    return figure


claim = Claim(
    title="The loss over all parameters",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Lemmas 5.1 and 5.2, for the block; "
    "beyond it derived here",
    formula=population_loss,
    hypotheses=(
        r"$x \sim N(0, \Lambda)$, $x_q \sim N(0, \Lambda_q)$",
        r"$w \sim N(\mu, \Omega)$",
        r"$\varepsilon \sim N(0, \sigma^2)$",
    ),
    call="population_loss(LinearSelfAttention(pv, kq), GaussianPrompts(covariance, 20))",
    evidence=(derivation("population_loss"), definition, rounded, enclosed, whole_prompts),
    control=(
        Control("the query's own column forgotten", own_column_forgotten),
        Control("$N$ for $N + 1$ in the Wishart second moment", square_of_the_mean),
    ),
    figure=figure,
)
