r"""On the block $v = p = 0$ with $G = \partial L / \partial (sU)$ the gradient is

$$\frac{\partial L}{\partial U} = s\, G, \qquad \frac{\partial L}{\partial s} =
\operatorname{tr}(G\, U^\top), \qquad G = \Gamma\Lambda\, (sU - \Gamma^{-1})\, \Lambda .$$

Where $s \ne 0$ it vanishes at $sU = \Gamma^{-1}$ alone. At $s = 0$ we have $G = -\Lambda^2$, so the
points $s = 0$, $\operatorname{tr}(\Lambda^2 U^\top) = 0$ are stationary as well: truly stuck
starts. Parameters outside the block have no gradient there either: that in $v$ is odd in the task,
that in $p$ has a factor of $s$ or $v$. All stuck starts predict 0, at the loss
$\frac12 \operatorname{tr}\Lambda$: by $\frac12 \operatorname{tr}(\Gamma^{-1}\Lambda^2)$ more than
the least.

Two starts look similar and are not stuck. With $s > 0$ and $\Lambda\Theta = 0$ the bound of
Theorem 4.1 is void, but $\dot U = s \Lambda^2 \ne 0$. With $s = 0$ and a part of $U$ along
$\Lambda^2$ it is $s$ that moves at once.

*They are saddles.* To second order around a stuck start the loss changes by

$$\tfrac12 a\, \delta s^2 - \delta s \operatorname{tr}(\Lambda^2 \delta U^\top), \qquad
a = \operatorname{tr}(\Gamma\Lambda U \Lambda U^\top) \ge 0 .$$

Only $s$ and the part of $U$ along $\Lambda^2$ take part, by the matrix
$\big(\begin{smallmatrix} a & -\kappa \\ -\kappa & 0 \end{smallmatrix}\big)$ with
$\kappa = \|\Lambda^2\|_F$. Its eigenvalues $\frac12 (a \pm \sqrt{a^2 + 4\kappa^2})$ have opposite
signs: one way in and one way out, left at the rate
$\rho = \frac12 (\sqrt{a^2 + 4\kappa^2} - a) \le \kappa$. The larger the $U$ that does not help, the
stiffer is $s$ and the slower the escape: $\rho \approx \kappa^2 / a$. A large start with a small
$s$ can stay on the plateau for long without being stuck.
"""

from fractions import Fraction as F

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.basin import known_to_converge
from lsa_theory.gamma import gamma
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.saddle import escape_rate
from validation.common.derived import derivation
from validation.common.layers import flat_of, hessian, layer_of
from validation.harness import Claim, Close, Control, Equal, evidence
from validation.harness.figures import INK, SEQUENTIAL, canvas


def stuck_starts(setting):
    """In rationals, dense: `s = 0` and a `U` of either kind without a part along `Λ²`."""
    cases = {}
    for d in (2, 3):
        prompts, u = rational_law(setting.rng(f"{d}"), d)
        square = prompts.covariance @ prompts.covariance
        u = u - (square * u).sum() / (square * square).sum() * square
        cases[f"d = {d}"] = (prompts, LinearSelfAttention.from_block(u, F(0)))
        cases[f"d = {d}, the origin"] = (prompts, LinearSelfAttention.from_block(0 * u, F(0)))
    return cases


def rational_law(rng, d):
    root, u = (
        np.array([F(int(k), 2) for k in entries.flat], dtype=object).reshape(d, d)
        for entries in rng.integers(1, 6, (2, d, d))
    )
    one = np.array([[F(int(i == j)) for j in range(d)] for i in range(d)], dtype=object)
    return GaussianPrompts(root @ root.T + one, 4), u


def loss_at(prompts, flat):
    return population_loss(layer_of(flat, prompts.dimension), prompts)


@evidence(Equal, "the gradient is 0 at the loss of the zero predictor", cases=stuck_starts)
def stuck(formula, case, setting):
    """Over all parameters, by differences that are exact for a loss quadratic in each."""
    prompts, layer = case
    flat, steps = flat_of(layer), np.eye((prompts.dimension + 1) ** 2, dtype=int)
    slopes = [loss_at(prompts, flat + step) - loss_at(prompts, flat - step) for step in steps]
    verdict = known_to_converge(layer, prompts)
    height = loss_at(prompts, flat) - prompts.context.trace() / 2
    return Equal([*slopes, height, int(verdict.holds), 1 - int(verdict.stuck)])


@evidence(Close, "the negative eigenvalue of the Hessian on the block", cases=stuck_starts)
def curvature(formula, case, setting):
    """A matrix of exact differences; its eigenvalues are known to a few ulps of the largest."""
    prompts, layer = case
    d, flat = prompts.dimension, flat_of(layer)
    steps = np.eye((d + 1) ** 2, dtype=int)[d:-d]  # s and U

    def loss(flat):
        return loss_at(prompts, flat)

    eigenvalues = np.linalg.eigvalsh(hessian(loss, flat, steps))
    return Close(
        formula(layer, prompts),
        -eigenvalues[0],
        ulps=4 * len(steps),
        condition=abs(eigenvalues).max() / abs(eigenvalues[0]),
    )


