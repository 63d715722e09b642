r"""Exact expectations of products of traces and an open word in a sample covariance.

Symbolic in `N` and in the dimension; the task `w` and the query `x_q` may stand in a word too.

>>> from lsa_theory import wishart
>>> print(wishart.expectation("S tr(S)").latex())
\operatorname{tr}(\Lambda) \, \Lambda + \frac{2}{N} \, \Lambda^{2}
>>> float(wishart.expectation("w' S w").evaluate(covariance=[2.0, 1.0], context_length=10))
3.0
"""

from lsa_theory.wishart.expression import Expectation as Expectation
from lsa_theory.wishart.expression import expectation as expectation
