r"""How often an algorithm knows an answer modulo p, after k examples.

Inputs are points of a plane over the integers modulo `p`, and an answer is a linear function of its
input. Examples are drawn independently and evenly: what they determine is a matter of counting
points on lines through 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derivations.chain import SCALARS, Chain, Identity, step

p, k = sympy.symbols("p k", integer=True, positive=True)
q, Q0 = sympy.symbols("q q_1", positive=True)
POINT = p ** (-2 * k)
LINE = (p + 1) * (p**k - 1) * p ** (-2 * k)
PLANE = 1 - POINT - LINE
ZERO = 1 / p**2  # the share of the query 0


def guessed(known: sympy.Expr) -> sympy.Expr:
    """The share of right answers where the unknown ones are guessed."""
    return known + (1 - known) / p


@step(SCALARS)
def lines_through_zero() -> Iterator[Identity]:
    r"""`p` is prime, so each point but 0 is on one line through 0, which has :math:`p - 1` of them:
    there are :math:`p + 1` lines."""
    yield Identity((p**2 - 1) / (p - 1), p + 1, r"\text{lines}")


@step(SCALARS)
def copying_and_ratio_matching() -> Iterator[Identity]:
    r"""An example is the query with probability :math:`1/p^2`, and on its line, but not 0, with
    probability :math:`(p - 1)/p^2`: of `k` none is, with the `k`-th power of the rest. Ratio
    matching knows also the query 0, whose share is :math:`1/p^2`."""
    yield Identity(guessed(Q0), Q0 + (1 - Q0) / p, r"\text{copying}")
    found = ZERO * 1 + (1 - ZERO) * guessed(q)
    yield Identity(found, 1 / p**2 + (1 - 1 / p**2) * (q + (1 - q) / p), r"\text{ratio matching}")
    yield Identity(1 - (p - 1) / p**2, (p**2 - p + 1) / p**2, "1 - (p - 1)/p^2")


@step(SCALARS)
def spans() -> Iterator[Identity]:
    r"""Of :math:`p^{2k}` contexts one is 0 throughout, and :math:`p^k` lie on a given line, this
    one among them. So :math:`(p + 1)(p^k - 1)` span a line. For one example none spans the plane;
    for two, :math:`(p^2 - 1)(p^2 - p)` do, the number of invertible matrices."""
    yield Identity(LINE * p ** (2 * k), (p + 1) * (p**k - 1), "p^{2k} P_1")
    yield Identity(PLANE.subs(k, 1), 0, r"P_2 \,\big|_{k = 1}")
    yield Identity((PLANE * p**4).subs(k, 2), (p**2 - 1) * (p**2 - p), r"p^4 P_2 \,\big|_{k = 2}")


@step(SCALARS)
def regression() -> Identity:
    r"""A line has :math:`p - 1` of the :math:`p^2 - 1` other queries, the share
    :math:`h = 1/(p + 1)`: those are known, and all of them where the examples span the plane."""
    on_line = (p - 1) / (p**2 - 1)
    found = ZERO + (1 - ZERO) * (PLANE + LINE * guessed(on_line) + POINT * guessed(0))
    h = 1 / (p + 1)
    stated = ZERO + (1 - ZERO) * (PLANE + LINE * (h + (1 - h) / p) + POINT / p)
    return Identity(found, stated, r"\text{regression}")


@step(SCALARS)
def what_regression_is_ahead() -> Iterator[Identity]:
    r"""After one example regression knows what ratio matching does. After two it is ahead by
    :math:`(1 - \frac1{p^2}) (1 - \frac1p)` times a share that is positive: the plane's, less the
    queries that ratio matching knows from two lines."""
    one = 1 - (1 - (p - 1) / p**2)
    yield Identity(LINE.subs(k, 1) / (p + 1), one, "q")
    two = 1 - (1 - (p - 1) / p**2) ** 2
    known = (PLANE + LINE / (p + 1)).subs(k, 2)
    stated = (p - 1) ** 2 * (p**2 - 1) * p / (p**4 * (p + 1))
    yield Identity(known - two, stated, r"P_2 + P_1 h - q")


@step(SCALARS)
def one_line_short() -> Identity:
    r"""`p` lines."""
    return Identity((PLANE * p**4).subs(k, 2), p**4 - 1 - p * (p**2 - 1), r"p^4 P_2")


chain = Chain(
    (
        lines_through_zero,
        copying_and_ratio_matching,
        spans,
        regression,
        what_regression_is_ahead,
    ),
    wrong=(one_line_short,),
)
residuals = chain.residuals
