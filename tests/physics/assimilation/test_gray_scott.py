from dataclasses import replace

import numpy as np
import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus, agreement
from physics.assimilation.derivatives import adjoint_gradient, tangent
from physics.assimilation.gray_scott import gray_scott_system
from physics.assimilation.prior import LogNormal
from physics.assimilation.smoother import ensemble_smoother
from physics.assimilation.system import Observations, march
from physics.assimilation.variational import four_d_var
from physics.errors import ParameterError

SIZE = 0.2
PLACES = [(x, y) for x in (0.03, 0.1, 0.17) for y in (0.03, 0.1, 0.17)]
TIMES = torch.linspace(10.0, 60.0, 6, dtype=torch.float64)
FEED, KILL = LogNormal(0.037, 0.1), LogNormal(0.06, 0.05)


@pytest.fixture(scope="module")
def system():
    return gray_scott_system(
        PLACES, TIMES, FEED, KILL, size=SIZE, cells=16, step=5.0, spots=1, most=24, horizon=100.0, mean=True
    )


def test_the_adjoint_is_the_transpose_of_the_tangent_and_the_compiled_march_the_same(system):
    z = 0.3 * torch.randn(system.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pull = torch.randn(6, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    line, rough = tangent(replace(system, compiled=None), z), tangent(system, z)
    assert torch.allclose(rough.seen, line.seen, atol=1e-12)
    assert torch.allclose(rough.slope, line.slope, atol=1e-6)
    assert torch.allclose(rough.end["a"], line.end["a"], atol=1e-12)
    assert torch.allclose(rough.end_slope["b"], line.end_slope["b"], atol=1e-6)
    seen, gradient = adjoint_gradient(system, z, lambda seen: pull)
    expected = (pull[..., None] * line.slope).sum((0, 1))
    assert torch.allclose(seen, line.seen, atol=1e-13)
    assert torch.allclose(gradient, expected, atol=1e-10 * float(expected.abs().max()))
    ends = [march(system, (z + sign * 1e-6 * torch.eye(len(z), dtype=z.dtype)[1])[None])[0][0] for sign in (1, -1)]
    assert torch.allclose(line.slope[..., 1], (ends[0] - ends[1]) / 2e-6, atol=1e-7)


def test_sensors_read_the_field(system):
    z = torch.zeros(1, system.size, dtype=torch.float64)
    z[0, 2:8] = 1.0
    state, parameters = system.initial(z)
    b = system.describe(state, parameters)["b"][0]
    seen = system.observe(state, parameters)[0]
    assert float(seen[-1]) == pytest.approx(float(b.mean()))
    assert float(seen[4]) == pytest.approx(float(b[8, 8]))  # the middle is a point of the grid
    assert [float(value[0]) for value in parameters] == pytest.approx([0.037, 0.06])


def test_rates_and_field_are_found_by_both_methods(system):
    z = torch.randn(1, system.size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    z[0, :2] = torch.tensor([1.0, -1.0])
    hidden, end = march(system, z)
    noise = 0.005 * torch.randn(6, 10, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    observations = Observations(hidden[0] + noise, 0.005)
    found = [method(system, observations, iterations=12) for method in (four_d_var, ensemble_smoother)]
    for analysis in found:
        assert analysis.status is AnalysisStatus.CONVERGED
        for name, value in (("feed", 0.037 * np.exp(0.1)), ("kill", 0.06 * np.exp(-0.05))):
            estimate = analysis.parameters[name]
            assert abs(np.log(estimate.value / value)) < 3.5 * estimate.deviation
            assert estimate.deviation < 0.07  # of 0.1 and 0.05 before
        b = analysis.end["b"]
        assert torch.linalg.norm(b.mean - end["b"][0]) < 0.1 * torch.linalg.norm(end["b"][0])
    assert agreement(*found).inside


def test_bad_input_is_named():
    with pytest.raises(ParameterError, match=r"sensor 1 at x = 0\.3"):
        gray_scott_system([(0.3, 0.1)], TIMES, FEED, KILL, size=SIZE)
    with pytest.raises(ParameterError, match="no sensor"):
        gray_scott_system([], TIMES, FEED, KILL, size=SIZE)
    with pytest.raises(ParameterError, match="kill: a prior"):
        gray_scott_system(PLACES, TIMES, FEED, LogNormal(0.06, 0.0), size=SIZE)
