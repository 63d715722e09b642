r"""
Attention beside a table
========================

Attention learns the tasks of its training in context, a table learns them by heart. Which of the
two is left after a time? With few tasks the table is quick; a penalty on both, or a long context,
lets attention stay.
"""

from lsa_theory import phase

diagram = phase.survival(sampled=4)
figure = diagram.figure()

# %%
# The longer the context, the less noisy its evidence, and the slower the table takes over.

figure = phase.survival(versus="length").figure()

# %%
# A small start delays attention by a logarithm. Only beside a handful of tasks it comes too late:
# then the table has explained everything before attention emerges.

figure = phase.survival(versus="start", time=100.0).figure()
