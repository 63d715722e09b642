"""The final rate: hand values, the Hessian of the loss itself, bounds, singular laws, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import float_covariance

from lsa_theory import GaussianPrompts, final_rate, global_minimum, population_loss


def hessian(prompts, layer):
    """Of the loss in `(U, s)`. It is at most quadratic in each entry, so that central differences
    of the loss are exact but for rounding."""
    d = prompts.dimension
    start, size = np.append(layer.u.ravel(), layer.s), d * d + 1
    step = np.sqrt(np.abs(start).max())

    def loss(z):
        return population_loss(z[-1] * z[:-1].reshape(d, d), prompts)

    units = step * np.eye(size)
    matrix = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            a, b = units[i], units[j]
            if i == j:
                value = loss(start + a) - 2 * loss(start) + loss(start - a)
            else:
                value = loss(start + a + b) - loss(start + a - b)
                value = (value - loss(start - a + b) + loss(start - a - b)) / 4
            matrix[i, j] = matrix[j, i] = value / step**2
    return matrix


@pytest.mark.parametrize("balance", [0.0, 2.0, -0.5])
@pytest.mark.parametrize("noise", [0.0, 1.5])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_is_the_least_curvature_across_the_orbit(d, noise, balance):
    covariance = float_covariance(np.random.default_rng(d), d)
    prompts = GaussianPrompts(covariance, 3, noise_variance=noise)
    curvatures = np.linalg.eigvalsh(hessian(prompts, global_minimum(prompts).layer(balance)))
    assert abs(curvatures[0]) < 1e-11 * curvatures[-1]  # along the scaling orbit
    assert final_rate(prompts, balance) == pytest.approx(2 * curvatures[1], rel=1e-9)


def test_hand_values():
    one = GaussianPrompts(np.array([2.0]), 2)  # γ = 4, s² = u² = 1/4, m = 16
    assert final_rate(one) == pytest.approx(16, rel=1e-14)
    white = GaussianPrompts(np.full(3, 2.0), 4)  # γ = 4, s² = √3/4, m = 16
    assert final_rate(white) == pytest.approx(2 * np.sqrt(3) / 4 * 16, rel=1e-14)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=12), st.integers(1, 100))
def test_is_between_one_and_two_slowest_modes(eigenvalues, n):
    prompts = GaussianPrompts(np.array(eigenvalues), n)
    minimum, least = global_minimum(prompts), np.argmin(eigenvalues)
    slowest = 2 * minimum.layer().s ** 2 * eigenvalues[least] ** 2 / minimum.gain[least]
    assert 1 - 1e-12 <= final_rate(prompts) / slowest <= 2 + 1e-12


def test_scales_with_the_features():
    prompts = GaussianPrompts(np.array([1.0, 2.0, 5.0]), 7)
    assert final_rate(GaussianPrompts(4 * prompts.covariance, 7)) == pytest.approx(
        4**2 * final_rate(prompts), rel=1e-13
    )


def test_directions_without_variance_do_not_count():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    flat = rotation[:, :3] @ np.diag([1.0, 2.0, 5.0]) @ rotation[:, :3].T
    assert final_rate(GaussianPrompts(flat, 7)) == pytest.approx(
        final_rate(GaussianPrompts(np.array([1.0, 2.0, 5.0]), 7)), rel=1e-10
    )
    assert final_rate(GaussianPrompts(np.zeros(3), 7)) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task_covariance": 2 * np.ones(2)}, r"prompts.task_covariance=another prior\): must be"),
        ({"task_mean": np.ones(2)}, r"prompts.task_covariance=another prior\): must be"),
        ({"query_covariance": np.eye(2)}, r"prompts.query_covariance=another law\): must be the"),
    ],
)
def test_refusals(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        final_rate(GaussianPrompts(np.array([1.0, 2.0]), 3, **changes))
