"""Plans of a flash: within the limits, and as precise as simulated fits."""

import math
from dataclasses import replace

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.design.candidate import Unknown
from physics.design.flash import FlashRun, propose_flash
from physics.design.flash_bench import Instrument, Specimen, Wish
from physics.errors import ParameterError
from physics.experiments.flash import model, simulate

STEEL = Specimen(2e-3, Unknown(4e-6, 0.15), 7900.0, 500.0, 0.0127, biot=Unknown(0.01, 0.7), absorptivity=0.8)
DETECTOR = Instrument(noise=0.1)
WISH = Wish(precision=0.02, rise=3.0)


def _settings(run: FlashRun, specimen: Specimen) -> dict:
    return {
        "thickness": specimen.thickness, "diffusivity": specimen.diffusivity.median, "biot": specimen.biot.median,
        "density": specimen.density, "heat_capacity": specimen.heat_capacity, "absorptivity": specimen.absorptivity,
        "spot_diameter": specimen.spot_diameter, "pulse_energy": run.energy,
        "pulse": "square", "pulse_width": run.width,
    }  # fmt: skip


@pytest.fixture(scope="module")
def steel() -> FlashRun:
    proposal = propose_flash(STEEL, DETECTOR, WISH)
    assert proposal.reason == ""
    return proposal.best


def test_a_steel_disc_of_two_millimetres(steel: FlashRun) -> None:
    assert steel.meets
    assert steel.precision <= 0.02
    assert steel.floor < steel.nominal < steel.precision
    assert 2.5 < steel.rear_rise <= 3.0 < steel.front_rise
    assert steel.half_time[0] < steel.half_time[1] < steel.half_time[2]
    assert steel.width <= 0.2 * steel.half_time[0]
    assert steel.rate * steel.half_time[0] >= 100
    assert steel.shots >= 3
    assert steel.duration == pytest.approx(steel.shots * (steel.record + steel.before) + (steel.shots - 1) * steel.rest)


def test_the_solver_agrees_with_the_plan(steel: FlashRun) -> None:
    run = simulate(_settings(steel, STEEL)).require()
    assert float(run.outputs["half_time"].values) == pytest.approx(steel.half_time[1], rel=1e-6)
    assert float(run.outputs["maximum"].values) < steel.rear_rise
    slow = {"diffusivity": 4e-6 * math.exp(-1.6449 * 0.15), "biot": 0.01 * math.exp(-1.6449 * 0.7)}
    peak = simulate({**_settings(steel, STEEL), **slow}, torch.tensor([steel.width], dtype=torch.float64))
    assert float(peak.outputs["front_temperature"].values) == pytest.approx(steel.front_rise, rel=1e-4)


def test_the_same_question_has_the_same_answer(steel: FlashRun) -> None:
    assert propose_flash(STEEL, DETECTOR, WISH).best == steel


def test_simulated_fits_scatter_as_planned() -> None:
    """With thickness and pulse known and nothing assumed of the loss; 80 records of three shots."""
    specimen = replace(STEEL, biot=Unknown(0.05, 3.0), thickness_spread=1e-6)
    detector = Instrument(noise=0.1, widths=(1e-3,), width_spread=1e-6)
    run = propose_flash(specimen, detector, Wish(0.5, 3.0), records=(8.0,)).best
    assert run.shots == 3
    settings = _settings(run, specimen)
    step = 1 / 250.0
    times = torch.arange(-run.before + step / 2, run.record, step, dtype=torch.float64)
    curves = model(settings, times.clamp_min(0.0))
    clean = curves({}, times)
    spread = detector.noise * math.sqrt(1 / step / detector.noise_rate / run.shots)
    noise = torch.randn((80, len(times)), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    start = {"diffusivity": 4e-6, "biot": 0.05, "amplitude": 1.0, "baseline": 0.0}
    fixed = {k: v for k, v in settings.items() if isinstance(v, float) and k not in start}
    fits = fit_batch(
        lambda p, t: curves(p, t) + p["baseline"][:, None],
        times,
        clean + spread * noise,
        start,
        fixed=fixed,
        bounds={"baseline": (-1.0, 1.0)},
    )
    found = torch.tensor([math.log(each.parameters["diffusivity"].value) for each in fits], dtype=torch.float64)
    assert float(found.mean()) == pytest.approx(math.log(4e-6), abs=4 * float(found.std()) / math.sqrt(80))
    assert 1.96 * float(found.std()) == pytest.approx(run.nominal, rel=0.25)


def test_more_noise_asks_for_more_shots(steel: FlashRun) -> None:
    noisy = propose_flash(STEEL, replace(DETECTOR, noise=0.5), WISH).best
    assert noisy.meets
    assert noisy.shots > steel.shots


@pytest.mark.parametrize(
    ("specimen", "detector", "wish", "reason"),
    [
        (replace(STEEL, thickness_spread=0.01), DETECTOR, WISH, "measure the thickness"),
        (STEEL, replace(DETECTOR, noise=20.0), WISH, "50 shots give"),
        (STEEL, DETECTOR, replace(WISH, front_rise=10.0), "front would rise by"),
    ],
)
def test_says_what_stands_in_the_way(specimen: Specimen, detector: Instrument, wish: Wish, reason: str) -> None:
    proposal = propose_flash(specimen, detector, wish, records=(8.0,))
    assert not proposal.best.meets
    assert reason in proposal.reason


@pytest.mark.parametrize(
    ("specimen", "detector", "wish", "message"),
    [
        (replace(STEEL, thickness=5e-5), DETECTOR, WISH, "shortest pulse"),
        (STEEL, replace(DETECTOR, rate=50.0), WISH, "sampling_rate"),
        (replace(STEEL, density=-1.0), DETECTOR, WISH, "density"),
        (STEEL, replace(DETECTOR, widths=()), WISH, "pulse_width"),
        (STEEL, DETECTOR, replace(WISH, level=1.0), "level"),
        (STEEL, DETECTOR, replace(WISH, most=2), "shots"),
    ],
)
def test_bad_input_is_named(specimen: Specimen, detector: Instrument, wish: Wish, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        propose_flash(specimen, detector, wish)
    assert "\n" not in str(caught.value)
