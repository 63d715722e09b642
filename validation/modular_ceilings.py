r"""A task is $z = a x + b y \bmod p$ with unknown $(a, b)$, and the context has $k$ examples. What
can be known of a query? Copying knows the inputs that it has seen; ratio matching their multiples,
since $z$ is multiplied likewise; modular regression their span, by solving for $(a, b)$. What is
not known is guessed, right once in $p$.

As $p$ is prime the $p^2 - 1$ inputs besides 0 lie on $p + 1$ lines through 0. Of all $p^{2k}$
contexts one is 0 throughout and $(p + 1)(p^k - 1)$ lie on one line; the others span the plane, and
then regression knows everything. Ratio matching needs an example on the query's own line, which
$k$ examples all miss with probability $(1 - \frac{p - 1}{p^2})^k$. Where examples come from a split
of the inputs, the lines are counted one by one.

A predictor that knows the list of pre-training tasks keeps those that agree with the examples and
takes the commonest answer. On its own list nothing is better; when the list is all tasks it is
regression; on a new task it may have nothing left, and guesses.
"""

import itertools
from fractions import Fraction as F

import numpy as np

from lsa_theory.modular import accuracies, task_list_accuracy
from lsa_theory.modular.plane import points
from validation.common.derived import derivation, wrong_steps
from validation.harness import Bound, Claim, Close, Control, Sigma, batch_means, evidence
from validation.harness.figures import FAINT, canvas

BATCHES = 64
derived = derivation("modular_ceilings")


def guessed(known, p):
    return known + (1 - known) / p


UNIFORM = {
    f"p = {p}, k = {k}": (p, k)
    for p, k in ((2, 1), (2, 5), (3, 0), (3, 4), (5, 2), (7, 7), (29, 2), (29, 31))
}


@evidence(Close, "the closed forms, in rationals", cases=UNIFORM)
def closed(formula, case, setting):
    p, k = case
    zero, q = F(1, p * p), 1 - (1 - F(p - 1, p * p)) ** k
    point, line = F(1, p ** (2 * k)), F((p + 1) * (p**k - 1), p ** (2 * k))
    known = 1 - point - line + line * F(1, p + 1)
    exact = [guessed(1 - (1 - zero) ** k, p)]
    exact += [zero + (1 - zero) * guessed(each, p) for each in (q, known)]
    return Close(np.array(formula(p, k)), np.array(exact, dtype=object), ulps=16, condition=k + 1)


SPLITS = {  # p, k, which inputs examples and queries are drawn from
    "p = 2, k = 3": (2, 3, None, None),
    "p = 3, k = 2": (3, 2, None, None),
    "p = 3, k = 3, a split": (3, 3, [0, 2, 4, 5, 7], [1, 3, 6, 8]),
    "p = 5, k = 2, a split": (5, 2, [3, 4, 6, 7, 13, 18, 20], [0, 1, 6, 24]),
}


@evidence(Close, "every context and query enumerated", cases=SPLITS)
def enumerated(formula, case, setting):
    """Regression knows what all tasks agree upon that agree with the examples; ratio matching, what
    is a multiple of one of them."""
    p, k, *split = case
    inputs, queries = (None if part is None else points(p)[part] for part in split)
    pool = points(p) if inputs is None else inputs
    asked = pool if queries is None else queries
    contexts = np.array([*itertools.product(pool, repeat=k)])  # (c, k, 2)
    seen = (contexts[:, :, None] == asked).all(-1).any(1)
    multiples = contexts[:, :, None] * np.arange(p)[:, None] % p
    ratio = (multiples[..., None, :] == asked).all(-1).any((1, 2)) | (asked == 0).all(-1)
    tasks = points(p)  # the true task is 0: all are alike
    left = (contexts @ tasks.T % p == 0).all(1)
    differ = asked @ tasks.T % p != 0
    solved = ~(left[:, None] & differ[None]).any(-1)
    exact = [guessed(F(int(known.sum()), known.size), p) for known in (seen, ratio, solved)]
    found = formula(p, k, inputs=inputs, queries=queries)
    return Close(np.array(found), np.array(exact, dtype=object), ulps=64)


