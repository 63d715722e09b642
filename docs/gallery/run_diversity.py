r"""
How many tasks it takes
=======================

Linear attention, exactly, above a transformer on modular arithmetic: the error on new tasks against
the number of pre-training tasks, each in units of what makes up their space.
"""

from lsa_theory.plots import modular
from lsa_theory.transformer.recorded import recorded


def stored(*names):
    return [recorded(f"../results/modular/{name}") for name in names]


counts = ("p5-8", "p5-14", "p5-20")
runs = stored(*counts)
figure = modular.joint(runs)

# %%
# Over the steps: what is learned of new tasks is lost again.

figure = modular.compared(runs)

# %%
# One block, two and four.

figure = modular.compared([*stored("p5-one-block"), runs[-1], *stored("p5-four-blocks")])

# %%
# Fewer inputs, too; two seeds each.

fewer = [f"{name}-inputs{share}" for share in (40, 60) for name in counts]
figure = modular.phases([*stored(*fewer), *runs])

# %%
# Four validation tasks, to stop by.

figure = modular.accuracy(stored("p5-stopped"))
