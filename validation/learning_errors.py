r"""Train the layer on $n$ prompts of $\ell$ pairs with tasks from a pool of $k$, in dimension $d$,
and let all grow at fixed $\alpha = \ell / d$, $\kappa = k / d$ and $\tau = n / d^2$. What a prompt
shows is $z \approx w$ plus noise of variance $x = (\langle c \rangle + \rho) / \alpha$ in each
direction, so that the readout is a ridge regression on features of covariance $A = R + x I$, with
$R$ the second moment of the pool.

Two facts about large random matrices do the rest. First, ridge regression on $n$ samples is, in the
mean, one on infinitely many with an effective ridge $\xi$: what it keeps of an eigenvalue $r$ of
$R$ is $r / (r + \nu)$, $\nu = x + \xi$, and its scatter multiplies what it misses by
$1 / (1 - \mathrm{df}_2 / n)$. Second, $\nu (R + \nu)^{-1}$ is $a (C + a)^{-1}$ in the mean. One
number $a$ remains, the root of an increasing function, and all errors are sums over the spectrum of
$C$. For white tasks that is the Marchenko–Pastur law and the formula of Lu et al.; theirs, and that
for tests on tasks of another covariance, are special cases.

Without ridge there is a pole at $\tau = 1$, where prompts are as many as weights, on both sides.
With long contexts and, before them, enough prompts, the error on new tasks falls to
$\rho + (1 - \kappa)_+$, with a kink at 1; in the other order below 1 it grows without end.
"""

from fractions import Fraction as F
from functools import cache

import numpy as np
from scipy.optimize import brentq

from lsa_theory.limits import learning_errors, optimal_ridge
from validation.common.derived import derivation, wrong_steps
from validation.common.finite_training import Training, controlled, fitted_errors
from validation.harness import Bound, Claim, Close, Control, Rate, evidence
from validation.harness.figures import FAINT, canvas

derived = derivation("learning_errors")
NAMES = ("alpha", "kappa", "tau", "noise_variance", "ridge")


def both(found):
    return np.array([found.in_distribution, found.out_of_distribution])


RATIONAL = {  # C, C̃, a, κ, τ, ρ and the share of ξ in ν
    "few tasks": ([1], [1], F(1), F(3, 5), F(2), F(1, 10), F(1, 3)),
    "few prompts": ([1], [1], F(2), F(3), F(1, 2), F(1, 4), F(3, 4)),
    "two covariances": ([F(1, 4), 2], [3, F(1, 2)], F(3, 4), F(3, 2), F(4, 5), F(1, 3), F(2, 3)),
    "no ridge, many prompts": ([1, 2], [2, 0], F(1, 2), F(4, 5), F(3, 2), F(1, 2), F(0)),
    "no ridge, few prompts": ([F(1, 2), 3], [1, 1], F(1), F(2), None, F(1, 2), F(2, 5)),
}


@evidence(Close, "where the roots are rational, the published form exactly", cases=RATIONAL)
def rational_roots(formula, case, setting):
    r"""`a`, `ξ` are given, `α`, `λ` follow; with :math:`M = \operatorname{tr} F / d`."""
    spectrum, tested, a, kappa, tau, noise, share = case
    count = len(spectrum)
    nu = a * (1 - sum(c / (c + a) for c in spectrum) / kappa / count)
    xi = share * nu
    alpha = (F(sum(spectrum), count) + noise) / (nu - xi)
    q = nu / a
    inverse = [1 / (q * c + nu) for c in spectrum]
    m, t2 = sum(inverse) / count, sum(f * f for f in inverse) / count
    t1 = sum(c * f * f for c, f in zip(spectrum, inverse, strict=True)) / count
    slope = -(m / kappa * t1 + t2) / (1 + nu / kappa * t1)
    tau = 1 - xi * m if tau is None else tau
    left = tau - (1 - 2 * xi * m - xi * xi * slope)
    e = (noise + nu - nu**2 * m - xi * (1 - 2 * nu * m - nu**2 * slope)) / left
    weights = list(zip(tested, spectrum, inverse, strict=True))
    p = sum(t * f for t, _, f in weights) / count
    faded = (m + nu * slope) / kappa
    p2 = sum(t * f * f * (faded * c + 1) for t, c, f in weights) / count
    fresh = (F(sum(tested), count) + noise) / alpha
    out = noise + fresh * (1 + (e - 2 * nu) * m + (xi * e - nu**2) * slope)
    out += e * p - (xi * e - nu**2) * p2
    ridge = xi * (tau - 1 + xi * m) / tau
    given = zip(NAMES, map(float, (alpha, kappa, tau, noise, ridge)), strict=True)
    options = {"task_covariance": spectrum, "test_task_covariance": tested}
    options = {name: np.array(values, dtype=float) for name, values in options.items()}
    found = both(formula(**dict(given), **options))
    condition = float((1 + tau) / left * (1 + nu / a))
    return Close(found, np.array([tau * e, out]), ulps=64, condition=condition)


