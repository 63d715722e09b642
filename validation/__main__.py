"""``python -m validation``."""

import sys

from validation.harness.cli import main

sys.exit(main())
