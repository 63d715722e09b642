"""White covariates: whether a covariance is a multiple of the identity, and ridge's exact risk."""

from __future__ import annotations

from typing import Any

from lsa_theory._typing import Scalar
from lsa_theory.estimators.base import NoFormula, Parts, floats, required
from lsa_theory.estimators.white_spectrum import LARGEST, WhiteSpectrum
from lsa_theory.linalg import array, diagonal, identity, is_traced, product_trace, select
from lsa_theory.prompts import GaussianPrompts


def white_scale(context: Any, reason: str) -> tuple[Scalar, Any]:
    """`c` of `Λ = c I`, and whether it is that: a condition where it is traced; `NoFormula` with
    the reason where it is not."""
    scale = diagonal(context)[0]
    same = (array(context - scale * identity(len(array(context)))) == 0).all()
    holds = required(select(same, scale > 0, False), reason)
    return select(holds, scale, 1), holds


def white_ridge(prompts: GaussianPrompts, moment: Any, penalty: Scalar) -> Parts:
    """Of tasks of a second moment, with white covariates: see `Ridge`."""
    length, d = prompts.context_length, prompts.dimension
    matrices = [array(floats(x)) for x in (prompts.context, prompts.query, moment)]
    if is_traced(penalty, length, *matrices):
        raise NoFormula("its quadrature takes numbers, not traced ones")
    reason = "the mean of a resolvent of a Wishart matrix has no finite form but for white ones"
    scale, _ = white_scale(floats(prompts.context), reason)
    if min(length, d) > LARGEST:
        raise NoFormula(f"its quadrature is for up to {LARGEST} samples or features")
    shift = penalty * length / scale  # beside the eigenvalues of standard normals
    spectrum = WhiteSpectrum(d, length, shift**0.5)
    kernel = d - min(length, d)  # where D is 1
    trace = spectrum.mean(lambda x: shift / (x + shift))
    square = spectrum.mean(lambda x: (shift / (x + shift)) ** 2) + kernel
    joint = spectrum.mean_square(lambda x: shift / (x + shift)) + kernel * (2 * trace + kernel)
    beta = (d * square - joint) / (d * max(d - 1, 1) * (d + 2))
    alpha = square / d - (d + 1) * beta
    query = floats(prompts.query)
    crossed, apart = product_trace(moment, query), moment.trace() * query.trace()
    spread = spectrum.mean(lambda x: x / (x + shift) ** 2) * query.trace() / (d * scale)
    return Parts(beta * (apart + crossed) + alpha * crossed, prompts.noise_variance * spread)
