"""Anything the library computes, over a grid of settings."""

from lsa_theory.sweeps.axes import Axis as Axis
from lsa_theory.sweeps.driver import sweep as sweep
