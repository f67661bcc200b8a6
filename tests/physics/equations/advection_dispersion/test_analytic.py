"""The compiled closed form against `exact`, and its derivatives and those of every feed against the march."""

import itertools

import pytest
import torch

from physics.calibrate.sensitivity import sensitivities
from physics.device import one_thread
from physics.equations.advection_dispersion.analytic import Curves, has_closed_form
from physics.equations.advection_dispersion.exact import step_response
from physics.equations.advection_dispersion.scaling import Resolution, Scheme, concentration
from physics.errors import ParameterError
from physics.experiments.column import EXPERIMENT
from physics.series import Series

F64 = torch.float64
VALUES = {
    "length": 0.3, "velocity": 2.5e-5, "dispersion": 6e-7, "retardation": 1.4, "decay": 1e-5, "position": 0.21,
    "pulse_duration": 4e3,
}  # fmt: skip
TIMES = torch.linspace(0, 4e4, 17, dtype=F64)
KINDS = list(itertools.product(("third-type", "first-type"), ("closed", "semi-infinite"), ("resident", "flux")))


@pytest.fixture(autouse=True)
def _alone():
    with one_thread():
        yield


def _marched(parameters, times):
    raise AssertionError("this column has a closed form")


def columns(*, inside: bool = True) -> dict[str, torch.Tensor]:
    spread = torch.tensor([1.0, 1.1], dtype=F64)
    return {name: value * spread for name, value in VALUES.items() if inside or name != "position"}


@pytest.mark.parametrize(("inlet", "outlet", "reading"), KINDS)
def test_a_step_is_the_exact_one(inlet, outlet, reading):
    """Peclet numbers from 0.1 to 1000, weak and strong decay, early and late; and its gradient."""
    make = torch.Generator().manual_seed(3)
    draw = [torch.rand(150, generator=make, dtype=F64) for _ in range(5)]
    peclet, rate = 10 ** (4 * draw[0] - 1), torch.where(draw[1] < 0.3, 0.0, 10 ** (4 * draw[2] - 3))
    place = 0.02 + 0.98 * draw[3] if outlet == "closed" else torch.ones_like(peclet)
    given = {"length": torch.ones_like(peclet), "velocity": torch.ones_like(peclet), "position": place}
    given |= {"dispersion": 1 / peclet, "decay": rate}
    leaves = {name: value.clone().requires_grad_() for name, value in given.items()}
    whole = leaves["length"] if outlet == "closed" else leaves["position"]
    for time in (0.02, 0.9, 1.3, 20.0):
        expected = step_response(
            leaves["velocity"] * whole / leaves["dispersion"], time * leaves["velocity"] / whole,
            place=leaves["position"] / whole, damkohler=leaves["decay"] * whole / leaves["velocity"],
            first_type=inlet == "first-type", closed=outlet == "closed", flux=reading == "flux",
        )  # fmt: skip
        slopes = torch.autograd.grad(expected.sum(), list(leaves.values()), allow_unused=True)
        at = torch.tensor([time], dtype=F64)
        curve, columns = Curves(Scheme(inlet, outlet, reading), _marched).linearise(given, list(given), at)
        torch.testing.assert_close(curve[:, 0], expected.detach(), rtol=0, atol=3e-13)
        for j, (name, slope) in enumerate(zip(given, slopes, strict=True)):
            wanted = torch.zeros_like(peclet) if slope is None else slope
            size = given[name].clamp_min(1e-3)
            torch.testing.assert_close(columns[:, 0, j] * size, wanted * size, rtol=1e-9, atol=2e-11)


@pytest.mark.parametrize("fed", ["step", "pulse", "leach"])
@pytest.mark.parametrize(("inlet", "outlet", "reading"), KINDS)
@pytest.mark.parametrize("inside", [True, False])
def test_curves_and_derivatives_are_those_of_the_march(inlet, outlet, reading, fed, inside):
    scheme, given = Scheme(inlet, outlet, reading, fed), columns(inside=inside)
    at = Resolution(160, 192, 0 if outlet == "closed" else 160)
    names = list(given)
    marched = sensitivities(lambda p, t: concentration(p, t, scheme, at), given, names, TIMES)
    model = Curves(scheme, _marched)
    scale = marched[1].abs().amax((0, 1)).clamp_min(1e-300)
    for mode in ("cheapest", "forward", "adjoint"):
        curve, slope = sensitivities(model, given, names, TIMES, mode)
        assert float((curve - marched[0]).abs().max()) < 1e-6
        assert float(((slope - marched[1]).abs() / scale).max()) < 1e-4
        if mode == "cheapest":
            first = curve, slope
        torch.testing.assert_close(slope, first[1], rtol=1e-12, atol=0)
        torch.testing.assert_close(curve, first[0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("fed", ["step", "pulse", "leach"])
def test_the_derivative_by_the_time(fed):
    given, h = columns(), 1.0
    model, times = Curves(Scheme(input=fed), _marched), TIMES[3:].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(given, times).sum(), times)
    ends = [model(given, TIMES[3:] + sign * h).sum(0) for sign in (1, -1)]
    torch.testing.assert_close(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-11)


def test_members_on_several_threads_are_those_alone():
    given = {name: value.repeat(200) for name, value in columns().items()}
    model = Curves(Scheme(), _marched)
    many, few = model(given, TIMES), model(columns(), TIMES)
    assert torch.equal(many, few.repeat(200, 1))


def test_which_columns_have_a_closed_form():
    assert has_closed_form(Scheme(), ("length", "velocity"))
    assert not has_closed_form(Scheme(isotherm="freundlich"), ())
    assert not has_closed_form(Scheme(input=Series((0.0, 1.0), (0.0, 1.0))), ())
    assert not has_closed_form(Scheme(), ("mobile_fraction", "exchange"))


def test_a_region_that_only_the_call_brings_is_marched():
    settings = EXPERIMENT.read({"length": "30 cm", "velocity": "10 cm/h", "dispersion": "1 cm**2/h"})
    given = {name: torch.tensor([settings[name]], dtype=F64) for name in ("length", "velocity", "dispersion")}
    model = EXPERIMENT.model(settings, TIMES, 1e-4)
    plain = model(given, TIMES)
    one = {"mobile_fraction": torch.ones(1, dtype=F64), "exchange": torch.zeros(1, dtype=F64)}
    torch.testing.assert_close(model({**given, **one}, TIMES), plain, rtol=0, atol=1e-4)


def test_what_is_missing_is_named():
    given = columns()
    del given["pulse_duration"]
    with pytest.raises(ParameterError, match="pulse_duration is missing"):
        Curves(Scheme(input="pulse"), _marched)(given, TIMES)
    with pytest.raises(ParameterError, match="differ in size"):
        Curves(Scheme(), _marched)(given | {"velocity": torch.ones(3, dtype=F64)}, TIMES)
