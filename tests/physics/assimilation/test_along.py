import numpy as np
import pytest
import torch

from physics.assimilation.along import led
from physics.assimilation.analysis import AnalysisStatus
from physics.assimilation.convection import cell, system_of
from physics.assimilation.innovation import Innovation
from physics.assimilation.prior import LogNormal
from physics.assimilation.system import Observations, march
from physics.assimilation.variational import four_d_var

SENSORS = [(x, z) for x in (0.25, 0.75, 1.25, 1.75) for z in (0.2, 0.4, 0.6, 0.8)]
TIMES = np.linspace(0.02, 0.16, 8)


@pytest.fixture(scope="module")
def system():
    return system_of(cell(SENSORS, TIMES, LogNormal(1e4, 0.2), rows=8, finer=2, members=12, most=24, share=0.99))


@pytest.fixture(scope="module")
def hidden(system):
    """A lifelike point, and the readings with noise of its run on the fine grid."""
    z = system.guesses(1, 3)[0]
    seen = system.finer(z, len(TIMES)).seen
    noise = 0.01 * torch.randn(seen.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return z, Observations(seen + noise, 0.01)


def test_a_drawn_run_passes_where_the_finer_one_does(system, hidden):
    z, _ = hidden
    alone, best = march(system, z[None])[0][0], system.drawing(z, len(TIMES))
    assert torch.equal(best.seen, system.finer(z, len(TIMES)).seen)
    drawn = torch.from_numpy(best.drawn(z.numpy()[None], len(TIMES))[0][0])
    assert (best.seen - drawn).square().mean() < 0.2 * (best.seen - alone).square().mean()
    # twice as fine and of second order: a third of what it has beyond the coarse run is still missing
    assert torch.linalg.norm(best.off - (best.seen - alone) / 3.0) < 0.3 * torch.linalg.norm(best.off)


def test_the_search_leads_through_the_window(system, hidden):
    z, observations = hidden
    innovation = Innovation.of(system, observations)
    far = z + 0.3 * torch.randn(len(z), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert float(innovation.misfit(system.finer_seen(far[None], len(TIMES)))[0]) > 5.0 * innovation.points
    there, marches = led(system, innovation, far)
    assert float(innovation.misfit(system.finer_seen(there[None], len(TIMES)))[0]) < 0.7 * innovation.points
    assert marches > system.size


def test_it_is_taken_where_the_first_search_ends_in_a_misfit(system, hidden):
    z, observations = hidden
    found = four_d_var(system, observations, start=z + 0.3, iterations=1)
    assert found.status is AnalysisStatus.CONVERGED
    ra = found.parameters["rayleigh"]
    assert abs(np.log(ra.value / (1e4 * np.exp(0.2 * float(z[0]))))) < 3.0 * ra.deviation
