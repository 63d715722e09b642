r"""
Tolerated and not
=================

Other tasks, other queries, more noise and longer prompts leave a trained layer no error in long
contexts; features of another covariance do. At finite :math:`N` nothing is free: the solid line
stops short of 0 in every panel, also where only the test prompt grows.
"""

import numpy as np

from lsa_theory import GaussianPrompts, plots, shift

train = GaussianPrompts(np.array([2.0, 1.2, 0.9, 0.6, 0.3]), 40, noise_variance=0.5)
tolerance = shift.tolerance(train)
figure = plots.tolerance_figure(tolerance)

# %%
# The same as a table, at the middle of each family's interval.

print(tolerance)