SETTINGS = {  # α, κ, τ, ρ, λ
    "few tasks, ridge": (2.0, 0.5, 3.0, 0.1, 0.1),
    "few prompts, ridge": (2.0, 0.5, 0.5, 0.1, 0.1),
    "few prompts": (2.0, 2.0, 0.5, 0.1, 0.0),
    "many prompts": (1.0, 0.5, 1.5, 0.3, 0.0),
    "long contexts": (10.0, 5.0, 0.2, 0.01, 0.5),
    "at the pole, ridge": (2.0, 0.5, 1.0, 0.1, 0.3),
}


@evidence(Close, "means over the Marchenko–Pastur law by quadrature", cases=SETTINGS)
def integrated(formula, case, setting):
    """No resolvent: the law's density, and the ridge by a root of its integrals."""
    alpha, kappa, tau, noise, ridge = case
    nodes = 4000
    angle = np.pi * (np.arange(nodes) + 0.5) / nodes
    spectrum = 1 + 1 / kappa - 2 / np.sqrt(kappa) * np.cos(angle)
    weight = 2 / nodes * np.sin(angle) ** 2 / spectrum
    empty, x = max(1 - kappa, 0.0), (1 + noise) / alpha

    def mean(f):
        return weight @ f(spectrum) + empty * f(0.0)

    def excess(xi):
        return xi * mean(lambda r: 1 / (r + x + xi)) - tau * ridge / xi - (1 - tau)

    xi = 0.0 if ridge == 0 and tau > 1 else brentq(excess, 1e-9, 1e3, xtol=1e-15, rtol=1e-14)
    s = x + xi
    left = 1 - mean(lambda r: ((r + x) / (r + s)) ** 2) / tau
    inside = noise + mean(lambda r: r * (s / (r + s)) ** 2 + x * (r / (r + s)) ** 2)
    inside /= left
    out = noise + mean(lambda r: (s / (r + s)) ** 2 + x * (r / (r + s)) ** 2)
    out += (1 + x) * inside / tau * mean(lambda r: (r + x) / (r + s) ** 2)
    found = both(formula(**dict(zip(NAMES, case, strict=True))))
    return Close(found, np.array([inside, out]), ulps=1024, condition=1 / left)


def rising(d):
    return np.linspace(0.2, 1.8, d)


def falling(d):
    return rising(d)[::-1]


WHITE = Training(1.0, 1.0, 0.25, 0.5, 0.3)
TURNED = Training(1.0, 1.0, 0.25, 0.5, 0.3, rising, falling)
SAMPLED = {  # which of the two errors, how many fits
    "white tasks, in distribution": (WHITE, 0, (1_000, 15_000, 20_000, 4_000)),
    "white tasks, out of distribution": (WHITE, 1, (1_000, 15_000, 20_000, 4_000)),
    "tests on another covariance": (TURNED, 1, (1_000, 15_000, 15_000, 3_000)),
}
SIZES = np.array([2, 4, 8, 16])


