import numpy as np
import pytest

from physics.assimilation.filter import track

MODEL = np.array([[0.9, 0.3], [-0.2, 0.95]])
SEES = np.array([[1.0, 0.5]])
NOISE = 0.3


def members(count, seed):
    """An ensemble whose sample mean is zero and whose sample covariance is the identity, exactly."""
    draws = np.random.default_rng(seed).standard_normal((count, 2))
    left, _, right = np.linalg.svd(draws - draws.mean(0), full_matrices=False)
    return np.sqrt(count - 1) * left @ right


def advance(parts, numbers, read):
    after = parts[0] @ MODEL.T + numbers
    return after @ SEES.T, [after]


def readings(count, start, numbers, seed):
    state, seen = np.array(start), []
    for _ in range(count):
        state = MODEL @ state + numbers
        seen.append(SEES @ state)
    return np.array(seen) + NOISE * np.random.default_rng(seed).standard_normal((count, 1))


def test_without_relaxation_it_is_the_kalman_filter_of_a_linear_system():
    values = readings(6, [1.0, -0.5], 0.0, 1)
    found = track([members(40, 0)], np.zeros((40, 1)), advance, values, np.full((6, 1), NOISE), relaxation=0.0)
    mean, covariance = np.zeros(2), np.eye(2)
    for k, read in enumerate(values):
        mean, covariance = MODEL @ mean, MODEL @ covariance @ MODEL.T
        innovation = SEES @ covariance @ SEES.T + NOISE**2
        left = read - SEES @ mean
        assert found.surprise[k] == pytest.approx(float(left @ np.linalg.solve(innovation, left)), rel=1e-9)
        assert found.spread[k] == pytest.approx(float(np.sqrt(innovation[0, 0] - NOISE**2) / NOISE), rel=1e-9)
        gain = covariance @ SEES.T @ np.linalg.inv(innovation)
        mean, covariance = mean + gain @ left, covariance - gain @ SEES @ covariance
        assert np.allclose(found.states[k][0], mean, atol=1e-10)


def test_a_number_is_found_with_the_state():
    random = np.random.default_rng(2)
    values = readings(60, [1.0, -0.5], 0.2, 3)
    noise = np.full(values.shape, NOISE)
    found = track([random.standard_normal((300, 2))], 0.3 * random.standard_normal((300, 1)), advance, values, noise)
    assert found.numbers[-1, 0] == pytest.approx(0.2, abs=0.06)
    assert 0.3 < np.mean(found.surprise[5:]) < 1.5
    wrong = track([random.standard_normal((300, 2))], np.zeros((300, 1)), advance, values + 5.0, noise)
    assert np.mean(wrong.surprise[5:]) > 5.0


def test_what_was_not_read_and_members_that_burst():
    values = readings(4, [1.0, -0.5], 0.0, 1)
    noise = np.full(values.shape, NOISE)
    values[1] = np.nan

    def bursting(parts, numbers, read):
        seen, after = advance(parts, numbers, read)
        seen[:5] = np.nan if read == 2 else seen[:5]
        return seen, after

    found = track([members(40, 0)], np.zeros((40, 1)), bursting, values, noise)
    assert found.surprise[1] == 0.0
    assert np.isnan(found.spread[1])
    assert len(found.states) == 4
    lost = track([members(6, 0)], np.zeros((6, 1)), bursting, values, noise)
    assert len(lost.states) == 2
    assert np.isnan(lost.surprise[2:]).all()
