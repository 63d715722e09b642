"""Modular arithmetic in context: exact ceilings of what an algorithm can know from `k` examples."""

from lsa_theory.modular.ceilings import Accuracies as Accuracies
from lsa_theory.modular.ceilings import accuracies as accuracies
from lsa_theory.modular.ceilings import copy_accuracy as copy_accuracy
from lsa_theory.modular.ceilings import ratio_accuracy as ratio_accuracy
from lsa_theory.modular.ceilings import regression_accuracy as regression_accuracy
from lsa_theory.modular.masks import copy_mask as copy_mask
from lsa_theory.modular.masks import ratio_mask as ratio_mask
from lsa_theory.modular.masks import regression_mask as regression_mask
from lsa_theory.modular.task_list import task_list_accuracy as task_list_accuracy
