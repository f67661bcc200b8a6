"""Convection cells against reference values; what is refused, flagged or told."""

import math

import pytest
import torch

from physics.equations.boussinesq.onset import critical, growth_rate
from physics.errors import InputError, ParameterError
from physics.experiments.convection import EXPERIMENT, default_times, model, simulate
from physics.solution import Solution, Status
from physics.trajectory import trajectory_of

F64 = torch.float64
NUSSELT = ("nusselt_bottom", "nusselt_top", "nusselt_volume")


def values(solution: Solution, name: str) -> list[float]:
    return solution.require().outputs[name].values.tolist()


def few(settings: dict[str, object], count: int = 3) -> Solution:
    return simulate(settings, default_times(settings, count))


@pytest.fixture(scope="module")
def rolls() -> Solution:
    """Period 2, Pr 1, on 32, 48 and 64 columns, extrapolated."""
    rayleigh = torch.tensor([2000.0, 5000.0, 1e4, 1e5], dtype=F64)
    return few({"rayleigh": rayleigh, "prandtl": 1.0, "aspect": 2.0}, 41)


def test_rolls_of_period_two(rolls: Solution) -> None:
    for name in NUSSELT:
        assert values(rolls, name) == pytest.approx([1.212037, 2.111714, 2.648664, 4.994322], rel=5e-4)
    numbers = torch.stack([rolls.outputs[name].values for name in (*NUSSELT, "thermal_dissipation")])
    assert ((numbers.amax(0) - numbers.amin(0)) / numbers[0] < 1e-4).all()
    errors = rolls.outputs["nusselt_bottom"].error
    truth = torch.tensor([1.212037, 2.111714, 2.648664, 4.994322], dtype=F64)
    assert errors is not None
    assert min(values(rolls, "along_max")) >= 0.0  # symmetric rolls stand still at mid-width
    assert ((rolls.outputs["nusselt_bottom"].values - truth).abs() <= errors).all()
    assert (errors <= rolls.tolerance).all()


def test_viscosity_takes_out_what_buoyancy_puts_in(rolls: Solution) -> None:
    lifted = [(nu - 1) * ra for nu, ra in zip(values(rolls, "nusselt_volume"), values(rolls, "rayleigh"), strict=True)]
    assert values(rolls, "viscous_dissipation") == pytest.approx(lifted, rel=1e-3)


def test_growth_rates_are_those_of_linear_theory(rolls: Solution) -> None:
    theory = [growth_rate(ra, 1.0, math.pi) for ra in values(rolls, "rayleigh")]
    assert values(rolls, "growth_rate") == pytest.approx(theory, rel=1e-3)


@pytest.mark.parametrize(
    ("rayleigh", "nusselt", "across", "along"),
    [(1e3, 1.11779, 3.649, 3.697), (1e4, 2.24482, 16.18333, 19.62822), (1e5, 4.5216, 34.74, 68.63)],
)
def test_cavity_heated_from_the_side(rayleigh: float, nusselt: float, across: float, along: float) -> None:
    """de Vahl Davis's cavity, air; maxima on the two midplanes."""
    solution = few({"rayleigh": rayleigh, "prandtl": 0.71, "heating": "side"})
    for name in NUSSELT:
        assert values(solution, name)[0] == pytest.approx(nusselt, rel=5e-4)
    assert values(solution, "across_max")[0] == pytest.approx(across, rel=1e-3)
    assert values(solution, "along_max")[0] == pytest.approx(along, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "nusselt"),
    [
        ({"rayleigh": 1e4, "prandtl": 0.71, "aspect": 2 * math.pi / 3.117}, 2.652499),
        ({"rayleigh": 2000.0, "prandtl": 7.0, "aspect": 2 * math.sqrt(2), "plates": "free-free"}, 2.696003),
        ({"rayleigh": 3000.0, "prandtl": 7.0, "aspect": 2.34, "plates": "rigid-free"}, 2.222024),
    ],
)
def test_rolls_against_a_spectral_solution(settings: dict[str, object], nusselt: float) -> None:
    """Steady rolls by Newton's method, 10 waves along the plates and Chebyshev polynomials of degree 24 across."""
    solution = few(settings)
    for name in (*NUSSELT, "thermal_dissipation"):
        assert values(solution, name)[0] == pytest.approx(nusselt, rel=2e-4)


