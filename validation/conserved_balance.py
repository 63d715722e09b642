r"""The prediction is bilinear: with $u = (v, s)$ and $A = (U; p^\top)$,

$$\hat y = x_q^\top A^\top Z u + \tfrac1N (v^\top x_q)(x_q^\top U x_q),$$

where $Z$ holds the second moments of the labelled pairs. Every term is a product of one entry of
$u$ and one of $A$. So a layer may carry its strength in its values or in its keys and queries:

$$L(a u, A / a) = L(u, A) \qquad \text{for every } a > 0,$$

whatever the law of the prompts: a task mean, label noise and a query of its own change nothing
here. Each such symmetry of a loss conserves something along gradient flow. Differentiate at
$a = 1$:

$$\langle u, \nabla_u L \rangle - \langle A, \nabla_A L \rangle = 0 .$$

The flow is $\dot u = -\nabla_u L$, $\dot A = -\nabla_A L$, and the left side is minus half of the
rate at which $\|u\|^2 - \|A\|_F^2$ changes. Nothing was assumed of the start: large or small, on
the block $v = p = 0$ or off it, the flow keeps to the level set of its balance, wherever it ends.

Training leaves it only by taking steps of finite size. One step of gradient descent, of size
$\eta$, changes the balance by exactly $\eta^2$ times that of the gradient, and nothing of order
$\eta$ remains: over a fixed time a balance drifts in proportion to the learning rate.

Not every end is the best one. From starts outside the block the flow may come to rest above the
minimum, at points where $v$, $s$, $U$ and $p$ all differ from 0 (see the table): the Hessian there
has no negative eigenvalue. The balance holds on the way to them as well.
"""

from fractions import Fraction as F
from functools import partial

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from validation.common.derived import derivation
from validation.common.layers import flat_of, hessian, layer_of
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Flow, Table, evidence, oracle
from validation.harness.figures import FAINT, INK, canvas

RTOL = 1e-8
D = 3  # of the integrated flows


def balance(layer):
    r"""Gradient flow on the population loss conserves the balance of a layer, from any start:

    .. math::
        \frac{d}{dt} \Big( \|v\|^2 + s^2 - \|U\|_F^2 - \|p\|^2 \Big) = 0 .

    Any covariances, task mean, label noise and context length. Under gradient descent with
    learning rate :math:`\eta` it changes by :math:`\eta^2` times the balance of the gradient, each
    step.
    """
    return layer.balance


def rational_cases(setting):
    """Generic layers, all entries of both matrices included, on laws without a default."""
    cases = {
        "one feature": (1, 3, {}),
        "two features": (2, 2, {}),
        "two features, task mean": (2, 2, {"mean": [F(1), F(-1, 2)]}),
        "two features, one pair, no noise": (2, 1, {"noise": 0, "task": None, "query": None}),
    }
    return {
        name: generic(setting.rng(name), d, n, **arguments)
        for name, (d, n, arguments) in cases.items()
    }


def generic(rng, d, n, **arguments):
    draw = partial(halves, rng)
    layer = LinearSelfAttention(draw(d + 1, d + 1), draw(d + 1, d + 1))
    given = {"noise": F(1, 3), "task": draw(d, d), "query": draw(d, d)} | arguments
    return layer, oracle.RationalLaw(draw(d, d), n, **given)


def gradient(layer, law):
    """A layer of derivatives of the loss, by the network's definition. The loss is quadratic in
    each single parameter, so central differences are exact."""

    def slope(matrix, row, column):
        ends = []
        for step in (1, -1):
            moved = {name: getattr(layer, name).copy() for name in ("pv", "kq")}
            moved[matrix][row, column] += step
            ends.append(oracle.loss(LinearSelfAttention(**moved), law))
        return (ends[0] - ends[1]) / 2

    size = range(layer.dimension + 1)
    return LinearSelfAttention(
        *(
            np.array([[slope(matrix, i, j) for j in size] for i in size], dtype=object)
            for matrix in ("pv", "kq")
        )
    )


@evidence(Equal, "no change along the gradient, on rationals", cases=rational_cases)
def orthogonal(formula, case, setting):
    """To first order: the difference of both sides of the start, exact for a quadratic. And the
    whole change in one step of gradient descent."""
    layer, law = case
    slope = gradient(layer, law)
    ahead = LinearSelfAttention(layer.pv + slope.pv, layer.kq + slope.kq)
    behind = LinearSelfAttention(layer.pv - slope.pv, layer.kq - slope.kq)
    return Equal(
        [formula(ahead) - formula(behind), formula(behind) - formula(layer) - formula(slope)]
    )


def flows(setting):
    """Starts outside the block in three dimensions."""
    d, rng = D, setting.rng()
    features, tasks, queries = (
        root @ root.T / d + np.eye(d) / 4 for root in rng.standard_normal((3, d, d))
    )
    plain = GaussianPrompts(features, setting.context_length or 20)
    full = plain.replace(noise_variance=0.5, task_covariance=tasks, query_covariance=queries)
    shifted = full.replace(task_mean=np.array([1.0, -2.0, 0.5]))
    cases = {
        "small start": (plain, layer(rng.standard_normal(16) / 10)),
        "prior, noise, query and task mean": (shifted, layer(rng.standard_normal(16) / 2)),
        "large start": (plain, layer(2 * rng.standard_normal(16))),
        "values without keys": (full, layer(np.append(rng.standard_normal(4), np.zeros(12)))),
    }
    return dict(list(cases.items())[:2]) if setting.quick else cases


