"""`python -m lsa_theory`: the command `lsa`."""

import sys

from lsa_theory.command_line import main

if __name__ == "__main__":
    sys.exit(main())
