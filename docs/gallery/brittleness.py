r"""
Random covariances
==================

Does a layer learn to adapt, if every prompt of its training draws a covariance of its own? It does
not. One gain stands for all of them, and the further they spread, the sooner longer contexts are in
vain.
"""

from lsa_theory import phase, plots

diagram = phase.brittleness(sampled=4)
figure = diagram.figure()

# %%
# Cuts through the diagram. Least squares goes on falling, whatever the spread; the layer only where
# the covariance is always the same.

figure = plots.brittleness_curves(diagram)
