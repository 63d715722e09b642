r"""The origin $s = 0$, $U = 0$ is a saddle: next to it $\dot s = \operatorname{tr}(\Lambda^2
U^\top)$ and $\dot U = s\Lambda^2$, so with $\kappa = \|\Lambda^2\|_F$ and
$q = \operatorname{tr}(\Lambda^2 U^\top)/\kappa$ the sum $s + q$ grows like $e^{\kappa t}$ and the
difference $s - q$ decays like $e^{-\kappa t}$. A start on the way in has $s + q = 0$ and must keep
to it while the other terms act. White features show one that does.

Start at $U = -u_0 I$, $s = \sqrt d\, u_0$. Nothing singles out a direction, and the conserved
$s^2 - \|U\|_F^2 = 0$ leaves $U = -u I$, $s = \sqrt d\, u$. For $z = u^2$ the flow reads

$$\dot z = -2\sqrt d\, \lambda^2\, z \Big( 1 + \frac{z}{z_\infty} \Big), \qquad
z_\infty = \frac{1}{\sqrt d\, \gamma} :$$

the logistic equation of the start at $+u_0 I$, for $-z$ in the place of $z$ and with the clock
reversed. It is linear in $1/z$,

$$\frac{d}{dt}\, \frac1z = 2\sqrt d\, \lambda^2 \Big( \frac1z + \frac{1}{z_\infty} \Big), \qquad
z(t) = \frac{z_\infty}{(z_\infty / z_0 + 1)\, e^{2\sqrt d \lambda^2 t} - 1},$$

and $s$ and $U$ decay at the rate $\sqrt d\, \lambda^2 = \kappa$ for ever. The gain $sU$ has the
wrong sign throughout. The loss falls to that of the zero predictor, and not below it.

*Almost no start goes there.* What grows along the way out grows at the rate at which the rest
decays. So a start that is off by a part $\varepsilon$ comes as near as $\sqrt \varepsilon$, and
after a time $\frac1\kappa \ln \frac1\varepsilon$ learns as from any small start. Rounding is such a
part, with $\varepsilon \approx 10^{-16}$: a simulation is freed by it, unless its arithmetic
happens to be exact. That is a fact about floating point, not about the flow. A gradient that
vanishes is no convergence to the minimum, and a simulation that moved on is no proof that the flow
would have.
"""

from math import log
from typing import NamedTuple

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.basin import known_to_converge
from lsa_theory.linalg import exponential
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.saddle import RunIntoSaddle, run_into_saddle
from validation.common import enclosures
from validation.common.derived import derivation
from validation.harness import Claim, Close, Control, Equal, Flow, evidence
from validation.harness.figures import FAINT, INK, canvas


def white(d, scale, n):
    return GaussianPrompts(np.array([scale] * d), n)


class Path(NamedTuple):
    """A run into the saddle until `s` and `U` have decayed by a factor, times `patience`, from a
    start that is off by a fraction; by either method."""

    prompts: GaussianPrompts
    start: float
    decay: float
    parameters: str = "block"
    off: float = 0.0
    patience: float = 1.0

    def flow(self, formula, patience=1.0):
        layer = formula(self.prompts, self.start).layer(0.0)
        start = LinearSelfAttention.from_block(layer.u, (1 + self.off) * layer.s)
        end = patience * 2 * log(self.decay) / formula(self.prompts, self.start).rate
        options = {"parameters": self.parameters, "rtol": RTOL[self.parameters]}
        times = np.linspace(0, end, 9)[1:]
        return gradient_flow(
            start, self.prompts, times=times, max_steps=STEPS[self.parameters], **options
        )


RTOL, STEPS = {"block": 1e-12, "all": 1e-9}, {"block": 1024, "all": 4096}


def paths(setting):
    n = setting.context_length or 20
    cases = {
        "d = 4": Path(white(4, 1.0, n), 0.5, 1e3),
        "d = 4, a start of 1e-3": Path(white(4, 0.2, n), 1e-3, 1e3),
        "d = 16, a large start": Path(white(16, 0.7, 5), 30.0, 20.0),
        "d = 3": Path(white(3, 1.0, n), 0.4, 1e3),
        "d = 3, all parameters": Path(white(3, 1.0, n), 0.4, 20.0, "all"),
    }
    if setting.quick:
        cases.pop("d = 3, all parameters")
    return cases


@evidence(Flow, "the path of the integrated flow", cases=paths)
def followed(formula, case, setting):
    """What a step errs by, `rtol`, grows along the way out while the rest decays: relative to the
    rest by the square of the decay, and by `1 + z_0/z_∞` where the start is large."""
    course, flow = formula(case.prompts, case.start), case.flow(formula)
    far = [
        norm(layer, course.layer(time)) / norm(course.layer(time))
        for time, layer in zip(flow.times, flow.layers, strict=True)
    ]
    rtol, steps = RTOL[case.parameters], STEPS[case.parameters]
    absolute = 1 if case.parameters == "block" else 4 * (1 + 1 / norm(course.layer(0.0)))
    growth = case.decay**2 * (1 + start_share(case))
    return Flow(
        distance=max(far),
        allowed=2 * steps * rtol * absolute * growth,
        reason=f"at most {steps} steps of {rtol:g}, grown by {growth:.3g}",
    )


