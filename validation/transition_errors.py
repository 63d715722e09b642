r"""How well does a layer generalise that saw few tasks, but in contexts and prompts without end? A
pool of $\kappa d$ tasks spans part of the directions. There the readout learns all. In the others
prompts show noise $x = (\langle c \rangle + \rho) / \alpha$ and nothing else, so that it should
answer 0, and misses $\mu$ of a fresh task, for white tasks $1 - \kappa$.

It does after enough prompts. But their labels are noisy and leave its weights a scatter, $e / x$ in
a direction of variance $x$, with $e \approx \rho / \tau$. On tasks of the pool that does not show:
there the directions have $x$ alone. A fresh task has $\mu$ in them and pays
$\mu e / x = \mu \rho \alpha / ((\langle c \rangle + \rho)\, \tau)$. So the limit depends on the
ratio $r = \alpha / \tau$: prompts first, and it is $\rho + \mu$; contexts first, and the error
grows without end.

Above $\kappa = 1$ every direction is spanned, and both orders lead to $\rho$. The errors are
rational functions of the pool's effective ridge, and the limit is no pole of theirs: hence what is
left out is of first order in $1 / \alpha$, at $\kappa = 1$ in its root.
"""

from fractions import Fraction as F

import numpy as np

from lsa_theory.limits import LearningErrors, learning_errors, transition_errors
from validation.common.derived import derivation, wrong_steps
from validation.harness import Claim, Close, Control, Rate, evidence
from validation.harness.figures import FAINT, canvas

derived = derivation("transition_errors")
COVARIANCES = ("task_covariance", "test_task_covariance")
SIZES = 2.0 ** np.arange(8, 15)
ROUNDING = 64 * np.finfo(float).eps
WHITE = {"noise_variance": 0.1}
TURNED = {
    "task_covariance": np.array([1.0, 4.0]),
    "test_task_covariance": np.array([3.0, 0.5]),
    "noise_variance": 0.3,
}
ROOTS = {  # C, C̃, a, ratio, ρ
    "white": ([1], [1], F(1, 3), F(2), F(1, 10)),
    "two covariances": ([1, 4], [3, F(1, 2)], F(2), F(1, 2), F(1, 4)),
    "prompts first": ([F(1, 2), 3], [1, 1], F(3, 4), F(0), F(1, 2)),
    "singular": ([0, 2], [1, 5], F(1, 2), F(4), F(1, 3)),
    "enough tasks": ([1, 2], [2, 1], F(0), F(4), F(1, 3)),
    "enough tasks, singular": ([0, 2], [1, 5], F(0), F(4), F(1, 3)),
}


@evidence(Close, "where the root is rational, exactly", cases=ROOTS)
def rational_roots(formula, case, setting):
    """`a` is given, and κ follows; without it the pool is as large as the dimension."""
    spectrum, tested, a, ratio, noise = case
    count = len(spectrum)
    kappa = sum(c / (c + a) for c in spectrum) / count if a else F(1)
    missed = sum(t * (a / (c + a) if c else F(1)) for t, c in zip(tested, spectrum, strict=True))
    missed /= count
    exact = noise + missed * (1 + noise * ratio / (F(sum(spectrum), count) + noise))
    found = formula(
        kappa=float(kappa),
        ratio=float(ratio),
        noise_variance=float(noise),
        task_covariance=np.array(spectrum, dtype=float),
        test_task_covariance=np.array(tested, dtype=float),
    )
    value = np.array([found.in_distribution, found.out_of_distribution])
    return Close(value, np.array([noise, exact]), ulps=32)


PATHS = {  # κ, α / τ, the setting
    "κ = 0.5, prompts first": (0.5, 0.0, WHITE),
    "κ = 0.5, ratio 0.1": (0.5, 0.1, WHITE),
    "κ = 0.5, ratio 10": (0.5, 10.0, WHITE),
    "κ = 0.5, contexts first": (0.5, np.inf, WHITE),
    "κ = 2, prompts first": (2.0, 0.0, WHITE),
    "κ = 2, contexts first": (2.0, np.inf, WHITE),
    "two covariances, prompts first": (0.4, 0.0, TURNED),
    "two covariances, ratio 1": (0.4, 1.0, TURNED),
    "two covariances, contexts first": (0.4, np.inf, TURNED),
}