def test_walls_that_slow_the_onset_are_waited_for() -> None:
    """A square box convects from Ra 2585 on; at 2700 it grows a tenth as fast as a wide layer."""
    settings = {"rayleigh": 2700.0, "prandtl": 0.71, "aspect": 1.0, "sides": "walls"}
    solution = few(settings)
    assert solution.status is Status.CONVERGED
    assert 0.0 < values(solution, "growth_rate")[0] < 0.12 * growth_rate(2700.0, 0.71, math.pi)
    lower, volume = values(solution, "nusselt_bottom")[0], values(solution, "nusselt_volume")[0]
    assert lower > 1.05
    assert volume == pytest.approx(lower, rel=1e-4)


@pytest.mark.parametrize("plates", ["rigid-rigid", "rigid-free", "free-free"])
def test_below_and_above_onset(plates: str) -> None:
    onset = critical(plates)
    rayleigh = torch.tensor([0.8, 1.5], dtype=F64) * onset.rayleigh
    solution = few({"rayleigh": rayleigh, "prandtl": 7.0, "aspect": 2 * math.pi / onset.wavenumber, "plates": plates})
    low, high = values(solution, "nusselt_bottom")
    assert low == pytest.approx(1.0, abs=1e-4)
    assert high > 1.3
    rates = values(solution, "growth_rate")
    assert rates[0] < 0 < rates[1]
    assert values(solution, "critical_rayleigh")[0] == pytest.approx(onset.rayleigh, rel=1e-9)


def test_dimensional_input_is_turned_into_numbers_and_said_so() -> None:
    """10 mm of water, 0.05 K about 300 K; nu, kappa and alpha from the table."""
    settings = EXPERIMENT.read(
        {"fluid": "water", "depth": "10 mm", "temperature_difference": "0.05 K", "mean_temperature": "300 K"}
    )
    solution = few(settings)
    nu, kappa, alpha = 855e-6 / 997, 0.613 / (997 * 4179), 276.1e-6
    rayleigh = 9.80665 * alpha * 0.05 * 0.01**3 / (nu * kappa)
    assert values(solution, "rayleigh")[0] == pytest.approx(rayleigh, rel=1e-9)
    assert values(solution, "prandtl")[0] == pytest.approx(nu / kappa, rel=1e-9)
    assert f"Ra = {rayleigh:.6g}" in solution.message
    assert "diffusion time is" in solution.message
    same = few({"rayleigh": rayleigh, "prandtl": nu / kappa})
    assert values(solution, "nusselt_bottom") == pytest.approx(values(same, "nusselt_bottom"), rel=1e-6)
    clock = 0.01**2 / kappa
    assert values(solution, "settling_time")[0] == pytest.approx(values(same, "settling_time")[0] * clock, rel=1e-4)
    assert values(solution, "velocity_max")[0] == pytest.approx(
        values(same, "velocity_max")[0] * kappa / 0.01, rel=1e-4
    )
    assert solution.outputs["velocity"].unit == "m/s"
    assert same.outputs["nusselt"].time_unit == ""


