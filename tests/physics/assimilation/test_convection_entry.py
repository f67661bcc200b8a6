import numpy as np
import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus
from physics.assimilation.convection import cell, system_of
from physics.assimilation.convection_entry import entered
from physics.assimilation.prior import LogNormal
from physics.assimilation.system import Observations
from physics.assimilation.variational import four_d_var

SENSORS = [(x, z) for x in (0.1, 0.55, 1.1, 1.6) for z in (0.2, 0.4, 0.6, 0.8)]
TIMES = np.linspace(0.01, 0.2, 20)
GRID = {"rows": 8, "finer": 2, "members": 12, "most": 24, "share": 0.99}


@pytest.fixture(scope="module")
def whole():
    return cell(SENSORS, TIMES, LogNormal(1e4, 0.2), **GRID)


@pytest.fixture(scope="module")
def hidden(whole):
    """A lifelike run on the fine grid, and its readings with noise."""
    system = system_of(whole)
    z = system.guesses(1, 11)[0]
    run = system.finer(z, len(TIMES))
    noise = 0.01 * torch.randn(run.seen.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return z, run, Observations(run.seen + noise, 0.01)


def test_the_analysis_begins_where_the_filter_has_found_its_way(whole, hidden):
    z, run, observations = hidden
    entry = entered(whole, observations)
    assert 4 <= entry.read <= 15
    assert entry.observations.values.shape == (20 - entry.read, 16)
    assert entry.cell.times[0] == 0.0
    assert entry.cell.times[-1] == pytest.approx(TIMES[-1] - TIMES[entry.read])
    found = four_d_var(system_of(entry.cell), entry.observations, restarts=0)
    assert found.status is AnalysisStatus.CONVERGED
    ra = found.parameters["rayleigh"]
    assert abs(np.log(ra.value / (1e4 * np.exp(0.2 * float(z[0]))))) < 3.0 * ra.deviation
    for name, true in run.end.items():
        assert torch.linalg.norm(found.end[name].mean - true) < 0.1 * torch.linalg.norm(true)


def test_readings_of_no_such_flow_are_analysed_as_a_whole(whole):
    noise = torch.rand(20, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    entry = entered(whole, Observations(noise, 0.01))
    assert entry.read == 0
    assert entry.cell is whole


def test_a_short_window_is_analysed_as_a_whole(hidden):
    short = cell(SENSORS, TIMES[:8], LogNormal(1e4, 0.2), **GRID)
    assert entered(short, Observations(hidden[2].values[:8], 0.01)).read == 0
