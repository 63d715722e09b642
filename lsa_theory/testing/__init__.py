"""Hypothesis strategies for laws of prompts, layers and starts.

For property tests of this package and of code that uses it; they need
`pip install "lsa-theory[testing]"`. Each draws exact rationals first: with `exact=True` they are
what comes out (object arrays of `fractions.Fraction`), else they are rounded to float64 once, at
the end. So a failing case shrinks to a small and readable one: one feature, one pair, the identity.

>>> from hypothesis import given
>>> from lsa_theory import global_minimum, risk, testing
>>> @given(testing.prompts(noise_variance=True, exact=True))
... def test_loss_is_half_of_the_risk(prompts):
...     minimum = global_minimum(prompts)
...     assert 2 * minimum.loss == risk(minimum.gain, prompts)
>>> test_loss_is_half_of_the_risk()

Where an argument is a number, a strategy of such numbers will do too.
"""

from lsa_theory.testing.laws import layers as layers
from lsa_theory.testing.laws import prompts as prompts
from lsa_theory.testing.matrices import arrays as arrays
from lsa_theory.testing.matrices import commuting_pairs as commuting_pairs
from lsa_theory.testing.matrices import covariances as covariances
from lsa_theory.testing.matrices import orthogonal_matrices as orthogonal_matrices
from lsa_theory.testing.matrices import positive_rationals as positive_rationals
from lsa_theory.testing.matrices import rationals as rationals
from lsa_theory.testing.starts import balanced_starts as balanced_starts
from lsa_theory.testing.starts import violating as violating
