r"""A layer trained on one law answers prompts of another with the gain $B$ that it has. With $c B$
in its place the risk is a parabola in $c$,

$$\text{risk}(c B) = a c^2 - 2 b c + e, \qquad a = E \| B^\top h \|^2_{\Lambda_q}, \quad
b = \operatorname{tr}(B^\top \Lambda_c W \Lambda_q), \quad e = \operatorname{tr}(\Lambda_q W),$$

so that one rescaling of $s$ repairs the layer down to $e - b^2 / a$, at $c^* = b / a$, and no
further. Least squares on the same prompt is blind to every shift, and its price is the noise. For
white features, queries as in training and contexts of covariance $c I$ the two risks are

$$d \Big[ (b c - 1)^2 + \tfrac{b^2}{M} \big( (d + 1) c^2 + \sigma^2 c \big) \Big]
\qquad\text{and}\qquad \frac{\sigma^2 d}{c (M - d - 1)},$$

with $b$ now the trained gain's only entry, and their difference times $c / d$ is a cubic. At small
$c$, where the signal drowns, the layer is ahead. It falls behind at the cubic's least positive
root, and where there are three it comes back for the scales near that of its training. Without
noise least squares is ahead at every scale. In long contexts the layer is left with $(c - 1)^2$ of
the signal, and least squares with nothing.
"""

from fractions import Fraction as F

import numpy as np
import sympy

from lsa_theory import shift
from lsa_theory.estimators import LeastSquares, Ridge, Zero
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sampling import sample_prompts
from lsa_theory.shift import covariate_shift
from validation.common.derived import derivation, wrong_steps
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Sigma, batch_means, evidence
from validation.harness.figures import FAINT, canvas

BATCHES = 64
derived = derivation("overtaking")


def rational_shifts(setting):
    """The training law and its test law: features scaled, or everything moved at once."""
    shifts = {}
    for d, c in ((1, F(3)), (2, F(1, 2)), (3, F(5, 3))):
        features, context, query, task = (
            root @ root.T
            for root in halves(setting.rng(f"{d}"), 4, d, d) + 4 * np.eye(d, dtype=int)
        )
        train = GaussianPrompts(features, 7, noise_variance=F(2, 3))
        shifts[f"scaled, d = {d}"] = (train, shift.scaled(train, query=False)(c), (c - 1) ** 2)
        everything = {
            "covariance": context,
            "query_covariance": query,
            "task_covariance": task,
            "task_mean": halves(setting.rng(f"mean {d}"), d),
            "context_length": d + 3,
        }
        shifts[f"everything, d = {d}"] = (train, train.replace(**everything), None)
    return shifts


@evidence(Equal, "the best factor and the limit, on rationals", cases=rational_shifts)
def repaired(formula, case, setting):
    """The parabola is as high on both sides of its least value, which is the stated risk; and in
    long contexts scaled features leave `(c − 1)²` of the signal."""
    train, test, left = case
    report, gain = formula(train, test), global_minimum(train).gain
    best = report.rescaled
    sides = [risk((best.factor + step) * gain, test) for step in (F(-1, 3), F(1, 3))]
    found = [sides[0] - sides[1], best.risk - risk(best.factor * gain, test)]
    if left is not None:
        found.append(report.limit_risk - left * Zero().risk(test).value)
    return Equal(found)


SETTINGS = {  # d, N = M, σ², and the number of crossings
    "no noise": (4, 40, 0, 0),
    "once": (4, 40, 20, 1),
    "three times": (4, 400, 48, 3),
}


def white_laws(setting):
    return SETTINGS


def white_train(d, n, noise):
    return GaussianPrompts(np.ones(d), n, noise_variance=float(noise))


@evidence(Equal, "the roots of the cubic, isolated", cases=white_laws)
def crossings(formula, case, setting):
    """Between rationals 10^-9 apart, one on each side of a root: who is ahead changes there, from
    the layer at small scales, and the library's root lies between them."""
    d, n, noise, count = case
    b, x = sympy.Rational(n, n + 1 + d + noise), sympy.Symbol("x")
    coefficients = (
        b * b * (1 + sympy.Rational(d + 1, n)),
        b * b * sympy.Rational(noise, n) - 2 * b,
        1,
        -sympy.Rational(noise, n - d - 1),
    )
    cubic = sympy.Poly(coefficients, x)
    low, high = sympy.Rational(1, 100), sympy.Integer(4)
    brackets = [ends for ends, _ in cubic.intervals(eps=F(1, 10**9), inf=low, sup=high)]
    train = white_train(d, n, noise)
    family = shift.scaled(train, query=False)
    roots = shift.overtaking(train, family, interval=(0.01, 4.0))
    found = [len(brackets) - count, len(roots) - count]
    exact = GaussianPrompts(np.full(d, F(1)), n, noise_variance=F(noise))
    for k, (below, above) in enumerate(brackets):
        ahead = [
            formula(exact, shift.scaled(exact, query=False)(F(int(end.p), int(end.q)))).overtaken
            for end in (below, above)
        ]
        found += [int(ahead[0]) - k % 2, int(ahead[1]) - (k + 1) % 2]
        found.append(int(not below - F(1, 10**8) < F(roots[k]) < above + F(1, 10**8)))
    if not brackets:
        found.append(1 - int(formula(exact, exact).overtaken))
    return Equal(found)