SCARCE = {name: case for name, case in PATHS.items() if case[0] == 0.4}


def path(ratio):
    """α and τ towards their limits: at an end of the ratio one is the square of the other."""
    if ratio in (0, np.inf):
        return (SIZES, SIZES**2) if ratio == 0 else (SIZES**2, SIZES)
    return ratio * SIZES, SIZES


def distance(formula, case, which):
    """Of reciprocals, so that infinity is a limit as any other."""
    kappa, ratio, given = case
    alpha, tau = path(ratio)
    found = getattr(learning_errors(alpha=alpha, tau=tau, kappa=kappa, **given), which)
    limit = getattr(formula(kappa=kappa, ratio=ratio, **given), which)
    return abs(1 / found - 1 / limit)


@evidence(Rate, "new tasks: both to infinity, at a ratio and in either order", cases=PATHS)
def new_tasks(formula, case, setting):
    errors = distance(formula, case, "out_of_distribution")
    return Rate(SIZES, errors, order=1, control_order=0, numerical=ROUNDING)


@evidence(Rate, "tasks of the pool: the same, and no order matters", cases=PATHS)
def old_tasks(formula, case, setting):
    errors = distance(formula, case, "in_distribution")
    return Rate(SIZES, errors, order=1, control_order=0, numerical=ROUNDING * 10)


LONG = {
    f"{name}, τ = {tau}": (kappa, tau, given)
    for name, kappa, given in (("κ = 0.5", 0.5, WHITE), ("two covariances", 0.4, TURNED))
    for tau in (1.5, 20.0)
}


@evidence(Rate, r"$\alpha \to \infty$ alone: as at the ratio $\alpha / (\tau - 1)$", cases=LONG)
def long_contexts(formula, case, setting):
    kappa, tau, given = case
    found = learning_errors(alpha=SIZES, tau=tau, kappa=kappa, **given).out_of_distribution
    limit = formula(kappa=kappa, ratio=SIZES / (tau - 1), **given).out_of_distribution
    return Rate(SIZES, abs(found / limit - 1), order=1, control_order=0, numerical=ROUNDING)


FEW = {
    f"{name}, τ = {tau}": (tau, given)
    for name, given in (("white tasks", WHITE), ("two covariances", TURNED))
    for tau in (0.5, 3.0)
}


@evidence(Rate, r"$\kappa \to 0$ alone: as at no tasks, and the scatter on noise", cases=FEW)
def few_tasks(formula, case, setting):
    r"""With :math:`g = \min(\tau, 1) / |\tau - 1|` the ratio is :math:`\alpha g`, and noise adds
    :math:`g \rho \tilde x / x`."""
    tau, given = case
    alpha, noise, gain = 2.0, given["noise_variance"], min(tau, 1) / abs(tau - 1)
    signal, shown = (np.mean(given.get(name, 1.0)) for name in COVARIANCES)
    found = learning_errors(alpha=alpha, tau=tau, kappa=1 / SIZES, **given).out_of_distribution
    limit = formula(kappa=0.0, ratio=alpha * gain, **given).out_of_distribution
    limit = limit + gain * noise * (shown + noise) / (signal + noise)
    return Rate(SIZES, abs(found - limit), order=1, control_order=0, numerical=ROUNDING)


TRANSITION = {
    "κ = 1, ratio 1": (1.0, 1.0, WHITE),
    "κ = 1, ratio 10": (1.0, 10.0, WHITE),
    "a singular covariance": (0.5, 1.0, WHITE | {"task_covariance": np.array([0.0, 2.0])}),
}
BELOW = {"κ = 0.5": (0.5, 1.0, WHITE), "κ = 2": (2.0, 1.0, WHITE)}


@evidence(Rate, r"as many tasks as directions: of order $1 / \sqrt\alpha$", cases=TRANSITION)
def transition(formula, case, setting):
    kappa, ratio, given = case
    alpha = SIZES**2
    found = learning_errors(alpha=alpha, tau=alpha / ratio, kappa=kappa, **given)
    limit = formula(kappa=kappa, ratio=ratio, **given).out_of_distribution
    errors = abs(found.out_of_distribution / limit - 1)
    return Rate(SIZES, errors, order=1, control_order=2, numerical=ROUNDING)


