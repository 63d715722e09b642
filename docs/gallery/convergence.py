r"""
Time to converge
================

Theorem 4.1 promises convergence from small starts, and a rate. Gradient flow takes a small part of
the time that is promised, and starts beyond the bounds converge as well.

Equations and settings: :py:func:`~lsa_theory.phase.convergence.convergence`.
"""

from lsa_theory import phase

diagram = phase.convergence(sampled=3)
figure = diagram.figure()
