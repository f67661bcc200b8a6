"""Propose how to run a laser flash: pulse, record and number of shots."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from physics import units
from physics.design.candidate import Unknown
from physics.design.flash import FlashProposal, FlashRun, propose_flash
from physics.design.flash_bench import Instrument, Specimen, Wish
from physics.design.predict_interval import Band, draw_prior, predict_interval
from physics.equations.flash.corrections import PARKER
from physics.errors import ParameterError
from physics.experiments.flash import EXPERIMENT
from physics.materials import Solid, solid
from physics.solution import Solution
from tools.errors import Failed
from tools.plans.flash.text import outline
from tools.plans.numbers import Facts, bounds_on, digits, downwards, limit_checks, number, upwards
from tools.records import Evidence, Fact
from tools.simulate import balance_checks

LEVEL = 0.95  # of the interval whose half-width is the precision
BAND_LEVEL = 0.9  # of the half-rise time and of the predicted curve
EXPECTED_SPREAD = 0.2  # log-standard deviation of a diffusivity that the request expects
LEAST_SPREAD = 0.1  # and the least of one from a table
LOSS = 0.7  # log-standard deviation of the heat transfer coefficient
PULSES = (1.0, 2.0, 4.0)  # pulse lengths to choose from, over the shortest
COARSE = 1e-4  # of the curves that only the interval is drawn from
TOLERANCE = 1e-7
TABLE, TABLE_REACH = 300.0, 50.0  # K: of the table of materials, and how far from it they may stand for the disc
DRAWS, CURVE_POINTS = 128, 121
ROWS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)  # half-rise times at which the expected curve is written


def design(
    request: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose pulse, record and shots of a laser flash; see `tools.design.design`.

    Returns the recommended run with its expected precision, warming and half-rise time, the predicted curve of the
    rear with its interval, and the balance of the run that was computed.

    Raises:
        InputError: a setting or a limit cannot be used; the message says which.
        Failed: the run gave no usable result.
    """
    return designed(
        request,
        specimen_of(request),
        request["precision"] / 100,
        run=run,
        tolerance_factor=tolerance_factor,
        device=device,
        progress=progress,
    )


