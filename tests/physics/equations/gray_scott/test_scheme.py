"""The Gray-Scott step and its marches: exact cases, an independent integrator, order, balances, equal paths."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from physics.equations.gray_scott import march as gray_scott_march
from physics.equations.gray_scott.march import halved, march, stretches
from physics.equations.gray_scott.scheme import (
    Rates,
    fields_of,
    means,
    parameters_of,
    slope,
    spectrum,
    step,
)
from physics.equations.gray_scott.start import centres, richness, start_fields

F64 = torch.float64
SIZE = 0.25


def rates_of(*members: tuple[float, float], size: float = SIZE) -> Rates:
    feed, kill = (torch.tensor(column, dtype=F64) for column in zip(*members, strict=True))
    one = torch.ones_like(feed)
    return Rates(feed, kill, 2e-5 * one, 1e-5 * one, size * one)


def start(cells: int = 16, batch: int = 1, size: float = SIZE) -> torch.Tensor:
    return torch.stack([start_fields(cells, size, 0.04, 2, seed, holes=False) for seed in range(batch)])


def run(rates: Rates, fields: torch.Tensor, end: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    state: tuple[torch.Tensor, ...] = (spectrum(fields), fields.new_zeros(len(fields), 3))
    by = parameters_of(rates, fields.shape[-1], end / count)
    for index in range(count):
        state = step(state, by, index)
    return state[0], state[1]


def test_feed_alone_is_exact() -> None:
    """Without B: 1 - A = (1 - A0) e^(-F t), and each wave of it decays by D_a k^2 besides."""
    rates, x = rates_of((0.04, 0.06)), torch.arange(32, dtype=F64) / 32
    wave = torch.cos(2 * math.pi * 3 * x)[:, None] * torch.ones(32, dtype=F64)
    fields = torch.stack([0.6 + 0.1 * wave, torch.zeros(32, 32, dtype=F64)])[None]
    after, _ = run(rates, fields, 20.0, 40)
    k2 = (2 * math.pi * 3 / SIZE) ** 2
    expected = 1 - 0.4 * math.exp(-0.8) + 0.1 * math.exp(-20 * (0.04 + 2e-5 * k2)) * wave
    torch.testing.assert_close(fields_of(after)[0, 0], expected, rtol=0, atol=1e-9)


def test_against_an_independent_integrator() -> None:
    """The same points, differentiated by the dense Fourier matrix, marched by an eighth-order Runge-Kutta."""
    n, (feed, kill) = 16, (0.035, 0.06)
    shift = np.arange(1, n)
    row = np.concatenate([[-(n**2) / 12 - 1 / 6], -((-1.0) ** shift) / (2 * np.sin(np.pi * shift / n) ** 2)])
    second = np.array([np.roll(row, i) for i in range(n)]) * (2 * np.pi / SIZE) ** 2
    fields = start(n)

    def rhs(_: float, y: np.ndarray) -> np.ndarray:
        a, b = y.reshape(2, n, n)
        made = np.fft.fft2(a * b * b)
        made[n // 2] = made[:, n // 2] = 0.0  # the waves of the grid's own number
        made = np.fft.ifft2(made).real
        lap = [second @ f + f @ second.T for f in (a, b)]
        return np.concatenate(
            [(2e-5 * lap[0] - made + feed * (1 - a)).ravel(), (1e-5 * lap[1] + made - (feed + kill) * b).ravel()]
        )

    truth = solve_ivp(rhs, (0, 60), fields.numpy().ravel(), method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    found, _ = run(rates_of((feed, kill)), fields, 60.0, 240)
    assert np.abs(fields_of(found)[0].numpy() - truth.reshape(2, n, n)).max() < 2e-8
    change = slope(spectrum(fields), rates_of((feed, kill)))
    np.testing.assert_allclose(fields_of(change)[0].numpy().ravel(), rhs(0, fields.numpy().ravel()), atol=1e-13)


def test_order_in_time() -> None:
    rates, fields = rates_of((0.035, 0.06)), start()
    fine = fields_of(run(rates, fields, 32.0, 1024)[0])
    errors = [float((fields_of(run(rates, fields, 32.0, n)[0]) - fine).abs().max()) for n in (64, 128, 256)]
    for coarse, finer in pairwise(errors):
        assert math.log2(coarse / finer) == pytest.approx(4.0, abs=0.1)


def test_the_grid_converges_faster_than_any_order() -> None:
    errors, rates = [], rates_of((0.035, 0.06))
    fine = fields_of(run(rates, start(128), 60.0, 60)[0])
    for cells in (16, 32, 64):
        found = fields_of(run(rates, start(cells), 60.0, 60)[0])
        errors.append(float((found - fine[..., :: 128 // cells, :: 128 // cells]).abs().max()))
    assert errors[1] < errors[0] / 2**5
    assert errors[2] < errors[1] / 2**10


def test_discrete_balances() -> None:
    rates, fields = rates_of((0.02, 0.05), (0.06, 0.06)), start(batch=2)
    after, sums = run(rates, fields, 100.0, 50)
    grown = means(after) - means(spectrum(fields))
    torch.testing.assert_close(grown[:, 0], sums[:, 0] - sums[:, 1], rtol=0, atol=1e-13)
    torch.testing.assert_close(grown[:, 1], sums[:, 1] - sums[:, 2], rtol=0, atol=1e-13)
    assert float(sums.min()) > 0.05  # so that the closure says something


@pytest.mark.parametrize(("cells", "members"), [(16, 1), (30, 3), (64, 6)])
def test_compiled_and_array_marches_agree(cells: int, members: int) -> None:
    """Six members of 64 x 64 points make two groups of unequal size."""
    pairs = [(0.02 + 0.01 * i, 0.05 + 0.002 * i) for i in range(members)]
    rates, fields = rates_of(*pairs, size=cells / 64), start(cells, members, cells / 64)
    times = torch.tensor([0.0, 7.0, 30.0, 41.5], dtype=F64)
    plan, frames = stretches(times, 2.0), torch.tensor([True, False, True, True])
    one = march(rates, fields, plan, frames)
    other = gray_scott_march._arrays(rates, fields, plan, frames.tolist(), lambda done: None)
    assert one.steps == other.steps == sum(steps for steps, _ in plan)
    for name in ("means", "sums", "change", "tail", "fields"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12)
    torch.testing.assert_close(one.fields[:, 0], fields, rtol=0, atol=1e-14)


def test_members_do_not_touch_each_other() -> None:
    pairs = [(0.02, 0.05), (0.06, 0.06), (0.04, 0.06)]
    plan, frames = [(20, 1.5)], torch.tensor([True])
    together = march(rates_of(*pairs), start(32, 3), plan, frames)
    alone = march(rates_of(pairs[1]), start(32, 3)[1:2], plan, frames)
    torch.testing.assert_close(together.fields[1:2], alone.fields, rtol=0, atol=1e-14)


def test_stretches_end_on_the_times() -> None:
    times = torch.tensor([0.0, 0.5, 10.0, 10.0 + 1e-13], dtype=F64)
    plan = stretches(times, 2.0)
    assert [steps for steps, _ in plan] == [0, 1, 5, 1]
    assert sum(steps * h for steps, h in plan) == pytest.approx(10.0)
    assert max(h for _, h in plan) <= 2.0
    assert halved(plan)[2] == (10, plan[2][1] / 2)


def test_the_start_is_the_same_on_every_grid() -> None:
    fine, coarse = start_fields(64, 1.0, 0.05, 7, 3, holes=True), start_fields(32, 1.0, 0.05, 7, 3, holes=True)
    torch.testing.assert_close(fine[:, ::2, ::2], coarse, rtol=0, atol=1e-14)
    assert not torch.equal(centres(7, 3), centres(7, 4))
    assert float(coarse.min()) >= 0
    assert float(coarse[0].max()) <= 1


def test_richness_is_where_uniform_states_begin() -> None:
    """At q = 1 the two states of A B = F + k, F (1 - A) = (F + k) B meet at A = 1/2."""
    kill = math.sqrt(0.04) / 2 - 0.04
    assert float(richness(torch.tensor(0.04, dtype=F64), torch.tensor(kill, dtype=F64))) == pytest.approx(1.0)
    b = 0.04 / (2 * (0.04 + kill))
    assert 0.5 * b == pytest.approx(0.04 + kill)
