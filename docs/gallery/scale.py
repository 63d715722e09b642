r"""
Scaled features
===============

A trained layer does not tolerate features of another scale. In long prompts it stays ahead near
that of its training and falls behind on either side of it: there the boundary folds.

Equations and settings: :py:func:`~lsa_theory.phase.scale.scale`.
"""

from lsa_theory import phase

diagram = phase.scale(sampled=3)
figure = diagram.figure()
