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
from physics.device import one_thread
from physics.experiment import Parameter, Role
from physics.experiments import all_experiments, get

F64 = torch.float64


@pytest.fixture(autouse=True)
def _alone():
    """Many small operations: a team of threads would only wait for itself."""
    with one_thread():
        yield


def taylor_rate(functional, at: torch.Tensor, direction: torch.Tensor) -> float:
    """Return the observed order of the remainder of a functional whose gradient torch finds."""
    leaf = at.clone().requires_grad_()
    base = functional(leaf)
    (gradient,) = torch.autograd.grad(base, leaf)
    return remainder_rate(functional, at, direction, float(base.detach()), float((gradient * direction).sum()))


def remainder_rate(functional, at: torch.Tensor, direction: torch.Tensor, value: float, slope: float) -> float:
    """Return the observed order of the remainder between two small steps where it stands clear of rounding."""
    floor = 1e5 * torch.finfo(F64).eps * max(abs(value), abs(slope))

    @cache
    def remainder(k: int) -> float:
        h = 2.0**-k
        with torch.no_grad():
            return abs(float(functional(at + h * direction)) - value - h * slope)

    k = next((k for k in range(12, 3, -1) if remainder(k) > floor), None)
    assert k is not None, "the remainder is rounding at every step; nothing was tested"
    while abs(math.log2(remainder(k - 1) / remainder(k)) - 2) > 0.05 and k < 18 and remainder(k + 1) > floor:
        k += 1  # a steep curve: its second order shows at smaller steps only
    return math.log2(remainder(k - 1) / remainder(k))


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


class Run:
    """An experiment's curves for two members that differ, a functional of them, and its gradient, found once."""

    def __init__(self, name: str) -> None:
        experiment = get(name)
        settings = experiment.read(experiment.example)
        self.names = unknowns(experiment)
        numbers = {p.name for p in experiment.parameters}
        spread = torch.tensor([1.0, 1.03], dtype=F64)
        self.at = {
            key: float(value) * (spread if key in self.names else torch.ones(2, dtype=F64))
            for key, value in settings.items()
            if key in numbers and isinstance(value, float | int)
        }
        times = experiment.default_times(settings, 25)
        with torch.no_grad():
            whole = experiment.model(settings, times, tolerance=1e-2)(self.at, times)
        moved = (whole - whole[:, :1]).abs().amax(dim=0)
        enough = int((moved >= 0.2 * moved.max()).long().argmax())  # the rest of the run would only cost time
        self.times = torch.linspace(float(times[0]), float(times[enough]), 9, dtype=F64)
        self.model = experiment.model(settings, self.times, tolerance=1e-2)
        self.weights = torch.sin(torch.arange(18, dtype=F64) + 1).reshape(2, 9)
        leaves = {key: self.at[key].clone().requires_grad_() for key in self.names}
        base, self.curve = self.functional(leaves)
        slopes = torch.autograd.grad(base, list(leaves.values()))
        self.value, self.slopes = float(base.detach()), dict(zip(self.names, slopes, strict=True))

    def functional(self, some: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a number that is not linear in the curves, so that there is a remainder, and the curves."""
        curve = self.model({**self.at, **some}, self.times)
        assert curve.shape == (2, 9)
        return (self.weights * curve + 0.5 * curve**2).sum(), curve.detach()


run_of = cache(Run)


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=lambda part: part)
def test_experiment(name, parameter) -> None:
    """The members move in different directions, so that a gradient that mixes them is caught."""
    run = run_of(name)
    at = run.at[parameter]
    direction = at * torch.tensor([1.0, -0.7], dtype=F64)
    if not bool((direction != 0).all()):
        prior = get(name).parameter(parameter).prior
        direction = torch.full((2,), prior[0] if prior else 1.0, dtype=F64)
    slope = float((run.slopes[parameter] * direction).sum())
    rate = remainder_rate(lambda value: run.functional({parameter: value})[0], at, direction, run.value, slope)
    assert rate == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", [e.name for e in all_experiments()])
def test_both_modes_agree(name) -> None:
    """The columns of a fit (forward mode) against the gradient (reverse mode)."""
    run = run_of(name)
    _, columns = sensitivities(run.model, run.at, run.names, run.times)
    bars = (run.weights + run.curve)[:, :, None] * columns
    for k, parameter in enumerate(run.names):
        apart = (run.slopes[parameter] - bars[:, :, k].sum(dim=1)).abs()
        assert float(apart.max()) <= 1e-9 * float(bars[:, :, k].abs().sum())


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
