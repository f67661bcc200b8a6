"""A curve derived from a simulation, and its derivatives in both modes."""

import math
from dataclasses import replace

import pytest
import torch

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.sensitivity import sensitivities
from physics.solution import Status
from tests.toy import cup

TIMES = torch.linspace(0, 3000, 13, dtype=torch.float64)
GIVEN = {"start": 358.0}


def exact(rate, room):
    decayed = torch.exp(-rate[:, None] * TIMES)
    return {"rate": -(358.0 - room[:, None]) * TIMES * decayed, "room": 1 - decayed}


PARAMETERS = {
    "rate": torch.tensor([4e-4, 1e-3], dtype=torch.float64),
    "room": torch.tensor([290.0, 300.0], dtype=torch.float64),
}


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12])
def test_forward_mode(tolerance):
    curve, slope = sensitivities(model_of(cup(), GIVEN, TIMES, tolerance), PARAMETERS, ("rate", "room"), TIMES)
    assert torch.allclose(curve, cup().simulate({**GIVEN, **PARAMETERS}, TIMES).outputs["temperature"].values)
    for j, (name, truth) in enumerate(exact(**PARAMETERS).items()):
        error = (slope[..., j] - truth).abs().max() / truth.abs().max()
        assert float(error) < 3 * max(tolerance ** (2 / 3), 1e-8), name


def test_reverse_mode():
    free = {name: value.clone().requires_grad_() for name, value in PARAMETERS.items()}
    weight = torch.rand(2, 13, dtype=torch.float64)
    (model_of(cup(), GIVEN, TIMES, 1e-9)(free, TIMES) * weight).sum().backward()
    for name, truth in exact(**PARAMETERS).items():
        assert torch.allclose(free[name].grad, (truth * weight).sum(1), rtol=1e-4)


def test_what_follows_from_a_parameter_follows_it_when_it_moves():
    declared = cup()

    def complete(settings):
        return {"room": settings["start"] - 60.0, "heat_capacity": 800.0, **settings}

    follows = replace(
        declared, complete=complete, simulate=lambda s, t, **more: declared.simulate(complete(dict(s)), t, **more)
    )
    model = model_of(follows, {"rate": 1e-3}, TIMES, 1e-9)
    _, slope = sensitivities(model, {"start": torch.tensor([358.0], dtype=torch.float64)}, ("start",), TIMES)
    assert torch.allclose(slope, torch.ones_like(slope), rtol=1e-6)
    assert fixed_of(follows, {"rate": 1e-3, "start": 358.0}, ("start",)) == {}


def test_a_simulation_that_takes_no_batch_is_run_member_by_member():
    declared = cup()

    def single(settings, times, **more):
        math.exp(settings["rate"])  # takes no tensor of several numbers
        return declared.simulate(settings, times, **more)

    lone = model_of(replace(declared, simulate=single), GIVEN, TIMES, 1e-9)
    whole = model_of(declared, GIVEN, TIMES, 1e-9)
    for got, wanted in zip(*(sensitivities(m, PARAMETERS, ("rate",), TIMES) for m in (lone, whole)), strict=True):
        assert torch.allclose(got, wanted)

    def broken(settings, times, **more):
        raise ValueError("no such cup")

    with pytest.raises(ValueError, match="no such cup"):
        model_of(replace(declared, simulate=broken), GIVEN, TIMES, 1e-9)(PARAMETERS, TIMES)


def test_a_run_that_diverges_is_no_number():
    declared = cup()
    broken = replace(
        declared, simulate=lambda s, t, **more: replace(declared.simulate(s, t, **more), status=Status.DIVERGED)
    )
    assert model_of(broken, GIVEN, TIMES, 1e-6)(PARAMETERS, TIMES).isnan().all()


def test_an_own_model_is_taken_with_the_complete_settings():
    seen = {}

    def model(settings, times, tolerance):
        seen.update(settings)
        return lambda parameters, at: parameters["rate"][:, None] * at

    own = replace(cup(), model=model)
    assert model_of(own, GIVEN | {"rate": 1e-3}, TIMES, 1e-6)(PARAMETERS, TIMES).shape == (2, 13)
    assert seen["room"] == 293.15
    assert fixed_of(own, GIVEN | {"rate": 1e-3}, ("rate",)) == {"heat_capacity": 800.0, "room": 293.15, "start": 358.0}
