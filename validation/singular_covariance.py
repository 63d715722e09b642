r"""Features that are linear functions of one another, or constant, have a singular covariance. The
loss sees the gain only between two copies of it: with $C = E[h h^\top]$,

$$L(B) - \min L = \tfrac12 \operatorname{tr}\big( (B - B_*)^\top C (B - B_*) \Lambda \big), \qquad
C = \Lambda \big[ (1 + \tfrac1N) \Omega\Lambda + \tau I \big],$$

and $C$ has the range of $\Lambda$: neither $h$ nor $x_q$ ever leaves it. Let $P$ be the orthogonal
projection on that range. A change $X$ of the gain costs what $PXP$ costs, so every gain
$B_* + X - PXP$ attains the least loss, and no others do, since on the range both $C$ and $\Lambda$
are positive definite:

$$L(B_* + X) - \min L \ge \tfrac12\, \lambda^+_{\min}(C)\, \lambda^+_{\min}(\Lambda)\,
\|PXP\|_F^2 .$$

Nothing else changes. In orthonormal coordinates $V$ of the range the law has the covariance
$V^\top \Lambda V \succ 0$ with the same trace, and the formula for $B_*$ commutes with the choice
of coordinates: $V^\top B_* V$ is the minimiser of that smaller problem, at the same loss. It is the
trace, not the dimension, that counts: features without variance are as good as absent.

Training does not see the rest either. Outside the block too, $U$ enters the prediction between
vectors of the range, $v$ and $p$ in products with them, so the loss is the same along
$U + X - PXP$, $v + (I - P) a$ and $p + (I - P) b$. The gradient has no component there: under
gradient flow the entries of $U$ that touch the kernel stay where they started, while $P (sU) P$
goes to $P B_* P$. Where training ends among the minimisers is decided by its start.
"""

from fractions import Fraction as F
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, dense, outer, resolvent
from lsa_theory.minimum import Minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from validation.common.derived import derivation
from validation.common.flows import COUNT
from validation.common.ranges import least_positive, range_basis, range_projection
from validation.common.rationals import halves
from validation.harness import Bound, Claim, Close, Control, Equal, Flow, evidence
from validation.harness.figures import FAINT, canvas


class Minimisers(NamedTuple):
    """The gains `B + X − P X P`, for one minimiser `B` and all matrices `X`."""

    minimum: Minimum
    projection: Any

    def unseen(self, step):
        """The part of a vector or of a matrix that P does not see."""
        seen = self.projection @ step
        return step - (seen @ self.projection if step.ndim == 2 else seen)


def minimisers(prompts):
    r"""All gains of least training loss, at a covariance that may be singular.

    With :math:`\Lambda_q = \Lambda`, :math:`\tau = (\operatorname{tr}(\Lambda\Omega) + \sigma^2)/N
    > 0`, :math:`P` the orthogonal projection on :math:`\operatorname{range} \Lambda` and
    :math:`B_* = [(1 + \frac1N) \Omega\Lambda + \tau I]^{-1} \Omega`, the loss is least exactly at

    .. math::
        B = B_* + X - P X P, \qquad X \in \mathbb{R}^{d \times d}:

    only :math:`\Lambda B \Lambda` is determined. The least loss is the formula of the
    non-singular case, and it is that of the problem in coordinates of the range.
    """
    return Minimisers(global_minimum(prompts), range_projection(prompts.covariance))


def rational_laws(setting):
    """Rank 1 and 2 in three dimensions, a constant feature, and a prior that is singular too."""
    root = np.array([[F(1), F(2)], [F(-1), F(1, 2)], [F(3), F(1)]])
    prior = np.array([[2, F(1, 2), 0], [F(1, 2), 1, F(1, 3)], [0, F(1, 3), 1]])
    line = outer(root[:, 0], root[:, 0])
    constant = np.array([[F(2), F(0), F(1)], [F(0), F(0), F(0)], [F(1), F(0), F(3)]])
    return {
        "rank 2": GaussianPrompts(root @ root.T, 4),
        "rank 1": GaussianPrompts(line, 3, noise_variance=F(1, 2)),
        "a constant feature": GaussianPrompts(constant, 5, task_covariance=prior),
        "singular tasks": GaussianPrompts(root @ root.T, 2, task_covariance=line),
    }


derived = derivation("singular_covariance")


@evidence(Equal, "moves that P does not see leave loss and gradient", cases=rational_laws)
def flat(formula, prompts, setting):
    """The loss is quadratic in the gain, so central differences are exact derivatives."""
    found, d = formula(prompts), prompts.dimension
    gain = found.minimum.gain + found.unseen(halves(setting.rng(), d, d))
    units = np.eye(d * d, dtype=int).reshape(-1, d, d)
    gradient = [
        population_loss(gain + unit, prompts) - population_loss(gain - unit, prompts)
        for unit in units
    ]
    return Equal(np.array([*gradient, population_loss(gain, prompts) - found.minimum.loss]))