def sampled_shifts(setting):
    """Scales at and off a crossing, and a law with everything moved."""
    d, n, noise, _ = SETTINGS["once"]
    family = shift.scaled(white_train(d, n, noise), query=False)
    crossing = shift.overtaking(white_train(d, n, noise), family)[0]
    laws = {f"c = {c:.3g}": family(c) for c in (0.4, crossing, 2.0)}
    shifts = {name: (white_train(d, n, noise), law) for name, law in laws.items()}
    rng = setting.rng("laws")
    features, context, query = (
        root @ root.T / 4 + np.eye(4) / 4 for root in rng.standard_normal((3, 4, 4))
    )
    train = GaussianPrompts(features, 30, noise_variance=1.0)
    shifts["covariances moved"] = (
        train,
        train.replace(covariance=context, query_covariance=query, context_length=20),
    )
    return shifts


@evidence(Sigma, "both on the same prompts", cases=sampled_shifts)
def same_prompts(formula, case, setting):
    """Squared errors of the layer less those of `lstsq`, prompt by prompt."""
    train, test = case
    report = formula(train, test)
    exact = report.attention.value - report.others["least squares"].value
    values = differences(train, test, BATCHES * (32 if setting.quick else 128), setting)
    return Sigma(*batch_means(values, BATCHES), exact, degrees=BATCHES - 1)


def differences(train, test, count, setting):
    drawn = sample_prompts(test, count, seed=setting.integer_seed("prompts"))
    summary = np.einsum("kn,knd->kd", drawn.y, drawn.x) / test.context_length
    gain = global_minimum(train).gain
    layer = summary * gain if gain.ndim == 1 else summary @ gain
    least = np.array([np.linalg.lstsq(x, y)[0] for x, y in zip(drawn.x, drawn.y, strict=True)])
    layer, least = (
        ((found - drawn.task) * drawn.x_query).sum(axis=1) ** 2 for found in (layer, least)
    )
    return layer - least


def follows(train, test):
    """As if the layer had been trained on the law that it is shown."""
    return covariate_shift(test.replace(query_covariance=None), test)


class Reciprocal:
    """The scale undone instead of the best factor: of Λ_c = c Λ, `1 / c`."""

    def __init__(self, report):
        self.report = report

    @property
    def rescaled(self):
        train, test = self.report.train, self.report.test
        factor = train.context.trace() / test.context.trace()
        best = self.report.rescaled
        return shift.Repair(risk(factor * self.report.gain, test), best.share, factor)

    def __getattr__(self, name):
        return getattr(self.report, name)


def undone(train, test):
    return Reciprocal(covariate_shift(train, test))


def figure(setting):
    """Risks against the scale of the features, crossings marked: little noise and much."""
    figure, axes = canvas(1, 2, height=3.6)
    scales = np.geomspace(0.1, 4, 61)
    for axis, name in zip(axes, ("once", "three times"), strict=True):
        d, n, noise, _ = SETTINGS[name]
        train = white_train(d, n, noise)
        family, gain = shift.scaled(train, query=False), global_minimum(train).gain
        laws = [family(c) for c in scales]
        axis.loglog(scales, [risk(gain, law) / d for law in laws], label="layer")
        for label, estimator in {
            "least squares": LeastSquares(),
            "ridge, Bayes": Ridge(noise / n),
        }.items():
            axis.loglog(scales, [sum(estimator.known(law)) / d for law in laws], label=label)
        repaired = [rescaled(gain, law) / d for law in laws]
        axis.loglog(scales, repaired, linestyle="--", linewidth=1.2, label="layer, rescaled")
        axis.axhline(1, color=FAINT, linestyle=":", label="zero")
        for root in shift.overtaking(train, family):
            level = risk(gain, family(root)) / d
            axis.plot(root, level, "o", color="C4", markersize=7, zorder=5)
        title = rf"$d = {d},\ N = M = {n},\ \sigma^2 = {noise}$"
        axis.set(title=title, xlabel=r"scale of the features, $\Lambda_c = c\, \Lambda$")
    axes[0].set(ylabel="risk / risk of zero")
    axes[0].legend()
    return figure


def rescaled(gain, law):
    zero, whole, doubled = (risk(factor * gain, law) for factor in (0, 1, 2))
    square = (doubled - 2 * whole + zero) / 2
    return zero - ((square + zero - whole) / 2) ** 2 / square


claim = Claim(
    title="Where least squares overtakes the trained layer",
    source="beyond Zhang, Frei, Bartlett, JMLR 25(49), 2024, Section 4.2, which has the limit of "
    "long contexts",
    formula=covariate_shift,
    hypotheses=(
        "the layer at the minimum of its training loss, tested on any law",
        r"the cubic: $\Lambda = \Omega = \Lambda_q = I$, contexts of covariance $c I$, $M > d + 1$",
    ),
    call="""report = shift.covariate_shift(train, shift.scaled(train)(2.0))
report.attention.value, report.others["least squares"].value, report.rescaled
shift.overtaking(train, shift.scaled(train))    # the scales at which the lead changes""",
    evidence=(derived, repaired, crossings, same_prompts),
    control=(
        Control(
            "the layer follows the shift", follows, rejected_by=(repaired, crossings, same_prompts)
        ),
        Control("rescaled by $1 / c$", undone, rejected_by=(repaired,)),
        wrong_steps("overtaking", derived),
    ),
    figure=figure,
)
