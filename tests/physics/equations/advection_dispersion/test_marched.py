"""The compiled march against the marches on torch's tape: values, derivatives in every number, both modes."""

import itertools

import pytest
import torch
from torch.autograd import forward_ad

from physics.calibrate.fit import fit
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.sensitivity import sensitivities
from physics.calibrate.solve import solve
from physics.device import one_thread
from physics.equations.advection_dispersion.marched import Marched, marched
from physics.equations.advection_dispersion.scaling import Resolution, Scheme, concentration
from physics.errors import ParameterError
from physics.series import Series

F64 = torch.float64
VALUES = {
    "length": 0.3, "velocity": 2.5e-5, "dispersion": 6e-7, "retardation": 1.4, "decay": 1e-5, "position": 0.21,
    "pulse_duration": 4e3, "mobile_fraction": 0.7, "exchange": 0.8,
}  # fmt: skip
TIMES = torch.linspace(0, 4e4, 17, dtype=F64)
FED = Series((0.0, 2e3, 5e3, 1.2e4), (0.2, 1.0, 0.5, 0.8))
ENDS = list(itertools.product(("third-type", "first-type"), ("closed", "semi-infinite")))


@pytest.fixture(autouse=True)
def _alone():
    with one_thread():
        yield


def given(without=(), spread=(1.02,)):
    return {name: value * torch.tensor(spread, dtype=F64) for name, value in VALUES.items() if name not in without}


def grid(outlet):
    return Resolution(48, 64, 0 if outlet == "closed" else 48)


@pytest.mark.parametrize(("inlet", "outlet"), ENDS)
@pytest.mark.parametrize("fed", ["step", "pulse", "leach", FED], ids=["step", "pulse", "leach", "series"])
def test_it_is_the_march_with_its_derivatives(inlet, outlet, fed):
    """One column, with and without water at rest, read at the end or inside, as resident or flux concentration."""
    for regions, placed in itertools.product((False, True), (False, True)):
        reading = ("resident", "flux")[(regions + placed + (inlet == "first-type")) % 2]
        without = set() if regions else {"mobile_fraction", "exchange"}
        without |= (set() if placed else {"position"}) | (set() if fed == "pulse" else {"pulse_duration"})
        parameters, scheme = given(without), Scheme(inlet, outlet, reading, fed)
        names = list(parameters)

        def on_the_tape(some, at, scheme=scheme):
            return concentration(some, at, scheme, grid(outlet))

        curve, slopes = sensitivities(on_the_tape, parameters, names, TIMES)
        found = Marched(scheme, grid(outlet)).linearise(parameters, names, TIMES)
        scale = torch.cat([parameters[name] for name in names])
        assert float((found[0] - curve).abs().max()) < 1e-11
        assert float(((found[1] - slopes) * scale).abs().max()) < 1e-10


def test_members_do_not_know_of_each_other():
    parameters, model = given({"position", "pulse_duration"}, (1.0, 1.1, 0.9)), Marched(Scheme(), grid("closed"))
    names = ["velocity", "exchange"]
    curves, slopes = model.linearise(parameters, names, TIMES)
    for b in range(3):
        own = {name: value[b : b + 1] for name, value in parameters.items()}
        curve, slope = model.linearise(own, names, TIMES)
        assert torch.equal(curves[b : b + 1], curve)
        assert torch.equal(slopes[b : b + 1], slope)
    once = {name: value[0] if name == "length" else value for name, value in parameters.items()}
    assert model(once, TIMES).shape == (3, 17)


