"""A reduced basis holds curves to what it promises, and cubics read them between its nodes."""

import torch

from physics.surrogate.curves.basis import read, reduce, risen


def curves(count: int, nodes: int) -> torch.Tensor:
    rate = torch.linspace(0.5, 3.0, count, dtype=torch.float64)[:, None]
    u = torch.linspace(0.0, 1.0, nodes, dtype=torch.float64)
    return 1.0 - torch.exp(-rate * u) * torch.cos(2.0 * rate * u)


def test_the_basis_leaves_what_it_may() -> None:
    given = curves(60, 81)
    basis = reduce(given, left=1e-4)
    back = basis.curves(basis.coefficients(given))
    span = float(given.max() - given.min())
    assert float((back - given).square().mean(0).max().sqrt()) <= 1e-4 * span
    assert len(basis.modes) < 10
    assert torch.allclose(basis.modes @ basis.modes.T, torch.eye(len(basis.modes), dtype=torch.float64))


def test_reading_is_of_fourth_order_and_exact_for_cubics() -> None:
    places = torch.rand(1, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = []
    for nodes in (21, 41):
        u = torch.linspace(0.0, 1.0, nodes, dtype=torch.float64)
        values = torch.stack([torch.sin(5.0 * u), u**3 - u])[:, None]
        found = read(values, places)
        assert torch.allclose(found[1], places**3 - places, atol=1e-12)
        errors.append(float((found[0] - torch.sin(5.0 * places)).abs().max()))
    assert errors[0] / errors[1] > 10.0


def test_places_beyond_the_ends_read_the_ends() -> None:
    values = curves(1, 11)[None]
    found = read(values, torch.tensor([[-0.5, 0.0, 1.0, 1.7]], dtype=torch.float64))[0, 0]
    assert found.tolist() == [values[0, 0, 0], values[0, 0, 0], values[0, 0, -1], values[0, 0, -1]]


def test_a_rising_band_keeps_every_rising_curve_that_was_in_it() -> None:
    generator = torch.Generator().manual_seed(3)
    truth = torch.rand(40, 30, generator=generator, dtype=torch.float64).sort(1).values
    value = truth + 0.05 * torch.randn(40, 30, generator=generator, dtype=torch.float64)
    bands = torch.stack([value, value - 0.3, value + 0.3])
    held = ((truth >= bands[1]) & (truth <= bands[2])).all(1)
    found = risen(bands.clone())
    assert bool(held.any())
    assert bool(((truth >= found[1]) & (truth <= found[2])).all(1)[held].all())
    assert float((found[2] - found[1]).mean()) < 0.59  # and is narrower
    assert bool((found.diff(dim=2) >= -1e-12).all())