@evidence(Sigma, "the algorithms run, $p = 7$", cases={f"k = {k}": (7, k) for k in (1, 3, 6)})
def played(formula, case, setting):
    """On drawn tasks, contexts and queries, by answers right and wrong: the sum of the three."""
    (p, k), rng = case, setting.rng("rows")
    size = BATCHES * (100 if setting.quick else 300)
    task, query = rng.integers(p, size=(2, size, 2))
    context = rng.integers(p, size=(size, k, 2))
    z = (context * task[:, None]).sum(-1) % p
    truth, guess = (query * task).sum(-1) % p, rng.integers(p, size=size)
    answers = [guess.copy() for _ in range(3)]
    for i in range(k):
        for c in range(p):  # the query as a multiple of an example
            hit = (c * context[:, i] % p == query).all(-1)
            answers[1][hit] = c * z[hit, i] % p
            if c == 1:
                answers[0][hit] = z[hit, i]
    answers[1][(query == 0).all(-1)] = 0
    tasks = points(p)
    agree = ((context @ tasks.T % p) == z[..., None]).all(1)  # (rows, tasks)
    said = query @ tasks.T % p
    least, most = np.where(agree, said, p).min(1), np.where(agree, said, -1).max(1)
    answers[2] = np.where(least == most, least, guess)
    right = sum((answer == truth).astype(float) for answer in answers)
    return Sigma(*batch_means(right, BATCHES), sum(formula(p, k)), degrees=BATCHES - 1)


def task_lists(setting):
    cases = {}
    for p, count, share in ((3, 4, 1.0), (5, 3, 1.0), (5, 14, 0.6), (5, 25, 0.8), (7, 40, 0.8)):
        rng = setting.rng(f"{p} {count}")
        tasks = rng.permutation(points(p))[:count]
        inputs = rng.permutation(points(p))[: round(share * p * p)]
        for k in (0, 1, 3):
            cases[f"p = {p}, {count} tasks, share {share}, k = {k}"] = (p, k, tasks, inputs)
    return cases


@evidence(Bound, "on its own list the predictor that knows it is best", cases=task_lists)
def ahead(formula, case, setting):
    p, k, tasks, inputs = case
    best = task_list_accuracy(p, k, tasks, inputs=inputs)
    return Bound(np.full(3, best), np.array(formula(p, k, inputs=inputs)))


def all_tasks(setting):
    return {f"p = {p}, k = {k}": (p, k) for p in (2, 3, 5) for k in (0, 1, 3)}


@evidence(Close, "and on the list of all tasks it is regression", cases=all_tasks)
def everything(formula, case, setting):
    p, k = case
    return Close(task_list_accuracy(p, k, points(p)), formula(p, k).regression, ulps=64)


def no_guesses(p, shots, **options):
    found = accuracies(p, shots, **options)
    return type(found)(*((each - 1 / p) * p / (p - 1) for each in found))


def one_more(p, shots, **options):
    return accuracies(p, shots + 1, **options)


def figure(setting):
    """Left: ceilings at p = 29. Right: what knowing the list is worth, on it and off it."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    shots = range(32)
    curves = np.array([accuracies(29, k) for k in shots]).T
    for curve, label in zip(curves, ("copying", "ratio matching", "regression"), strict=True):
        left.plot(shots, curve, label=label)
    left.set(xlabel="examples $k$", title="accuracy, $p = 29$", ylim=(0, 1.05))
    left.legend(loc="center right")
    p, rng = 5, setting.rng("lists")
    order = rng.permutation(points(p))
    others, counts, shots = order[20:], (2, 8, 20), range(7)
    for k, count in enumerate(counts):
        for style, true in (("-", None), (":", others)):
            found = [task_list_accuracy(p, n, order[:count], true_tasks=true) for n in shots]
            label = f"list of {count}" if true is None else None
            right.plot(shots, found, style, color=f"C{k}", label=label)
    full = [accuracies(p, n).regression for n in shots]
    right.plot(shots, full, "--", color=FAINT, label="regression")
    right.set(xlabel="examples $k$", title="$p = 5$; dotted: on tasks off the list", ylim=(0, 1.05))
    right.legend()
    return figure


claim = Claim(
    title="What examples modulo p let an algorithm know",
    source="derived here; the algorithms: He, Doshi, Das, Gromov, arXiv:2406.02550",
    formula=accuracies,
    hypotheses=(
        "`p` prime; $(a, b)$ even over all $p^2$ tasks, or over a list",
        "examples independent and even over a set of inputs, the query over another",
        "an unknown answer is guessed, one of `p`",
    ),
    call="""modular.accuracies(29, 31)                           # copy, ratio, regression
modular.accuracies(7, 7, inputs=train, queries=held_out)
modular.task_list_accuracy(7, 7, tasks)              # knows the pre-training tasks
modular.task_list_accuracy(7, 7, tasks, true_tasks=new)
modular.ratio_mask(7, context)                       # query by query""",
    evidence=(derived, closed, enumerated, played, ahead, everything),
    control=(
        Control("unknown answers are wrong", no_guesses, rejected_by=(closed, enumerated, played)),
        Control(
            "one example more",
            one_more,
            rejected_by=(closed, enumerated, played, ahead, everything),
        ),
        wrong_steps("modular_ceilings", derived),
    ),
    figure=figure,
)
