"""What `gradient_flow` refuses, before anything is integrated."""

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, LinearSelfAttention, gradient_flow

PROMPTS = GaussianPrompts([[2.0, 0.5], [0.5, 1.0]], 10)
SMALL = LinearSelfAttention.from_block(0.1 * np.eye(2) / 2**0.5, 0.1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"times": [1.0, 0.5]}, r"times=.*must be non-negative and increasing"),
        ({"times": [-1.0]}, r"times=.*must be non-negative and increasing"),
        ({"times": []}, r"times=.*must be non-empty"),
        ({"end_time": 0.0}, r"end_time=0.0\): must be a positive number"),
        ({"rtol": 1.0}, r"rtol=1.0\): must be a number in \(0, 0.1\]"),
        ({"tolerance": -1.0}, r"tolerance=-1.0\): must be a number in \(0, 1\)"),
        ({"max_steps": 0}, r"max_steps=0\): must be an integer >= 1"),
        ({"parameters": "some"}, r"parameters='some'\): must be"),
    ],
)
def test_options_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=r"^gradient_flow\(" + sentence):
        gradient_flow(SMALL, PROMPTS, **options)


def test_a_bad_lane_is_refused_before_the_batch_starts():
    wrong = GaussianPrompts(np.ones(3), 5)
    with pytest.raises(ValueError, match="lane 1 with a layer of 2 and prompts of 3"):
        gradient_flow([SMALL, SMALL], [PROMPTS, wrong])
    with pytest.raises(ValueError, match="layer=2 of them"):
        gradient_flow([SMALL, SMALL], [PROMPTS] * 3)
    with pytest.raises(ValueError, match='parameters="block"'):
        gradient_flow(
            [SMALL, LinearSelfAttention(np.ones((3, 3)), np.ones((3, 3)))],
            PROMPTS,
            parameters="block",
        )
