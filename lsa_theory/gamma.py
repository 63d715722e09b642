"""The matrix Γ of the fixed-covariance theorems, and the law of prompts they are stated for."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import Diagonal, array, dense, identity
from lsa_theory.prompts import GaussianPrompts


def gamma(prompts: GaussianPrompts) -> Shaped[Array, "d ..."]:
    r"""The matrix whose inverse is the gain that training reaches,

    .. math::
        \Gamma = \Big(1 + \frac1N\Big) \Lambda + \frac{\operatorname{tr} \Lambda}{N}\, I.

    It commutes with :math:`\Lambda`, :math:`\Gamma \Lambda = E[h h^\top]` for the law of
    `is_paper_law`, and its condition number is at most :math:`N + 2`, whatever that of
    :math:`\Lambda`. Only the covariance and the context length of the law are read.

    Returns
    -------
    Shape (d, d), or (d,) for a covariance given as a vector; in the units of the covariance.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1.
    """
    context, n = prompts.context, prompts.context_length
    return array(((n + 1) * context + context.trace() * identity(prompts.dimension)) / n)


def is_paper_law(prompts: GaussianPrompts) -> bool:
    r"""Whether :math:`\mu = 0`, :math:`\Omega = I`, :math:`\sigma = 0` and
    :math:`\Lambda_q = \Lambda`, entry for entry: the law that the theorems were stated for.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1 and Assumption 3.3.
    """
    isotropic = same_matrix(prompts.task, identity(prompts.dimension))
    unshifted = same_matrix(prompts.query, prompts.context)
    return bool(prompts.zero_mean and prompts.noise_variance == 0 and isotropic and unshifted)


def same_matrix(left: Any, right: Any) -> bool:
    """Whether two operators are equal, entry for entry; O(d) for two diagonal ones."""
    if not (isinstance(left, Diagonal) and isinstance(right, Diagonal)):
        left, right = dense(array(left)), dense(array(right))
    return np.array_equal(array(left), array(right))
