"""Runs that tell models apart, and beliefs that no local form describes."""

import math

import pytest
import torch

from physics.design.belief import from_draws, from_prior
from physics.design.candidate import Limits, Unknown
from physics.design.controls import at
from physics.design.discriminating import Rival, most_informative, tell_apart
from physics.design.expected_information import discriminate
from physics.design.information import Noise
from physics.design.responses import case_of, curves_at
from physics.design.study import Options, Range
from physics.errors import ParameterError
from tests.physics.design.test_optimise import CM, DISPERSION, HOUR, VELOCITY, column

ONE = {"velocity": Unknown(VELOCITY, 0.03), "dispersion": Unknown(DISPERSION, 0.2)}
TWO = {**ONE, "mobile_fraction": Unknown(0.7, 0.05), "exchange": Unknown(1.0, 0.3)}
RIVALS = (Rival("equilibrium", {}, from_prior(ONE)), Rival("two regions", {}, from_prior(TWO)))


def asked(**changes):
    controls = {"velocity": Range(1 * CM / HOUR, 5 * CM / HOUR, CM / HOUR), "input": Options(("step",))}
    return column(**{"controls": controls, "limits": Limits(24 * HOUR, 6, 600.0), **changes})


def test_two_regions_are_told_from_equilibrium_better_than_by_even_times():
    study = asked(noise=Noise(0.05))
    found = tell_apart(study, RIVALS, effort=3, draws=24, judges=128)
    assert found.apart.gain > 0.2
    assert found.apart.wrong < 0.25
    assert 1 <= len(found.times) <= 6
    assert bool((found.times.diff() >= 600.0).all())
    even = torch.linspace(4 * HOUR, 24 * HOUR, 6, dtype=torch.float64)
    plain = []
    for rival in RIVALS:
        one = column(controls={}, belief=rival.belief, settings={"length": 0.3, **rival.settings})
        u = rival.belief.draws(128, 9)[torch.randperm(128, generator=torch.Generator().manual_seed(9))]
        plain.append(curves_at(one, case_of(one, {}, math.inf), u, even))
    default = discriminate(plain, [torch.full_like(c, 0.05) for c in plain])
    assert found.apart.wrong < default.wrong + 2 * (default.wrong_error + found.apart.wrong_error)


def test_a_belief_with_two_modes_is_resolved_by_the_run():
    generator = torch.Generator().manual_seed(2)
    modes = torch.where(torch.rand(512, generator=generator) < 0.5, 0.6, 1.6).double()
    wide = torch.exp(0.02 * torch.randn(512, generator=generator, dtype=torch.float64))
    draws = {"velocity": VELOCITY * modes * wide, "dispersion": torch.full((512,), DISPERSION, dtype=torch.float64)}
    draws["dispersion"] = draws["dispersion"] * torch.exp(
        0.1 * torch.randn(512, generator=generator, dtype=torch.float64)
    )
    study = column(controls={}, belief=from_draws(draws), limits=Limits(30 * HOUR, 1))
    found = most_informative(study, draws=64, judges=1024)
    # One reading tells which mode holds, one bit, and some of the place within it.
    assert found.gain.value > math.log(2) - 0.05
    assert found.gain.value + found.gain.bias < 4.0


def test_one_model_has_no_rival():
    with pytest.raises(ParameterError, match="at least two"):
        tell_apart(asked(), RIVALS[:1])


def test_points_of_a_range_stay_inside():
    control = Range(1.2345, 5.4321)
    assert [at(control, share) for share in (-1.0, 0.0, 1.0, 2.0)] == [1.2345, 1.2345, 5.4321, 5.4321]
    assert 1.2345 <= at(control, 1e-6) <= 5.4321
