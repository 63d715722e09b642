"""Derivations, step by step: every identity is confirmed by SymPy or by exact expectations."""
