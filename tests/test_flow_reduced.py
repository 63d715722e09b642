"""The reduction of the block flow to modes: what it may use, and how many it keeps."""

import numpy as np
import pytest

import lsa_theory.minimum
from lsa_theory import GaussianPrompts, LinearSelfAttention, global_minimum, gradient_flow
from lsa_theory.flow import reduced

D = 2
COVARIANCE = [[2.0, 0.5], [0.5, 1.0]]
PROMPTS = GaussianPrompts(COVARIANCE, 10)
PRIOR = PROMPTS.replace(noise_variance=0.3, task_covariance=[[1.0, 0.2], [0.2, 0.5]])
SHIFTED = PROMPTS.replace(query_covariance=[[1.0, -0.3], [-0.3, 3.0]])
SMALL = LinearSelfAttention.from_block(0.1 * np.eye(D), 0.1)


@pytest.mark.parametrize("prompts", [PROMPTS, PRIOR, SHIFTED])
def test_the_flow_does_not_follow_a_wrong_formula(prompts, monkeypatch):
    """With N for N + 1 planted in the closed form, the flow still ends at the true minimiser."""
    true = global_minimum(prompts).gain
    resolvent = lsa_theory.minimum.resolvent

    def wrong(weight, matrix, scale, shift):
        return resolvent(weight, matrix, scale - 1, shift)

    monkeypatch.setattr(lsa_theory.minimum, "resolvent", wrong)
    assert abs(global_minimum(prompts).gain - true).max() > 1e-2
    flow = gradient_flow(SMALL, prompts)
    assert flow.converged
    assert flow.final.gain == pytest.approx(true, rel=1e-9)


def test_commuting_starts_keep_d_modes():
    layer = LinearSelfAttention.from_block(global_minimum(PROMPTS).gain, 1.0)
    frame = reduced.eigenframe(PROMPTS)
    assert len(reduced._support(frame, frame.into(layer.u))[0]) == D
    assert len(reduced._support(frame, frame.into(np.array([[1.0, 2.0], [3.0, 4.0]])))[0]) == D * D