def ratios(setting):
    """`z_∞ / z_0` from 1e12, a start next to the saddle, to 1e-12."""
    laws = {
        "d = 3": white(3, 0.7, setting.context_length or 20),
        "d = 8, noise": white(8, 0.2, 5).replace(noise_variance=100.0),
    }
    return {
        f"{name}, ratio {ratio:g}": (prompts, (limit / ratio) ** 0.5)
        for name, prompts in laws.items()
        for limit in [run_into_saddle(prompts, 1.0).odds - 1]
        for ratio in enclosures.RATIOS
    }


@evidence(Close, "shares and losses against ball arithmetic", cases=ratios, extra="rigor")
def enclosed(formula, case, setting):
    """Each by itself, from just after the start until `u` has decayed by a factor of 1e9; an
    exponential loses as many digits as its exponent has before the point."""
    prompts, start = case
    course, exponent = formula(prompts, start), 2 * log(1e9)
    times = enclosures.moments(exponent) / run_into_saddle(prompts, start).rate
    shares, losses = enclosures.white_course(prompts, start, times, sign=-1)
    floats = np.concatenate([-course.share(times), course.loss(times)])
    pairs = zip(floats, np.concatenate([shares, losses]), strict=True)
    return enclosures.close(pairs, 8, condition=1 + exponent)


def start_share(case):
    """`z_0 / z_∞`."""
    return 1 / (run_into_saddle(case.prompts, case.start).odds - 1)


def norm(layer, other=None):
    """Of all parameters, or of the difference of two layers'."""
    pv, kq = (layer.pv, layer.kq) if other is None else (layer.pv - other.pv, layer.kq - other.kq)
    return float(np.hypot(np.linalg.norm(pv), np.linalg.norm(kq)))


@evidence(Equal, "no convergence is claimed", cases=paths)
def unclaimed(formula, case, setting):
    """Neither by the flow nor by the condition under which it is known to converge."""
    flow = case.flow(formula, case.patience)
    known = known_to_converge(flow.layers[0], case.prompts).holds
    return Equal([int(flow.converged), int(np.isfinite(flow.distance_bound)), int(known)])


class PlainDecay(RunIntoSaddle):
    """The linearised flow, as if the start were small."""

    def share(self, times):
        return exponential(-self.rate * times) / (self.odds - 1)


def plain_decay(prompts, start):
    return PlainDecay(**vars(run_into_saddle(prompts, start)))


def perturbed(setting):
    """Off by one in a hundred, and long enough to leave."""
    return {
        name: path._replace(off=0.01, patience=30.0)
        for name, path in paths(setting).items()
        if path.parameters == "block"
    }


def figure(setting):
    """The closed form, and flows that are off by less and less: s(t) and the loss."""
    figure, (left, right) = canvas(1, 2, height=3.2)
    prompts, start = white(3, 1.0, 20), 0.5
    course = run_into_saddle(prompts, start)
    first, times = course.layer(0.0), np.linspace(0, 24, 64)
    for off in (1e-2, 1e-4, 1e-8, 1e-12):
        layer = LinearSelfAttention.from_block(first.u, (1 + off) * first.s)
        flow = gradient_flow(layer, prompts, times=times, rtol=1e-12)
        label = rf"$\varepsilon = 10^{{{round(np.log10(off))}}}$"
        left.semilogy(times, [abs(layer.s) for layer in flow.layers], linewidth=1.3)
        right.plot(times, flow.loss, label=label, linewidth=1.3)
    flow = gradient_flow(first, prompts, times=times, rtol=1e-12)
    dots = {"color": INK, "markersize": 3, "linestyle": "none", "marker": "o"}
    left.semilogy(times[::2], [abs(layer.s) for layer in flow.layers][::2], **dots)
    right.plot(times[::2], flow.loss[::2], label="rounding alone", **dots)
    for axis, closed in ((left, [course.layer(t).s for t in times]), (right, course.loss(times))):
        axis.plot(times, closed, ":", color=FAINT, label="closed form", zorder=0)
    left.set(xlabel="time $t$", title="$|s(t)|$: towards the saddle, and away", ylim=(1e-10, 5))
    right.set(xlabel="time $t$", title="loss $L(t)$", ylim=(0, None))
    right.legend(fontsize=8)
    return figure


derived = derivation("run_into_saddle")

claim = Claim(
    title="A path into the saddle",
    source="derived here; beside Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1",
    formula=run_into_saddle,
    hypotheses=(
        r"$\Lambda = \lambda I$",
        r"$w \sim N(0, I)$, no label noise, $\Lambda_q = \Lambda$ (or multiples of $I$, and noise)",
        r"$U(0) = -u_0 I$, $s(0) = \sqrt d\, u_0$ exactly, $v = p = 0$",
    ),
    call="""path = run_into_saddle(GaussianPrompts(np.ones(3), 20), 0.6)
path.layer(5.0), path.loss(times)
gradient_flow(path.layer(0.0), path.prompts, end_time=5.0).converged      # False""",
    evidence=(derived, enclosed, followed, unclaimed),
    control=(
        Control("plain exponential decay", plain_decay, rejected_by=(derived, enclosed, followed)),
        Control("a start off by 1 %", cases=perturbed, rejected_by=(followed, unclaimed)),
    ),
    figure=figure,
)
