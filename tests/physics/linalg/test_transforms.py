"""The bases are orthonormal and diagonalise the differences they are made for."""

import numpy as np
import pytest

from physics.linalg.transforms import periodic, walled

N, LENGTH = 24, 1.7
H = LENGTH / N


def test_periodic_differences_are_diagonal() -> None:
    basis = periodic(N, LENGTH)
    divergence = (np.roll(np.eye(N), -1, axis=0) - np.eye(N)) / H  # (f[i+1] - f[i]) / h
    assert np.allclose(basis.centres @ basis.centres.T, np.eye(N), atol=1e-13)
    assert np.allclose(basis.faces @ basis.faces.T, np.eye(N), atol=1e-13)
    assert np.allclose(basis.faces @ divergence.T, basis.kappa[:, None] * basis.centres, atol=1e-11)
    assert np.allclose(-basis.centres @ divergence, -basis.kappa[:, None] * basis.faces, atol=1e-11)


def test_walled_differences_are_diagonal() -> None:
    basis = walled(N, LENGTH)
    divergence = (np.eye(N, k=1) - np.eye(N)) / H  # the face n is a wall, where nothing flows
    divergence[:, 0] = 0.0
    assert np.allclose(basis.centres @ basis.centres.T, np.eye(N), atol=1e-13)
    assert np.allclose(basis.faces @ basis.faces.T, np.diag([0.0] + [1.0] * (N - 1)), atol=1e-13)
    assert np.allclose(basis.faces @ divergence.T, basis.kappa[:, None] * basis.centres, atol=1e-11)
    assert np.allclose(-basis.centres @ divergence, -basis.kappa[:, None] * basis.faces, atol=1e-11)


def test_what_vanishes_at_the_walls() -> None:
    basis = walled(N, LENGTH)
    second = (np.eye(N, k=1) - 2 * np.eye(N) + np.eye(N, k=-1)) / H**2
    second[0, 0] = second[-1, -1] = -3 / H**2  # the neighbour behind the wall is the negative
    assert np.allclose(basis.slip_free @ second, -(basis.kappa_slip_free[:, None] ** 2) * basis.slip_free, atol=1e-9)
    assert np.allclose(basis.turn @ basis.turn.T, np.eye(N), atol=1e-13)


@pytest.mark.parametrize("make", [periodic, walled])
def test_there_and_back(make) -> None:
    field = np.random.default_rng(1).normal(size=(3, N))
    basis = make(N, LENGTH)
    assert np.allclose((field @ basis.centres.T) @ basis.centres, field, atol=1e-13)
