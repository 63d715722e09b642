r"""
Rotated features
================

The longer the prompts of its training, the less of a turn a layer stands: it has learnt to amplify
the direction of the smallest eigenvalue, and a turn brings the largest one there.

Equations and settings: :py:func:`~lsa_theory.phase.rotation.rotation`.
"""

from lsa_theory import phase

diagram = phase.rotation(sampled=3)
figure = diagram.figure()
