"""What the experiments that are known use up, and how their unknowns follow the settings.

Column: tracer enters at the pump's rate, Q min(t, t_pulse), or, where the flow is not told, by v min(t, t_pulse) in
metres of feed; the pore-water velocity is that of the pump, v = Q / (n A), and dispersion goes with it, D = alpha v
with the dispersivity alpha a property of the bed (Bear 1972, Dynamics of Fluids in Porous Media, Elsevier, chapter
10), so that both unknowns scale with the velocity that is set, and the exchange omega = alpha L / (theta v) against it.
Fails where molecular diffusion is no small part of D.

How many candidates a search may solve is fixed for what is known to be slow: the same question then has the same answer
on every machine, busy or not.

Flash: the energy of the pulse; a Biot number h L / k goes with the thickness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from physics.design.study import Control, Material, Options, Range, Transfer


def material_of(experiment: str) -> tuple[Material, str] | None:
    """Return what a run of the experiment uses up, and its unit; None where nobody counts it."""
    return _MATERIAL.get(experiment)


def transfer_of(experiment: str) -> Transfer | None:
    """Return how the unknowns of the experiment follow its settings; None where they do not."""
    return _TRANSFER.get(experiment)


def conditions_of(experiment: str) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return the controls of the experiment that exist only with some options of a choice."""
    return _CONDITIONS.get(experiment, {})


def estimated_of(experiment: str) -> tuple[str, ...]:
    """Return what a fit of the experiment's curve estimates together as a rule."""
    return _ESTIMATED.get(experiment, ())


def free_of(
    experiment: str, settings: Mapping[str, Any], controls: Mapping[str, Control], duration: float
) -> dict[str, Control]:
    """Return controls that cost nothing and that nobody has settled: the column's input and the length of its pulse."""
    if experiment != "column" or not math.isfinite(duration):
        return {}
    found: dict[str, Control] = {}
    if "input" not in settings and "input" not in controls and "pulse_duration" not in settings:
        found["input"] = Options(("step", "pulse"))
    pulsed = "input" in found or "pulse" in getattr(controls.get("input"), "values", (settings.get("input"),))
    if pulsed and "pulse_duration" not in settings and "pulse_duration" not in controls:
        only = None if settings.get("input") == "pulse" else _CONDITIONS["column"]["pulse_duration"]
        found["pulse_duration"] = Range(duration / 48, duration / 2, _round_unit(duration), only=only)
    return found


def pace_of(experiment: str, settings: Mapping[str, Any]) -> int | None:
    """Return how many candidates a search may solve where a run is slow; None where that is not known beforehand."""
    if experiment == "column":
        return 32 if settings.get("isotherm") == "freundlich" else None
    return _PACE.get(experiment)


def _round_unit(duration: float) -> float:
    return 3600.0 if duration >= 36000 else 60.0 if duration >= 600 else 1.0


def _fed(settings: Mapping[str, Any], duration: float) -> float:
    if settings.get("input") == "leach":
        return 0.0
    return min(float(settings.get("pulse_duration", math.inf)), duration)


def _column_length(settings: Mapping[str, Any], duration: float) -> float:
    return float(settings["velocity"]) * _fed(settings, duration)


def column_volume(settings: Mapping[str, Any], duration: float) -> float:
    """Volume of tracer solution, m**3, where the flow or the porosity and diameter are told."""
    if "flow" in settings:
        return float(settings["flow"]) * _fed(settings, duration)
    area = math.pi / 4 * float(settings["diameter"]) ** 2 * float(settings["porosity"])
    return area * _column_length(settings, duration)


def _flash_energy(settings: Mapping[str, Any], duration: float) -> float:
    return float(settings.get("pulse_energy", 0.0))


def _column_transfer(reference: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, float]:
    ratio = float(settings["velocity"]) / float(reference["velocity"])
    length = float(settings["length"]) / float(reference["length"])
    return {"velocity": ratio, "dispersion": ratio, "exchange": length / ratio}


def _flash_transfer(reference: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, float]:
    return {"biot": float(settings["thickness"]) / float(reference["thickness"])}


_MATERIAL: dict[str, tuple[Material, str]] = {"column": (_column_length, "m"), "flash": (_flash_energy, "J")}
_TRANSFER: dict[str, Transfer] = {"column": _column_transfer, "flash": _flash_transfer}
_PACE = {"convection": 3}
_ESTIMATED: dict[str, tuple[str, ...]] = {
    "column": ("velocity", "dispersion"),
    "flash": ("diffusivity", "biot", "amplitude"),
}
_CONDITIONS: dict[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "column": {"pulse_duration": ("input", ("pulse",))},
    "flash": {"pulse_width": ("pulse", ("square", "triangular"))},
}
