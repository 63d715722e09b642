r"""The loss falls at the rate of its squared gradient, $\dot L = -\|\nabla L\|^2$, and the
Polyak–Łojasiewicz inequality turns that into
$\frac{d}{dt} (L - \min L) \le -\mu\, (L - \min L)$: Grönwall's lemma gives
$L(t) - \min L \le e^{-\mu t} (L(0) - \min L)$.

How much slower than the truth is that? In the eigenbasis of $\Lambda$ let
$m_{ij} = \gamma_i \lambda_i \lambda_j$ and $Y = \sqrt m \odot (sU - \Gamma^{-1})$, entry by entry,
so that $L - \min L = \frac12 \|Y\|_F^2$. The product rule on $sU$ and the flow equations
$\dot U = -s\, m \odot (sU - \Gamma^{-1})$, $\dot s = -\langle U, m \odot (sU - \Gamma^{-1})\rangle$
give, along the whole course and without approximation,

$$\dot Y = -A Y, \qquad A = s^2 \operatorname{diag}(m)
+ (\sqrt m \odot U)(\sqrt m \odot U)^\top .$$

At the limit $A$ is a constant matrix, and the excess ends as $e^{-\rho t}$ with
$\rho = 2 \lambda_{\min}(A_\infty)$. (This is the Hessian of the loss across the orbit
$U \to aU$, $s \to s/a$, along which nothing changes.) There $U$ is diagonal: an entry off the
diagonal ends at the rate $2 s_\infty^2 m_{ij}$, and the $d$ diagonal ones are coupled by a
rank-one term, which by interlacing can only hasten the slowest,

$$2 s_\infty^2 \gamma_1 \lambda_1^2 \le \rho \le 4 s_\infty^2 \gamma_1 \lambda_1^2
\qquad (\lambda_1 \text{ the smallest}) .$$

The theorem's rate has the same product of smallest eigenvalues but the least $s^2$ of the course,
bounded from below, in the place of its limit: it has to hold on the plateau as well, where nothing
happens for a long time.
"""

from typing import NamedTuple

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.convergence import convergence_guarantee
from lsa_theory.final_rate import final_rate
from lsa_theory.gamma import gamma
from lsa_theory.initial import initial_layer, isotropic_theta
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from validation.common.derived import derivation, wrong_steps
from validation.common.flows import COUNT, Start, covered, largest_size, starts, unit_theta
from validation.harness import Bound, Claim, Control, Flow, Table, evidence
from validation.harness.figures import FAINT, INK, canvas


class Rates(NamedTuple):
    """The rate `μ` that is guaranteed from the start on, and the rate `ρ` at the end."""

    guaranteed: float
    final: float


def exponential_rate(layer, prompts, *, sharp=False):
    r"""How fast the loss falls: a rate that holds at all times, and the one it ends with.

    From a start of Theorem 4.1, at all times,

    .. math::
        L(t) - \min L \le e^{-\mu t} (L(0) - \min L), \qquad
        \mu = \frac{\sigma_0^2 \|\Lambda\Theta\|_F^2 [2 - \sqrt d\, \sigma_0^2 \|\Gamma\|]}
        {\sqrt d\, \|\Lambda\|^2 \operatorname{tr}(\Gamma^{-1} \Lambda^{-1})
        \operatorname{tr}(\Lambda^{-1})},

    or, sharper, :math:`\mu = \sigma_0^2 \|\Lambda\Theta\|_F^2 [2 - \sigma_0^2 \|\Gamma\|]\,
    \lambda_{\min}(\Gamma\Lambda) \lambda_{\min}(\Lambda) / \|\Lambda^2\|_F`. In the end the excess
    falls, but from exceptional starts, as :math:`e^{-\rho t}` with

    .. math::
        \rho = 2 \lambda_{\min}\big( s_\infty^2 \operatorname{diag}(m)
        + (\sqrt m \odot U_\infty)(\sqrt m \odot U_\infty)^\top \big), \qquad
        m_{ij} = \gamma_i \lambda_i \lambda_j,

    between once and twice :math:`2 s_\infty^2 \lambda_{\min}(\Gamma\Lambda)
    \lambda_{\min}(\Lambda)`, where :math:`s_\infty^2 = \|\Gamma^{-1}\|_F`.
    """
    guarantee = convergence_guarantee(layer, prompts, sharp=sharp)
    return Rates(guarantee.rate, final_rate(prompts))


