"""Every theorem of the library, checked: one claim a file, run by ``python -m validation``."""
