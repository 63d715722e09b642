r"""Sort the prediction by its parity under $(w, \varepsilon) \to (-w, -\varepsilon)$. With
$S = \frac1N \sum x_i x_i^\top$, $h = \frac1N \sum y_i x_i$ and $q = \frac1N \sum y_i^2$ it is the
sum of

$$\hat y_{\mathrm{odd}} = s\, h^\top U x_q + (v^\top h)(p^\top x_q)
= h^\top (s U + v p^\top)\, x_q, $$
$$\hat y_{\mathrm{even}} = v^\top \big( S + \tfrac1N x_q x_q^\top \big) U x_q
+ s\, q\, p^\top x_q .$$

Tasks of zero mean and symmetric noise make both signs equally likely, so the even part is
uncorrelated with the odd part and with the target $\langle w, x_q \rangle$, which is odd too. The
cross terms vanish, and the loss is a sum of two non-negative parts:

$$L(v, s, U, p) = L\big( s U + v p^\top \big) + \tfrac12 E\, \hat y_{\mathrm{even}}^2 .$$

The first is the loss *on the block* at the matrix $s U + v p^\top$: outside the block a layer gains
no new predictor, only a rank-one term in a matrix that the block reaches by itself. The second is
an error that only parameters outside the block can make. Hence
$L \ge L(s U + v p^\top) \ge \min L$, whatever the prior, the noise and the law of the query.

This is about the floor, not about the way down: the second part can hold descent up. At short
contexts some starts outside the block end at $s = 0$, $U = 0$ with $v p^\top$ the best gain along
the strongest feature: growing the missing part as $s U$ crosses with $v$ and $p$ in
$\hat y_{\mathrm{even}}$ and costs more than it gains. Starts on the block, as in the theorem,
never meet these points.

A task mean breaks the symmetry. Then $v^\top S U x_q$ is a guess at $\langle \mu, x_q \rangle$ that
comes from the weights alone, and descent leaves the block to use it.
"""

from fractions import Fraction as F
from functools import cache, partial

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import dense
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from validation.common.derived import derivation
from validation.common.layers import hessian
from validation.common.rationals import halves
from validation.harness import Bound, Claim, Control, Equal, Table, evidence, oracle
from validation.harness.figures import canvas


def effective_loss(layer, prompts):
    r"""For tasks of zero mean, no parameter outside the block :math:`v = p = 0` helps.

    The loss over all parameters is that of the matrix :math:`s U + v p^\top` on the block, and a
    non-negative rest:

    .. math::
        L(v, s, U, p) = L(s U + v p^\top) + \tfrac12 E \Big( v^\top \big( S + \tfrac1N x_q x_q^\top
        \big) U x_q + s\, q\, p^\top x_q \Big)^2 \ge L(s U + v p^\top) \ge \min L,

    with :math:`S = \frac1N \sum x_i x_i^\top`, :math:`q = \frac1N \sum y_i^2`. Any
    :math:`\Lambda, \Omega, \Lambda_q` and label noise.
    """
    return population_loss(layer.gain, prompts)


def rational_cases(setting):
    """Generic layers, with every argument of a zero-mean law away from its default."""
    sizes = {"one feature": (1, 4), "two features": (2, 3), "three features": (3, 2)}
    cases = {name: generic(setting.rng(name), *size) for name, size in sizes.items()}
    layer, _ = cases["two features"]
    flat = np.array([[F(1), F(0)], [F(2), F(0)]])
    cases["singular tasks"] = layer, oracle.RationalLaw(np.eye(2, dtype=int), 3, task=flat)
    return cases


def generic(rng, d, n, **arguments):
    draw = partial(halves, rng)
    layer = LinearSelfAttention.from_parameters(draw(d), draw(1)[0], draw(d, d), draw(d))
    given = {"noise": F(1, 3), "task": draw(d, d), "query": draw(d, d)} | arguments
    return layer, oracle.RationalLaw(draw(d, d), n, **given)


derived = derivation("outside_block")


