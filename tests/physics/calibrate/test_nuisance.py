"""Baseline, gain, drift and delay: found again, differentiated exactly, shared or for each set."""

from dataclasses import replace

import pytest
import torch

from physics.calibrate.forward import Forward
from physics.calibrate.layout import arrange
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.nuisance import Shift
from physics.calibrate.problem import DataSet, Nuisance, Prior, Problem
from physics.calibrate.solve import solve
from physics.errors import ParameterError
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, inside, measured, noise


def bell(parameters, times):
    return torch.exp(-0.5 * ((times - parameters["middle"][:, None]) / 0.4) ** 2)


LATE = TIMES + 1.0
ALL = (Nuisance("baseline"), Nuisance("gain"), Nuisance("drift"), Nuisance("delay"))


def shown(baseline=0.0, gain=1.0, drift=0.0, delay=0.0, middle=2.4):
    middles = torch.tensor([middle + delay], dtype=torch.float64)
    return baseline + gain * bell({"middle": middles}, LATE)[0] + drift * LATE


def test_a_shift_and_its_rate():
    shift = Shift.of(LATE)
    assert shift.grid[0] <= LATE[0] - 0.25 * 3.0 + 1e-12
    delay = torch.tensor([0.123, -0.31], dtype=torch.float64)
    middle = {"middle": torch.tensor([2.4, 2.0], dtype=torch.float64)}
    value, rate = shift.at(bell(middle, shift.grid), delay)
    for b in range(2):
        at = LATE - delay[b]
        away = (at - middle["middle"][b]) / 0.4
        true = torch.exp(-0.5 * away**2)
        assert float((value[b] - true).abs().max()) < 1e-10
        assert float((rate[b] + away / 0.4 * true).abs().max()) < 1e-7


def test_before_time_zero_a_curve_stands_still():
    shift = Shift.of(TIMES)
    value, rate = shift.at(torch.exp(-shift.grid)[None], torch.tensor([0.5], dtype=torch.float64))
    early = TIMES < 0.5
    assert torch.allclose(value[0, early], torch.ones(int(early.sum()), dtype=torch.float64))
    assert not rate[0, early].any()


def test_the_jacobian_of_everything():
    sets = (measured("a", 0, times=LATE), replace(measured("b", 1, times=LATE), times=LATE + 0.0))
    problem = Problem(sets, (RATE, replace(SIZE, separate=True)), ALL)
    layout = arrange(problem)
    forward = Forward(problem, layout)
    u = layout.start + 0.05 * torch.arange(1, len(layout.names) + 1, dtype=torch.float64).sin()
    curve, slope = forward.linearise(u[None])
    assert torch.equal(curve, forward.curves(u[None]))
    for j, name in enumerate(layout.names):
        step = torch.zeros_like(u)
        step[j] = 1e-6
        ends = [forward.curves((u + sign * step)[None])[0] for sign in (1, -1)]
        assert torch.allclose(slope[0, :, j], (ends[0] - ends[1]) / 2e-6, atol=1e-7), name
        touched = [bool(slope[0, span, j].any()) for span in forward.spans]
        assert touched == [not name.endswith("[b]"), not name.endswith("[a]")]


@pytest.mark.parametrize(
    ("kind", "value"), [("baseline", 0.1), ("gain", 1.3), ("drift", 0.05), ("delay", 0.2)], ids=lambda part: str(part)
)
def test_a_nuisance_is_found_again(kind, value):
    values = shown(**{kind: value}) + noise(3, 0.005)
    fixed = DataSet("bell", LATE, values, bell, {"middle": 2.4})
    free = replace(RATE, name="width", start=1.0)

    def wide(parameters, times):
        return torch.exp(-0.5 * ((times - 2.4) / (0.4 * parameters["width"][:, None])) ** 2)

    solved = solve(Problem((replace(fixed, model=wide, fixed={}),), (free,), (Nuisance(kind),)), level=0.99)
    assert solved.fit.status is FitStatus.CONVERGED
    assert inside(solved.fit.parameters[kind], value)
    assert inside(solved.fit.parameters["width"], 1.0)
    assert solved.fit.parameters[kind].std < 0.02
    assert not solved.warnings


def test_shared_or_for_each_set():
    sets = tuple(
        DataSet(name, LATE, shown(baseline=base) + noise(seed, 0.005), bell, {})
        for name, base, seed in (("a", 0.1, 1), ("b", 0.3, 2))
    )
    middle = replace(RATE, name="middle", start=2.0)
    each = solve(Problem(sets, (middle,), (Nuisance("baseline"),)))
    assert each.fit.parameters["baseline[a]"].value == pytest.approx(0.1, abs=0.01)
    assert each.fit.parameters["baseline[b]"].value == pytest.approx(0.3, abs=0.01)
    one = solve(Problem(sets, (middle,), (Nuisance("baseline", shared=True),)))
    assert list(one.fit.parameters) == ["middle", "baseline"]
    assert one.fit.parameters["baseline"].value == pytest.approx(0.2, abs=0.01)
    assert one.contradiction.contradicts


def test_a_prior_holds_what_the_data_cannot_tell_apart():
    one = DataSet("bell", LATE, shown(delay=0.1) + noise(4, 0.005), bell, {})
    middle = replace(RATE, name="middle", start=2.0)
    free = solve(Problem((one,), (middle,), (Nuisance("delay"),)))
    assert free.fit.status is FitStatus.NOT_IDENTIFIABLE
    held = solve(Problem((one,), (middle,), (Nuisance("delay", Prior(0.1, 0.02)),)))
    assert held.fit.status is FitStatus.CONVERGED
    assert held.fit.parameters["middle"].value == pytest.approx(2.4, abs=0.01)
    assert held.fit.parameters["middle"].std == pytest.approx(0.02, rel=0.1)
    assert any("delay: this interval is the prior's" in each for each in held.warnings)


def test_an_unknown_nuisance_is_named():
    with pytest.raises(ParameterError, match="'offset' is no nuisance"):
        solve(Problem((measured(),), (RATE, SIZE), (Nuisance("offset"),)))
