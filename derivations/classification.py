r"""A memory without noise takes over from attention with noise, and its labels win.

Attention answers a query `x` of class `c` with :math:`p q \sum_i y_i \langle x_i, x \rangle`: one
match, of unit length, and :math:`N - 1` other examples in dimension `D`. The memory adds
:math:`\mu_c y_c`. With :math:`g = pq` and a memory of the same strength `m` for all classes the
loss is half of a mean square.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations.algebra import slope
from derivations.chain import SCALARS, Chain, Identity, step
from lsa_theory.transience import regression
from lsa_theory.transience.classification import rest, slopes

g, m, v, K, lg, lm, t = sympy.symbols("g m v K lambda_g lambda_m t", positive=True)
p, q = sympy.symbols("p q", positive=True)
TOP = 1 / (1 + v)


def loss(strength: Any, memory: Any) -> Any:
    return ((1 - memory - strength) ** 2 + v * strength**2) / 2


@step(SCALARS)
def the_noise_of_the_evidence() -> Iterator[Identity]:
    r"""With entries :math:`\pm 1/\sqrt D` of random signs and random labels, the others' evidence
    has the mean 0 and, for each, the variance :math:`1/D`: together :math:`v = (N - 1)/D`. (Two
    entries, two others, all signs.) So the loss, half of the mean of :math:`(1 - m - g (1 + \sqrt v
    z))^2`, is :math:`\frac12 [(1 - m - g)^2 + v g^2]`."""
    from itertools import product

    signs = list(product((1, -1), repeat=6))
    sums = [
        y1 * sympy.Rational(a1 + a2, 2) + y2 * sympy.Rational(b1 + b2, 2)
        for y1, y2, a1, a2, b1, b2 in signs
    ]
    yield Identity(sum(sums), 0, r"E[\xi]")
    yield Identity(sum(x * x for x in sums) / len(signs), sympy.Rational(2, 2), r"E[\xi^2]")
    two = [(1 - m - g * (1 + sign * sympy.sqrt(v))) ** 2 / 2 for sign in (1, -1)]
    yield Identity(sum(two) / 2, loss(g, m), "L")


@step(SCALARS)
def the_flow() -> Iterator[Identity]:
    r"""Two balanced factors, :math:`p = q`, each penalised by :math:`\frac{\lambda_g}2 p^2`, make
    :math:`\dot g = -2g\, (\partial L / \partial g + \lambda_g)`; of `K` memories, each one's class
    comes up once in `K` times, :math:`\dot m = -\frac1K \partial L / \partial m - \lambda_m m`."""
    stated = slopes(g, m, K, v, lg, lm)
    whole = loss(p * q, m) + lg * (p * p + q * q) / 2
    moved = -q * slope(whole, p) - p * slope(whole, q)
    yield Identity(moved.subs({p: sympy.sqrt(g), q: sympy.sqrt(g)}), stated[0], r"\dot g")
    yield Identity(-slope(loss(g, m), m) / K - lm * m, stated[1], r"\dot m")


@step(SCALARS)
def one_dimension_of_regression() -> Iterator[Identity]:
    r"""This is `transience_regression` in one dimension, with :math:`\kappa = v` and
    :math:`\eta = 1/K`."""
    root = sympy.sqrt(g)
    du, ds, db = regression.slopes(root, root, m, 1, v, 1 / K, lg, lm)
    stated = slopes(g, m, K, v, lg, lm)
    yield Identity(root * (du + ds), stated[0], r"\dot g")
    yield Identity(db, stated[1], r"\dot m")


@step(SCALARS)
def the_flip() -> Iterator[Identity]:
    r"""On the slow manifold :math:`g = (1 - m)/(1 + v)` the memory fills as
    :math:`m = 1 - e^{-vt/(K (1 + v))}`; swapped labels turn where :math:`g = m`, at
    :math:`t = K \frac{1 + v}{v} \ln \frac{2 + v}{1 + v}`."""
    memory = 1 - sympy.exp(-v * t / (K * (1 + v)))
    filling = slopes((1 - memory) * TOP, memory, K, v, 0, 0)[1]
    yield Identity(slope(memory, t), filling, r"\dot m")
    turned = K * (1 + v) / v * sympy.log((2 + v) / (1 + v))
    yield Identity(memory.subs(t, turned), ((1 - memory) * TOP).subs(t, turned), "m")


@step(SCALARS)
def where_it_rests() -> Iterator[Identity]:
    r"""With penalties :math:`(1 + v) g = 1 - m - \lambda_g` and :math:`1 - m - g = K \lambda_m m`:
    the library's end. Half of the peak is kept where :math:`K \lambda_m = v/(1 + v)`."""
    strength, memory = rest(v, K * lm, lg)
    for found in slopes(g, m, K, v, lg, lm):
        yield Identity(
            found.subs({g: strength, m: memory}, simultaneous=True), 0, r"\dot g, \dot m"
        )
    yield Identity(rest(v, v / (1 + v), 0)[0], TOP / 2, "g_*")


@step(SCALARS)
def the_loss_falls() -> Identity:
    r"""Without penalties :math:`\dot L = -2g\, (\partial L/\partial g)^2 - \frac1K (\partial
    L/\partial m)^2`, zero only where :math:`1 - m - g = 0` and :math:`v g = 0`: with `v > 0` in
    context nothing is left."""
    flow = slopes(g, m, K, v, 0, 0)
    pulls = slope(loss(g, m), g), slope(loss(g, m), m)
    found = pulls[0] * flow[0] + pulls[1] * flow[1]
    return Identity(found, -2 * g * (v * g - (1 - m - g)) ** 2 - (1 - m - g) ** 2 / K, r"\dot L")


@step(SCALARS)
def one_factor() -> Identity:
    r"""One factor, :math:`\dot g = -g\, \partial L/\partial g`."""
    return Identity(-g * slope(loss(g, m), g), slopes(g, m, K, v, 0, 0)[0])


@step(SCALARS)
def flip_without_the_noise_of_the_evidence() -> Identity:
    r"""A flip at :math:`K \frac{1 + v}{v} \ln 2`."""
    memory = (1 - sympy.exp(-v * t / (K * (1 + v)))).subs(t, K * (1 + v) / v * sympy.log(2))
    return Identity(memory, (1 - memory) * TOP)


steps = (
    the_noise_of_the_evidence,
    the_flow,
    one_dimension_of_regression,
    the_flip,
    where_it_rests,
    the_loss_falls,
)
chain = Chain(steps, wrong=(one_factor, flip_without_the_noise_of_the_evidence))
residuals = chain.residuals
