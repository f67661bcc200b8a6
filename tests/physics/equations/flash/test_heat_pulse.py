"""Pulses: shapes, and what modes keep of them, against quadrature."""

import itertools

import numpy as np
import pytest
import torch

from physics.equations.flash.heat_pulse import (
    Pulse,
    delivered,
    duration,
    instant,
    measured,
    respond,
    square,
    triangular,
)
from physics.errors import InputError
from physics.series import Series

RATES = torch.tensor([[0.0, 1e-9, 0.02, 9.87, 400.0, 2e5]], dtype=torch.float64)
TIMES = torch.tensor([[0.0, 0.013, 0.05, 0.07, 0.1, 0.4, 3.0]], dtype=torch.float64)
WIDTH = torch.tensor([0.1], dtype=torch.float64)
RECORD = Series((0.0, 0.01, 0.03, 0.07, 0.1), (0.0, 3.0, 2.0, 0.5, 0.0))


def _power(name: str, s: np.ndarray) -> np.ndarray:
    if name == "square":
        return np.where(s < 0.1, 10.0, 0.0)
    if name == "triangular":
        return np.where(s < 0.1, 20.0 - np.abs(s - 0.05) * 400.0, 0.0)
    value = np.interp(s, RECORD.time, RECORD.value, right=0.0)
    return value / np.trapezoid(RECORD.value, RECORD.time)


def _pulse(name: str) -> Pulse:
    if name == "measured":
        return measured(RECORD, torch.ones(1, dtype=torch.float64))
    return square(WIDTH) if name == "square" else triangular(WIDTH)


def _quadrature(name: str, rate: float, time: float) -> tuple[float, float, float]:
    """Gauss-Legendre on every straight piece: the integral of g, c and d."""
    x, w = np.polynomial.legendre.leggauss(200)
    edges = sorted({0.0, *(e for e in (0.01, 0.03, 0.05, 0.07, 0.1) if e < time), time})
    total = np.zeros(3)
    for a, b in itertools.pairwise(edges):
        s = 0.5 * (b - a) * x + 0.5 * (a + b)
        g = _power(name, s) * w * 0.5 * (b - a)
        rest = time - s
        grown = -np.expm1(-rate * rest) / rate if rate > 1e-6 else rest - rate * rest**2 / 2
        total += [g.sum(), (g * np.exp(-rate * rest)).sum(), (g * grown).sum()]
    return tuple(total)


@pytest.mark.parametrize("name", ["square", "triangular", "measured"])
def test_modes_against_quadrature(name: str) -> None:
    pulse = _pulse(name)
    c, d = respond(pulse, RATES, TIMES, accumulated=True)
    assert d is not None
    heat = delivered(pulse, TIMES)
    for i, time in enumerate(TIMES[0].tolist()):
        for n, rate in enumerate(RATES[0].tolist()):
            if rate > 1e4 and time > 0:
                continue
            expected = _quadrature(name, rate, time) if time else (0.0, 0.0, 0.0)
            assert float(heat[0, i]) == pytest.approx(expected[0], abs=1e-12)
            assert float(c[0, i, n]) == pytest.approx(expected[1], abs=1e-12)
            assert float(d[0, i, n]) == pytest.approx(expected[2], abs=1e-12)


def test_a_fast_mode_follows_the_pulse() -> None:
    c, _ = respond(square(WIDTH), RATES, TIMES)
    assert float(c[0, 1, -1]) == pytest.approx(10.0 / 2e5, rel=1e-12)
    assert float(c[0, -1, -1]) == 0.0


def test_an_instant_pulse_has_not_struck_at_zero() -> None:
    pulse = instant(WIDTH)
    c, d = respond(pulse, RATES, TIMES, accumulated=True)
    assert d is not None
    assert float(c[0, 0].abs().max()) == 0.0
    assert float(delivered(pulse, TIMES)[0, 0]) == 0.0
    assert float(delivered(pulse, TIMES)[0, 1]) == 1.0
    torch.testing.assert_close(c[0, 1], torch.exp(-RATES[0] * 0.013))
    torch.testing.assert_close(d[0, :, 0], TIMES[0])


def test_a_record_of_a_square_pulse_is_a_square_pulse() -> None:
    fine = Series((0.0, 0.04, 0.1), (2.0, 2.0, 2.0))
    one, _ = respond(measured(fine, torch.ones(1, dtype=torch.float64)), RATES, TIMES)
    torch.testing.assert_close(one, respond(square(WIDTH), RATES, TIMES)[0], rtol=0, atol=1e-14)


def test_many_pieces_are_added_in_parts() -> None:
    time = np.linspace(0, 0.1, 301)
    record = Series(tuple(time), tuple(np.full(301, 4.0)))
    one, total = respond(measured(record, torch.ones(1, dtype=torch.float64)), RATES, TIMES, accumulated=True)
    expected = respond(square(WIDTH), RATES, TIMES, accumulated=True)
    torch.testing.assert_close(one, expected[0], rtol=0, atol=1e-13)
    torch.testing.assert_close(total, expected[1], rtol=0, atol=1e-13)


def test_members_may_be_in_and_past_their_pulse() -> None:
    widths = torch.tensor([0.02, 0.5], dtype=torch.float64)
    rates, times = RATES.expand(2, -1), TIMES.expand(2, -1)
    together, _ = respond(triangular(widths), rates, times)
    for k in range(2):
        alone, _ = respond(triangular(widths[k : k + 1]), RATES, TIMES)
        torch.testing.assert_close(together[k : k + 1], alone, rtol=0, atol=1e-14)


def test_duration_leaves_tails_out() -> None:
    assert duration(Series((0.0, 1.0, 1.001, 9.0), (1.0, 1.0, 0.0, 0.0))) == pytest.approx(0.95, abs=1e-3)
    long = np.linspace(0, 1, 1001)
    assert duration(Series(tuple(long), tuple(np.ones(1001)))) == pytest.approx(0.95, abs=1e-9)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Series((-1.0, 1.0), (1.0, 1.0)), "before zero"),
        (Series((0.0, 1.0), (0.0, 0.0)), "zero or more"),
        (Series((0.0, 1.0, 2.0), (1.0, -0.2, 0.0)), "dark reading"),
    ],
)
def test_bad_records_are_named(record: Series, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measured(record, torch.ones(1, dtype=torch.float64))
