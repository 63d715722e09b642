r"""
New tasks of modular arithmetic
===============================

Small transformers that saw 40 of the 49 tasks modulo 7 begin to solve those that they never saw, by
matching ratios; the seeds set out at different times. What it is: :doc:`/task_diversity`.
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

# %%
# Modulo 11, one seed.

figure = modular.accuracy([recorded("../results/modular/p11")])
