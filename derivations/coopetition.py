r"""Gradient descent of two strategies with shared parts is a recursion of eight numbers.

In context :math:`a \otimes b \otimes c`, in the weights :math:`d \otimes b \otimes c`. Every term
of the loss is a product of inner products of a vector with itself or with its target, so that a
gradient is a combination of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import sympy

from derivations.algebra import Words, gradient, reduced, scalar, slope, substituted, symbols
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from lsa_theory.transience.strategies import NAMES, STRATEGIES, Slopes, errors, forces, stepped

VECTORS = symbols("a b c d")
TARGETS = symbols("a_* b_* c_* d_*")
BESIDE = symbols("e_a e_b e_c e_d")
SHARES = [scalar(f"xi_{k}") for k in NAMES]
SIZES = [scalar(sympy.Symbol(f"n_{k}", positive=True)) for k in NAMES]
alpha, first_floor, second_floor = (scalar(k) for k in ("alpha", "mu_1", "mu_2"))
rho, l2 = scalar("rho"), scalar("lambda")
SPLIT = {
    name: share * target + rest
    for name, share, target, rest in zip(NAMES, SHARES, TARGETS, BESIDE, strict=True)
}
# what is beside a target is orthogonal to it
ORTHOGONAL: dict[Any, Any] = {(f"e_{k}'", f"{k}_*"): 0 for k in NAMES}


def split(words: Words) -> Words:
    return reduced(substituted(words, SPLIT), ORTHOGONAL)


@cache
def error(name: str) -> Words:
    r"""Half of the mean over entries of :math:`(a_* \otimes b_* \otimes c_* - a \otimes b \otimes
    c)^2`: a product of inner products for each pair of tensors."""
    found: dict[int, Words] = {}
    sizes = scalar(1)
    for k in STRATEGIES[name]:
        pairs = (TARGETS[k], TARGETS[k]), (TARGETS[k], VECTORS[k]), (VECTORS[k], VECTORS[k])
        for power, (one, other) in enumerate(pairs):
            found[power] = found.get(power, scalar(1)) * (one @ other)
        sizes = sizes * SIZES[k]
    return (found[0] - 2 * found[1] + found[2]) / (2 * sizes)


PENALTY = l2 * sum((v @ v for v in VECTORS), scalar(0)) / 2
COST = alpha * (VECTORS[0] @ VECTORS[0]) * (VECTORS[3] @ VECTORS[3]) / (2 * SIZES[0] * SIZES[3])
BESIDE_NORMS, TARGET_NORMS = [e @ e for e in BESIDE], [t @ t for t in TARGETS]
NORMS = [x * x * t + y for x, t, y in zip(SHARES, TARGET_NORMS, BESIDE_NORMS, strict=True)]


@step(ANY)
def the_losses() -> Iterator[Identity]:
    r"""With :math:`a = \xi_a a_* + e_a`, :math:`e_a \perp a_*`, and so on, both errors are the
    library's functions of the shares :math:`\xi` and the squared norms :math:`\beta = |e|^2`."""
    found = errors(SHARES, BESIDE_NORMS, TARGET_NORMS, SIZES)
    for name, stated, label in zip("ad", found, ("L_1", "L_2"), strict=True):
        yield Identity(split(error(name)), stated, label)


def weighted(name: str, first: Any, second: Any) -> Words:
    """The gradients of both errors, weighted, and those of the cost and of the penalty."""
    slopes = [gradient(part, name) for part in (error("a"), error("d"), COST + PENALTY)]
    return first * slopes[0] + second * slopes[1] + slopes[2]


@step(ANY)
def the_product() -> Iterator[Identity]:
    r"""The gradient of :math:`(L_1 + \mu_1)(L_2 + \mu_2)` weighs that of :math:`L_1` with
    :math:`L_2 + \mu_2`, and the other way round: once one strategy explains the data, the other
    one stops."""
    first, second = error("a") + first_floor, error("d") + second_floor
    for name in NAMES:
        found = gradient(first * second + COST + PENALTY, name)
        yield Identity(found, weighted(name, second, first), rf"\nabla_{name} L")


@step(ANY)
def the_gradient() -> Iterator[Identity]:
    r"""With weights for letters, the gradient by each vector is `h` times the vector less `f` times
    its target, with the library's `h` and `f`; L2 adds its weight to every `h`."""
    weights = scalar("W_1"), scalar("W_2")
    pull, shrink = forces(SHARES, NORMS, TARGET_NORMS, SIZES, alpha, weights, l2)
    for k, name in enumerate(NAMES):
        expected = shrink[k] * SPLIT[name] - pull[k] * TARGETS[k]
        yield Identity(split(weighted(name, *weights)), expected, rf"\nabla_{name} L")