@evidence(Equal, "the split, from the network's definition", cases=rational_cases)
def split(formula, case, setting):
    """`(v, p) → (−v, −p)` flips the even part of the prediction and nothing else."""
    layer, law = case
    v, s, u, p = layer.parameters
    flipped = LinearSelfAttention.from_parameters(-v, s, u, -p)
    errors = [oracle.residual(each, law) for each in (layer, flipped)]
    even, odd = (errors[0] - errors[1]) / 2, (errors[0] + errors[1]) / 2
    rest = oracle.product_expectation(even, even) / 2
    return Equal(
        [
            oracle.product_expectation(even, odd),
            oracle.loss(layer, law) - formula(layer, law.prompts) - rest,
        ]
    )


def float_laws(setting):
    """Real features, and random laws with prior, noise and another query."""
    n = setting.context_length or 20
    laws = {
        name: GaussianPrompts(covariance / np.trace(covariance), n, noise_variance=0.1)
        for name, covariance in setting.covariances.items()
        if len(covariance) <= 13 or not setting.quick
    }
    for d in (2, 5):
        laws[f"random, d = {d}"] = random_law(setting.rng(f"{d}"), d, n)
    return laws


def random_law(rng, d, n):
    features, tasks, queries = (
        root @ root.T / d + np.eye(d) / 4 for root in rng.standard_normal((3, d, d))
    )
    return GaussianPrompts(
        features, n, noise_variance=0.2, task_covariance=tasks, query_covariance=queries
    )


@evidence(Bound, "loss ≥ loss of the effective matrix ≥ minimum", cases=float_laws)
def ordered(formula, prompts, setting):
    """At every distance from the minimum, and where `v p^T` alone carries the matrix."""
    best, rng = block_minimum(prompts), setting.rng()
    layers = [moved(best.layer(), rng, size) for size in np.logspace(-6, 1, 30)] + [rank_one(best)]
    losses = np.array([population_loss(layer, prompts) for layer in layers])
    effective = np.array([formula(layer, prompts) for layer in layers])
    signal = population_loss(0 * best.gain, prompts)  # the size of the terms that cancel
    return Bound(
        [losses, effective],
        [effective, np.full(len(layers), best.loss)],
        scale=np.maximum(losses, signal),
        ulps=64,
    )


def moved(layer, rng, size):
    """All parameters moved, by `size` in units of the largest."""
    v, s, u, p = layer.parameters
    d, unit = len(v), size * abs(s)
    return LinearSelfAttention.from_parameters(
        v + unit * rng.standard_normal(d),
        s + unit * rng.standard_normal(),
        u + unit / np.sqrt(d) * rng.standard_normal((d, d)),
        p + unit * rng.standard_normal(d),
    )


def rank_one(minimum):
    """`s = U = 0`, and `v p^T` the best gain along the strongest feature."""
    strongest = np.linalg.eigh(dense(minimum.prompts.covariance))[1][:, -1]
    share = np.sqrt(strongest @ dense(minimum.gain) @ strongest) * strongest
    return LinearSelfAttention.from_parameters(share, 0.0, 0 * minimum.gain, share)


def descent_cases(setting):
    """A law of zero mean, and starts with every parameter away from 0."""
    d, rng = 2 if setting.quick else 3, setting.rng()
    law = random_law(rng, d, 8)
    return {
        f"start {k + 1}": (law, rng.standard_normal((d + 1) ** 2) / 2)
        for k in range(1 if setting.quick else 3)
    }


@evidence(Bound, "descent that starts outside the block", cases=descent_cases)
def descent(formula, case, setting):
    """Quasi-Newton steps on the loss over all parameters, by central differences."""
    prompts, start = case
    layer = layer_of(descended(prompts, start)[-1], prompts)
    loss = population_loss(layer, prompts)
    return Bound([loss, loss], [formula(layer, prompts), block_minimum(prompts).loss], ulps=64)


def descended(prompts, start):
    """The parameters after each step, the start included."""
    from scipy.optimize import minimize

    path = [start]
    minimize(
        lambda flat: population_loss(layer_of(flat, prompts), prompts),
        start,
        tol=1e-9,
        callback=path.append,
    )
    return path


def layer_of(flat, prompts):
    d = prompts.dimension
    v, p, s, u = flat[:d], flat[d : 2 * d], flat[2 * d], flat[2 * d + 1 :]
    return LinearSelfAttention.from_parameters(v, s, u.reshape(d, d), p)


