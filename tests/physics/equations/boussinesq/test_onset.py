"""Onset against Chandrasekhar's values and the closed form of free plates."""

import math

import pytest

from physics.equations.boussinesq.onset import critical, critical_in_period, growth_rate, neutral


@pytest.mark.parametrize(
    ("plates", "rayleigh", "wavenumber"),
    [("rigid-rigid", 1707.7618, 3.11632), ("rigid-free", 1100.6496, 2.68233), ("free-free", 657.5113645, 2.2214415)],
)
def test_critical_values(plates: str, rayleigh: float, wavenumber: float) -> None:
    found = critical(plates)
    assert found.rayleigh == pytest.approx(rayleigh, rel=3e-8)
    assert found.wavenumber == pytest.approx(wavenumber, rel=5e-6)  # known to six digits
    assert growth_rate(found.rayleigh, 7.0, found.wavenumber, plates) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("prandtl", [0.1, 1.0, 300.0])
@pytest.mark.parametrize(("rayleigh", "k"), [(500.0, 1.0), (1000.0, math.pi / math.sqrt(2)), (5000.0, 5.0)])
def test_free_plates_in_closed_form(rayleigh: float, k: float, prandtl: float) -> None:
    q2 = math.pi**2 + k**2
    b, c = (1 + prandtl) * q2, prandtl * (q2**2 - rayleigh * k**2 / q2)
    exact = -2 * c / (b + math.sqrt(b * b - 4 * c))  # the larger root, without cancellation
    assert growth_rate(rayleigh, prandtl, k, "free-free") == pytest.approx(exact, rel=1e-8)


def test_reference_growth_rates() -> None:
    k = math.pi / math.sqrt(2)
    assert growth_rate(1000, 1, k, "free-free") == pytest.approx(3.4530120, abs=1e-7)
    assert growth_rate(5000, 1, k, "free-free") == pytest.approx(26.0204224, abs=1e-7)


def test_which_end_is_rigid_does_not_matter() -> None:
    assert neutral(2.5, "rigid-free") == pytest.approx(neutral(2.5, "free-rigid"), rel=1e-10)


def test_a_period_picks_the_rolls_that_fit() -> None:
    wide, pairs = critical_in_period(20.0)
    assert pairs == 10
    assert wide.rayleigh == pytest.approx(neutral(math.pi), rel=1e-12)
    narrow, one = critical_in_period(0.5)
    assert one == 1
    assert narrow.rayleigh > wide.rayleigh
