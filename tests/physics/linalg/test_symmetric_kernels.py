import numpy as np
import pytest

from physics.linalg.symmetric_kernels import eigh


def decomposed(matrix):
    values, vectors = np.empty(len(matrix)), np.empty(matrix.shape)
    eigh(matrix.copy(), values, vectors)
    return values, vectors


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e300])
def test_values_and_vectors_are_those_of_the_library(size, scale):
    root = np.random.default_rng(size).normal(size=(size, size))
    matrix = scale * (root + root.T)
    values, vectors = decomposed(matrix)
    np.testing.assert_allclose(values / scale, np.linalg.eigvalsh(matrix / scale), rtol=0, atol=1e-13)
    np.testing.assert_allclose(matrix / scale @ vectors, vectors * (values / scale), rtol=0, atol=1e-13)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), rtol=0, atol=1e-14)


def test_a_small_eigenvalue_keeps_its_digits():
    """Of [[1, s], [s, 2 s^2]] the product of the eigenvalues is s^2, whatever s."""
    for s in (1e-3, 1e-9, 1e-12):
        values, _ = decomposed(np.array([[1.0, s], [s, 2 * s * s]]))
        assert values[0] * values[1] == pytest.approx(s * s, rel=1e-14)


def test_what_is_singular_or_nothing():
    np.testing.assert_allclose(decomposed(np.ones((3, 3)))[0], [0, 0, 3], rtol=0, atol=1e-15)
    values, vectors = decomposed(np.zeros((2, 2)))
    assert (values == 0).all()
    assert (vectors == np.eye(2)).all()