def layer(flat):
    """The layer with visible parameters ``(v, s, U, p)``."""
    return layer_of(flat, D)


@evidence(Flow, "drift along the integrated flow of all parameters", cases=flows)
def integrated(formula, case, setting):
    prompts, start = case
    flow = gradient_flow(start, prompts, parameters="all", rtol=RTOL)
    drift = max(abs(formula(each) - formula(start)) for each in flow.layers)
    return Flow(
        distance=float(drift),
        allowed=allowed(flow, RTOL),
        reason=f"{len(flow.times) - 1} steps, each 2 |z| times its error of rtol = {RTOL:g}",
    )


def allowed(flow, rtol):
    """Steps keep their error, root mean square over components, under ``rtol (1 + |component|)``,
    and move the balance by at most ``2 |z|`` times the norm of it."""
    paths = np.array([np.concatenate([np.ravel(x) for x in y.parameters]) for y in flow.layers[1:]])
    largest, norms = abs(paths).max(1), np.linalg.norm(paths, axis=1)
    return float((2 * norms * np.sqrt(paths.shape[1]) * rtol * (1 + largest)).sum())


def sum_of_squares(layer):
    return layer.balance + 2 * ((layer.u * layer.u).sum() + (layer.p * layer.p).sum())


def last_sign_wrong(layer):
    return layer.balance + 2 * (layer.p * layer.p).sum()


def figure(setting):
    """Left: what is conserved, and what is not. Right: the drift against the solver's tolerance."""
    figure, (left, right) = canvas(1, 2, height=3.2)
    prompts, start = flows(setting)["small start"]
    flow = gradient_flow(start, prompts, parameters="all", rtol=RTOL)
    v, s, u, p = (np.array(part) for part in zip(*(y.parameters for y in flow.layers), strict=True))
    values = (v**2).sum(1) + s**2
    keys = (u**2).sum((1, 2)) + (p**2).sum(1)
    left.semilogx(flow.times[1:], values[1:], label=r"$\|v\|^2 + s^2$")
    left.semilogx(flow.times[1:], keys[1:], "--", label=r"$\|U\|^2 + \|p\|^2$")
    left.semilogx(flow.times[1:], (values - keys)[1:], color=INK, label="their difference")
    left.set(xlabel="time $t$", title="along one flow, from a small start")
    left.set_ylim(top=1.6 * values.max())
    left.legend(loc="upper left")

    tolerances = [1e-3, 1e-9] if setting.quick else [1e-3, 1e-5, 1e-7, 1e-9]
    for index, (name, (prompts, start)) in enumerate(list(flows(setting).items())[:3]):
        runs = [
            gradient_flow(start, prompts, parameters="all", rtol=rtol, tolerance=1e-4)
            for rtol in tolerances
        ]
        drifts = [np.ptp(run.balance) for run in runs]
        right.loglog(tolerances, drifts, "o-", linewidth=1, label=name)
        if not index:
            bounds = [allowed(*pair) for pair in zip(runs, tolerances, strict=True)]
            right.loglog(tolerances, bounds, ":", color=FAINT, label="allowed, small start")
    right.set(xlabel="relative tolerance of a step", title="largest drift of the balance")
    right.legend(fontsize=8, loc="upper left", borderpad=0)
    right.set_ylim(top=1e4)
    return figure


def ends(setting):
    """Where flows outside the block end, with white features."""
    prompts = GaussianPrompts(np.ones(D), 20)
    least = global_minimum(prompts).loss
    rows = []
    for seed in (0, 4) if setting.quick else range(6):
        start = layer(np.random.default_rng(seed).standard_normal(16) / 10)
        flow = gradient_flow(start, prompts)
        norms = [f"{np.linalg.norm(part):.3f}" for part in flow.final.parameters]
        rows.append(
            (
                f"{flow.loss[-1] / least:.6f}",
                *norms,
                f"{least_curvature(flow.final, prompts):.0e}",
                f"{np.ptp(flow.balance):.0e}",
                flow.status.name.lower().replace("_", " "),
            )
        )
    yield Table(
        "Where flows end from random starts of size 0.1 outside the block, white features, d = 3, "
        "N = 20: some above the minimum, where the Hessian has no negative eigenvalue (its zeros, "
        "there to the accuracy of the integration, are the scaling and the rotations).",
        ("loss / min L", "‖v‖", "|s|", "‖U‖", "‖p‖", "least curvature", "drift", "flow reports"),
        tuple(sorted(rows)),
    )


def least_curvature(end, prompts):
    """The least eigenvalue of the Hessian by central differences, exact but for rounding."""

    def loss(flat):
        return population_loss(layer(flat), prompts)

    found = hessian(loss, flat_of(end), np.eye((D + 1) ** 2), 0.25)
    return np.linalg.eigvalsh(found)[0]


claim = Claim(
    title="What gradient flow conserves",
    source="derived here for all parameters; on the block: Zhang, Frei, Bartlett, JMLR 25(49), "
    "2024, proof of Theorem 4.1",
    formula=balance,
    hypotheses=("none: any start, any law of the prompts, any task mean and label noise",),
    call="""flow = gradient_flow(layer, prompts)
flow.balance        # constant, equal to layer.balance""",
    evidence=(derivation("conserved_balance"), orthogonal, integrated),
    control=(
        Control("the sum of all squares", sum_of_squares),
        Control("the sign of ‖p‖² wrong", last_sign_wrong),
    ),
    figure=figure,
    reported=ends,
)
