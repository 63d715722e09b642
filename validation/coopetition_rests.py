r"""With the penalty $\frac\lambda2 (|a|^2 + |b|^2 + |c|^2 + |d|^2)$ what is beside the targets
decays, so that at rest four lengths are left. The balance $x_b^2 - x_c^2$ decays too, and of
$x_b^2 - x_a^2 - x_d^2$ the penalty leaves what the cost makes. So there are three unknowns: what
either strategy explains, `p` and `q`, and the length of the shared parts; the last follows from
the other two, and two equations in the unit square are left.

The origin attracts: a start below $\lambda / r$ dies out before it emerges. The loss grows without
bound in all directions, and the flow goes downhill, so by Morse's theory the signs of the
determinant of the Hessian at all rest points sum to 1. The origin is one of them and any other has
four copies, by the signs that cancel in products: of the others as many have an even number of
repelling directions as an odd one. They are born in pairs, and a list that misses one of a pair is
found out.

Without L2 and with $\mu_2 = 0 < \mu_1$ nothing rests but the weights' solution: as long as $b$
and $c$ are there, $d$ is pulled with the force of $\mu_1$, and once $L_2 = 0$ nothing pulls $a$,
so that the cost dismantles it. L2 moves this end. In the weights it leaves an error of the order of
$\lambda$, which pulls $a$ again, and `d`, of most entries, costs most. In draws of the published
setting the context overtakes at $\lambda$ between $6 \cdot 10^{-4}$ and $9 \cdot 10^{-4}$, in some
with a jump and in others smoothly, until answers are lost in a fold between $3 \cdot 10^{-3}$ and
$1.3 \cdot 10^{-2}$: below it L2 keeps in-context learning for good. With a large cost there are two
such ends over a wide range, and the start decides.
"""

import math

import numpy as np

from lsa_theory.transience.coopetition import Coopetition
from lsa_theory.transience.coopetition_rests import rest_points
from lsa_theory.transience.strategies import NAMES
from validation.common.coopeting import settled, step_of_all
from validation.common.derived import derivation, wrong_steps
from validation.harness import Bound, Claim, Control, Flow, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("coopetition_rests")
DEFAULTS = {"alpha": 0.1, "floor_context": 0.1, "floor_weights": 0.0}
SIZES = (20, 20, 20, 160)  # as published


def resting(setting):
    """One end beside the origin or none; with both strategies; five and seven points."""
    found = {f"λ = {x}": (SIZES, {"l2": x}) for x in (1e-3, 0.02)}
    costly = {"alpha": 10.0, "floor_context": 0.05}
    for floor, penalty in ((0.05, 1e-3), (0.05, 0.03), (0.0, 0.01)):
        options = costly | {"floor_weights": floor, "l2": penalty}
        found[f"α = 10, μ2 = {floor}, λ = {penalty}"] = ((4, 4, 4, 4), options)
    return found


def ones(sizes):
    return {k: np.ones(size) for k, size in zip(NAMES, sizes, strict=True)}


def listed(formula, sizes, options):
    targets = ones(sizes)
    return formula(*Coopetition(targets, targets, **options)._law())


@evidence(Flow, "the gradient by every entry vanishes", cases=resting)
def gradient(formula, case, setting):
    """Of targets and what lies along them, by the errors' tensors."""
    sizes, given = case
    rng, options = setting.rng("targets"), DEFAULTS | given
    targets = {}
    for name, size in zip(NAMES, sizes, strict=True):
        drawn = rng.standard_normal(size)
        targets[name] = drawn * math.sqrt(size) / np.linalg.norm(drawn)
    off = []
    for point in listed(formula, sizes, given)[1:]:
        parts = {k: x * targets[k] for k, x in zip(NAMES, point.shares, strict=True)}
        moved = step_of_all(targets, parts, options, 1.0)
        off += [abs(moved[k] - parts[k]).max() / options["l2"] for k in NAMES]
    return Flow(max(off, default=0.0), 1e-9, "rounding of slopes in units of that of L2")


