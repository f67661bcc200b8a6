"""Where a fit starts that nobody told where to start."""

from dataclasses import replace

import pytest
import torch

from physics.calibrate.guess import MOST_TRIALS, guess, ladder
from physics.errors import ParameterError
from physics.experiment import Parameter, Role
from tests.toy import cup

TIMES = torch.linspace(0, 3000, 13, dtype=torch.float64)
GIVEN = {"start": 358.0}


def parameter(lower, upper, **more):
    return Parameter("k", "", Role.UNKNOWN, lower, upper, "", **more)


def test_rungs_of_a_prior_a_default_and_a_range():
    assert ladder(parameter(0.0, 1e9, prior=(2.0, 1.0)))[0] == 2.0
    assert ladder(parameter(0.0, 10.0, prior=(2.0, 1.0)))[1:] == pytest.approx(
        [2 / 2.7183, 2 * 2.7183, 2 / 7.389], rel=1e-4
    )
    assert sorted(ladder(parameter(0.0, 1e9, default=6.0))) == pytest.approx([2 / 3, 2.0, 6.0, 18.0, 54.0])
    assert ladder(parameter(1e-6, 1e2))[0] == pytest.approx(1e-2)
    assert ladder(parameter(-4.0, 8.0))[0] == pytest.approx(2.0)
    with pytest.raises(ParameterError, match="--set k="):
        ladder(parameter(0.0, 1e9))


@pytest.mark.parametrize("rate", [3e-6, 4e-4, 0.05])
def test_the_nearest_rung_is_taken(rate):
    declared = cup()
    times = torch.linspace(0, 3 / rate, 31, dtype=torch.float64)
    curve = declared.simulate({**GIVEN, "rate": rate}, times).outputs["temperature"].values[0]
    found = guess(declared, GIVEN, ["rate"], times, curve)
    rungs = ladder(declared.parameter("rate"))
    assert found["rate"] in rungs
    assert abs(torch.tensor(found["rate"] / rate).log()) < 2.0


def test_many_parameters_stay_few_trials():
    declared, sizes = cup(), []

    def counted(settings, times, **more):
        sizes.append(len(settings["rate"]))
        return declared.simulate(settings, times, **more)

    names = ["rate", "room", "start", "heat_capacity"]
    guess(replace(declared, simulate=counted), {}, names, TIMES, torch.full_like(TIMES, 300.0))
    assert 81 <= max(sizes) <= MOST_TRIALS
