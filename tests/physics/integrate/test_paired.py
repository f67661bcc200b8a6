"""What the equations that `paired` marches have in common, tested on each of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import binomial, store_all
from physics.equations.burgers import Burgers
from physics.equations.burgers_exact import sine
from physics.equations.dendrite import TYPICAL, Dendrite
from physics.equations.klein_gordon import KleinGordon
from physics.equations.klein_gordon_exact import phi4_kink, sine_gordon_kink
from physics.equations.shear_flow import ShearFlow
from physics.equations.shear_flow_start import layers
from physics.errors import ParameterError
from physics.integrate.paired import run
from physics.integrate.symplectic import BLANES_MOAN, STORMER_VERLET, YOSHIDA, Splitting
from physics.linalg.spectral import Grid
from physics.solution import Status

State = tuple[Tensor, ...]


@dataclass
class Case:
    equation: Any
    start: Callable[[Any], State]
    parameters: dict[str, float]
    dt: float
    too_long: float  # a step under which it diverges


def _two(*parts: Tensor) -> list[Tensor]:
    """Two members that differ."""
    return [torch.stack([part, 0.9 * part]) for part in parts]


def _wave(potential: str, sign: int, jump: float, splitting: Splitting) -> Case:
    shape = sine_gordon_kink if potential == "sine-gordon" else phi4_kink
    equation = KleinGordon(potential, 64, -8.0, 16.0, sign, jump, splitting)
    start = lambda e: e.start(*_two(*shape(e.coordinates["x"], 0.0, 0.3)))  # noqa: E731
    return Case(equation, start, {"speed": 1.0, "mass": 1.1}, 0.05, 4.0)


def _sine(equation: Burgers) -> State:
    x = equation.coordinates["x"]
    return equation.start(torch.stack([0.1 - torch.sin(math.pi * x), torch.sin(math.pi * x)]))


def _flow(tracer: bool) -> Case:
    def start(equation: ShearFlow) -> State:
        u, v, s = (torch.cat(_two(part)) for part in layers(equation.grid))
        return equation.start(u[:, 0], v[:, 0], s[:, 0])

    equation = ShearFlow(Grid(16, 32, 1.0, 2.0), drift=(0.2, -0.1), tracer=tracer)
    given = {"viscosity": 2e-3, "diffusivity": 4e-3} if tracer else {"viscosity": 2e-3}
    return Case(equation, start, given, 0.02, 5.0)


def _crystal(folds: int, cooling: float) -> Case:
    equation = Dendrite((14, 12), 0.03, folds=folds, orientation=0.2, cooling=cooling)
    given = dict(TYPICAL, width=0.02, relaxation=1.2e-3, anisotropy=0.02)
    return Case(equation, lambda e: e.start(0.12, 0.02, batch=2), given, 1e-4, 1.0)


CASES = {
    "burgers held": Case(Burgers(48, crowding=0.6), _sine, {"viscosity": 0.02}, 0.02, math.nan),
    "burgers periodic": Case(Burgers(48, periodic=True, crowding=0.6), _sine, {"viscosity": 0.02}, 0.02, math.nan),
    "sine-Gordon": _wave("sine-gordon", 1, 2.0 * math.pi, BLANES_MOAN),
    "sine-Gordon, Yoshida": _wave("sine-gordon", 1, 2.0 * math.pi, YOSHIDA),
    "phi4": _wave("phi4", -1, 0.0, STORMER_VERLET),
    "flow": _flow(False),
    "flow with a tracer": _flow(True),
    "fourfold crystal": _crystal(4, 0.0),
    "sixfold crystal between cold walls": _crystal(6, 0.7),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def _given(case: Case, batch: int = 2) -> State:
    spread = torch.linspace(1.0, 1.1, batch, dtype=torch.float64)
    return tuple(value * spread for value in case.parameters.values())


def _march(case: Case, given: State, steps: int = 4) -> State:
    step, state = case.equation.stepper(case.dt), case.start(case.equation)
    for index in range(steps):
        state = step(state, given, index)
    return state


def _real(state: State) -> list[Tensor]:
    return [torch.view_as_real(part) if part.is_complex() else part for part in state]


@every
def test_the_compiled_march_is_the_differentiable_step(case: Case) -> None:
    given = _given(case)
    start = case.start(case.equation)
    kept = [part.clone() for part in start]
    compiled = case.equation.advance(start, given, case.dt, 4)
    for a, b in zip(_real(_march(case, given)), _real(compiled), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(kept, start, strict=True)), "the start was written over"


@every
def test_members_of_a_batch_do_not_touch(case: Case) -> None:
    given, start = _given(case), case.start(case.equation)
    both = case.equation.advance(start, given, case.dt, 6)
    alone = case.equation.advance(tuple(s[1:] for s in start), tuple(g[1:] for g in given), case.dt, 6)
    for a, b in zip(both, alone, strict=True):
        torch.testing.assert_close(a[1:], b, rtol=1e-13, atol=1e-14)


@every
def test_discrete_balances_close(case: Case) -> None:
    given, start = _given(case), case.start(case.equation)
    end = case.equation.advance(start, given, case.dt, 50)
    for balance in case.equation.balances(start, end, given):
        assert bool(balance.ok.all()), (balance.name, balance.residual / balance.scale)


def _loss(case: Case, given: State, readers: list[Tensor]) -> Tensor:
    return sum((part * reader).sum() for part, reader in zip(_real(_march(case, given)), readers, strict=True))


@every
def test_taylor_remainders_are_of_second_order(case: Case) -> None:
    make = torch.Generator().manual_seed(0)
    given = tuple(value.clone().requires_grad_() for value in _given(case))
    shapes = [part.shape for part in _real(case.start(case.equation))]
    readers = [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]
    value = _loss(case, given, readers)
    slopes = torch.autograd.grad(value, given)
    for k, slope in enumerate(slopes):
        way = given[k].detach() * torch.tensor([1.0, -0.5])
        remainders = []
        for share in (0.04, 0.02, 0.01):
            moved = tuple(g.detach() + share * way if i == k else g.detach() for i, g in enumerate(given))
            first = share * float((slope * way).sum())
            remainders.append(abs(float(_loss(case, moved, readers) - value.detach()) - first))
        name = list(case.parameters)[k]
        fine = math.log2(remainders[1] / remainders[2])
        coarse = math.log2(remainders[0] / remainders[1])
        assert 2.0 * fine - coarse == pytest.approx(2.0, abs=0.05), (name, remainders)


@every
def test_forward_mode_agrees_with_reverse_mode(case: Case) -> None:
    given = tuple(value.clone().requires_grad_() for value in _given(case))
    readers = [torch.ones_like(part) for part in _real(case.start(case.equation))]
    slopes = torch.autograd.grad(_loss(case, given, readers), given)
    ways = [torch.linspace(0.3, 1.0, 2, dtype=torch.float64) * (k + 1) for k in range(len(given))]
    with forward_ad.dual_level():
        dual = tuple(forward_ad.make_dual(g.detach(), way) for g, way in zip(given, ways, strict=True))
        tangent = forward_ad.unpack_dual(_loss(case, dual, readers)).tangent
    expected = sum((slope * way).sum() for slope, way in zip(slopes, ways, strict=True))
    torch.testing.assert_close(tangent, expected, rtol=1e-9, atol=1e-12)


@every
def test_checkpointed_gradients_are_those_of_the_whole_tape(case: Case) -> None:
    steps, start, step = 7, case.start(case.equation), case.equation.stepper(case.dt)
    slopes = []
    for schedule in (store_all(steps), binomial(steps, 2)):
        given = tuple(value.clone().requires_grad_() for value in _given(case))
        end, _ = checkpointed(step, start, given, steps, schedule=schedule)
        slopes.append(torch.autograd.grad(sum(part.square().sum() for part in _real(end)), given))
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@every
def test_the_start_is_differentiated_too(case: Case) -> None:
    start = case.start(case.equation)
    given, step = _given(case), case.equation.stepper(case.dt)
    lead = start[0].clone().requires_grad_()
    total = sum(part.abs().square().sum() for part in step((lead, *start[1:]), given, 0))
    (slope,) = torch.autograd.grad(total, lead)
    way = 1e-6 * slope * start[0].abs() / slope.abs().max()  # nothing where the field is flat and has no direction
    ends = [sum(p.abs().square().sum() for p in step((lead.detach() + s * way, *start[1:]), given, 0)) for s in (-1, 1)]
    assert float((ends[1] - ends[0]) / 2) == pytest.approx(float((slope.conj() * way).real.sum()), rel=1e-5)


@every
def test_a_run_reports_its_error_and_closes(case: Case) -> None:
    solution = run(case.equation, case.start, case.parameters, [0.0, 8 * case.dt], dt=case.dt, tolerance=0.3, levels=1)
    assert solution.status is Status.CONVERGED, solution.message
    assert solution.cost.levels == 2
    for output in solution.outputs.values():
        assert output.error is not None
        assert output.error.shape == output.values.shape
        assert output.values.shape[:2] == (2, 2)
    fields = [output for output in solution.outputs.values() if output.coordinates]
    assert fields
    for output in fields:
        sizes = tuple(len(points) for points in output.coordinates.values())
        assert output.values.shape[2 : 2 + len(sizes)] == sizes
    assert all(bool(balance.ok.all()) for balance in solution.balances)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.too_long > 0])
def test_a_step_too_long_is_a_status_not_a_nan(name: str) -> None:
    case = CASES[name]
    times = [0.0, 200 * case.too_long, 400 * case.too_long]
    solution = run(case.equation, case.start, case.parameters, times, dt=case.too_long, levels=1)
    assert solution.status is Status.DIVERGED
    assert "between" in solution.message
    assert case.equation.advice in solution.message


def test_a_start_that_is_not_finite_diverges() -> None:
    case = CASES["burgers held"]

    def start(equation: Burgers) -> State:
        u, passed = _sine(equation)
        u[1, 5] = math.nan
        return u, passed

    solution = run(case.equation, start, case.parameters, [0.1, 0.2], dt=0.02)
    assert solution.status is Status.DIVERGED
    assert "member 1" in solution.message


def test_an_error_above_the_tolerance_is_said() -> None:
    case = CASES["burgers held"]
    solution = run(case.equation, case.start, {"viscosity": 1e-3}, [0.5], tolerance=1e-6, levels=1)
    assert solution.status is Status.TOLERANCE_NOT_MET
    assert "velocity" in solution.message


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({}, "viscosity"),
        ({"viscosity": -1.0}, "above 0"),
        ({"viscosity": math.nan}, "finite"),
        ({"nu": 1.0}, "viscosity"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(parameters: dict[str, float], word: str) -> None:
    case = CASES["burgers held"]
    with pytest.raises(ParameterError, match=word):
        run(case.equation, case.start, parameters, [0.1])


def test_the_error_is_honest_and_extrapolation_gains_two_orders() -> None:
    def start(equation: Burgers) -> State:
        return equation.start(-torch.sin(math.pi * equation.coordinates["x"])[None])

    found = {}
    for extrapolate in (False, True):
        solution = run(Burgers(32), start, {"viscosity": 0.1}, [0.4], tolerance=1e-9, extrapolate=extrapolate)
        output = solution.outputs["velocity"]
        truth = sine(output.coordinates["x"], 0.4, 0.1)
        found[extrapolate] = float((output.values[0, 0] - truth).abs().max())
        assert found[extrapolate] < 1.1 * float(output.error.max())
    assert found[True] < found[False] / 50