@evidence(Rate, "trained on whole prompts: wrong by a fraction of $1/d$", cases=SAMPLED)
def trained(formula, case, setting):
    """The exact errors of many fits, from the network's definition; what pool and labels would
    have been in the mean is taken off by control variates."""
    training, which, counts = case
    found = []
    for d, count in zip(map(int, SIZES), counts, strict=True):
        limit = both(formula(**training.options(d)))[which]
        means, errors = simulated(training, d, count, setting.seed)
        found.append((abs(means[which] / limit - 1), errors[which] / limit))
    errors, standard = np.transpose(found)
    return Rate(SIZES, errors, order=1, control_order=0, standard_errors=standard)


@cache
def simulated(training, d, count, seed):
    """Means and standard errors, of both errors from the same fits."""
    return controlled(*fitted_errors(training, d, count, np.random.default_rng([seed, d])))


POLES = {
    f"{side} 1, {name}": (sign, which)
    for side, sign in (("below", -1), ("above", 1))
    for name, which in (("in distribution", 0), ("out of distribution", 1))
}


@evidence(Rate, r"without ridge both errors grow like $1 / |\tau - 1|$", cases=POLES)
def pole(formula, case, setting):
    sign, which = case
    sizes = 2 ** np.arange(5, 12)
    given = {"alpha": 2.0, "kappa": 2.0, "noise_variance": 0.1}
    found = both(formula(tau=1 + sign / sizes, ridge=0.0, **given))[which]
    return Rate(sizes, 1 / found, order=1, control_order=0)


LIMITS = {f"κ = {kappa}": (kappa, 2) for kappa in (0.25, 0.5, 2.0)}


@evidence(Rate, r"the transition: what exceeds $\rho + (1 - \kappa)_+$", cases=LIMITS)
def transition(formula, case, setting):
    r""":math:`\alpha \to \infty`, with :math:`\tau = \alpha^2` so :math:`\alpha / \tau \to 0`."""
    kappa, power = case
    alpha = 2.0 ** np.arange(8, 15)
    found = formula(alpha=alpha, kappa=kappa, tau=alpha**power, noise_variance=0.1, ridge=0.0)
    excess = found.out_of_distribution - 0.1 - max(1 - kappa, 0)
    return Rate(alpha, abs(excess), order=1, control_order=0, numerical=64 * np.finfo(float).eps)


OPTIMA = {
    f"κ = {kappa}, τ = {tau}": (kappa, tau) for kappa in (0.5, 2.0) for tau in (0.5, 1.0, 3.0)
}


@evidence(Bound, "no other ridge is better than the optimal one", cases=OPTIMA)
def optimal(formula, case, setting):
    kappa, tau = case
    given = {"alpha": 2.0, "kappa": kappa, "tau": tau, "noise_variance": 0.5}
    best = optimal_ridge(**given)
    others = np.append(
        max(best, 1e-9) * (1 + np.linspace(-0.5, 1, 31)), np.geomspace(1e-3, 1e2, 41)
    )
    errors = [formula(ridge=ridge, **given).out_of_distribution for ridge in (others, best)]
    return Bound(*errors)


def endless_pool(**options):
    """R = C, whatever the pool."""
    return learning_errors(**options | {"kappa": 1e12})


def no_ridge(**options):
    """Slightly off the pole."""
    return learning_errors(**options | {"ridge": 1e-6})


def some_ridge(**options):
    return learning_errors(**options | {"ridge": options["ridge"] + 0.01})


def silent_contexts(**options):
    """⟨c⟩ / α for x: labels of the context without noise."""
    trained = options.get("task_covariance")
    signal = 1.0 if trained is None else np.mean(trained)
    factor = (signal + options["noise_variance"]) / signal
    return learning_errors(**options | {"alpha": options["alpha"] * factor})


def excess(**options):
    """In the place of the total error."""
    found, noise = learning_errors(**options), options["noise_variance"]
    return type(found)(found.in_distribution - noise, found.out_of_distribution - noise)


