"""A small transformer and its training, for the experiments beside the exact theory."""

from lsa_theory.transformer.model import Architecture as Architecture
from lsa_theory.transformer.model import Transformer as Transformer
