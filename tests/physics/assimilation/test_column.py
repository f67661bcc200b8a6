import math

import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus, agreement
from physics.assimilation.column import Profile, column_system, reach
from physics.assimilation.prior import LogNormal
from physics.assimilation.smoother import ensemble_smoother
from physics.assimilation.system import Observations, march
from physics.assimilation.variational import four_d_var
from physics.errors import ParameterError

LENGTH, VELOCITY, DISPERSION = 0.2, 5.6e-6, 1.4e-8  # m, m/s, m^2/s: a Peclet number of 80
PROFILE = Profile(0.4, 0.25, 0.05)
TIMES = torch.linspace(0.05, 1.5, 24, dtype=torch.float64) * LENGTH / VELOCITY


def system(velocity=VELOCITY, dispersion=DISPERSION, cells=21, times=TIMES):
    return column_system(LENGTH, velocity, dispersion, times, PROFILE, cells=cells)


def test_a_column_that_is_fed_keeps_the_feed_and_one_that_is_rinsed_loses_all():
    full = column_system(LENGTH, VELOCITY, DISPERSION, TIMES * 10, Profile(1.0, 0.2, 0.05), feed=1.0, cells=21)
    rest = torch.zeros(1, full.size, dtype=torch.float64)
    seen, end = march(full, rest)
    assert torch.allclose(seen, torch.ones_like(seen), atol=1e-10)
    seen, end = march(system(times=TIMES * 10), rest)
    assert float(end["concentration"].abs().max()) < 1e-9
    # what comes out is what was in it
    at = torch.linspace(0.0, 3.0, 301, dtype=torch.float64) * LENGTH / VELOCITY
    out, _ = march(column_system(LENGTH, VELOCITY, DISPERSION, at, PROFILE, cells=21), rest)
    assert float(torch.trapezoid(out[0, :, 0], at)) * VELOCITY == pytest.approx(0.4 * LENGTH, rel=1e-3)


def test_the_profile_is_found_where_it_is_said_to_be():
    known = system()
    z = torch.randn(known.size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    clean, _ = march(known, z[None])
    noise = 0.01 * torch.randn(24, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    observations = Observations(clean[0] + noise, 0.01)
    found = four_d_var(known, observations, growth=1.0)
    assert found.status is AnalysisStatus.CONVERGED
    truth = known.describe(*known.initial(z[None]))["concentration"][0]
    field = found.start["concentration"]
    assert bool(((field.mean - truth).abs() < 4.0 * field.deviation).all())
    seen = reach(found, PROFILE, LENGTH)
    near, far = seen.ratio[-3:].mean(), seen.ratio[:3].mean()
    assert float(near) < 0.7 * float(far)
    other = ensemble_smoother(known, observations, growth=1.0)
    assert torch.allclose(other.z, found.z, atol=1e-6)
    blurred = four_d_var(known, Observations(clean[0] + noise, 1.0), growth=1.0)
    assert "does not determine the profile" in reach(blurred, PROFILE, LENGTH).sentence
    partly = four_d_var(
        known, Observations(torch.where(TIMES[:, None] < TIMES[8], clean[0], math.nan), 0.01), growth=1.0
    )
    assert "nearer to the inlet" in reach(partly, PROFILE, LENGTH).sentence
    assert 0.2 * LENGTH < reach(partly, PROFILE, LENGTH).seen < 0.9 * LENGTH


def test_velocity_and_dispersion_are_found_with_it():
    hidden = system()
    unknown = system(LogNormal(1.1 * VELOCITY, 0.15), LogNormal(1.3 * DISPERSION, 0.4))
    scores = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(1, hidden.size, generator=generator, dtype=torch.float64)
        noise = 0.005 * torch.randn(24, 1, generator=generator, dtype=torch.float64)
        observations = Observations(march(hidden, z)[0][0] + noise, 0.005)
        found = four_d_var(unknown, observations, growth=3.0)
        for name, value in (("velocity", VELOCITY), ("dispersion", DISPERSION)):
            scores.append(math.log(found.parameters[name].value / value) / found.parameters[name].deviation)
    assert math.sqrt(sum(score**2 for score in scores) / 8) < 1.7  # one in 500 of eight normal scores
    assert agreement(found, ensemble_smoother(unknown, observations, growth=3.0)).inside


def test_bad_input_is_named():
    with pytest.raises(ParameterError, match="ring at a Peclet number of 800; take 201"):
        system(dispersion=0.1 * DISPERSION)
    with pytest.raises(ParameterError, match="velocity: a prior"):
        system(velocity=LogNormal(-1.0, 0.1))
    with pytest.raises(ParameterError, match="must rise"):
        system(times=torch.tensor([2.0, 1.0]))
    with pytest.raises(ParameterError, match="correlation = 0 must be above zero"):
        column_system(LENGTH, VELOCITY, DISPERSION, TIMES, Profile(0.4, 0.2, 0.0))