@step(ANY)
def a_step() -> Iterator[Identity]:
    r"""So a step of size :math:`\rho` takes :math:`\xi` to :math:`(1 - \rho h) \xi + \rho f` and
    what is beside the target to :math:`1 - \rho h` times itself, its squared norm to
    :math:`(1 - \rho h)^2 \beta`: the library's recursion, in which no other direction occurs."""
    pulls, shrinks = ([scalar(f"{x}_{k}") for k in NAMES] for x in "fh")
    at = Slopes(None, None, None, pulls, shrinks)
    shares, norms = stepped(SHARES, BESIDE_NORMS, at, rho)
    for k, name in enumerate(NAMES):
        moved = SPLIT[name] - rho * (shrinks[k] * SPLIT[name] - pulls[k] * TARGETS[k])
        rest = moved - shares[k] * TARGETS[k]
        yield Identity(rest, (1 - rho * shrinks[k]) * BESIDE[k], rf"{name} - \xi_{name} {name}_*")
        yield Identity(rest @ rest, norms[k], rf"\beta_{name}")


x_a, x_b, x_c, x_d, r_a, r_d, epsilon = sympy.symbols("x_a x_b x_c x_d r_a r_d epsilon", real=True)


@step(SCALARS)
def a_small_start() -> Iterator[Identity]:
    r"""With starts of the order :math:`\epsilon` along targets of the lengths `t`, the library's
    pull is of second order, :math:`\dot x_a = r_a x_b x_c` and so on with
    :math:`r_a = W_1 t_a t_b t_c / (n_a n_b n_c)`, and what shrinks a part is of third."""
    lengths, sizes = (sympy.symbols(f"{x}_a:d", positive=True) for x in "tn")
    weights = sympy.symbols("W_1 W_2", positive=True)
    along = (x_a, x_b, x_c, x_d)
    shares = [epsilon * x / t for x, t in zip(along, lengths, strict=True)]
    norms = [epsilon**2 * x**2 for x in along]
    squares = [t**2 for t in lengths]
    cost = sympy.Symbol("alpha", positive=True)
    pull, shrink = forces(shares, norms, squares, sizes, cost, weights)
    own = [w * lengths[k] * lengths[1] * lengths[2] / (sizes[k] * sizes[1] * sizes[2])
           for w, k in zip(weights, (0, 3), strict=True)]  # fmt: skip
    grown = (own[0] * x_b * x_c, (own[0] * x_a + own[1] * x_d) * x_c,
             (own[0] * x_a + own[1] * x_d) * x_b, own[1] * x_b * x_c)  # fmt: skip
    for k, name in enumerate(NAMES):
        moved = sympy.expand(lengths[k] * (pull[k] - shrink[k] * shares[k]) / epsilon**2)
        yield Identity(moved.subs(epsilon, 0), sympy.expand(grown[k]), rf"\dot x_{name}")


@step(SCALARS)
def two_like_one() -> Iterator[Identity]:
    r"""With :math:`r^2 = r_a^2 + r_d^2` and :math:`r x = r_a x_a + r_d x_d` these are
    :math:`\dot x = r x_b x_c`, :math:`\dot x_b = r x_c x`, :math:`\dot x_c = r x x_b`, which
    conserve :math:`x^2 - x_b^2`: with :math:`q = x^2 - x(0)^2`, :math:`\dot q = 2 r x x_b x_c`, and
    the time up to :math:`q = \infty` is :math:`R_F / r`."""
    rate = sympy.sqrt(r_a**2 + r_d**2)
    x = (r_a * x_a + r_d * x_d) / rate
    moves = {x_a: r_a * x_b * x_c, x_d: r_d * x_b * x_c, x_b: rate * x * x_c, x_c: rate * x * x_b}

    def along(value: Any) -> Any:
        return sum(slope(value, k) * move for k, move in moves.items())

    yield Identity(along(x), rate * x_b * x_c, r"\dot x")
    yield Identity(along(x**2 - x_b**2), 0, r"(x^2 - x_b^2)'")
    yield Identity(along(r_d * x_a - r_a * x_d), 0, r"(r_d x_a - r_a x_d)'")
    yield Identity(along(x**2), 2 * rate * x * x_b * x_c, r"\dot q")


@step(ANY)
def what_is_beside_forgotten() -> Identity:
    r"""Vectors along their targets only."""
    nothing = [0 * share for share in SHARES]
    return Identity(split(error("a")), errors(SHARES, nothing, TARGET_NORMS, SIZES)[0])


@step(ANY)
def a_shared_part_pulled_once() -> Identity:
    r"""`b` pulled by the strategy in context alone."""
    first, second = error("a") + first_floor, error("d") + second_floor
    found = gradient(first * second + COST + PENALTY, "b")
    return Identity(found, weighted("b", second, 0 * first))


steps = (the_losses, the_product, the_gradient, a_step, a_small_start, two_like_one)
chain = Chain(steps, wrong=(what_is_beside_forgotten, a_shared_part_pulled_once))
residuals = chain.residuals
