r"""Three questions that tell in-context from in-weights learning, answered in closed form.

In context: a task or class that is new, of which the table knows nothing. In the weights: a known
one, whose context says nothing of it. Flip: a known one whose context says the opposite.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory._typing import Array, Scalar


class Answer(NamedTuple):
    """What comes out where 1 is right: a mean, and the variance that the evidence adds."""

    mean: Any
    variance: Any

    @property
    def risk(self) -> Any:
        """The mean squared error, per unit of the squared truth."""
        missed = 1 - self.mean
        return missed * missed + self.variance

    @property
    def accuracy(self) -> Array:
        r"""The probability of the right sign, :math:`\Phi(\text{mean} / \text{deviation})`, of
        Gaussian evidence."""
        from scipy.special import ndtr

        return ndtr(self.mean / np.sqrt(np.maximum(self.variance, 1e-300)))


class Answers(NamedTuple):
    """To the three questions; to the flip by what the context says."""

    in_context: Answer
    in_weights: Answer
    flip: Answer


def answers(
    in_context: Any, in_weights: Any, evidence_noise: Scalar, idle_noise: Scalar
) -> Answers:
    r"""What attention of share `a` beside a table of share `b` answers to the three questions.

    With the noise of the evidence :math:`\kappa` in a context of examples, and :math:`\kappa_0` in
    one that says nothing, the mean and variance of the answer, in units of the right one, are

    .. math::
        \text{in context: } a,\; \kappa a^2, \qquad
        \text{in the weights: } b,\; \kappa_0 a^2, \qquad
        \text{flip: } a - b,\; \kappa a^2 .

    In regression the risk is :math:`(1 - \text{mean})^2 + \text{variance}`, per unit of the task's
    squared norm, with :math:`\kappa = (d + 1 + \sigma^2)/N` and, for labels that are noise of
    variance :math:`\sigma_c^2`, :math:`\kappa_0 = \sigma_c^2 / N`. In classification the accuracy
    is :math:`\Phi` of the mean over the deviation, with :math:`\kappa = \kappa_0 = (N - 1) / D`.

    Parameters
    ----------
    in_context, in_weights
        `a` and `b`: numbers, or courses of them over time.
    evidence_noise, idle_noise
        :math:`\kappa` and :math:`\kappa_0`.

    Source: the evaluators are those of Singh et al., arXiv:2311.08360; the formulas are derived
    here.
    """
    a, b = in_context, in_weights
    spread = evidence_noise * a * a
    return Answers(Answer(a, spread), Answer(b, idle_noise * a * a), Answer(a - b, spread))
