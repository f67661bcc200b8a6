"""Points and cells hold the same numbers."""

import pytest
import torch

from physics.surrogate.fields.cells import gathered, spread


@pytest.mark.parametrize("points", [(8, 4), (8, 1)])
def test_cells_spread_to_the_points_that_were_gathered(points):
    fields = torch.randn(3, *points, 5)
    cells = gathered(fields, 2)
    assert cells.shape == (3, 4, max(1, points[1] // 2), fields[0].numel() // cells[0, ..., 0].numel())
    torch.testing.assert_close(spread(cells, 2, points[1]), fields, rtol=0, atol=0)


def test_a_cell_holds_neighbours():
    x = torch.arange(8.0)[:, None, None].expand(8, 4, 1)
    torch.testing.assert_close(gathered(x, 2)[2, 1], torch.tensor([4.0, 4.0, 5.0, 5.0]))


def test_a_history_keeps_its_leading_axes():
    assert gathered(torch.randn(2, 4, 8, 8, 3), 4).shape == (2, 4, 2, 2, 48)
