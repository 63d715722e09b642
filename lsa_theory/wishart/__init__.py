"""Exact expectations of products of traces and an open word in a sample covariance."""

from lsa_theory.wishart.expression import Expectation as Expectation
from lsa_theory.wishart.expression import expectation as expectation
