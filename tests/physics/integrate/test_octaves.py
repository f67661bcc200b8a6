import pytest
import torch

from physics.integrate.octaves import CRANK_NICOLSON, interpolate, kept, nodes_of, octaves


def _places(stretches) -> torch.Tensor:
    """Walk the steps of a march and drop the odd half steps."""
    time, places = 0.0, [0.0]
    for stretch in stretches:
        assert time == pytest.approx(stretch.start, abs=1e-12)
        for weight in stretch.weights:
            time += stretch.step * weight / CRANK_NICOLSON
            places.append(time)
    return kept(torch.tensor(places, dtype=torch.float64))


@pytest.mark.parametrize("end", [0.01, 1.0, 2.0, 2.01, 3.0, 9.0, 100.0])
def test_reaches_the_end_on_the_declared_nodes(end: float) -> None:
    stretches = octaves(32, end)
    places = _places(stretches)
    nodes = nodes_of(stretches, places)
    assert places[-1] >= end - 1e-12
    assert len(places) == int(nodes.offsets[-1]) + 1
    for start, first in zip(nodes.starts, nodes.offsets, strict=False):
        assert float(places[first]) == pytest.approx(float(start), abs=1e-12)


def test_interpolation_is_exact_for_degree_seven() -> None:
    stretches = octaves(16, 9.0)
    places = _places(stretches)[:, None]
    at = torch.linspace(0.0, 9.0, 101, dtype=torch.float64)[:, None]
    found = interpolate(nodes_of(stretches, places), (places / 9) ** 7 - places**2, at)
    torch.testing.assert_close(found, (at / 9) ** 7 - at**2, rtol=0, atol=1e-12)


def test_nodes_do_not_move_with_the_end() -> None:
    short, long = _places(octaves(32, 3.0)), _places(octaves(32, 50.0))
    torch.testing.assert_close(short, long[: len(short)], rtol=0, atol=0)
