"""A sensor anywhere reads polynomials exactly."""

import torch

from physics.equations.advection_dispersion.equation import extended_grid, uniform_grid
from physics.equations.advection_dispersion.reading import at_face, inside


def test_inside_reads_degree_five_and_its_slope() -> None:
    cells, peclet = 30, torch.full((4,), 7.0, dtype=torch.float64)
    place = torch.tensor([0.02, 0.31, 0.5, 0.9], dtype=torch.float64)
    centres = (torch.arange(cells, dtype=torch.float64)[:, None] + 0.5) / cells
    for flux in (False, True):
        look = inside(place, cells, peclet, flux)
        rows = look.window + torch.arange(look.weights.shape[0])[:, None]
        read = (look.weights * (centres**5).expand(-1, 4).gather(0, rows)).sum(0)
        wanted = place**5 - (5 * place**4 / peclet if flux else 0.0)
        torch.testing.assert_close(read, wanted, rtol=0, atol=1e-12)


def test_the_closed_end_reads_its_last_cell() -> None:
    peclet = torch.ones(2, dtype=torch.float64)
    look = at_face(24, uniform_grid(24, peclet), peclet, flux=True)
    assert look.window.tolist() == [23, 23]
    assert look.weights.tolist() == [[1.0, 1.0]]


def test_the_open_grid_has_a_face_at_one_and_ends_out_of_sight() -> None:
    peclet = torch.tensor([0.5, 5.0, 500.0], dtype=torch.float64)
    grid = extended_grid(40, 40, peclet)
    torch.testing.assert_close(grid.widths[:40].sum(0), torch.ones(3, dtype=torch.float64))
    assert (peclet * (grid.widths.sum(0) - 1) > 25).all()
    assert (grid.widths > 0).all()