def test_depths_of_a_batch_may_differ() -> None:
    settings = {"fluid": "water", "temperature_difference": 0.05, "mean_temperature": 300.0}
    both = few({**settings, "depth": torch.tensor([0.01, 0.011], dtype=F64)})
    alone = few({**settings, "depth": 0.011})
    assert values(both, "nusselt_bottom")[1] == pytest.approx(values(alone, "nusselt_bottom")[0], rel=1e-5)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"rayleigh": "1e4"}, "prandtl is missing"),
        ({"rayleigh": "-5", "prandtl": "1"}, "outside its range"),
        ({"rayleigh": "1e9", "prandtl": "1"}, "outside its range"),
        ({"rayleigh": "1e4", "prandtl": "1", "depth": "1 cm"}, "contradict"),
        ({"fluid": "water", "depth": "1 cm"}, "temperature_difference is missing"),
        ({"depth": "1 cm", "temperature_difference": "1 K"}, "or a fluid"),
        ({"fluid": "air", "depth": "1 cm", "temperature_difference": "1 K", "mean_temperature": "450 K"}, "known from"),
        ({"rayleigh": "1e4", "prandtl": "1", "heating": "side", "sides": "periodic"}, "needs walls"),
        ({"rayleigh": "1e4", "prandtl": "1", "duration": "2 h"}, "has a unit"),
        ({"rayleigh": "1e4", "prandtl": "1", "duration": "2 kg"}, "duration"),
        ({"rayleigh": "1e4", "prandtl": "1", "plates": "soft"}, "not one of"),
        ({}, "give fluid, depth"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(given: dict[str, str], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        EXPERIMENT.read(given)
    assert "\n" not in str(caught.value)


def test_a_turbulent_cell_is_refused_where_a_fluid_gives_it() -> None:
    with pytest.raises(ParameterError, match="rayleigh"):
        simulate(EXPERIMENT.read({"fluid": "water", "depth": "1 m", "temperature_difference": "5 K"}))


def test_a_word_that_is_no_option_is_refused_without_reading() -> None:
    with pytest.raises(ParameterError, match="not one of"):
        simulate({"rayleigh": 3000.0, "prandtl": 1.0, "plates": "soft"})


def test_a_bare_duration_counts_diffusion_times() -> None:
    cell = {"fluid": "silicone-oil-100", "depth": "5 mm", "temperature_difference": "1 K"}
    written = EXPERIMENT.read({**cell, "duration": "0.5"})
    assert written["duration"] == pytest.approx(0.5 * 0.005**2 / (0.16 / (965 * 1500)))
    assert EXPERIMENT.read({**cell, "duration": "3 min"})["duration"] == pytest.approx(180.0)


def test_a_run_cut_short_says_so() -> None:
    solution = few({"rayleigh": 5000.0, "prandtl": 1.0, "duration": 0.1})
    assert solution.status is Status.NOT_SETTLED
    assert "more duration" in solution.message
    assert float(solution.outputs["nusselt"].time[-1]) == pytest.approx(0.1)  # type: ignore[index]


def test_a_flow_that_keeps_swinging_is_called_so() -> None:
    solution = few({"rayleigh": 1.9e5, "prandtl": 0.05, "perturbation": 0.1})
    assert solution.status is Status.CHAOTIC
    assert "unsteady" in solution.message
    assert float(solution.outputs["nusselt_scatter"].values[0]) > 0.01
    assert bool(solution.balances[0].ok.all())


def test_limits_speak_of_the_cell() -> None:
    value = {limit.name: limit.value for limit in EXPERIMENT.limits}
    warm = EXPERIMENT.read(
        {"fluid": "water", "depth": "1 cm", "temperature_difference": "60 K", "mean_temperature": "349 K"}
    )
    assert value["below_boiling"](warm) < 0
    assert value["viscosity_change"](warm) > 0.2
    oil = EXPERIMENT.read({"fluid": "silicone-oil-10", "depth": "1 cm", "temperature_difference": "1 K"})
    assert value["viscosity_change"](oil) == pytest.approx(5.892 / 298.15, rel=1e-6)


@pytest.mark.parametrize(
    ("more", "sides"),
    [({}, "periodic"), ({"sides": "walls"}, "wall"), ({"heating": "side"}, "wall")],
)
def test_a_trajectory_knows_the_ends_of_its_axes(more: dict[str, object], sides: str) -> None:
    settings = {"rayleigh": 2000.0, "prandtl": 1.0, "duration": 0.01, **more}
    found = trajectory_of(EXPERIMENT, settings, few(settings)).boundaries
    assert [(each.kind, each.axes) for each in found] == [(sides, ("x",)), ("wall", ("z",))]
    assert all(bool(each.mask[0] & each.mask[-1]) and int(each.mask.sum()) == 2 for each in found)


def test_model_is_the_curve_of_a_run() -> None:
    settings = EXPERIMENT.read({"rayleigh": "4000", "prandtl": "2"})
    times = default_times(settings, 9)
    solution = simulate(settings, times)
    curve = model(settings, times)({"rayleigh": torch.tensor([4000.0], dtype=F64)}, times)
    assert curve.shape == (1, 9)
    assert curve[0].tolist() == pytest.approx(values(solution, "nusselt")[0], abs=5e-3)
