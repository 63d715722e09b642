r"""Two strategies share two of their three parts: $a \otimes b \otimes c$ answers in context and
$d \otimes b \otimes c$ in the weights, and one that succeeds is enough:

$$L = (L_1 + \mu_1)(L_2 + \mu_2) + \tfrac\alpha2\, \overline{(a \otimes d)^2} .$$

The errors $L_1$ and $L_2$ consist of inner products of a vector with itself and with its target.
So a gradient is a combination of the vector and its target, $\nabla_a L = h\, a - f\, a_*$. Split
$a = \xi_a a_* + e_a$ with $e_a \perp a_*$: a step of gradient descent moves the share $\xi_a$,
multiplies $e_a$ by $1 - \rho h$, and no other direction occurs. As $h$ and $f$ depend on $\xi$
and $|e|^2$ only, eight numbers are followed in the place of all parameters, exactly.

The product shows what competes and what cooperates. The pull on $a$ carries the factor $L_2 +
\mu_2$ and that on $d$ the factor $L_1 + \mu_1$: whichever comes first takes away the other's
reason to learn. The shared $b$ and $c$ are pulled by both, so that the slow strategy in the
weights prepares what the fast one in context needs. With $\mu_2 = 0 < \mu_1$ the weights win in
the end, and the cost $\alpha$ then dismantles $a$ with the lifetime $n_a n_d / (\alpha |d|^2)$:
in-context learning emerges and goes away, though each strategy alone would reach its solution.

Near zero all slopes are of second order: the time of emergence goes with one over the size of the
start, not with its logarithm. By $\dot x_a = r_a x_b x_c$, $\dot x_d = r_d x_b x_c$ and $\dot x_b =
(r_a x_a + r_d x_d) x_c$ two strategies grow like one of the rate $\sqrt{r_a^2 + r_d^2}$, sooner
together than either alone: this is how they cooperate.
"""

import math
from fractions import Fraction as F
from functools import cache

import numpy as np

from lsa_theory.transience.coopetition import Coopetition
from lsa_theory.transience.strategies import NAMES
from validation.common.coopeting import descended, faded, grown, losses, step_of_all
from validation.common.derived import derivation, wrong_steps
from validation.common.rationals import halves
from validation.harness import Bound, Claim, Control, Equal, Flow, Rate, evidence
from validation.harness.figures import COLOURS, FAINT, canvas

derived = derivation("coopetition")
STEPS = 16_000


def rational_cases(setting):
    """Small vectors in rationals, lengths of 1 among them, with floors and cost."""
    cases = {}
    for sizes in ((2, 1, 2, 3), (1, 1, 1, 1)):
        rng = setting.rng(str(sizes))
        targets, starts = (
            {name: halves(rng, size) for name, size in zip(NAMES, sizes, strict=True)}
            for _ in range(2)
        )
        options = {"alpha": F(1, 3), "floor_context": F(1, 5), "floor_weights": F(2, 7)}
        options["l2"] = F(1, 7)
        cases[f"lengths {sizes}"] = (targets, starts, options)
    return cases


@evidence(Equal, "two steps of all parameters, on rationals", cases=rational_cases)
def exact(formula, case, setting):
    targets, starts, options = case
    course = formula(targets, starts, **options).descent(2, rate=F(1, 2))
    parts, off = dict(starts), []
    for step in range(3):
        off += [
            *np.subtract(
                losses(targets, parts)[0], [course.in_context[step], course.in_weights[step]]
            )
        ]
        for k, name in enumerate(NAMES):
            square = course.share[step][k] ** 2 * (targets[name] @ targets[name])
            off.append(parts[name] @ parts[name] - square - course.beside[step][k])
        parts = step_of_all(targets, parts, options, F(1, 2))
    return Equal(np.array(off))


def published(setting):
    """Draws of the published setting, lengths 20, 20, 20 and 160 and entries N(0, 1): one for its
    16,000 steps."""
    return {"draw 0": (0, 2000)} | ({} if setting.quick else {"draw 2": (2, STEPS)})


@evidence(Flow, "16,000 steps of all 220 parameters", cases=published)
def whole(formula, case, setting):
    seed, steps = case
    drawn = Coopetition.drawn(seed=seed)
    course = formula(drawn.targets, drawn.starts).descent(steps)
    gaps = descended(seed, steps) - np.stack([course.in_context, course.in_weights], axis=1)
    return Flow(abs(gaps).max(), 1e-10, "rounding, 1e-16 a step, of a descent that converges")


