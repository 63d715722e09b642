r"""Stein's identity $E[x_a f(x)] = \sum_c \Lambda_{ac} E[\partial_c f]$, for each sample in
$S = \frac1N \sum_i x_i x_i^\top$, says what one $S$ makes of the rest of a product: for any matrix
$B$ and any function $F$ of $S$,

$$E[\operatorname{tr}(S B)\, F] = \operatorname{tr}(\Lambda B)\, E[F]
+ \tfrac1N E\big[ D F(S)[\Lambda B^\top S + S B \Lambda] \big].$$

Either $S$ becomes its mean, or at $1/N$ it is joined with another $S$, in one of two ways, since
one sample stands in both and its four ends pair off differently. Each way takes one $S$ away, so
that applied again and again it leaves words in $\Lambda$ alone, one for each of the $(2k - 1)!!$
pairings of the ends of $k$ letters: a sum of positive multiples of products of traces, with a
factor $1/N$ for every sample that met itself. Dimension enters only through traces.

For the inverse, $D S^{-1}[M] = -S^{-1} M S^{-1}$. The identity for the entries of
$S S^{-1} = I$ closes on itself,

$$I = \Lambda E[S^{-1}] - \tfrac1N \big( \operatorname{tr}(\Lambda E[S^{-1}])\, I
+ \Lambda E[S^{-1}] \big), \qquad\text{so}\qquad E[S^{-1}] = \frac{N}{N - d - 1} \Lambda^{-1},$$

and for $S S^{-1} B S^{-1} = B S^{-1}$ it is linear in the two coefficients of the second moments.
The least eigenvalue decides what exists: $S^{-1}$ grows like the inverse of a $\chi^2$ with
$N - d + 1$ degrees of freedom, which has a mean if $N - d > 1$ and a variance if $N - d > 3$.
"""

from dataclasses import replace
from math import comb
from typing import Any, NamedTuple

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.wishart import expectation
from lsa_theory.wishart.inverse import Scale
from validation.common.bartlett import InverseLaw
from validation.common.derived import derivation
from validation.common.rationals import halves
from validation.harness import Claim, Control, Equal, Sigma, batch_means, evidence, oracle
from validation.harness.figures import canvas

derived = derivation("wishart_moments")


def trace(matrix):
    """Of a matrix, or of each in a stack, as matrices of one entry."""
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))[..., None, None]


SAMPLE = {
    "S": lambda s, b, c: s,
    "S B S": lambda s, b, c: s @ b @ s,
    "tr(S B) S": lambda s, b, c: trace(s @ b) * s,
    "tr(S B S C)": lambda s, b, c: trace(s @ b @ s @ c),
    "S B S C S": lambda s, b, c: s @ b @ s @ c @ s,
    "tr(S B S) S C": lambda s, b, c: trace(s @ b @ s) * s @ c,
    "C S^2 B S B' S": lambda s, b, c: c @ s @ s @ b @ s @ b.T @ s,
    "tr(S B S C') tr(S B) S": lambda s, b, c: trace(s @ b @ s @ c.T) * trace(s @ b) * s,
}
INVERSE = {
    "S^-1": lambda p, b, c: p,
    "tr(S^-1 B) C": lambda p, b, c: trace(p @ b) * c,
    "S^-1 B S^-1": lambda p, b, c: p @ b @ p,
    "tr(S^-1 B) S^-1": lambda p, b, c: trace(p @ b) * p,
    "tr(S^-1 B) tr(S^-1 C)": lambda p, b, c: trace(p @ b) * trace(p @ c),
    "C S^-1 S^-1": lambda p, b, c: c @ p @ p,
}


class Trial(NamedTuple):
    """A word, the same as a function, and the law: Λ = F Fᵀ."""

    word: str
    function: Any
    factor: Any
    context_length: int
    constants: dict[str, Any]

    def value(self, formula):
        given = {name: self.constants[name] for name in "BC" if name in self.word}
        return formula(self.word).evaluate(
            covariance=self.factor @ self.factor.T, context_length=self.context_length, **given
        )

    def of(self, matrix):
        return self.function(matrix, self.constants["B"], self.constants["C"])


def rational_trial(word, function, d, n, rng):
    factor, b, c = halves(rng, 3, d, d)
    factor = factor + 8 * np.eye(d, dtype=int)  # of full rank
    return Trial(word, function, factor, n, {"B": b, "C": c})


