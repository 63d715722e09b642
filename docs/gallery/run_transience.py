r"""
In-context learning comes and goes
==================================

A small transformer on bursty sequences learns in context, and then in its weights what makes the
context superfluous; the loss falls all the while. With a penalty in the loss it goes on learning in
context. What it is: :doc:`/transience`.
"""

from lsa_theory.plots import transience
from lsa_theory.transformer.recorded import recorded

runs = [recorded(f"../results/transience/{name}") for name in ("cpu", "l2")]
figure = transience.curves(runs)

# %%
# The solvable model under the experiment: its noise and its number of classes are those of the
# data, and only the unit of time is fitted.

figure = transience.theory(runs[:1])

# %%
# The time until the weights overrule the context, against the number of classes.

names = ("classes80", "classes120", "cpu", "classes200", "classes320")
figure = transience.flip([recorded(f"../results/transience/{name}") for name in names])

# %%
# What either path does by itself.

figure = transience.circuits(runs[:1])

# %%
# Drawn characters instead of Gaussian classes.

figure = transience.curves([recorded("../results/transience/omniglot")])
