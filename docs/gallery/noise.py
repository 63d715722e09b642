r"""
Label noise
===========

Who answers a prompt better, a trained layer or least squares? Least squares wants labels of little
noise, or many more pairs than features; at :math:`M \approx d` it falls to any noise.

Equations and settings: :py:func:`~lsa_theory.phase.noise.noise`.
"""

from lsa_theory import phase

diagram = phase.noise(sampled=3)
figure = diagram.figure()
