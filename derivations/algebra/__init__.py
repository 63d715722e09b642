"""Identities between matrices of any dimension: sums of words, and their calculus."""

from derivations.algebra.calculus import LENGTH as LENGTH
from derivations.algebra.calculus import derivative as derivative
from derivations.algebra.calculus import functions_of_covariance as functions_of_covariance
from derivations.algebra.calculus import gradient as gradient
from derivations.algebra.calculus import mean as mean
from derivations.algebra.calculus import scalar as scalar
from derivations.algebra.calculus import substituted as substituted
from derivations.algebra.calculus import symbols as symbols
from derivations.algebra.calculus import symmetric as symmetric
from derivations.algebra.calculus import without as without
from derivations.algebra.numbers import evaluated as evaluated
from derivations.algebra.numbers import slope as slope
from derivations.algebra.printing import latex as latex
from derivations.algebra.relations import reduced as reduced
from derivations.algebra.words import DIMENSION as DIMENSION
from derivations.algebra.words import Words as Words
from derivations.algebra.words import identity as identity
from derivations.algebra.words import inverse_pair as inverse_pair