def descents_with_mean(setting):
    """A hypothesis violated, from the best layer of the block, so that every step counts."""
    d, zero = 2, np.zeros(2)
    law = random_law(setting.rng(), d, 8).replace(task_mean=np.array([1.0, 0.5]))
    layer = block_minimum(law).layer()
    return {"the block's minimum": (law, np.concatenate([zero, zero, [layer.s], layer.u.ravel()]))}


def rational_mean(setting):
    """A task mean in rationals."""
    rng = setting.rng("mean")
    return {"two features": generic(rng, 2, 2, mean=[F(1), F(-1, 2)])}


def block_part(layer, prompts):
    """`s U` for the effective matrix, as if `v` and `p` were only noise."""
    return population_loss(layer.s * layer.u, prompts)


@cache
def plane_descents(seed, quick, mean):
    """A law in two dimensions, and paths of descent on it from starts outside the block."""
    prompts = GaussianPrompts(np.array([1.5, 0.5]), 8, noise_variance=1.0, task_mean=mean)
    starts = np.random.default_rng(seed).standard_normal((2 if quick else 8, 9))
    return prompts, [descended(prompts, start) for start in starts]


def figure(setting):
    """Descent from starts outside the block, without and with a task mean."""
    figure, axes = canvas(1, 2, height=3.2, sharey=True)
    titles = {"tasks of mean 0": None, "tasks of mean $(2, 1)$": (2.0, 1.0)}
    for axis, (title, mean) in zip(axes, titles.items(), strict=True):
        prompts, paths = plane_descents(setting.seed, setting.quick, mean)
        least = block_minimum(prompts).loss
        for path in paths:
            losses = [population_loss(layer_of(flat, prompts), prompts) / least for flat in path]
            axis.plot(losses, color="C0", linewidth=1, alpha=0.7)
        axis.axhline(1, color="C1", linestyle=":", label="minimum on the block")
        axis.set(title=title, xlabel="quasi-Newton steps")
    axes[0].set(ylabel="loss / minimum on the block", ylim=(0.5, 2.5))
    axes[0].legend(loc="upper right")
    return figure


def landings(setting):
    """Where the descents of the figure end, in the case of mean 0."""
    prompts, paths = plane_descents(setting.seed, setting.quick, None)
    least, steps = block_minimum(prompts).loss, 1e-4 * np.eye(9)

    def loss(flat):
        return population_loss(layer_of(flat, prompts), prompts)

    rows = []
    for end in [path[-1] for path in paths]:
        gradient = [(loss(end + a) - loss(end - a)) / 2e-4 for a in steps]
        curvatures = np.linalg.eigvalsh(hessian(loss, end, np.eye(9), 1e-4))
        rows.append(
            (
                f"{loss(end) / least:.4f}",
                f"{np.linalg.norm(gradient):.0e}",
                f"{curvatures[0]:.0e}",
                f"{np.linalg.norm(layer_of(end, prompts).v):.3f}",
            )
        )
    yield Table(
        "Where descents from outside the block end: some in points without a way down. "
        "(The smallest eigenvalue is that of the symmetry between scales, 0.)",
        ("loss / min L", "gradient norm", "smallest eigenvalue of the Hessian", "norm of v"),
        tuple(sorted(rows)),
    )


claim = Claim(
    title="No parameter outside the block helps",
    source="derived here; assumed by the start of Zhang, Frei, Bartlett, JMLR 25(49), 2024",
    formula=effective_loss,
    hypotheses=(
        r"$w \sim N(0, \Omega)$, or any law that is symmetric about 0",
        r"$\varepsilon$ symmetric about 0",
    ),
    call="""prompts = GaussianPrompts(covariance, 20, noise_variance=0.1)
population_loss(layer, prompts) >= global_minimum(prompts).loss    # whatever the layer""",
    evidence=(derived, split, ordered, descent),
    control=(
        Control("a task mean: the split", cases=rational_mean, rejected_by=(split,)),
        Control("a task mean: descent", cases=descents_with_mean, rejected_by=(descent,)),
        Control(r"$s U$ for $s U + v p^\top$", block_part, rejected_by=(derived, split, ordered)),
    ),
    figure=figure,
    reported=landings,
)