def sample_words(setting):
    """Every word for two features; the shorter ones for three, of fewer samples than features."""
    sizes = {(2, 3): SAMPLE, (3, 2): dict(list(SAMPLE.items())[:5]), (1, 4): SAMPLE}
    return {
        f"{word}, d = {d}, N = {n}": rational_trial(
            word, function, d, n, setting.rng(f"{word} {d}")
        )
        for (d, n), words in sizes.items()
        for word, function in words.items()
    }


@evidence(Equal, "polynomials in Gaussians", cases=sample_words)
def gaussians(formula, trial, setting):
    """The word as a polynomial in the samples' entries, and `E z^{2k} = (2k − 1)!!`."""
    d, n = len(trial.factor), trial.context_length
    names = [f"z{k}" for k in range(d * n)]
    vectors = trial.factor @ np.array(ring(names, QQ)[1:], dtype=object).reshape(d, n)
    polynomials = trial.of(vectors @ vectors.T * QQ(1, n))
    mean = np.vectorize(oracle.expectation, otypes=[object])(polynomials)
    return Equal(trial.value(formula) - mean)


def inverse_words(setting):
    """Up to three features, with as few samples as the moment needs, and one more."""
    return {
        f"{word}, d = {d}, N = {n}": rational_trial(
            word, function, d, n, setting.rng(f"{word} {d}")
        )
        for word, function in INVERSE.items()
        for d in (1, 2, 3)
        for n in (d + 2 * word.count("S") + extra for extra in (0, 1))
    }


@evidence(Equal, "Bartlett's decomposition", cases=inverse_words)
def bartlett(formula, trial, setting):
    """The inverse as a polynomial in Gaussians and in the inverse roots of chi-squareds."""
    law = InverseLaw(trial.factor, trial.context_length)
    return Equal(trial.value(formula) - law.mean(trial.of(law.inverse)))


def float_trials(setting):
    """Six correlated features and, for words in `S`, real ones."""
    root = setting.rng("features").standard_normal((6, 6)) / 2 + np.eye(6)
    words = {word: SAMPLE[word] for word in ("S B S", "tr(S B) S", "tr(S B S C)", "tr(S B S) S C")}
    inverse = dict(list(INVERSE.items())[:4])
    laws = {"random": (root, 8, words), "inverse": (root, 20, inverse)}
    for name, covariance in setting.covariances.items():
        if len(covariance) <= (13 if setting.quick else 30):
            values, vectors = np.linalg.eigh(covariance)
            root = vectors * np.sqrt(values.clip(min=0))
            few = {word: words[word] for word in ("S B S", "tr(S B S) S C")}
            laws[name] = (root, setting.context_length or 40, few)
    trials = {}
    for name, (factor, n, words) in laws.items():
        for word, function in words.items():
            b, c = setting.rng(f"{word} {name}").standard_normal((2, *factor.shape))
            b = b - b.T + np.eye(len(b)) / 2  # far from its transpose
            trials[f"{word}, {name}"] = Trial(word, function, factor, n, {"B": b, "C": c})
    return trials