def exchanged(**options):
    """τ / α for α / τ."""
    with np.errstate(divide="ignore"):
        return transition_errors(**options | {"ratio": 1 / np.asarray(options["ratio"])})


def in_every_order(**options):
    return transition_errors(**options | {"ratio": 0.0})


def silent_contexts(**options):
    """⟨c⟩ for ⟨c⟩ + ρ: labels of the context without noise."""
    signal = np.mean(options.get("task_covariance", 1.0))
    factor = (signal + options["noise_variance"]) / signal
    return transition_errors(**options | {"ratio": factor * options["ratio"]})


def share_of_directions(**options):
    """(1 − κ)₊ whatever the covariance."""
    signal, shown = (np.mean(options.pop(name, 1.0)) for name in COVARIANCES)
    noise = options["noise_variance"]
    missed = shown * (1 - options["kappa"])
    out = noise + missed * (1 + noise * options["ratio"] / (signal + noise))
    return LearningErrors(noise, out)


def memorised_as_new(**options):
    """One error for all tasks."""
    found = transition_errors(**options).out_of_distribution
    return LearningErrors(found, found)


def figure(setting):
    """Left: the ratio decides. Right: the transition at two ratios."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    ratio, kappa = np.geomspace(0.02, 50, 200), np.linspace(0.02, 2, 200)
    for k, size in enumerate((0.25, 0.5, 0.75, 1.5)):
        limit = transition_errors(kappa=size, ratio=ratio, **WHITE).out_of_distribution
        left.loglog(ratio, limit, color=f"C{k}", label=rf"$\kappa = {size:g}$")
        found = learning_errors(alpha=100.0, tau=100.0 / ratio[:-20], kappa=size, **WHITE)
        left.loglog(ratio[:-20], found.out_of_distribution, ":", color=f"C{k}")
    left.set(
        xlabel=r"contexts to prompts, $\alpha / \tau$ (dotted: $\alpha = 100$)",
        title=r"error on new tasks, $\rho = \frac{1}{10}$",
    )
    left.legend()
    for k, at in enumerate((0.0, 1.0, 5.0)):
        limit = transition_errors(kappa=kappa, ratio=at, **WHITE).out_of_distribution
        right.plot(kappa, limit, color=f"C{k}", label=rf"$\alpha / \tau = {at:g}$")
        tau = 100.0 / at if at else 1e6
        found = learning_errors(alpha=100.0, tau=tau, kappa=kappa, **WHITE).out_of_distribution
        right.plot(kappa, found, ":", color=f"C{k}")
    right.axvline(1, color=FAINT, linewidth=1)
    right.set(xlabel=r"tasks, $\kappa = k / d$", title="memorising and generalising")
    right.legend()
    return figure


paths = (new_tasks, long_contexts, few_tasks)

claim = Claim(
    title="What few tasks cost in the end",
    source="derived here; extends Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751",
    formula=transition_errors,
    hypotheses=(
        r"$x \sim N(0, I/d)$, tasks $N(0, C)$, tested on $N(0, \tilde C)$, labels with noise of "
        r"variance $\rho$, weights by least squares",
        r"$d \to \infty$ at fixed $\ell/d$, $k/d$, $n/d^2$ and spectra, then $\alpha$ and $\tau$",
    ),
    call="""limits.transition_errors(kappa=0.5, ratio=[0.0, 1.0, np.inf], noise_variance=0.1)""",
    evidence=(derived, rational_roots, new_tasks, old_tasks, long_contexts, few_tasks, transition),
    control=(
        Control("the limits exchanged", exchanged, rejected_by=(rational_roots, *paths)),
        Control("one limit in every order", in_every_order, rejected_by=paths),
        Control("contexts without label noise", silent_contexts, rejected_by=paths),
        Control("a share of directions", share_of_directions, SCARCE, rejected_by=(new_tasks,)),
        Control("tasks of the pool as new ones", memorised_as_new, rejected_by=(old_tasks,)),
        Control("away from κ = 1", cases=BELOW, rejected_by=(transition,)),
        wrong_steps("transition_errors", derived),
    ),
    figure=figure,
)