@evidence(Bound, "the excess along flows, under its exponential", cases=starts, given=covered)
def under(formula, start, setting):
    """From long before the drop to 24 lifetimes of the slowest mode, in either form that holds."""
    found = [formula(start.layer, start.prompts, sharp=sharp) for sharp in (False, True)]
    rates = np.array([rate.guaranteed for rate in found if rate.guaranteed > 0])
    bounds = np.exp(-rates[:, None] * start.times[1:]) * start.excess[0]
    return Bound(bounds, start.excess[1:])


def spectra(setting):
    """Starts with a random Θ, in the eigenbasis of Λ: there small entries keep their digits."""
    n, rng = setting.context_length or 20, setting.rng("spectra")
    cases = {f"random, d = {d}": rng.uniform(0.2, 2, size=d) for d in (2, 10)}
    for name, covariance in setting.covariances.items():
        eigenvalues = np.linalg.eigvalsh(covariance)
        if len(eigenvalues) <= 16 and eigenvalues[0] > 1e-8 * eigenvalues[-1]:
            cases[name] = eigenvalues
    found = {}
    for name, spectrum in cases.items():
        law = GaussianPrompts(np.sort(spectrum), n)
        theta = unit_theta(setting.rng(name), law.dimension, law.dimension)
        found[name] = Start(law, initial_layer(theta, 0.5 * largest_size(law)))
    return found


@evidence(Flow, "the rate at which flows end", cases=spectra)
def ending(formula, start, setting):
    r"""With a constant A the excess would lose `ρ Δ + ln(1 + tan²θ)` of its logarithm at most in a
    time Δ, where θ is the angle of Y to the slowest mode at the beginning, and `ρ Δ` at least. The
    rest of A dies out at the slowest rate λ₁, so it adds `2 |⟨e, (A − A∞) e⟩| / λ₁` to first
    order; twice that is allowed."""
    law = start.prompts
    lifetime = 1 / final_rate(law)
    times = np.linspace(12 * lifetime, 24 * lifetime, COUNT)
    layers = gradient_flow(start.layer, law, times=times, rtol=1e-9).layers
    slowest, mode = slow_mode(law)
    error, *operator = modes(layers[0], law)
    aligned = np.sum(mode * error) ** 2 / np.sum(error**2)  # cos²θ
    drift = abs(np.sum(mode * applied(operator, mode)) / slowest - 1)
    span = times[-1] - times[0]
    last = modes(layers[-1], law)[0]
    observed = np.log(np.sum(error**2) / np.sum(last**2)) / span
    claimed = formula(start.layer, law).final
    return Flow(
        distance=float(abs(observed / claimed - 1)),
        allowed=float((4 * drift - np.log(aligned)) / (span * 2 * slowest)),
        reason="what faster modes and the approach of A to its limit can do in 12 lifetimes",
    )


def modes(layer, law):
    """`Y`, and `s²`, `m` and `√m ⊙ U`, of which A consists; Λ is diagonal."""
    spectrum, gammas = law.covariance, gamma(law)
    m = np.outer(gammas * spectrum, spectrum)
    return np.sqrt(m) * (layer.gain - np.diag(1 / gammas)), layer.s**2, m, np.sqrt(m) * layer.u


def applied(operator, matrix):
    """`A` of a matrix."""
    squared_scale, m, direction = operator
    return squared_scale * m * matrix + direction * np.sum(direction * matrix)


def slow_mode(law):
    """The smallest eigenvalue of A at the limit, and its eigenvector, by the inverse of A."""
    limit, spectrum, gammas = global_minimum(law).layer(), law.covariance, gamma(law)
    u = limit.u.diagonal()
    inverse = np.diag(np.ones(len(u))) - np.outer(u, u) / (limit.s**2 + u @ u)
    root = spectrum * np.sqrt(gammas)
    values, vectors = np.linalg.eigh(inverse / np.outer(root, root))
    diagonal = limit.s**2 / values[-1]
    mode = np.diag(vectors[:, -1])
    between = limit.s**2 * gammas[0] * spectrum[0] * spectrum[1:2]  # none if d = 1
    if not (between < diagonal).any():
        return diagonal, mode
    off_diagonal = np.zeros_like(mode)
    off_diagonal[0, 1] = 1.0
    return between[0], off_diagonal


def witness(setting):
    """Where the slowest mode takes part in the end."""
    name = "random, 0.3 of the limit"
    return {name: starts(setting)[name]}


def too_fast(layer, prompts, *, sharp=False):
    """Twice the rate of the end, claimed for all times."""
    rate = final_rate(prompts)
    return Rates(2 * rate, rate)