@evidence(Equal, "no layer's loss sees the kernel", cases=rational_laws)
def unseen(formula, prompts, setting):
    """Outside the block too, at parameters far from the minimum."""
    found, d, rng = formula(prompts), prompts.dimension, setting.rng()
    (v, p, *u), (a, b, *x) = halves(rng, 2, d + 2, d)
    u, x = np.array(u), np.array(x)

    def loss(v, u, p):
        return population_loss(LinearSelfAttention.from_parameters(v, F(1, 2), u, p), prompts)

    moved = loss(v + found.unseen(a), u + found.unseen(x), p + found.unseen(b))
    return Equal(moved - loss(v, u, p))


def float_laws(setting):
    """Real features and a random law with prior and noise."""
    n = setting.context_length or 40
    factor, prior = setting.rng("law").standard_normal((2, 8, 8))
    random = GaussianPrompts(
        factor[:, :5] @ factor[:, :5].T, 40, task_covariance=prior @ prior.T, noise_variance=0.5
    )
    real = {name: GaussianPrompts(matrix, n) for name, matrix in setting.covariances.items()}
    return {"random, rank 5 of 8": random} | real


def singular(prompts):
    """Λ is singular, up to rounding."""
    return range_basis(prompts.covariance).shape[1] < prompts.dimension


@evidence(Bound, "moves that P sees cost loss", cases=float_laws, given=singular)
def curved(formula, prompts, setting):
    """Along every eigenvector of Λ, of the range and of the kernel, and at random."""
    minimum, projection = formula(prompts)
    context, d = prompts.covariance, prompts.dimension
    factor = context_factor(prompts)
    curvature = least_positive(symmetric(context @ factor)) * least_positive(context)

    vectors = np.linalg.eigh(context)[1].T
    size, random = 10 * abs(minimum.gain).max(), setting.rng().standard_normal((8, d, d))
    steps = [size * step for step in [*map(outer, vectors, vectors), *random]]
    losses = np.array([population_loss(minimum.gain + step, prompts) for step in steps])
    seen = np.array([np.linalg.norm(projection @ step @ projection) for step in steps])
    return Bound(
        losses,
        minimum.loss + curvature * seen**2 / 2,
        scale=[terms(minimum.gain, step, prompts) for step in steps],
        ulps=4 * d,
    )


def context_factor(prompts):
    """`(1 + 1/N) ΩΛ + τ I`, which is `C` without its factor Λ."""
    context, n = prompts.covariance, prompts.context_length
    prior = dense(array(prompts.task))
    variance = np.trace(context @ prior) + prompts.noise_variance
    return ((n + 1) * prior @ context + variance * np.eye(len(context))) / n


def terms(gain, step, prompts):
    """The size of the terms that go into the loss at `B + X` before they cancel.

    With `G = B + X` the loss is a quadratic in `GΛ − I` and in `GΛ`. A float product `GΛ` errs by
    `d eps ‖G‖ ‖Λ‖`, however much of `G` Λ then annihilates, and what multiplies that error in
    `L` is at most `‖(1 + 1/N) ΩΛ + τ I‖ (‖GΛ‖ + ‖I‖)`. The other side errs by no more: where
    `X` nearly cancels in `PXP`, in rounded eigenvectors, and in a least eigenvalue of `C` or Λ,
    which is off by `eps` of the largest; for `λ⁺_min(Λ) ‖PXP‖ ≤ ‖XΛ‖`.
    """
    context, unit = prompts.covariance, np.sqrt(prompts.dimension)
    whole = sum(np.linalg.norm(part) for part in (gain, step)) * np.linalg.norm(context, 2)
    seen = sum(np.linalg.norm(part @ context) for part in (gain, step))
    return np.linalg.norm(context_factor(prompts), 2) * (whole + unit) * (seen + unit)


def symmetric(matrix):
    return (matrix + matrix.T) / 2


@evidence(Close, "the same minimum in coordinates of the range", cases=float_laws, given=singular)
def restricted(formula, prompts, setting):
    """Gain and loss, each in units of its size."""
    basis = range_basis(prompts.covariance)
    inside = prompts.replace(
        covariance=symmetric(basis.T @ prompts.covariance @ basis),
        task_covariance=symmetric(basis.T @ dense(array(prompts.task)) @ basis),
    )
    whole, part = formula(prompts).minimum, formula(inside).minimum
    unit = abs(part.gain).max()
    return Close(
        np.append(basis.T @ whole.gain @ basis / unit, whole.loss / part.loss),
        np.append(part.gain / unit, 1.0),
        ulps=16 * prompts.dimension,
        condition=prompts.context_length + 2,
    )