def designed(
    request: Mapping[str, Any],
    specimen: Specimen,
    precision: float,
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Design for a specimen and what is believed of it; `precision` is the relative half-width that it must reach."""
    progress(0.1, "comparing pulses and records")
    proposal = propose_flash(specimen, _instrument(request), _wish(request, precision))
    best = proposal.best
    progress(0.7, "running the solver")
    given = _settings(request, specimen, best)
    read = EXPERIMENT.read(given)
    rows = torch.tensor([share * best.half_time[1] for share in ROWS], dtype=torch.float64)
    times = torch.unique(torch.cat([torch.linspace(0.0, best.record, CURVE_POINTS, dtype=torch.float64), rows]))
    solution = EXPERIMENT.simulate(read, times, tolerance=TOLERANCE * tolerance_factor, device=device)
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    band = _band(specimen, read, times)
    facts = _facts(Facts(run, request["settings"]), best, solution, band, rows)
    found = {fact.id: fact for fact in facts}
    at = [f"time_{index:03d}" for index in range(len(rows))]
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(facts),
        checks=(*balance_checks(solution), *limit_checks(EXPERIMENT, read)),
        outline=outline(at, str(request.get("choices", {}).get("material", "specimen"))),
        data={
            "settings": given,
            "shown_settings": _shown(request["settings"], found),
            "variant": "flash",
            "predictions": ["half_time", "precision_diffusivity", "rear_rise", "front_rise"],
            "schedule": ["before", "record_length", "rest"],
            "predicted_at": {key.replace("time_", "rise_"): key for key in at},
            "alternatives": _alternatives(proposal),
            "curve": _curve(solution, band),
            "need": _need(request, proposal, specimen),
        },
    )


def specimen_of(request: Mapping[str, Any]) -> Specimen:
    """Return the disc of a request, and what is believed of it."""
    settings = request["settings"]
    name = request.get("choices", {}).get("material")
    known = solid(name) if name else None
    _check_temperature(settings, name)
    thickness = number(settings, "thickness", "m")
    diffusivity = _diffusivity(settings, known)
    density = _property(settings, "density", "kg/m**3", known)
    capacity = _property(settings, "heat_capacity", "J/(kg*K)", known)
    conductivity = diffusivity.median * density * capacity
    return Specimen(
        thickness=thickness,
        diffusivity=diffusivity,
        density=density,
        heat_capacity=capacity,
        spot_diameter=number(settings, "spot_diameter", "m"),
        biot=Unknown(number(settings, "heat_transfer", "W/(m**2*K)") * thickness / conductivity, LOSS),
        thickness_spread=number(settings, "thickness_error", "m") / thickness,
    )


def _check_temperature(settings: Mapping[str, str], material: str | None) -> None:
    """Refuse a table's properties where the measurement is far from the table's temperature.

    Raises:
        ParameterError: the table would have to stand for what the request does not give.
    """
    missing = [name.replace("_", " ") for name in ("diffusivity", "density", "heat_capacity") if name not in settings]
    asked = number(settings, "temperature", "K")
    if material is not None and missing and abs(asked - TABLE) > TABLE_REACH:
        raise ParameterError(
            f"the properties of {material} are known here at {units.convert(TABLE, 'K', 'degC'):.0f} degC only; give "
            f"the {' and the '.join(missing)} that you expect at {units.convert(asked, 'K', 'degC'):.4g} degC"
        )


def _diffusivity(settings: Mapping[str, str], known: Solid | None) -> Unknown:
    """Return what is believed of the diffusivity: what the request expects, or all grades of the material."""
    if "diffusivity" in settings:
        return Unknown(number(settings, "diffusivity", "m**2/s"), EXPECTED_SPREAD)
    if known is None:
        raise ParameterError("diffusivity is missing; name the material, or give the value that you expect")
    grades = known.diffusivity
    # The grades span the middle nine tenths.
    spread = math.log(grades.upper / grades.lower) / (2 * 1.645)
    return Unknown(grades.middle, max(spread, LEAST_SPREAD))


def _property(settings: Mapping[str, str], name: str, unit: str, known: Solid | None) -> float:
    if known is not None and name not in settings:
        return float(getattr(known, name).middle)
    return number(settings, name, unit)


def _instrument(request: Mapping[str, Any]) -> Instrument:
    bounds = request["bounds"]
    shortest, longest = bounds_on(bounds, "pulse_width", "s")
    fastest = bounds_on(bounds, "sampling_rate", "1/s")[1]
    return Instrument(
        noise=number(request["settings"], "noise", "K"),
        noise_rate=fastest,
        widths=tuple(shortest * factor for factor in PULSES if shortest * factor <= longest),
        energy=bounds_on(bounds, "pulse_energy", "J")[1],
        rate=fastest,
    )


def _wish(request: Mapping[str, Any], precision: float) -> Wish:
    return Wish(
        precision=precision,
        level=LEVEL,
        rise=bounds_on(request["bounds"], "rear_rise", "K")[1],
        most=int(bounds_on(request["bounds"], "shots", "")[1]),
    )


def _settings(request: Mapping[str, Any], specimen: Specimen, best: FlashRun) -> dict[str, str]:
    return {
        "thickness": request["settings"]["thickness"],
        "diffusivity": f"{specimen.diffusivity.median!r} m**2/s",
        "biot": repr(specimen.biot.median),
        "pulse": "square",
        "pulse_width": f"{best.width!r} s",
        "pulse_energy": f"{best.energy!r} J",
        "spot_diameter": request["settings"]["spot_diameter"],
        "density": f"{specimen.density!r} kg/m**3",
        "heat_capacity": f"{specimen.heat_capacity!r} J/(kg*K)",
        "sampling_rate": f"{best.rate!r} 1/s",
    }


def _band(specimen: Specimen, read: Mapping[str, Any], times: Tensor) -> Band:
    """Return the rear's curve with the interval that the priors of diffusivity and loss leave."""
    draws = draw_prior({"diffusivity": specimen.diffusivity, "biot": specimen.biot}, DRAWS)
    curves = EXPERIMENT.model(read, times, COARSE)  # type: ignore[misc]
    return predict_interval(curves, draws, times, level=BAND_LEVEL)


def _facts(facts: Facts, best: FlashRun, solution: Solution, band: Band, rows: Tensor) -> list[Fact]:
    half = solution.outputs["half_time"]
    half_error = float(half.error[0]) if half.error is not None else 0.0
    low, middle, high = (1e3 * value for value in best.half_time)
    facts.enter("pulse_energy", "energy of the pulse", best.energy, "J")
    facts.enter("pulse_width", "length of the pulse", digits(1e3 * best.width, 6), "ms")
    facts.enter("sampling_rate", "readings of the detector per second", best.rate / 1e3, "kHz")
    facts.span("before", "record before the pulse", best.before)
    facts.span("record_length", "record after the pulse", best.record)
    facts.span("rest", "rest between two shots", best.rest)
    facts.enter("shots", "number of shots to average", float(best.shots), "")
    facts.span("duration", "duration of all shots with their rests", best.duration)
    facts.enter(
        "half_time", "half-rise time", middle, "ms",
        lower=low, upper=high, level=BAND_LEVEL, numerical_error=1e3 * half_error,
    )  # fmt: skip
    facts.enter("level", "level of the intervals", 100 * BAND_LEVEL, "percent")
    facts.enter("rear_rise", "largest rise of the rear", upwards(best.rear_rise, 3), "K")
    facts.enter("front_rise", "largest rise of the front, during the pulse", upwards(best.front_rise), "K")
    worst, nominal = (upwards(100 * value) for value in (best.precision, best.nominal))
    facts.enter("precision_diffusivity", "expected half-width of the interval of diffusivity", worst, "percent")
    facts.enter("nominal_precision", "the same where the material is as expected", nominal, "percent")
    facts.enter("precision_level", "level of the precision", 100 * LEVEL, "percent")
    facts.enter("floor_precision", "the same with any number of shots", upwards(100 * best.floor), "percent")
    facts.enter("numerical_error", "numerical error", solution.error, "K")
    error = COARSE * float(band.upper.max())
    for index, place in enumerate(torch.searchsorted(band.times, rows).tolist()):
        facts.enter(f"time_{index:03d}", "time after the pulse began", digits(1e3 * float(band.times[place])), "ms")
        facts.enter(
            f"rise_{index:03d}", "rise of the rear", float(band.median[place]), "K",
            lower=max(float(band.lower[place]) - error, 0.0), upper=float(band.upper[place]) + error,
            level=BAND_LEVEL, numerical_error=solution.error,
        )  # fmt: skip
    return facts.found


def _shown(settings: Mapping[str, str], facts: Mapping[str, Fact]) -> list[dict[str, Any]]:
    value, unit = units.parse(settings["thickness"])
    keys = ("pulse_energy", "pulse_width", "sampling_rate", "before", "record_length", "rest", "shots")
    return [
        {"name": "thickness", "value": value, "unit": unit},
        *({"name": key, "value": facts[key].value, "unit": facts[key].unit} for key in keys),
    ]


def _alternatives(proposal: FlashProposal) -> list[dict[str, Any]]:
    return [
        {
            "name": f"pulse of {1e3 * run.width:g} ms, record of {run.record:g} s",
            "shots": run.shots,
            "precision": {"name": "diffusivity", "value": 100 * run.precision, "unit": "percent"},
            "duration": {"value": run.duration, "unit": "s"},
            "meets": run.meets,
        }
        for run in proposal.runs[1:4]
    ]


def _curve(solution: Solution, band: Band) -> dict[str, Any]:
    return {
        "time": (1e3 * band.times).tolist(),
        "time_unit": "ms",
        "label": "rise of the rear (K)",
        "values": solution.outputs["rear_temperature"].values[0].tolist(),
        "lower": band.lower.tolist(),
        "upper": band.upper.tolist(),
        "level": BAND_LEVEL,
    }


def _need(request: Mapping[str, Any], proposal: FlashProposal, specimen: Specimen) -> str:
    """Say what would bring the best run to what was asked, or the half-rise time into its range."""
    low, high = bounds_on(request["bounds"], "half_time", "s")
    half = proposal.best.half_time[1]
    if not low <= half <= high:
        edge = low if half < low else high
        thickness = 1e3 * math.sqrt(edge * specimen.diffusivity.median / PARKER)
        way = f"thicker than {upwards(thickness):g}" if half < low else f"thinner than {downwards(thickness):g}"
        sources = {bound["source"] for bound in request["bounds"] if bound["name"] == "half_time"}
        return (
            f"the half-rise time would be {1e3 * half:.3g} ms, outside {1e3 * low:g} to {1e3 * high:g} ms "
            f"({', '.join(sorted(sources))}); "
            f"take a specimen {way} mm"
        )
    return proposal.reason