def figure(setting):
    """Left: double descent, and what ridge does to it. Right: memorising and generalising."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    tau = np.geomspace(0.1, 4, 200)
    given = {"alpha": 1.0, "kappa": 2.0, "noise_variance": 0.25}
    count, d = (40, 8) if setting.quick else (100, 12)
    for k, ridge in enumerate((0.0, 0.05, 0.5)):
        found = learning_errors(tau=tau, ridge=ridge, **given).out_of_distribution
        left.loglog(tau, found, label=rf"$\lambda = {ridge:g}$")
        if ridge:
            for at in (0.25, 0.5, 1.0, 2.0):
                rng = setting.rng(f"{at} {ridge}")
                values = fitted_errors(Training(1.0, 2.0, at, 0.25, ridge), d, count, rng)[0][:, 1]
                bars = 2 * values.std() / np.sqrt(count)
                left.errorbar(at, values.mean(), bars, fmt="o", color=f"C{k}", markersize=4)
    best = [optimal_ridge(tau=at, **given) for at in tau[::4]]
    found = learning_errors(tau=tau[::4], ridge=best, **given).out_of_distribution
    left.loglog(tau[::4], found, "--", color="C3", linewidth=1.2, label=r"best $\lambda$")
    left.set(
        xlabel=rf"prompts, $\tau = n / d^2$ (dots: $d = {d}$)",
        title=r"error on new tasks, $\alpha = 1,\ \kappa = 2,\ \rho = \frac{1}{4}$",
        ylim=(0.8, 30),
    )
    left.legend()
    kappa = np.geomspace(0.1, 10, 200)
    for k, label in enumerate(("in distribution", "out of distribution")):
        for style, alpha in (("-", 8.0), (":", 1e3)):
            found = learning_errors(
                alpha=alpha, kappa=kappa, tau=0.5 * alpha, noise_variance=0.05, ridge=0.1
            )
            name = label if style == "-" else None
            right.semilogx(kappa, both(found)[k], style, color=f"C{k}", label=name)
    right.axvline(1, color=FAINT, linewidth=1)
    right.semilogx(kappa, 0.05 + (1 - kappa).clip(min=0), color=FAINT, linestyle="--")
    right.set(
        xlabel=r"tasks, $\kappa = k / d$",
        title=r"$\tau = \frac{\alpha}{2}$: $\alpha = 8$, dotted $\alpha = 10^3$",
    )
    right.legend()
    return figure


roots = (rational_roots, integrated)

claim = Claim(
    title="What training on finite data costs",
    source="Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751 (white tasks, no ridge); "
    "arXiv:2509.26551 (tasks of two covariances); with ridge, derived here",
    formula=learning_errors,
    hypotheses=(
        r"$x \sim N(0, I/d)$, tasks $N(0, C)$, tested on $N(0, \tilde C)$, labels with noise of "
        r"variance $\rho$",
        r"weights by ridge regression, penalty $\frac nd \lambda \|W\|_F^2$, $\lambda \ge 0$",
        r"$d \to \infty$ at fixed $\ell/d$, $k/d$, $n/d^2$ and spectra",
    ),
    call="""errors = limits.learning_errors(
    alpha=2.0, kappa=0.5, tau=np.linspace(0.1, 3, 1000), noise_variance=0.1, ridge=0.05)
errors.in_distribution, errors.out_of_distribution
limits.optimal_ridge(alpha=2.0, kappa=0.5, tau=1.0, noise_variance=0.1)""",
    evidence=(derived, *roots, trained, pole, transition, optimal),
    control=(
        Control("a pool of endless tasks", endless_pool, rejected_by=(*roots, transition)),
        Control("the ridge forgotten", no_ridge, rejected_by=roots),
        Control("contexts without label noise", silent_contexts, rejected_by=(*roots, optimal)),
        Control("the query's label without noise", excess, rejected_by=(*roots, trained)),
        Control("a little ridge at the pole", some_ridge, rejected_by=(rational_roots, pole)),
        Control("the other order", cases={"κ = 0.5": (0.5, 0.5)}, rejected_by=(transition,)),
        wrong_steps("learning_errors", derived),
    ),
    figure=figure,
)
