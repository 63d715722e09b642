"""Prompts that draw the covariance of their features, and laws to draw it from.

>>> from scipy.stats import expon
>>> from lsa_theory import global_minimum
>>> from lsa_theory.random_covariance import DiagonalEigenvalues, RandomCovariancePrompts
>>> prompts = RandomCovariancePrompts(DiagonalEigenvalues(expon(), 2), 10**6)
>>> print(global_minimum(prompts).gain.round(3))
[0.333 0.333]
"""

from lsa_theory.random_covariance.diagonal import DiagonalEigenvalues as DiagonalEigenvalues
from lsa_theory.random_covariance.gamma import GammaEigenvalues as GammaEigenvalues
from lsa_theory.random_covariance.law import CovarianceLaw as CovarianceLaw
from lsa_theory.random_covariance.mixture import Mixture as Mixture
from lsa_theory.random_covariance.prompts import RandomCovariancePrompts as RandomCovariancePrompts
from lsa_theory.random_covariance.prompts import mean_minimiser as mean_minimiser
from lsa_theory.random_covariance.rotated import RotatedSpectrum as RotatedSpectrum
from lsa_theory.random_covariance.wishart import WishartCovariances as WishartCovariances
