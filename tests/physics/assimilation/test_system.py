import pytest
import torch

from physics.assimilation.derivatives import adjoint_gradient, start_tangent, tangent
from physics.assimilation.system import Observations, check_reads, march, parameters_at
from physics.errors import DataError, ParameterError

Z = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64)


def test_the_derivatives_are_those_of_differences(make):
    system = make(True)
    line = tangent(system, Z)
    h = 1e-6
    for k in range(3):
        ends = [march(system, (Z + sign * h * torch.eye(3, dtype=Z.dtype)[k])[None]) for sign in (1, -1)]
        assert torch.allclose(line.slope[..., k], (ends[0][0] - ends[1][0])[0] / (2 * h), atol=1e-8)
        assert torch.allclose(line.end_slope["y"][k], (ends[0][1]["y"] - ends[1][1]["y"])[0] / (2 * h), atol=1e-8)


def test_the_adjoint_is_the_transpose_of_the_tangent(make):
    system = make(True)
    pull = torch.randn(10, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    seen, gradient = adjoint_gradient(system, Z, lambda seen: pull)
    line = tangent(system, Z)
    assert torch.allclose(seen, line.seen, atol=1e-14)
    assert torch.allclose(gradient, (pull[..., None] * line.slope).sum((0, 1)), rtol=1e-12)


def test_a_shorter_window_reads_the_same(make):
    system = make(False)
    z = Z[None, :2]
    assert torch.equal(march(system.until(3), z)[0], march(system, z)[0][:, :3])


def test_start_and_parameters(make):
    start, slope = start_tangent(make(True), Z)
    assert float(start["x"]) == pytest.approx(1.0 + 0.5 * -0.5)
    assert slope["x"].tolist() == [0.0, 0.5, 0.0]
    values, slopes = parameters_at(make(True), Z)
    assert slopes.tolist() == [[pytest.approx(0.2), 0.0, 0.0]]
    assert values["rate"] == pytest.approx(2.718281828459045**0.06)


def test_bad_observations_are_named(make):
    system = make(False)
    good = torch.zeros(10, 1, dtype=torch.float64)
    with pytest.raises(DataError, match=r"\(reads, sensors\) for 10 reads"):
        Observations(good[:4], 0.1).checked(system)
    with pytest.raises(DataError, match="finite"):
        Observations(good * torch.nan, 0.1).checked(system)
    with pytest.raises(DataError, match="positive"):
        Observations(good, 0.0).checked(system)
    with pytest.raises(DataError, match="do not fit"):
        Observations(good, torch.ones(7, 3)).checked(system)
    with pytest.raises(ParameterError, match="read 3 is not after"):
        check_reads(torch.tensor([0.0, 1.0, 1.0]))
    with pytest.raises(ParameterError, match="first is negative"):
        check_reads(torch.tensor([-1.0, 1.0]))