@evidence(Sigma, "samples", cases=float_trials)
def sampled(formula, trial, setting):
    """The product with `B`, entry by entry, summed; from whole samples of `N` vectors."""
    value, b = trial.value(formula), trial.constants["B"]
    n, size = trial.context_length, 2**13 if setting.quick else 2**15
    drawn = samples(trial.factor, n, 64 * max(32, size // (n * len(trial.factor))), setting)
    matrices = np.linalg.inv(drawn) if "S^-1" in trial.word else drawn
    values = (trial.of(matrices) * b).sum(axis=(1, 2))
    return Sigma(*batch_means(values), (value * b).sum(), degrees=63)


def samples(factor, n, count, setting):
    """Sample covariances, a stack of them."""
    x = setting.rng("samples").standard_normal((count, n, len(factor))) @ factor.T
    return np.swapaxes(x, 1, 2) @ x / n


def untransposed(word):
    """As if a sample that meets itself paired its ends in the same way twice."""
    true = expectation(word)
    terms = tuple(
        replace(term, traces=tuple(map(plain, term.traces)), open=plain(term.open))
        for term in true.terms
    )
    return replace(true, expansion=replace(true.expansion, terms=terms))


def plain(letters):
    return letters and tuple(letter.rstrip("'") for letter in letters)


def of_the_precision(word):
    """`Λ^{-1}` for Λ in the moments of `S`: what a large `N` makes of the inverse."""
    true = expectation(word)
    return replace(true, expansion=replace(true.expansion, scale=Scale()))


def figure(setting):
    """Left: how far the moments are above their limit in a high dimension. Right: the inverse."""
    figure, (left, right) = canvas(1, 2, height=3.4)
    count = 2**9 if setting.quick else 2**12
    sizes = 2 ** np.arange(1, 12)
    for index, power in enumerate(range(2, 6)):
        limit = marchenko_pastur(power, 0.5)
        exact = [white(f"tr(S^{power})", n, n // 2) / (n // 2) / limit - 1 for n in sizes]
        left.loglog(sizes, exact, label=f"$k = {power}$")
        for n in (4, 8, 16):
            drawn = samples(np.eye(n // 2), n, 4 * count, setting.at(f"{power} {n}"))
            values = np.trace(np.linalg.matrix_power(drawn, power), axis1=1, axis2=2) / (n // 2)
            dot(left, n, values / limit - 1, index)
    left.set(xlabel="samples $N$, $d = N / 2$")
    left.set(title=r"$\frac{1}{d}\,E\,\mathrm{tr}\,S^k$ above Marchenko–Pastur, relative")
    left.legend()
    d, lengths = 4, np.arange(6, 65)
    for index, word in enumerate(("tr(S^-1)", "tr(S^-1 S^-1)")):
        label = rf"$k = {index + 1}$"
        above = lengths[lengths - d > 2 * index + 1]
        right.loglog(above, [white(word, n, d) / d for n in above], label=label)
        for n in (14, 20, 32):
            drawn = np.linalg.inv(samples(np.eye(d), n, 4 * count, setting.at(f"{word} {n}")))
            power = np.linalg.matrix_power(drawn, index + 1)
            dot(right, n, np.trace(power, axis1=1, axis2=2) / d, index)
        right.axvline(d + 2 * index + 1, color=f"C{index}", linestyle=":")
    right.set(xlabel=f"samples $N$, $d = {d}$", title=r"$\frac{1}{d}\,E\,\mathrm{tr}\,S^{-k}$")
    for axis in (left, right):
        axis.set_xscale("log", base=2)
    right.legend()
    return figure


def white(word, n, d):
    """At Λ = I, where every trace is `d`: no matrix of that dimension is made."""
    found = expectation(word)
    scale, n = found.expansion.scale, float(n)
    t = scale.variable(n, d)
    total = sum(
        c * t**k * d ** len(term.traces)
        for term in found.terms
        for k, c in enumerate(term.coefficients)
    )
    return scale.prefactor(n, d) * total


def marchenko_pastur(power, ratio):
    """The moment of the limiting spectrum, with Narayana's numbers."""
    return sum(comb(power, j) * comb(power, j + 1) // power * ratio**j for j in range(power))


def dot(axis, n, values, index):
    mean, error = batch_means(values)
    axis.errorbar(n, mean, 2 * error, fmt="o", color=f"C{index}", markersize=4)


claim = Claim(
    title="Moments of a sample covariance, for any N and any dimension",
    source="Isserlis 1918; Letac and Massam, Scand. J. Statist. 31, 2004; "
    "von Rosen, Scand. J. Statist. 15, 1988, for the inverse",
    formula=expectation,
    hypotheses=(
        r"$S = \frac1N \sum_{i=1}^N x_i x_i^\top$, $x_i \sim N(0, \Lambda)$ independent",
        r"any $N$ and $d$ for words in $S$, $\Lambda$ singular included",
        r"$\Lambda \succ 0$, $N - d > 1$ for one $S^{-1}$, $N - d > 3$ for two",
    ),
    call="""word = expectation("S B S")
word.latex()
word.evaluate(covariance=covariance, context_length=20, B=matrix)""",
    evidence=(derived, gaussians, bartlett, sampled),
    control=(
        Control(r"$B$ for $B^\top$ where a sample meets itself", untransposed),
        Control(
            r"$\Lambda^{-1}$ for $\Lambda$ in the moments of $S$",
            of_the_precision,
            rejected_by=(derived, bartlett, sampled),
        ),
    ),
    figure=figure,
)
