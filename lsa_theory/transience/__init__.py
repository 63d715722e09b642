"""In-context against in-weights learning: solvable models of why one gives way to the other."""

from lsa_theory.transience.classification import Classification as Classification
from lsa_theory.transience.coopetition import Coopetition as Coopetition
from lsa_theory.transience.evaluators import answers as answers
from lsa_theory.transience.kinetics import Kinetics as Kinetics
from lsa_theory.transience.quenched import quenched_flow as quenched_flow
from lsa_theory.transience.race import race_task_count as race_task_count
from lsa_theory.transience.race import share_bound as share_bound
from lsa_theory.transience.regression import Regression as Regression
