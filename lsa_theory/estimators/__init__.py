"""Estimators on the same prompts: on a law, and on a person's own arrays."""

from lsa_theory.estimators.base import Estimator as Estimator
from lsa_theory.estimators.least_squares import LeastSquares as LeastSquares
from lsa_theory.estimators.least_squares import Ridge as Ridge
from lsa_theory.estimators.least_squares import ols_risk as ols_risk
from lsa_theory.estimators.least_squares import optimal_penalty as optimal_penalty
from lsa_theory.estimators.least_squares import ridge_risk as ridge_risk
from lsa_theory.estimators.others import Bayes as Bayes
from lsa_theory.estimators.others import GradientDescent as GradientDescent
from lsa_theory.estimators.others import LinearAttention as LinearAttention
from lsa_theory.estimators.others import Zero as Zero
from lsa_theory.estimators.result import EstimatorRisk as EstimatorRisk
