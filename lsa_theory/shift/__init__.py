"""Shifts between training and test, and the estimators beside the trained layer."""

from lsa_theory.shift.families import Family as Family
from lsa_theory.shift.families import interpolated as interpolated
from lsa_theory.shift.families import longer as longer
from lsa_theory.shift.families import noisier as noisier
from lsa_theory.shift.families import removed as removed
from lsa_theory.shift.families import requeried as requeried
from lsa_theory.shift.families import respaced as respaced
from lsa_theory.shift.families import retasked as retasked
from lsa_theory.shift.families import rotated as rotated
from lsa_theory.shift.families import scaled as scaled
from lsa_theory.shift.families import spiked as spiked
from lsa_theory.shift.report import CovariateShift as CovariateShift
from lsa_theory.shift.report import Repair as Repair
from lsa_theory.shift.report import covariate_shift as covariate_shift
from lsa_theory.shift.report import overtaking as overtaking
from lsa_theory.shift.tolerance import Tolerance as Tolerance
from lsa_theory.shift.tolerance import tolerance as tolerance
