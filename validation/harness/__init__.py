"""The machinery that runs claims: what a claim file imports.

A claim is one file ``validation/STEM.py`` that holds ``claim = Claim(...)``. Its evidence is of six
kinds, each with its own rule for passing and none with a bare tolerance; see
:mod:`validation.harness.kinds`.
"""

from validation.harness.batches import batch_means as batch_means
from validation.harness.claim import Claim as Claim
from validation.harness.claim import Control as Control
from validation.harness.claim import Evidence as Evidence
from validation.harness.claim import Table as Table
from validation.harness.claim import evidence as evidence
from validation.harness.kinds import Bound as Bound
from validation.harness.kinds import Close as Close
from validation.harness.kinds import Equal as Equal
from validation.harness.kinds import Flow as Flow
from validation.harness.kinds import Rate as Rate
from validation.harness.kinds import Sigma as Sigma
from validation.harness.setting import Setting as Setting
