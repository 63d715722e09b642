r"""
New tasks of modular arithmetic
===============================

A small transformer that saw 40 of the 49 tasks modulo 7 solves those that it never saw, as far as
matching ratios goes. What it is: :doc:`/task_diversity`.
"""

from lsa_theory.plots import modular
from lsa_theory.transformer.recorded import recorded

run = recorded("../results/modular/p7")
figure = modular.accuracy([run])

# %%
# By the number of examples, beside what each algorithm can know on the very split.

figure = modular.shots([run])

# %%
# Which queries are answered, less those that an algorithm knows.

figure = modular.grids([run])

# %%
# Which algorithm the answers follow, by the number of examples and over the steps.

figure = modular.agreement([run])

# %%
# The numbers' embedding.

figure = modular.circles([run])