def free_starts(setting):
    """Starts like the stuck ones that do move."""
    prompts, u = rational_law(setting.rng("free"), 2)
    flat = np.array([[F(1), F(1)], [F(1), F(1)]])
    kernel = np.array([[F(1), F(-1)], [F(-1), F(1)]]) / 6  # of norm 1/3, orthogonal to (1, 1)
    return {
        "ΛΘ = 0": (GaussianPrompts(flat, 4), LinearSelfAttention.from_block(kernel, F(1, 3))),
        "s = 0, a part along Λ²": (prompts, LinearSelfAttention.from_block(u, F(0))),
    }


def rest(setting):
    prompts, _ = rational_law(setting.rng("rest"), 2)
    minimum = LinearSelfAttention.from_block(global_minimum(prompts).gain, F(1))
    return {"the minimum": (prompts, minimum)}


def without_stiffness(layer, prompts):
    """`κ = ‖Λ²‖_F`, as at the origin."""
    return escape_rate(LinearSelfAttention.from_block(0 * layer.u, 0.0), prompts)


def operator_norm(layer, prompts):
    """The largest eigenvalue of `Λ²` for its Frobenius norm."""
    rate, kappa = escape_rate(layer, prompts), without_stiffness(layer, prompts)
    stiffness = (kappa**2 - rate**2) / rate
    largest = np.linalg.eigvalsh(prompts.covariance.astype(float))[-1] ** 2
    return (np.hypot(stiffness, 2 * largest) - stiffness) / 2


def figure(setting):
    """Left: the landscape around the origin, white features. Right: the way out."""
    figure, (left, right) = canvas(1, 2, height=3.3)
    landscape(left)
    rng = setting.rng()
    root, u = rng.standard_normal((2, 3, 3))
    covariance = root @ root.T
    prompts = GaussianPrompts(covariance / np.linalg.norm(covariance @ covariance) ** 0.5, 20)
    square = prompts.covariance @ prompts.covariance  # of norm 1
    u -= (square * u).sum() * square
    times = np.linspace(0, 40, 64)
    for index, size in enumerate((0.0, 1.0, 3.0)):
        stuck = size * u / np.linalg.norm(u)
        rate = escape_rate(LinearSelfAttention.from_block(stuck, 0.0), prompts)
        off = 1e-6  # along the way out: s by off, U by off times κ/ρ
        start = LinearSelfAttention.from_block(stuck + off / rate * square, off)
        scales = [y.s for y in gradient_flow(start, prompts, times=times, rtol=1e-10).layers]
        label = rf"$\|U\| = {size:g}$: $\rho = {rate:.2f}$"
        right.semilogy(times, scales, color=f"C{index}", label=label)
        right.semilogy(times, off * np.exp(rate * times), ":", color=f"C{index}", linewidth=1.2)
    right.set(xlabel="time $t$", title=r"$s(t)$ beside $e^{\rho t}$", ylim=(5e-7, 30))
    right.legend(loc="lower right", fontsize=8)
    return figure


def landscape(axis):
    """The loss on `U = x I / √d` and its flow lines: the plane is invariant for `Λ = I`."""
    d, n = 3, 20
    prompts = GaussianPrompts(np.ones(d), n)
    kappa, stretch = np.sqrt(d), gamma(prompts)[0]
    x, s = np.meshgrid(*[np.linspace(-2.5, 2.5, 61)] * 2)
    slope = kappa - stretch * s * x
    loss = d / 2 - kappa * s * x + stretch * (s * x) ** 2 / 2
    axis.contourf(x, s, np.log(loss - loss.min() + 0.02), levels=14, cmap=SEQUENTIAL, alpha=0.55)
    axis.streamplot(
        x, s, s * slope, x * slope, color=INK, linewidth=0.6, density=0.7, arrowsize=0.7
    )
    ends = np.linspace(0.2, 2.5, 200)
    for sign in (1, -1):
        floor = sign * kappa / stretch / ends
        shown = abs(floor) <= 2.5
        axis.plot(sign * ends[shown], floor[shown], color="C1")
    axis.plot(0, 0, "o", color="C3", markersize=7)
    axis.grid(False)
    axis.set(
        xlabel=r"$\mathrm{tr}(U) / \sqrt{d}$",
        ylabel="$s$",
        title=r"loss and flow at $U \propto I$: saddle, minima",
        aspect="equal",
    )


derived = derivation("saddle")

claim = Claim(
    title="Stuck starts are saddles",
    source="derived here; beside Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1",
    formula=escape_rate,
    hypotheses=(
        r"$s = 0$, $v = p = 0$ and $\operatorname{tr}(\Lambda^2 U^\top) = 0$",
        r"$w \sim N(0, I)$, no label noise, $\Lambda_q = \Lambda$ (or any zero-mean tasks)",
    ),
    call="""known_to_converge(layer, prompts).stuck
escape_rate(layer, prompts)     # the disturbance grows like exp(rate * t)""",
    evidence=(derived, stuck, curvature),
    control=(
        Control("starts that look stuck", cases=free_starts, rejected_by=(stuck,)),
        Control("the minimum", cases=rest, rejected_by=(stuck,)),
        Control("$a$ left out", without_stiffness, rejected_by=(derived, curvature)),
        Control(r"$\|\Lambda^2\|$ for $\|\Lambda^2\|_F$", operator_norm, rejected_by=(curvature,)),
    ),
    figure=figure,
)
