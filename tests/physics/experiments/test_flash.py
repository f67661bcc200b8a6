"""The flash against reference values, exact series and quadrature: values, errors, balances, bad input."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from physics.equations.flash import solution as flash_solution
from physics.equations.flash.disc import disc_of, peak_and_half
from physics.equations.flash.heat_exact import rear
from physics.equations.flash.heat_modes import modes
from physics.equations.flash.settings import OUTLASTS
from physics.errors import InputError, SolverError
from physics.experiments.flash import EXPERIMENT, default_times, simulate
from physics.solution import Solution, Status

STEEL = {"density": 7900.0, "heat_capacity": 500.0, "pulse_energy": 2.0, "spot_diameter": 0.012}


def _disc(**more: object) -> dict[str, object]:
    return {"thickness": 1.0e-2, "diffusivity": 1.0e-4, **more}


def _constant(**more: object) -> float:
    run = simulate({"thickness": 1e-2, "diffusivity": 1e-4, **more}).require()
    return float(run.outputs["half_time"].values[0])


def _scalar(run: Solution, name: str) -> float:
    return float(run.outputs[name].values[0])


@pytest.mark.parametrize(
    ("share", "constant"), [(0.5, 0.138785297), (0.25, 0.09272539), (0.75, 0.21049222), (0.9, 0.30351847)]
)
def test_adiabatic_constants(share: float, constant: float) -> None:
    """The curve passes each level at its constant, L^2 / alpha being one second."""
    run = simulate(_disc(), torch.tensor([constant], dtype=torch.float64)).require()
    slope = 2 * sum(
        -((-1) ** n) * (n * math.pi) ** 2 * math.exp(-((n * math.pi) ** 2) * constant) for n in range(1, 20)
    )
    missed = (float(run.outputs["rear_temperature"].values) - share) / slope
    assert abs(missed) < 1e-6 * constant
    assert _constant() == pytest.approx(0.138785297, rel=1e-8)


@pytest.mark.parametrize(
    ("biot", "constant", "maximum"),
    [(0.05, 0.1329772, 0.923616), (0.1, 0.1289506, 0.866210), (1.0, 0.0992918, 0.417451)],
)
def test_loss(biot: float, constant: float, maximum: float) -> None:
    run = simulate(_disc(biot=biot)).require()
    assert _scalar(run, "half_time") == pytest.approx(constant, rel=1e-6)
    assert _scalar(run, "maximum") == pytest.approx(maximum, abs=5.1e-7)  # the last digit of the table


LAPLACE = [  # Biot front and rear, pulse, its width, K and the maximum; the transform inverted with 30 digits
    (1.0, 1.0, "instant", None, 0.0992917797592, 0.4174514775969),
    (0.4, 0.4, "instant", None, 0.114116536346, 0.6419875248069),
    (0.05, 0.3, "instant", None, 0.124430299941, 0.7983496434029),
    (50.0, 50.0, "instant", None, 0.05297619425921, 0.002106475738361),
    (100.0, 0.0, "instant", None, 0.07415601156519, 0.01813685359818),
    (0.7, 0.7, "square", 0.18, 0.2002431353115, 0.4984513199026),
    (0.0, 0.0, "triangular", 0.1, 0.1903654710819, 1.0),
    (1.0, 0.2, "triangular", 0.12, 0.1708481159684, 0.5557881228742),
    (5.0, 20.0, "triangular", 0.03, 0.07940453375513, 0.03168974243376),
]


@pytest.mark.parametrize(("front", "back", "pulse", "width", "constant", "maximum"), LAPLACE)
def test_loss_and_pulse_together(
    front: float, back: float, pulse: str, width: float | None, constant: float, maximum: float
) -> None:
    run = simulate(_disc(biot=front, biot_rear=back, pulse=pulse, pulse_width=width)).require()
    assert _scalar(run, "half_time") == pytest.approx(constant, rel=1e-10)
    assert _scalar(run, "maximum") == pytest.approx(maximum, rel=1e-10)


@pytest.mark.parametrize(("width", "constant"), [(0.01, 0.14381779), (0.1, 0.19191448)])
def test_square_pulse(width: float, constant: float) -> None:
    assert _constant(pulse="square", pulse_width=width) == pytest.approx(constant, rel=1e-7)


def _quadrature(kind: str, width: float, front: float, back: float, times: torch.Tensor) -> torch.Tensor:
    """The exact series convolved with the pulse by Gauss-Legendre."""
    nodes, weights = (torch.tensor(part) for part in np.polynomial.legendre.leggauss(60))
    one = torch.ones(1, dtype=torch.float64)
    total = torch.zeros_like(times)
    for begin in (0.0, width / 2):
        s = begin + width / 4 * (nodes + 1)
        power = torch.ones_like(s) / width if kind == "square" else (1 - (2 * s / width - 1).abs()) * 2 / width
        rest = times[:, None] - s
        value = rear(front * one, back * one, rest.clamp_min(1e-3).reshape(1, -1)).reshape(rest.shape)
        total += (torch.where(rest > 4e-3, value, 0.0) * power * weights * width / 4).sum(-1)
    return total


@pytest.mark.parametrize("kind", ["square", "triangular"])
@pytest.mark.parametrize(("front", "back"), [(0.0, 0.0), (0.2, 0.2), (0.1, 0.9)])
def test_curves_against_series_and_quadrature(kind: str, front: float, back: float) -> None:
    times = torch.tensor([0.05, 0.09, 0.17, 0.21, 0.4, 1.3], dtype=torch.float64)
    run = simulate(_disc(biot=front, biot_rear=back, pulse=kind, pulse_width=0.16), times).require()
    output = run.outputs["rear_temperature"]
    error = (output.values[0] - _quadrature(kind, 0.16, front, back, times)).abs()
    assert output.error is not None
    assert float(error.max()) < 1e-9
    assert float(error.max()) <= 2 * float(output.error.max()) + 1e-12


@pytest.mark.parametrize("kind", ["square", "triangular"])
def test_the_longest_pulse_ends_at_its_half_rise(kind: str) -> None:
    one = torch.ones(1, dtype=torch.float64)
    width = OUTLASTS[kind]
    disc = disc_of({"thickness": one, "diffusivity": one, "pulse_width": width * one}, kind)
    assert float(peak_and_half(disc, modes(disc.front_biot, disc.rear_biot, 36))[1]) == pytest.approx(width, abs=2e-7)


def _random(count: int, seed: int) -> dict[str, torch.Tensor]:
    make = torch.Generator().manual_seed(seed)

    def spread(low: float, high: float) -> torch.Tensor:
        return low * (high / low) ** torch.rand(count, generator=make, dtype=torch.float64)

    thickness, time = spread(5e-4, 5e-3), spread(0.3, 3.0)
    return {
        "thickness": thickness,
        "diffusivity": thickness**2 / time,
        "biot": spread(1e-4, 3.0),
        "biot_rear": spread(1e-4, 3.0),
        "pulse_width": spread(1e-3, 0.2) * time,
    }


def test_energy_balance_and_errors_over_a_batch() -> None:
    batch = _random(40, seed=1)
    for kind in ("square", "triangular"):
        run = simulate({**batch, **STEEL, "pulse": kind}, torch.linspace(0, 5, 41, dtype=torch.float64)).require()
        balance = run.balances[0]
        assert (balance.residual.abs() <= 1e-12 * balance.scale).all()
        assert run.balances[0].ok.all()
        shares = [run.outputs[f"energy_{name}"].values / 2.0 for name in ("in", "stored", "lost_front", "lost_rear")]
        torch.testing.assert_close(shares[0], sum(shares[1:]), rtol=0, atol=1e-12)
        finer = simulate(
            {**batch, **STEEL, "pulse": kind}, torch.linspace(0, 5, 41, dtype=torch.float64), tolerance=1e-11
        )
        for name in ("rear_temperature", "half_time", "maximum"):
            output, better = run.outputs[name], finer.outputs[name].values
            assert output.error is not None
            assert ((output.values - better).abs() <= output.error + 1e-12 * better.abs().max()).all()


def test_faces_may_be_exchanged() -> None:
    batch = _random(6, seed=2)
    swapped = {**batch, "biot": batch["biot_rear"], "biot_rear": batch["biot"]}
    times = torch.linspace(0, 4, 31, dtype=torch.float64)
    one, other = (simulate({**each, "pulse": "square"}, times) for each in (batch, swapped))
    for name in ("rear_temperature", "maximum", "half_time"):
        torch.testing.assert_close(one.outputs[name].values, other.outputs[name].values, rtol=1e-9, atol=1e-11)


def test_batch_and_single_runs_agree() -> None:
    batch = _random(4, seed=3)
    times = torch.linspace(0, 3, 17, dtype=torch.float64)
    together = simulate({**batch, "pulse": "triangular"}, times)
    for k in range(4):
        alone = simulate({**{name: value[k] for name, value in batch.items()}, "pulse": "triangular"}, times)
        for name, output in together.outputs.items():
            torch.testing.assert_close(output.values[k], alone.outputs[name].values[0], rtol=1e-9, atol=1e-9)


def test_kelvin_joule_and_detector() -> None:
    """Adiabatic: the rear ends at E / (rho c L A)."""
    settings = {"thickness": 2e-3, "diffusivity": 4e-6, **STEEL, "absorptivity": 0.5}
    run = simulate(settings).require()
    rise = 0.5 * 2.0 / (7900 * 500 * 2e-3 * math.pi / 4 * 0.012**2)
    assert run.outputs["rear_temperature"].unit == "K"
    assert run.outputs["energy_in"].unit == run.balances[0].unit == "J"
    assert _scalar(run, "maximum") == pytest.approx(rise, rel=1e-9)
    assert float(run.outputs["energy_stored"].values[0, -1]) == pytest.approx(1.0, rel=1e-9)
    volts = simulate({**settings, "amplitude": 0.3}).require()
    assert _scalar(volts, "maximum") == pytest.approx(0.3 * rise, rel=1e-9)
    assert float(volts.outputs["front_temperature"].values[0, -1]) == pytest.approx(rise, rel=1e-4)
    assert simulate(_disc()).outputs["rear_temperature"].unit == ""


def test_the_front_of_an_instant_pulse() -> None:
    """Half-space at first, and one curve across the change to modes."""
    times = torch.tensor([0.0, 1e-6, 6.2e-3, 6.3e-3, 2.0], dtype=torch.float64)
    values = simulate(_disc(biot=0.5), times).outputs["front_temperature"].values[0]
    assert float(values[0]) == 0.0
    root = math.sqrt(1e-6)
    assert float(values[1]) == pytest.approx(1 / (math.sqrt(math.pi) * root) - 0.5, rel=1e-5)
    assert float((values[2] - values[3]) / values[2]) == pytest.approx(0.5 * 1e-4 / 6.25e-3, rel=0.1)
    assert float(values[4]) < 1


def test_radiation_gives_the_biot_number() -> None:
    words = {
        "thickness": "2 mm", "diffusivity": "4 mm**2/s", "density": "7900 kg/m**3", "heat_capacity": "500 J/kg/K",
        "emissivity": "0.8", "temperature": "1000 K",
    }  # fmt: skip
    full = EXPERIMENT.read(words)
    expected = 4 * 0.8 * 5.670374419e-8 * 1e9 * 2e-3 / (4e-6 * 7900 * 500)
    assert full["biot"] == pytest.approx(expected)
    assert EXPERIMENT.read({**words, "biot": "0.3"})["biot"] == 0.3
    assert EXPERIMENT.read({**words, "pulse_energy": "1 J", "spot_diameter": "1 cm"})["absorptivity"] == 0.8
    with pytest.raises(
        InputError, match=r"radiation at this temperature gives a Biot number of 1.81e.04.*or give biot"
    ):
        EXPERIMENT.read({**words, "density": "10 kg/m**3", "heat_capacity": "5 J/kg/K", "thickness": "20 mm"})
    assert EXPERIMENT.read({"thickness": "2 mm", "diffusivity": "4 mm**2/s"})["biot"] == 0.0


def test_a_recorded_pulse(tmp_path: Path) -> None:
    """A triangle read from a file is the triangle, and stretches with nothing."""
    path = tmp_path / "pulse.csv"
    path.write_text("# photodiode\ntime_ms, volt\n0, 0\n5, 2\n10, 0\n20, 0\n")
    words = {"thickness": "1 mm", "diffusivity": "10 mm**2/s", "biot": "0.05"}
    recorded = simulate(EXPERIMENT.read({**words, "pulse": str(path)})).require()
    shaped = simulate(EXPERIMENT.read({**words, "pulse": "triangular", "pulse_width": "10 ms"})).require()
    for name in ("half_time", "maximum"):
        assert _scalar(recorded, name) == pytest.approx(_scalar(shaped, name), rel=1e-10)
    assert recorded.balances[0].ok.all()
    with pytest.raises(InputError, match="pulse_width has no meaning with a measured pulse"):
        EXPERIMENT.read({**words, "pulse": str(path), "pulse_width": "1 ms"})


def test_limits_are_said() -> None:
    settings = EXPERIMENT.read({**EXPERIMENT.example, "pulse_width": "60 ms", "pulse_energy": "20 J"})
    run = simulate(settings)
    assert run.status is Status.CONVERGED
    assert "pulse_share = 0.432 is above 0.2" in run.message
    assert "rear_rise = 22.4 K is above 10" in run.message
    slow = simulate(EXPERIMENT.read({**EXPERIMENT.example, "sampling_rate": "100 Hz"}))
    assert "readings = 13.9 is below 50" in slow.message
    assert "above" not in simulate(EXPERIMENT.read(EXPERIMENT.example)).message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"thickness": "0 mm"}, "thickness"),
        ({"diffusivity": "-4 mm**2/s"}, "diffusivity = -4"),
        ({"diffusivity": "4 mm/s"}, "diffusivity"),
        ({"thicknes": "2 mm"}, "did you mean thickness"),
        ({"pulse": "square"}, "needs pulse_width"),
        ({"pulse_width": "1 ms"}, "has no meaning with an instant pulse"),
        ({"pulse": "gauss"}, "not one of instant, square, triangular or a CSV file"),
        ({"pulse": "square", "pulse_width": "0.5 s"}, "outlasts the half-rise time of this disc, 0.139 s"),
        ({"pulse": "triangular", "pulse_width": "1 s"}, "shorter than 0.014 s, or take a thicker disc"),
        ({"pulse_energy": "1 J"}, "density and heat_capacity and spot_diameter"),
        ({"temperature": "900 K"}, "add emissivity"),
        ({"temperature": "-3 K"}, "temperature"),
        ({"emissivity": "1.4"}, "emissivity"),
        ({"biot": "nan"}, "biot"),
        ({"pulse": "missing.csv"}, "missing.csv"),
    ],
)
def test_bad_input_is_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        EXPERIMENT.read({"thickness": "2 mm", "diffusivity": "4 mm**2/s", **given})
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="diffusivity is missing"):
        EXPERIMENT.read({"thickness": "2 mm"})


@pytest.mark.parametrize("times", [[], [-1.0], [float("nan")], [[1.0]]])
def test_bad_times_are_named(times: list) -> None:
    with pytest.raises(InputError, match="times"):
        simulate(_disc(), torch.tensor(times, dtype=torch.float64))


def test_a_disc_that_takes_too_long_is_named() -> None:
    with pytest.raises(InputError, match=r"takes 1.39e.18 s to show its rise.*check thickness and diffusivity"):
        simulate({"thickness": 1e-3, "diffusivity": 1e-24, "pulse": None})


def test_batches_must_agree() -> None:
    two, three = torch.ones(2, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    with pytest.raises(InputError, match="batches differ"):
        simulate({"thickness": 1e-3 * two, "diffusivity": 1e-6 * three})
    with pytest.raises(InputError, match="diffusivity"):
        simulate({"thickness": 1e-3, "diffusivity": -1e-6 * two})


def test_says_when_the_tolerance_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flash_solution, "DEGREES", (6, 8))
    run = simulate(_disc(), torch.tensor([0.01, 0.1], dtype=torch.float64))
    assert run.status is Status.TOLERANCE_NOT_MET
    assert run.outputs["rear_temperature"].error is not None
    assert float(run.outputs["rear_temperature"].error.max()) > 1e-7
    with pytest.raises(SolverError, match="1 of 1 discs"):
        run.require()


def test_says_where_a_run_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> object:
        found = flash_solution.Refined(*refined(*args))
        found.readings.rear[1, 3:] = math.nan
        return found

    refined = flash_solution.refine
    monkeypatch.setattr("physics.experiments.flash.refine", broken)
    run = simulate(
        _disc(biot=torch.tensor([0.1, 0.2], dtype=torch.float64)), torch.linspace(0, 1, 11, dtype=torch.float64)
    )
    assert run.status is Status.DIVERGED
    assert "disc 1 is not finite from t = 0.3 s" in run.message


def test_default_times_show_the_run() -> None:
    settings = EXPERIMENT.read(EXPERIMENT.example)
    times = default_times(settings, 11)
    assert float(times[0]) == 0.0
    assert float(times[-1]) == pytest.approx(1.388 + 5e-4, rel=1e-3)
