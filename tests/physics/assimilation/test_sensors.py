import numpy as np
import pytest

from physics.assimilation.sensors import across, along


@pytest.mark.parametrize("periodic", [True, False])
def test_a_row_is_read_to_the_fourth_order(periodic):
    errors = []
    for n in (16, 32):
        points = (np.arange(n) + 0.5) * 2.0 / n
        at = np.array([0.0, 0.31, 0.77, 1.99])
        wave = 2.0 * np.pi if periodic else np.pi
        errors.append(
            np.abs(along(points, 2.0, at, periodic) @ np.cos(wave * points / 2.0) - np.cos(wave * at / 2.0)).max()
        )
    assert errors[1] < errors[0] / 10.0
    assert errors[1] < 1e-4


def test_the_plates_hold_their_temperature():
    centres = np.linspace(0.05, 0.95, 10)
    weights, lower, upper = across(centres, np.array([0.0, 0.4, 1.0]))
    assert np.allclose(weights @ (1.0 - centres) + lower, [1.0, 0.6, 0.0])
    assert upper[2] == pytest.approx(1.0)
    assert np.allclose(weights.sum(1) + lower + upper, 1.0)
