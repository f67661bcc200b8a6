"""Taylor tests of the flash: every parameter, every output, both modes."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.autograd import forward_ad

from physics.experiments.flash import EXPERIMENT, model, simulate
from physics.series import Series

VALUES = {
    "thickness": 1.2e-3,
    "diffusivity": 4e-6,
    "biot": 0.3,
    "biot_rear": 0.1,
    "pulse_width": 0.02,
    "amplitude": 0.7,
    "density": 7900.0,
    "heat_capacity": 500.0,
    "pulse_energy": 2.0,
    "spot_diameter": 0.012,
    "absorptivity": 0.8,
}
TIMES = torch.linspace(0.005, 0.6, 23, dtype=torch.float64)
STEPS = [2.0**-k for k in (9, 10, 11)]
RECORD = Series((0.0, 0.004, 0.02), (0.0, 3.0, 0.0))


def _parameters() -> dict[str, torch.Tensor]:
    """Two discs, so that the batch is exercised."""
    return {name: value * torch.tensor([1.0, 1.07], dtype=torch.float64) for name, value in VALUES.items()}


def _taylor(function: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor) -> None:
    """Remainders of second order in both modes, and one slope from both."""
    direction = start.clone()
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(function(forward_ad.make_dual(start, direction)))
    weights = torch.sin(1.0 + torch.arange(primal.numel(), dtype=torch.float64)).reshape(primal.shape)
    leaf = start.clone().requires_grad_()
    (function(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    slope = float((leaf.grad * direction).sum())
    assert slope == pytest.approx(float((weights * tangent).sum()), rel=1e-8)
    moved = [function(start + h * direction) - primal for h in STEPS]
    remainders = [float((m - h * tangent).abs().max()) for m, h in zip(moved, STEPS, strict=True)]
    assert float(tangent.abs().max()) > 0
    if remainders[0] < 1e-12 * float(primal.abs().max()):
        return  # linear in this parameter
    assert math.log2(remainders[-2] / remainders[-1]) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("kind", ["square", "triangular"])
@pytest.mark.parametrize("name", list(VALUES))
def test_curve(name: str, kind: str) -> None:
    given = _parameters()
    curves = model({**{k: v[0] for k, v in given.items()}, "pulse": kind}, TIMES)
    _taylor(lambda value: curves({**given, name: value}, TIMES), given[name])


@pytest.mark.parametrize("pulse", ["instant", RECORD], ids=["instant", "measured"])
@pytest.mark.parametrize("name", ["thickness", "diffusivity", "biot"])
def test_curve_of_other_pulses(name: str, pulse: str | Series) -> None:
    given = {k: v for k, v in _parameters().items() if k not in ("pulse_width", "biot_rear")}
    curves = model({**{k: v[0] for k, v in given.items()}, "pulse": pulse}, TIMES)
    _taylor(lambda value: curves({**given, name: value}, TIMES), given[name])


OTHERS = ("half_time", "maximum", "energy_lost_front", "energy_lost_rear", "front_temperature")


@pytest.mark.parametrize("name", ["thickness", "diffusivity", "biot", "biot_rear", "pulse_width"])
def test_other_outputs(name: str) -> None:
    """The half-rise time and the maximum by the implicit function theorem, the rest along; each judged alone."""
    given = {k: v for k, v in _parameters().items() if k in ("thickness", "diffusivity", "biot", "biot_rear")}
    given["pulse_width"] = torch.tensor([0.02, 0.03], dtype=torch.float64)

    def values(x: torch.Tensor) -> list[torch.Tensor]:
        outputs = simulate({**given, name: x, "pulse": "square"}, TIMES[2:]).outputs
        return [outputs[output].values for output in OTHERS]

    start = given[name]
    with forward_ad.dual_level():
        dual = [forward_ad.unpack_dual(value) for value in values(forward_ad.make_dual(start, start))]
    leaf = start.clone().requires_grad_()
    live = values(leaf)
    moved = [values(start * (1 + h)) for h in STEPS]
    for k, output in enumerate(OTHERS):
        primal, tangent = dual[k]
        slope = torch.autograd.grad(live[k].sum(), leaf, retain_graph=True)[0]
        assert float((slope * start).sum()) == pytest.approx(float(tangent.sum()), rel=1e-8), output
        remainders = [float((m[k] - primal - h * tangent).abs().max()) for m, h in zip(moved, STEPS, strict=True)]
        assert math.log2(remainders[-2] / remainders[-1]) == pytest.approx(2, abs=0.05), output


def test_functional_forward_mode() -> None:
    given = _parameters()
    curves = model({**{k: v[0] for k, v in given.items()}, "pulse": "square"}, TIMES)
    start = given["diffusivity"]
    _, tangent = torch.func.jvp(lambda x: curves({**given, "diffusivity": x}, TIMES), (start,), (start,))
    h = 1e-5
    near = [curves({**given, "diffusivity": start * (1 + s)}, TIMES) for s in (-h, h)]
    torch.testing.assert_close(tangent, (near[1] - near[0]) / (2 * h), rtol=1e-5, atol=1e-7)


def test_parameters_left_out_are_those_of_the_settings() -> None:
    settings = EXPERIMENT.read(EXPERIMENT.example)
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    curves = model(settings, times)
    all_of_them = {k: torch.tensor([v], dtype=torch.float64) for k, v in settings.items() if isinstance(v, float)}
    torch.testing.assert_close(
        curves({"diffusivity": torch.tensor([settings["diffusivity"]], dtype=torch.float64)}, times),
        curves(all_of_them, times),
    )
    expected = simulate(settings, times).outputs["rear_temperature"].values
    torch.testing.assert_close(curves({}, times), expected, rtol=0, atol=1e-9)
