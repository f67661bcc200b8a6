"""Taylor tests of everything that is differentiated: the remainder of a derivative is of second order.

    R(h) = |J(p + h d) - J(p) - h (dJ/dp . d)|  ~  h^2

Experiments and checkpoint schedules are discovered: one without a `model`, or with a wrong gradient, fails here.
"""

import inspect
import math
from functools import cache

import pytest
import torch

from physics.adjoint import schedule as schedules
from physics.adjoint.checkpoint import checkpointed
from physics.calibrate.sensitivity import sensitivities
from physics.experiment import Parameter, Role
from physics.experiments import all_experiments, get

F64 = torch.float64


def taylor_rate(functional, at: torch.Tensor, direction: torch.Tensor) -> float:
    """Return the observed order of the remainder between two small steps where it stands clear of rounding."""
    leaf = at.clone().requires_grad_()
    base = functional(leaf)
    (gradient,) = torch.autograd.grad(base, leaf)
    slope, value = float((gradient * direction).sum()), float(base.detach())
    floor = 1e5 * torch.finfo(F64).eps * max(abs(value), abs(slope))

    @cache
    def remainder(k: int) -> float:
        h = 2.0**-k
        return abs(float(functional(at + h * direction).detach()) - value - h * slope)

    k = next((k for k in range(12, 3, -1) if remainder(k) > floor), None)
    assert k is not None, "the remainder is rounding at every step; nothing was tested"
    while abs(math.log2(remainder(k - 1) / remainder(k)) - 2) > 0.05 and k < 18 and remainder(k + 1) > floor:
        k += 1  # a steep curve: its second order shows at smaller steps only
    return math.log2(remainder(k - 1) / remainder(k))


@cache
def settings_of(name: str):
    experiment = get(name)
    return experiment, experiment.read(experiment.example)


def unknowns(experiment) -> list[str]:
    """Return the unknown numbers that the example sets; the controls where it sets none."""
    numbers = [p for p in experiment.parameters if p.name in experiment.example and isinstance(p, Parameter)]
    for role in (Role.UNKNOWN, Role.CONTROL):
        found = [p.name for p in numbers if p.role is role]
        if found:
            return found
    return []


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_experiment_has_a_model_and_something_to_find_out(experiment) -> None:
    assert experiment.model is not None
    assert experiment.curve.kind == "curve"
    assert unknowns(experiment)


CASES = [(e.name, p) for e in all_experiments() for p in unknowns(e)]


@cache
def model_of(name: str):
    """Return the curves, their times and every number of the example, for two members."""
    experiment, settings = settings_of(name)
    times = experiment.default_times(settings, 9)
    numbers = {p.name for p in experiment.parameters}
    given = {
        key: torch.full((2,), float(value), dtype=F64)
        for key, value in settings.items()
        if key in numbers and isinstance(value, float | int)
    }
    return experiment.model(settings, times, tolerance=1e-4), times, given


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=lambda part: part)
def test_experiment(name, parameter) -> None:
    """Two members that differ in the parameter, so that a gradient that mixes them is caught."""
    curves, times, given = model_of(name)
    at = given[parameter] * torch.tensor([1.0, 1.03], dtype=F64)
    weights = torch.sin(torch.arange(2 * len(times), dtype=F64) + 1).reshape(2, -1)

    def functional(value: torch.Tensor) -> torch.Tensor:
        curve = curves({**given, parameter: value}, times)
        assert curve.shape == (2, len(times))
        return (weights * curve + 0.5 * curve**2).sum()  # not linear, so that there is a remainder

    direction = at * torch.tensor([1.0, -0.7], dtype=F64)
    if not bool((direction != 0).all()):
        prior = get(name).parameter(parameter).prior
        direction = torch.full((2,), prior[0] if prior else 1.0, dtype=F64)
    assert taylor_rate(functional, at, direction) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", [e.name for e in all_experiments()])
def test_both_modes_agree(name) -> None:
    """The columns of a fit (forward mode) against the gradient (reverse mode)."""
    curves, times, given = model_of(name)
    names = unknowns(get(name))
    curve, columns = sensitivities(curves, given, names, times)
    weights = torch.cos(torch.arange(curve.numel(), dtype=F64)).reshape(curve.shape)
    leaves = {key: given[key].clone().requires_grad_() for key in names}
    slopes = torch.autograd.grad((weights * curves({**given, **leaves}, times)).sum(), list(leaves.values()))
    for k, slope in enumerate(slopes):
        expected = (weights * columns[:, :, k]).sum(dim=1)
        scale = float((weights * columns[:, :, k]).abs().sum())
        assert float((slope - expected).abs().max()) <= 1e-9 * scale


def conducting(state, parameters, index):
    """One step of heat whose conductivity rises with temperature, in flux form, fed on the left."""
    (u,), (conductivity, feed) = state, parameters
    flux = -conductivity * (1 + 0.5 * (u[1:] + u[:-1])) * (u[1:] - u[:-1])
    left = (feed * math.cos(0.2 * index)).reshape(1)
    return (u + 0.2 * (torch.cat([left, flux]) - torch.cat([flux, torch.zeros_like(left)])),)


FACTORIES = {
    name: make
    for name, make in vars(schedules).items()
    if inspect.isfunction(make) and inspect.signature(make).return_annotation in ("Schedule", schedules.Schedule)
}
GIVEN = {"steps": 40, "snapshots": 4, "state_bytes": 256, "memory_bytes": 2048}


@pytest.mark.parametrize("which", ["conductivity", "feed", "start"])
@pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)
def test_schedule(make, which) -> None:
    arguments = {n: GIVEN[n] for n, p in inspect.signature(make).parameters.items() if p.default is p.empty}
    schedule = make(**arguments)
    parts = {
        "conductivity": torch.tensor(0.8, dtype=F64),
        "feed": torch.tensor(0.3, dtype=F64),
        "start": torch.linspace(0, 1, 32, dtype=F64) ** 2,
    }

    def functional(value: torch.Tensor) -> torch.Tensor:
        now = {**parts, which: value}
        (end,), curve = checkpointed(
            conducting, (now["start"],), (now["conductivity"], now["feed"]), schedule.steps,
            schedule=schedule, observe=lambda state, index: state[0][5] ** 2,
        )  # fmt: skip
        return (end**3).sum() + (torch.cos(torch.arange(len(curve), dtype=F64)) * curve).sum()

    assert taylor_rate(functional, parts[which], parts[which]) == pytest.approx(2, abs=0.05)


def test_there_are_schedules() -> None:
    assert {"store_all", "binomial", "repeated", "budgeted", "logarithmic"} <= set(FACTORIES)


@pytest.mark.parametrize("wrong", [1e-3, 1e-4])
def test_a_slightly_wrong_gradient_is_caught(wrong) -> None:
    """The derivative of sin is off by `wrong` of itself."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, bar):
            return bar * torch.cos(ctx.saved_tensors[0]) * (1 + wrong)

    at = torch.tensor([0.7], dtype=F64)
    assert taylor_rate(lambda x: torch.sin(x).sum(), at, at) == pytest.approx(2, abs=0.05)
    assert abs(taylor_rate(lambda x: Sine.apply(x).sum(), at, at) - 2) > 0.05
