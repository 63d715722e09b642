"""The exact theory of in-context learning in linear attention.

`GaussianPrompts` is the law of a prompt, `global_minimum` what training reaches, `risk` what that
costs on any other law, and `gradient_flow` a simulation that does not use the closed forms.
"""

from typing import Any

from lsa_theory.attention import LinearSelfAttention as LinearSelfAttention
from lsa_theory.attention import Parameters as Parameters
from lsa_theory.minimum import Minimum as Minimum
from lsa_theory.minimum import block_minimum as block_minimum
from lsa_theory.minimum import global_minimum as global_minimum
from lsa_theory.prompts import GaussianPrompts as GaussianPrompts
from lsa_theory.risk import population_loss as population_loss
from lsa_theory.risk import risk as risk

__version__ = "0.1.0"
