"""Both ways to a Jacobian give the same one, for every experiment that declares a model, and the cheaper is taken."""

import pytest
import torch

from physics.calibrate.sensitivity import sensitivities
from physics.device import one_thread
from physics.experiment import Role
from physics.experiments import all_experiments
from physics.experiments.column import Resolution, Scheme, concentration

F64 = torch.float64
SHORT = {"convection": 2e-3, "gray_scott": 2e-3}  # share of the run that says enough


def _agree(model, parameters, names, times):
    found = [sensitivities(model, parameters, names, times, mode) for mode in ("forward", "adjoint", "cheapest")]
    curve, slope = found[0]
    scale = slope.abs().amax((0, 1))
    assert bool((scale > 0).all())
    for other_curve, other in found[1:]:
        torch.testing.assert_close(other_curve, curve, rtol=0, atol=1e-10 * float(curve.abs().max()))
        assert float(((other - slope).abs() / scale).max()) < 1e-10


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda item: item.name)
def test_forward_and_adjoint_agree(experiment):
    settings = experiment.read(experiment.example)
    end = float(experiment.default_times(settings, 5)[-1]) * SHORT.get(experiment.name, 1.0)
    times = torch.linspace(0.3 * end, end, 3, dtype=F64)
    numbers = {item.name: settings.get(item.name) for item in experiment.parameters}
    parameters = {
        name: value * torch.tensor([1.0, 1.02], dtype=F64)
        for name, value in numbers.items()
        if isinstance(value, float)
    }
    given = [item for item in experiment.parameters if item.name in experiment.example and item.name in parameters]
    names = [item.name for item in given if item.role is Role.UNKNOWN] or [
        item.name for item in given if item.role is Role.CONTROL
    ]
    with one_thread():
        _agree(experiment.model(settings, times, 1e-2), parameters, names[:2], times)


def test_they_agree_for_a_marched_column():
    values = {"length": 0.3, "velocity": 2.5e-5, "dispersion": 6e-7}
    parameters = {name: value * torch.tensor([1.0, 1.1], dtype=F64) for name, value in values.items()}
    times = torch.linspace(4e3, 2e4, 4, dtype=F64)
    _agree(lambda p, t: concentration(p, t, Scheme(), Resolution(48, 64)), parameters, list(values), times)


@pytest.mark.parametrize(("points", "passes"), [(2, 1), (3, 3), (30, 3)])
def test_the_way_with_fewer_passes_is_taken(points, passes):
    """Three parameters: the forward way tiles the batch three times, the adjoint way leaves it alone."""
    seen = []

    def model(parameters, times):
        seen.append(len(parameters["a"]))
        return parameters["a"][:, None] * times + parameters["b"][:, None] * times**2 + parameters["c"][:, None]

    given = {name: torch.tensor([2.0], dtype=F64) for name in "abc"}
    times = torch.linspace(1, 2, points, dtype=F64)
    _, slope = sensitivities(model, given, list("abc"), times)
    assert seen == [passes]
    torch.testing.assert_close(slope[0], torch.stack([times, times**2, torch.ones_like(times)], -1))


def test_a_model_that_knows_its_derivatives_is_asked_for_them():
    class Known:
        def __call__(self, parameters, times):
            raise AssertionError("the derivatives come with the curve")

        def linearise(self, parameters, names, times):
            return parameters["a"][:, None] * times, times.expand(1, -1)[..., None]

    times = torch.linspace(1, 2, 5, dtype=F64)
    curve, slope = sensitivities(Known(), {"a": torch.tensor([2.0], dtype=F64)}, ["a"], times)
    assert torch.equal(curve[0], 2 * times)
    assert torch.equal(slope[0, :, 0], times)


def test_a_curve_that_a_parameter_does_not_touch_has_no_slope():
    given = {"a": torch.ones(2, dtype=F64), "b": torch.ones(2, dtype=F64)}
    for mode in ("forward", "adjoint"):
        _, slope = sensitivities(lambda p, t: p["a"][:, None] * t, given, ["a", "b"], torch.ones(3, dtype=F64), mode)
        assert torch.equal(slope[..., 1], torch.zeros(2, 3, dtype=F64))
