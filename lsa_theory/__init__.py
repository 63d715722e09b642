"""The exact theory of in-context learning in linear attention.

`GaussianPrompts` is the law of a prompt (`RandomCovariancePrompts` if it draws its covariance too),
`global_minimum` what training reaches, `risk` what that costs on any other law, and `gradient_flow`
the way there, integrated.
"""

from typing import TYPE_CHECKING, Any

from lsa_theory.attention import LinearSelfAttention as LinearSelfAttention
from lsa_theory.attention import Parameters as Parameters
from lsa_theory.final_rate import final_rate as final_rate
from lsa_theory.gamma import gamma as gamma
from lsa_theory.minimum import Minimum as Minimum
from lsa_theory.minimum import block_minimum as block_minimum
from lsa_theory.minimum import global_minimum as global_minimum
from lsa_theory.prompts import GaussianPrompts as GaussianPrompts
from lsa_theory.risk import population_loss as population_loss
from lsa_theory.risk import risk as risk

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lsa_theory import diversity as diversity
    from lsa_theory import estimators as estimators
    from lsa_theory import finite_data as finite_data
    from lsa_theory import limits as limits
    from lsa_theory import modular as modular
    from lsa_theory import nearest as nearest
    from lsa_theory import phase as phase
    from lsa_theory import plots as plots
    from lsa_theory import shift as shift
    from lsa_theory import task_list as task_list
    from lsa_theory import testing as testing
    from lsa_theory import transience as transience
    from lsa_theory import wishart as wishart
    from lsa_theory.basin import Verdict as Verdict
    from lsa_theory.basin import known_to_converge as known_to_converge
    from lsa_theory.convergence import ConvergenceGuarantee as ConvergenceGuarantee
    from lsa_theory.convergence import convergence_guarantee as convergence_guarantee
    from lsa_theory.estimators import ols_risk as ols_risk
    from lsa_theory.estimators import ridge_risk as ridge_risk
    from lsa_theory.flow import GradientFlow as GradientFlow
    from lsa_theory.flow import gradient_flow as gradient_flow
    from lsa_theory.initial import initial_layer as initial_layer
    from lsa_theory.initial import isotropic_theta as isotropic_theta
    from lsa_theory.random_covariance import RandomCovariancePrompts as RandomCovariancePrompts
    from lsa_theory.saddle import RunIntoSaddle as RunIntoSaddle
    from lsa_theory.saddle import escape_rate as escape_rate
    from lsa_theory.saddle import run_into_saddle as run_into_saddle
    from lsa_theory.sampling import SampledPrompts as SampledPrompts
    from lsa_theory.sampling import SampledStatistics as SampledStatistics
    from lsa_theory.sampling import sample_prompts as sample_prompts
    from lsa_theory.sampling import sample_statistics as sample_statistics
    from lsa_theory.sampling import sampled_risk as sampled_risk
    from lsa_theory.shift import covariate_shift as covariate_shift
    from lsa_theory.single_index import linear_target as linear_target
    from lsa_theory.single_index import single_index_target as single_index_target
    from lsa_theory.single_index import square_target as square_target
    from lsa_theory.single_index import tanh_target as tanh_target
    from lsa_theory.sweeps import Axis as Axis
    from lsa_theory.sweeps import sweep as sweep
    from lsa_theory.targets import PredictionError as PredictionError
    from lsa_theory.targets import RankOneUpdate as RankOneUpdate
    from lsa_theory.targets import TargetPrompts as TargetPrompts
    from lsa_theory.targets import prediction_error as prediction_error
    from lsa_theory.targets import theorem_4_2 as theorem_4_2
    from lsa_theory.white import WhiteTimeCourse as WhiteTimeCourse
    from lsa_theory.white import white_time_course as white_time_course

LAZY = {  # loaded when first used: the flow brings JAX, and the rest would double the import
    "GradientFlow": "lsa_theory.flow",
    "gradient_flow": "lsa_theory.flow",
    "Verdict": "lsa_theory.basin",
    "known_to_converge": "lsa_theory.basin",
    "ConvergenceGuarantee": "lsa_theory.convergence",
    "convergence_guarantee": "lsa_theory.convergence",
    "ols_risk": "lsa_theory.estimators",
    "ridge_risk": "lsa_theory.estimators",
    "initial_layer": "lsa_theory.initial",
    "isotropic_theta": "lsa_theory.initial",
    "RandomCovariancePrompts": "lsa_theory.random_covariance",
    "RunIntoSaddle": "lsa_theory.saddle",
    "escape_rate": "lsa_theory.saddle",
    "run_into_saddle": "lsa_theory.saddle",
    "SampledPrompts": "lsa_theory.sampling",
    "SampledStatistics": "lsa_theory.sampling",
    "sample_prompts": "lsa_theory.sampling",
    "sample_statistics": "lsa_theory.sampling",
    "sampled_risk": "lsa_theory.sampling",
    "covariate_shift": "lsa_theory.shift",
    "linear_target": "lsa_theory.single_index",
    "single_index_target": "lsa_theory.single_index",
    "square_target": "lsa_theory.single_index",
    "tanh_target": "lsa_theory.single_index",
    "Axis": "lsa_theory.sweeps",
    "sweep": "lsa_theory.sweeps",
    "PredictionError": "lsa_theory.targets",
    "RankOneUpdate": "lsa_theory.targets",
    "TargetPrompts": "lsa_theory.targets",
    "prediction_error": "lsa_theory.targets",
    "theorem_4_2": "lsa_theory.targets",
    "WhiteTimeCourse": "lsa_theory.white",
    "white_time_course": "lsa_theory.white",
}
# likewise, but no part of `import *`
MODULES = (
    "diversity",
    "estimators",
    "finite_data",
    "limits",
    "modular",
    "nearest",
    "phase",
    "plots",
    "shift",
    "task_list",
    "testing",
    "transience",
    "wishart",
)
OWN = [name for name, item in globals().items() if "lsa_theory." in getattr(item, "__module__", "")]
__all__ = sorted([*OWN, *LAZY])


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY, *MODULES})


def __getattr__(name: str) -> Any:
    """A public name whose module is not loaded yet."""
    from importlib import import_module

    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(LAZY[name]), name)
