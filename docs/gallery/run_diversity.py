r"""
How many tasks it takes
=======================

Linear attention, exactly, above a transformer on modular arithmetic: the error on new tasks against
the number of pre-training tasks, each in units of what makes up their space.
"""

from lsa_theory.plots import modular
from lsa_theory.transformer.recorded import recorded

names = ("p5-8", "p5-14", "p5-20")
runs = [recorded(f"../results/modular/{name}") for name in names]
figure = modular.joint(runs)

# %%
# Over the steps: what is learned of new tasks is lost again.

figure = modular.compared(runs)

# %%
# One block beside two.

figure = modular.compared([recorded("../results/modular/p5-one-block"), runs[-1]])