def test_the_tape_holds_what_linearise_gives():
    """In both modes, by the times too; and by one number for the whole batch."""
    parameters = given({"position"}, (1.0, 1.1))
    parameters["length"] = parameters["length"][0]
    scheme, names = Scheme(input="pulse"), ["length", "dispersion", "pulse_duration", "mobile_fraction"]
    model = Marched(scheme, grid("closed"))
    weight = torch.linspace(0.3, 1.0, 34, dtype=F64).reshape(2, 17)

    def total(curves, *leaves):
        some = parameters | dict(zip(names, leaves[:-1], strict=True))
        return (weight * curves(some, leaves[-1])).sum()

    leaves = [*(parameters[name].clone().requires_grad_() for name in names), TIMES.clone().requires_grad_()]
    found = torch.autograd.grad(total(model, *leaves), leaves)
    expected = torch.autograd.grad(total(lambda p, t: concentration(p, t, scheme, grid("closed")), *leaves), leaves)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        assert torch.allclose(mine, theirs, rtol=1e-6)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(leaf.detach(), leaf.detach()) for leaf in leaves]
        tangent = forward_ad.unpack_dual(total(model, *duals)).tangent
    assert float(tangent) == pytest.approx(
        sum(float((g * x.detach()).sum()) for g, x in zip(found, leaves, strict=True))
    )


def test_what_it_refuses():
    with pytest.raises(ParameterError, match="exchange is missing"):
        Marched(Scheme(), grid("closed"))(given({"exchange", "position", "pulse_duration"}), TIMES)
    with pytest.raises(ParameterError, match="differ in size"):
        Marched(Scheme(), grid("closed"))(given(spread=(1.0, 1.1)) | {"decay": torch.zeros(3, dtype=F64)}, TIMES)
    with pytest.raises(ParameterError, match="multiple of 8"):
        Marched(Scheme(), Resolution(48, 60))


def test_a_fit_begins_on_coarse_curves_and_ends_where_the_fine_ones_do():
    """The coarse minimum differs by more than the fit is asked for."""
    truth = given({"position", "pulse_duration", "decay"})
    scheme = Scheme()
    model = marched(truth, TIMES[1:], scheme, 1e-8)
    assert model.coarse is not None
    assert model.coarse.resolution.cells < model.resolution.cells / 2
    noise = torch.randn(16, generator=torch.Generator().manual_seed(2), dtype=F64)
    values = model(truth, TIMES[1:])[0] + 0.005 * noise
    free = {"velocity": 2.2e-5, "dispersion": 8e-7, "exchange": 0.5}
    fixed = {name: float(value) for name, value in truth.items() if name not in free}
    found = fit(model, TIMES[1:], values, free, fixed=fixed)
    plain = fit(Marched(scheme, model.resolution), TIMES[1:], values, free, fixed=fixed)
    coarse = fit(model.coarse, TIMES[1:], values, free, fixed=fixed)
    assert found.status.ok
    assert float((found.u - plain.u).abs().max()) < 1e-7
    assert float((coarse.u - plain.u).abs().max()) > 1e-6
    assert found.iterations < plain.iterations
    assert found.parameters["exchange"].std == pytest.approx(plain.parameters["exchange"].std, rel=1e-6)


def test_a_problem_of_two_curves_ends_where_the_fine_ones_do():
    """One of them has coarse curves and the other none."""
    truth = given({"position", "pulse_duration", "decay"})
    model = marched(truth, TIMES[1:], Scheme(), 1e-8)
    plain = Marched(Scheme(), model.resolution)
    noise = 0.005 * torch.randn(2, 16, generator=torch.Generator().manual_seed(3), dtype=F64)
    free = (Free("velocity", 2.2e-5), Free("dispersion", 8e-7))
    fixed = {name: float(value) for name, value in truth.items() if name not in ("velocity", "dispersion")}

    def solved(models):
        sets = tuple(
            DataSet(name, TIMES[1:], plain(truth, TIMES[1:])[0] + row, each, fixed)
            for name, each, row in zip("ab", models, noise, strict=True)
        )
        return solve(Problem(sets, free))

    found, expected = solved((model, plain)), solved((plain, plain))
    assert found.forward.coarse is not None
    assert expected.forward.coarse is None
    deviation = expected.fit.u_covariance.diagonal().sqrt()
    assert bool(((found.u - expected.u).abs() < 1e-5 * deviation).all())
    assert found.warnings == expected.warnings