TIMES = np.append(0.0, np.geomspace(1e-2, 1e20, COUNT - 1))  # a flow that has converged stops


def starts(setting):
    """Starts on the block with every entry of U away from 0; digits in units of their variance."""
    cases = {}
    for name, law in float_laws(setting).items():
        if setting.quick and law.dimension > 8:
            continue
        unit, d = np.trace(law.covariance), law.dimension
        law = law.replace(
            covariance=law.covariance / unit, noise_variance=law.noise_variance / unit
        )
        entries = setting.rng(name).standard_normal((d, d)) / d
        cases[name] = (law, LinearSelfAttention.from_block(entries, 2.0))
    return cases


@evidence(Flow, "gradient flow", cases=starts, given=lambda case: singular(case[0]))
def trained(formula, case, setting):
    """The gain on the range against the formula, and U elsewhere against its start."""
    prompts, start = case
    minimum, projection = found = formula(prompts)
    flow = gradient_flow(start, prompts, times=TIMES)
    missed = projection @ (flow.final.gain - minimum.gain) @ projection
    drift = found.unseen(flow.final.u - start.u)
    size = abs(flow.final.s) + np.linalg.norm(flow.final.u)
    return Flow(
        np.linalg.norm(missed) + np.linalg.norm(drift),
        size * flow.distance_bound,
        reason=f"|s| + ‖U‖ = {size:.3g} times the flow's bound on all parameters",
    )


def whole_space(prompts):
    """As if Λ were positive definite: every direction is seen."""
    return minimisers(prompts)._replace(projection=np.eye(prompts.dimension))


def lost_direction(prompts):
    """P misses a direction of the range."""
    found = minimisers(prompts)
    first = found.projection[:, 0]
    return found._replace(projection=found.projection - outer(first, first) / first[0])


def mean_eigenvalue(prompts):
    """The ridge τ with `tr(ΛΩ)/d` for `tr(ΛΩ)`, which counts the features without variance."""
    context, n = prompts.covariance, prompts.context_length
    prior = dense(array(prompts.task))
    ridge = (prior @ context).trace() / len(context) + prompts.noise_variance
    gain = n * resolvent(prior, context, n + 1, ridge)
    wrong = Minimum(gain, population_loss(gain, prompts), prompts)
    return minimisers(prompts)._replace(minimum=wrong)


def figure(setting):
    """The entries of U in the eigenvectors of Λ, along gradient flow."""
    figure, axis = canvas(height=3.4)
    prompts = GaussianPrompts(np.diag([1.5, 0.5, 0.0, 0.0]), 20)
    start = LinearSelfAttention.from_block(setting.rng().uniform(-0.3, 0.3, (4, 4)), 1.0)
    times = np.append(0.0, np.geomspace(1e-3, 1e3, COUNT - 1))
    flow = gradient_flow(start, prompts, times=times)
    paths = np.array([layer.u for layer in flow.layers])[1:]
    for i, j in np.ndindex(4, 4):
        color, width = ("C0", 1.8) if max(i, j) < 2 else (FAINT, 1)
        axis.semilogx(times[1:], paths[:, i, j], color=color, linewidth=width)
    limit = global_minimum(prompts).gain / flow.final.s
    for index in ((0, 0), (1, 1), (0, 1)):
        axis.axhline(limit[index], color="C1", linestyle=":")
    axis.plot([], [], color="C0", label=r"between eigenvectors of range $\Lambda$")
    axis.plot([], [], color=FAINT, label="touching the kernel")
    axis.plot([], [], color="C1", linestyle=":", label="$B_*/s$ at the end")
    axis.set(xlabel="time of gradient flow", ylabel=r"entries of $U$ in eigenvectors of $\Lambda$")
    axis.legend(loc="center left", bbox_to_anchor=(0, 0.7))
    return figure


claim = Claim(
    title="Singular covariances: what the minimum leaves undetermined",
    source="derived here; Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1, on the range",
    formula=minimisers,
    hypotheses=(
        r"$\Lambda \succeq 0$ singular, not 0; $\Lambda_q = \Lambda$; tasks of zero mean",
        r"labels that vary: $\operatorname{tr}(\Lambda\Omega) + \sigma^2 > 0$",
    ),
    call="""minimum = global_minimum(GaussianPrompts(covariance, 20))
minimum.unique, minimum.free_directions""",
    evidence=(derived, flat, unseen, curved, restricted, trained),
    control=(
        Control("every direction seen", whole_space, rejected_by=(curved, trained)),
        Control(
            "a direction of the range not seen", lost_direction, rejected_by=(derived, flat, unseen)
        ),
        Control(
            "mean eigenvalue for trace", mean_eigenvalue, rejected_by=(derived, flat, restricted)
        ),
    ),
    figure=figure,
)