def uncoupled(layer, prompts, *, sharp=False):
    """Without the rank-one term, that is, with s held fixed."""
    eigenvalues = np.linalg.eigvalsh(np.diag(prompts.covariance))
    slowest = eigenvalues[0] ** 2 * gamma(prompts).min()
    return Rates(0.0, 2 * global_minimum(prompts).layer().s ** 2 * slowest)


def tables(setting):
    """How loose the guarantee is."""
    rows = []
    for name, start in starts(setting).items():
        if covered(start):
            paper, sharp = (
                exponential_rate(start.layer, start.prompts, sharp=sharp).guaranteed
                for sharp in (False, True)
            )
            final = final_rate(start.prompts)
            rows.append((name, *(f"{x:.3g}" for x in (paper, sharp, final, final / sharp))))
    columns = ("start", "μ, the paper's", "μ, sharp", "ρ", "ρ over the sharp μ")
    yield Table("the guaranteed rate and the rate of the end", columns, tuple(rows))


def figure(setting):
    """Left: the excess, its bounds and its last slope. Right: the rates against conditioning."""
    figure, (left, right) = canvas(1, 2)
    n = setting.context_length or 20
    laws = {
        "$d = 1$": (GaussianPrompts(np.ones(1), n), 0.1),
        "$d = 2$": (GaussianPrompts(np.array([0.5, 1.0]), n), 0.8),
    }
    for name, (law, fraction) in laws.items():
        layer = initial_layer(isotropic_theta(law.dimension), fraction * largest_size(law))
        times = np.linspace(0, 12 / final_rate(law), COUNT)
        clock = times * final_rate(law)
        loss = gradient_flow(layer, law, times=times, rtol=1e-9).loss
        least = global_minimum(law).loss
        (line,) = left.semilogy(clock, (loss - least) / (loss[0] - least), "o-", label=name)
        for style, sharp in (("--", True), (":", False)):
            rate = exponential_rate(layer, law, sharp=sharp).guaranteed
            left.semilogy(clock, np.exp(-rate * times), style, color=line.get_color())
    left.semilogy(clock, np.exp(-clock), color=FAINT, label=r"$e^{-\rho t}$")
    left.plot([], [], "--", color=INK, label=r"$e^{-\mu t}$, sharp")
    left.plot([], [], ":", color=INK, label=r"$e^{-\mu t}$, paper")
    left.set(xlabel=r"$\rho\, t$", title=r"$[L(t) - \min L] / [L(0) - \min L]$")
    left.legend()
    conditions = np.geomspace(1, 1e6, 25)
    found = []
    for condition in conditions:
        law = GaussianPrompts(np.geomspace(1, 1 / condition, 5), n)
        layer = initial_layer(isotropic_theta(5), 0.5 * largest_size(law))
        both = [exponential_rate(layer, law, sharp=sharp) for sharp in (True, False)]
        found.append((both[0].final, *(rates.guaranteed for rates in both)))
    for values, style, label in zip(
        np.array(found).T,
        ("-", "--", ":"),
        (r"$\rho$", r"$\mu$, sharp", r"$\mu$, paper"),
        strict=True,
    ):
        right.loglog(conditions, values, style, label=label)
    right.set(xlabel=r"condition number of $\Lambda$, $d = 5$", title="rates")
    right.legend()
    return figure


derived = derivation("exponential_rate")

claim = Claim(
    title="Exponential convergence: the guaranteed rate and the rate of the end",
    source="Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1 and its proof; "
    "the sharp form and the final rate are derived here",
    formula=exponential_rate,
    hypotheses=(
        r"$\Lambda \succ 0$, $w \sim N(0, I)$, no label noise, $\Lambda_q = \Lambda$",
        r"$U(0) = \sigma_0 \Theta\Theta^\top$, $s(0) = \sigma_0 > 0$, $v = p = 0$, "
        r"$\|\Theta\Theta^\top\|_F = 1$",
        r"$\sigma_0^2 \|\Gamma\| \sqrt d < 2$; sharp: $\sigma_0^2 \|\Gamma\| < 2$",
    ),
    call="""layer = initial_layer(isotropic_theta(10), 0.02)
guarantee = convergence_guarantee(layer, prompts, sharp=True)
guarantee.rate, guarantee.loss_bound(times), final_rate(prompts)""",
    evidence=(derived, under, ending),
    control=(
        Control("twice the final rate at all times", too_fast, witness, (under,)),
        Control("s held fixed at the end", uncoupled, rejected_by=(ending,)),
        wrong_steps("exponential_rate", derived),
    ),
    figure=figure,
    reported=tables,
)
