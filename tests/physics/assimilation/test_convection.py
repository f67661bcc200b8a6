import numpy as np
import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus, agreement
from physics.assimilation.convection import cell, system_of
from physics.assimilation.derivatives import adjoint_gradient, tangent
from physics.assimilation.prior import LogNormal
from physics.assimilation.smoother import ensemble_smoother
from physics.assimilation.system import Observations, march
from physics.assimilation.variational import four_d_var
from physics.errors import ParameterError

SENSORS = [(x, z) for x in (0.25, 0.75, 1.25, 1.75) for z in (0.2, 0.4, 0.6, 0.8)]
TIMES = np.linspace(0.02, 0.16, 8)
GRID = {"rows": 8, "finer": 2, "members": 12, "most": 24, "share": 0.99}


@pytest.fixture(scope="module")
def small():
    return cell(SENSORS, TIMES, LogNormal(1e4, 0.2), **GRID)


@pytest.fixture(scope="module")
def system(small):
    return system_of(small)


def test_the_compiled_march_is_the_differentiable_one(system):
    z = 0.5 * torch.randn(system.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pull = torch.randn(8, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    line = tangent(system, z)
    seen, gradient = adjoint_gradient(system, z, lambda seen: pull)
    assert torch.allclose(seen, line.seen, atol=1e-11)
    expected = (pull[..., None] * line.slope).sum((0, 1))
    assert torch.allclose(gradient, expected, atol=1e-10 * float(expected.abs().max()))
    ends = [march(system, (z + sign * 1e-6 * torch.eye(system.size, dtype=z.dtype)[0])[None])[0][0] for sign in (1, -1)]
    assert torch.allclose(line.slope[..., 0], (ends[0] - ends[1]) / 2e-6, atol=1e-6)


def test_hidden_run_on_a_finer_grid(small, system):
    """A draw of the prior, marched on the grid that corrects, is found again by both methods."""
    z = torch.randn(system.size, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    z[0] = 1.0
    hidden = system.finer(z, len(system.reads))
    noise = 0.01 * torch.randn(hidden.seen.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    observations = Observations(hidden.seen + noise, 0.01)
    found = [method(system, observations) for method in (four_d_var, ensemble_smoother)]
    for analysis in found:
        assert analysis.status is AnalysisStatus.CONVERGED
        ra = analysis.parameters["rayleigh"]
        assert abs(np.log(ra.value / (1e4 * np.exp(0.2)))) < 3.0 * ra.deviation
        assert ra.deviation < 0.05
        for name, true in hidden.end.items():
            assert torch.linalg.norm(analysis.end[name].mean - true) < 0.1 * torch.linalg.norm(true)
        assert 0.0 < analysis.model_deviation < 0.01
    assert agreement(*found).inside
    _, later = small.run(found[0].z.numpy(), np.array([0.2]))
    _, truly = small.run(z.numpy(), np.array([0.2]))
    assert torch.linalg.norm(later["across"] - truly["across"]) < 0.1 * torch.linalg.norm(truly["across"])


def test_bad_input_is_named():
    known = LogNormal(1e4, 0.2)
    with pytest.raises(ParameterError, match=r"sensor 2 at x = 0\.5, z = 1\.2"):
        cell([(0.5, 0.5), (0.5, 1.2)], TIMES, known)
    with pytest.raises(ParameterError, match="rows of x and z"):
        cell([0.5, 0.5], TIMES, known)
    with pytest.raises(ParameterError, match="must rise"):
        cell(SENSORS, [0.1, 0.1], known)
    with pytest.raises(ParameterError, match="rayleigh: a prior"):
        cell(SENSORS, TIMES, LogNormal(-1.0, 0.2))
