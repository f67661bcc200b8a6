"""The exact solutions against published forms, reference values and quadrature."""

import math

import pytest
import torch

from physics.equations.advection_dispersion.exact import (
    ogata_banks,
    steady_state,
    step_response,
    third_type_resident,
)


def _f(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _random(count: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    make = torch.Generator().manual_seed(7)
    peclet = 10 ** (4 * torch.rand(count, generator=make, dtype=torch.float64) - 1)
    return peclet, 10 ** (3 * torch.rand(count, generator=make, dtype=torch.float64) - 1.5)


@pytest.mark.parametrize(
    ("peclet", "time", "first", "third", "closed"),
    [
        (5, 0.5, 0.1908617552, 0.1070357597, 0.1568059343),
        (5, 1.0, 0.6161631472, 0.4837716419, 0.6025010782),
        (20, 0.75, 0.2208708233, 0.1733979225, 0.2128509743),
        (20, 1.0, 0.56160697, 0.4972467502, 0.5598891951),
        (20, 1.5, 0.9279040333, 0.9055412487, 0.9319100939),
    ],
)
def test_reference_values(peclet: float, time: float, first: float, third: float, closed: float) -> None:
    pe, t = _f(peclet), _f(time)
    assert float(step_response(pe, t, first_type=True, closed=False)) == pytest.approx(first, abs=1e-10)
    assert float(step_response(pe, t, closed=False)) == pytest.approx(third, abs=1e-10)
    assert float(step_response(pe, t)) == pytest.approx(closed, abs=1e-10)


def test_a_small_effluent_keeps_its_relative_accuracy() -> None:
    assert float(step_response(_f(100), _f(0.5))) == pytest.approx(3.407010234e-7, rel=2e-10)


def test_closed_forms_over_a_wide_range() -> None:
    peclet, time = _random()
    contour, formula = step_response(peclet, time, first_type=True, closed=False), ogata_banks(peclet, time)
    torch.testing.assert_close(contour, formula, rtol=0, atol=1e-14)
    seen = formula > 1e-200
    torch.testing.assert_close(contour[seen], formula[seen], rtol=1e-11, atol=0)
    formula = third_type_resident(peclet, time)
    torch.testing.assert_close(step_response(peclet, time, closed=False), formula, rtol=0, atol=2e-14)


def test_kreft_and_zuber() -> None:
    """The flux reading of a column fed with the flow is the resident one of a held inlet."""
    peclet, time = _random(500)
    flux = step_response(peclet, time, closed=False, flux=True)
    torch.testing.assert_close(flux, ogata_banks(peclet, time), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("da", "value"), [(0.1, 0.905637964942), (1.0, 0.397266773306)])
def test_danckwerts_with_decay(da: float, value: float) -> None:
    assert float(steady_state(_f(10), _f(da))) == pytest.approx(value, abs=1e-12)
    assert float(step_response(_f(10), _f(40.0), damkohler=da)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("peclet", [0.5, 2.0, 20.0, 200.0])
def test_moments_of_the_closed_column(peclet: float) -> None:
    """Mean 1, variance 2/Pe - 2 (1 - e^-Pe)/Pe^2, third moment 12/Pe^2 (1 - 2/Pe + (1 + 2/Pe) e^-Pe)."""
    end = 1 + 40 * math.sqrt(2 / peclet) * max(1, peclet**-0.5)
    time = torch.linspace(0, end, 40001, dtype=torch.float64)
    rest = 1 - step_response(_f(peclet), time)  # moments of the pulse by parts
    raw = [float(torch.trapezoid(k * time ** (k - 1) * rest, time)) for k in (1, 2, 3)]
    variance = raw[1] - raw[0] ** 2
    third = raw[2] - 3 * raw[0] * raw[1] + 2 * raw[0] ** 3
    decay = math.exp(-peclet)
    assert raw[0] == pytest.approx(1, abs=2e-6)
    assert variance == pytest.approx(2 / peclet - 2 * (1 - decay) / peclet**2, rel=1e-4)
    assert third == pytest.approx(12 / peclet**2 * (1 - 2 / peclet + (1 + 2 / peclet) * decay), rel=1e-3)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_satisfies_the_equation(first: bool, closed: bool) -> None:
    """Differences of the solution itself, with decay, in the middle of the column."""
    pe, da, h = 7.0, 0.4, 1e-3

    def c(x: float, t: float) -> float:
        return float(step_response(_f(pe), _f(t), place=x, damkohler=da, first_type=first, closed=closed))

    x, t = 0.6, 0.5
    rate = (c(x, t + h) - c(x, t - h)) / (2 * h)
    slope = (c(x + h, t) - c(x - h, t)) / (2 * h)
    bend = (c(x + h, t) - 2 * c(x, t) + c(x - h, t)) / h**2
    assert rate == pytest.approx(bend / pe - slope - da * c(x, t), abs=2e-5)


def test_zero_before_the_start() -> None:
    assert float(step_response(_f(5), _f(0.0))) == 0.0