def draws(setting):
    """Draws of the published setting, as they come."""
    return {f"draw {seed}": (seed, {}) for seed in range(3)}


@cache
def ends(formula, seed, options=()):
    """The errors together, and of either strategy alone."""
    drawn = Coopetition.drawn(seed=seed)
    model = formula(drawn.targets, drawn.starts, **dict(options))
    alone = [model.descent(STEPS, keep=40, without=k) for k in "da"]
    return model.descent(STEPS, keep=40), alone[0].in_context, alone[1].in_weights


def reachable(case):
    """Either strategy alone reaches its solution; some draws start where none is reached."""
    _, context, weights = ends(Coopetition, case[0])
    return max(context[-1], weights[-1]) < 1e-6


@evidence(
    Bound, "alone each is learnt; together one starves the other", cases=draws, given=reachable
)
def competition(formula, case, setting):
    """In context: alone solved, together learnt to a hundredth, then lost to ten times as much,
    while the weights are learnt and the loss vanishes."""
    seed, options = case
    course, context, weights = ends(formula, seed, tuple(options.items()))
    first = course.in_context
    lesser = [context[-1], weights[-1], first.min(), 10 * first.min()]
    lesser += [course.in_weights[-1], course.loss[-1]]
    greater = [1e-6, 1e-6, first[0] / 100, first[-1], 1e-6, 1e-6]
    return Bound(greater, lesser)


def races(setting):
    """Who is ahead at the start; no floors, no cost, so that both are alike."""
    return {"in context ahead": "a", "in the weights ahead": "d"}


@evidence(Bound, "the faster one wins, whichever it is", cases=races)
def race(formula, ahead, setting):
    targets = {k: np.ones(5) for k in NAMES}
    starts = {k: (0.5 if k in ("b", "c", ahead) else 0.05) * np.ones(5) for k in NAMES}
    model = formula(targets, starts, alpha=0.0, floor_context=0.0, floor_weights=0.0)
    course = model.descent(8000, keep=8000)
    errors = {"a": course.in_context, "d": course.in_weights}
    behind = "d" if ahead == "a" else "a"
    return Bound([1e-6, errors[behind][-1]], [errors[ahead][-1], errors[behind][0] / 20])


SIZES = (20, 20, 20, 160)  # as published
SHARES = 2.0 ** -np.arange(3, 8)
SMALL = 2.0 ** -np.arange(9, 14)


def small(setting):
    """What is left out, a start, and L2 as a share of what lets it die; without cost."""
    cases = {"together": (None, 0), "in context alone": ("d", 0), "in the weights alone": ("a", 0)}
    cases["together, with L2"] = None, 0.5
    return {name: (*k, setting.rng("small").standard_normal((8, 5))) for name, k in cases.items()}


@evidence(Rate, "small starts: the time of emergence", cases=small)
def emergence(formula, case, setting):
    """The relative distance falls like the size of the start."""
    without, held, drawn = case
    targets = dict(zip(NAMES, drawn[:4], strict=True))
    gaps = []
    for size in SMALL:
        starts = dict(zip(NAMES, size * drawn[4:], strict=True))
        l2 = held and held / Coopetition(targets, starts).emergence_time()
        models = (kind(targets, starts, alpha=0.0, l2=l2) for kind in (formula, Coopetition))
        stated, true = next(models).emergence_time(without), grown(next(models), without)
        gaps.append(abs(true / stated - 1))
    return Rate(1 / SMALL, gaps, order=1, control_order=0, numerical=1e-9)


@evidence(Rate, "the lifetime, where the weights answer", cases={"published lengths": None})
def lifetime(formula, case, setting):
    """From the shortest solution and an `a` of a small share, by the flow: the relative distance
    falls like the share's square."""
    targets = {k: np.ones(size) for k, size in zip(NAMES, SIZES, strict=True)}
    size = math.prod(SIZES[1:]) ** (1 / 6)  # the cube root of the length of the target
    lengths = {k: size * v / math.sqrt(len(v)) for k, v in targets.items()}
    gaps = []
    for share in SHARES:
        starts = lengths | {"a": share * targets["a"]}
        stated = formula(targets, starts).lifetime()
        gaps.append(abs(faded(Coopetition(targets, starts), math.exp(-1)) / stated - 1))
    return Rate(1 / SHARES, gaps, order=2, control_order=0, numerical=1e-9)