@evidence(Flow, "flows end at the points that attract", cases=resting)
def ends(formula, case, setting):
    """From beside each point, of which those that do not attract are left, and from afar."""
    sizes, options = case
    targets, points = ones(sizes), listed(formula, sizes, options)
    rng = setting.rng("starts")
    begun = [point.shares for point in points] + list(rng.uniform(0, 1.5, (3, 4)))
    attracting = np.array([point.shares for point in points if point.stable])
    off = []
    for k, share in enumerate(begun):
        noise = 1e-3 * max(share.max(), 1e-3)
        starts = {
            name: value + noise * rng.standard_normal(len(targets[name]))
            for name, value in zip(NAMES, share, strict=True)
        }
        end = settled(Coopetition(targets, starts, **options))
        own = k < len(points) and points[k].stable
        distances = abs(end - (begun[k] if own else attracting)).reshape(-1, 4).max(axis=1)
        off.append(distances.min())
    return Flow(max(off), 1e-7, "flows for 300 times that of L2, by steps of 1e-10")


def draws(setting):
    """Of the published setting, as they come."""
    return {f"draw {seed}": (SIZES, seed) for seed in range(3 if setting.quick else 8)}


@evidence(Bound, "more L2 takes the answers from the weights to the context", cases=draws)
def overtaken(formula, case, setting):
    """At all ends but the origin, for 3e-4 and for 2e-3."""
    sizes, seed = case
    weak, strong = (
        [point for point in formula(*Coopetition.drawn(sizes, seed=seed, l2=x)._law())[1:]
         if point.stable]
        for x in (3e-4, 2e-3)
    )  # fmt: skip
    greater = [point.weights_share for point in weak] + [point.context_share for point in strong]
    lesser = [point.context_share for point in weak] + [point.weights_share for point in strong]
    return Bound(greater, lesser)


def as_many(setting):
    """Both strategies of as many entries."""
    return {"20 entries each": ((20,) * 4, 0)}


def costless(targets, sizes, alpha, *rest):
    """The cost left out."""
    return rest_points(targets, sizes, 0, *rest)


def turned(*law):
    """What attracts said to repel, and the other way round."""
    return [point._replace(stable=not point.stable) for point in rest_points(*law)]


def figure(setting):
    """What is explained at rest against the penalty: published, and with a large cost."""
    figure, axes = canvas(1, 2, sharey=True)
    cases = (
        (SIZES, {}, np.geomspace(3e-5, 2e-2, 81), "published sizes, equal entries"),
        (SIZES, {"alpha": 10.0, "floor_weights": 0.05},
         np.geomspace(3e-5, 2e-2, 81), r"cost $\alpha = 10$, floor $\mu_2 = 0.05$"),
    )  # fmt: skip
    for axis, (sizes, options, penalties, title) in zip(axes, cases, strict=True):
        found = [listed(rest_points, sizes, options | {"l2": x})[1:] for x in penalties]
        for k, colour in ((0, COLOURS[0]), (1, COLOURS[1])):
            for stable, style in ((True, {"s": 5}), (False, {"s": 1.2, "alpha": 0.6})):
                rows = [(x, p[k]) for x, ps in zip(penalties, found, strict=True)
                        for p in ps if p.stable is stable]  # fmt: skip
                axis.scatter(*zip(*rows, strict=True), color=colour, lw=0, **style)
        axis.set(xscale="log", xlabel=r"L2, $\lambda$", title=title)
    axes[0].set(ylabel="explained at rest")
    for name, colour in (("in context, $p$", COLOURS[0]), ("in the weights, $q$", COLOURS[1])):
        axes[0].scatter([], [], color=colour, s=12, label=name)
    axes[0].scatter([], [], color=FAINT, s=2, label="small: repelling")
    axes[0].legend(fontsize=7.5, loc="center left")
    return figure


claim = Claim(
    title="Strategies that share circuits: where they end, with and without L2",
    source="derived here, for the model of Singh et al., Strategy coopetition explains the "
    "emergence and transience of in-context learning, 2025",
    formula=rest_points,
    hypotheses=(
        r"the evidence is for $\lambda > 0$; without L2 what can rest is derived",
        "gradient flow on all parameters",
    ),
    call="Coopetition.drawn(seed=0, l2=1e-3).stationary_points()",
    evidence=(derived, gradient, ends, overtaken),
    control=(
        wrong_steps("coopetition_rests", derived),
        Control("the cost left out", costless, rejected_by=(gradient, ends)),
        Control("as many entries in $d$ as in $a$", cases=as_many, rejected_by=(overtaken,)),
        Control("stability turned round", turned, rejected_by=(ends,)),
    ),
    figure=figure,
)