def lengths(setting):
    """Vectors of two lengths."""
    found = {}
    for sizes in ((2, 3, 2, 4), (3, 3, 3, 3)):
        drawn = Coopetition.drawn(sizes, seed=setting.rng(str(sizes)).integers(99))
        found[f"lengths {sizes}"] = drawn.targets, drawn.starts
    return found


WEAK = 2.0 ** -np.arange(12, 17)


@evidence(Rate, "weak L2: the least start that emerges", cases=lengths)
def extinction(formula, case, setting):
    """The rest point by the origin is there, up to a fraction of the order of λ."""
    gaps = []
    for penalty in WEAK:
        stated, true = (
            kind(*case, l2=penalty, floor_weights=0.2) for kind in (formula, Coopetition)
        )
        low = true.stationary_points()[1].shares[1] * np.linalg.norm(case[0]["b"])
        gaps.append(abs(low / stated.extinction_size - 1))
    return Rate(1 / WEAK, gaps, order=1, control_order=0, numerical=1e-11)


class Summed(Coopetition):
    """The rates of both added, not their squares."""

    @property
    def _excess(self):
        one, two = self.growth_rates
        return math.hypot(one, two) / (one + two)

    def emergence_time(self, without=None):
        return (1 if without else self._excess) * super().emergence_time(without)

    @property
    def extinction_size(self):
        return self._excess * super().extinction_size


class Halved(Coopetition):
    """The cost without its square."""

    def lifetime(self, squared_norm=None):
        return 2 * super().lifetime(squared_norm)


def along_targets(targets, starts, **options):
    """The vectors' parts along their targets only."""
    kept = {k: v * (v @ starts[k]) / (v @ v) for k, v in targets.items()}
    return Coopetition(targets, kept, **options)


def both_pulled(setting):
    """A floor for the weights as well, and no cost: what pulls `a` never goes away."""
    options = {"floor_weights": 0.1, "alpha": 0.0}
    return {"μ2 = 0.1, α = 0": (2, options)}


def together(targets, starts, **options):
    """A sum in the place of the product: large floors, over which each error is a summand."""
    return Coopetition(targets, starts, **options | {"floor_context": 1.0, "floor_weights": 1.0})


def figure(setting):
    """Of a draw, together and either strategy alone."""
    figure, (left, right) = canvas(1, 2, sharey=True)
    course, *alone = ends(Coopetition, 2)
    steps = course.steps + 1
    left.loglog(steps, course.in_context, label="in context, $L_1$")
    left.loglog(steps, course.in_weights, label="in the weights, $L_2$")
    left.loglog(steps, course.loss, color=FAINT, label="loss")
    left.set(xlabel="step + 1", title="together", ylim=(1e-6, 3))
    at = np.unique(np.geomspace(1, STEPS, 25).astype(int))
    left.loglog(at + 1, descended(2, STEPS)[at, 0], "k.", ms=4, label="$L_1$, all parameters")
    left.legend(fontsize=7.5)
    for colour, error in zip(COLOURS, alone, strict=False):
        right.loglog(steps, error, color=colour)
    right.set(xlabel="step + 1", title="either strategy alone")
    return figure


claim = Claim(
    title="Strategies that share circuits: eight numbers, and a competition",
    source="the model: Singh et al., Strategy coopetition explains the emergence and transience of "
    "in-context learning, 2025; the reduction is derived here",
    formula=Coopetition,
    hypotheses=(
        "gradient descent with one step size on all parameters",
        "competition: draws in which either strategy alone reaches its solution",
    ),
    call="""model = Coopetition.drawn(seed=0)
model.descent(16_000).in_context, model.descent(16_000, without="d").in_context""",
    evidence=(
        derived,
        exact,
        whole,
        competition,
        race,
        emergence,
        lifetime,
        extinction,
    ),
    control=(
        wrong_steps("coopetition", derived),
        Control("what is beside the targets forgotten", along_targets, rejected_by=(exact, whole)),
        Control("a pull that stays", cases=both_pulled, rejected_by=(competition,)),
        Control("rates that add", Summed, rejected_by=(emergence, extinction)),
        Control("half of the cost", Halved, rejected_by=(lifetime,)),
        Control("floors that decouple the errors", together, rejected_by=(race,)),
    ),
    figure=figure,
)
