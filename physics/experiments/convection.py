"""Convection between a warm and a cold plate: what it is, and one run of it.

The equations and their sources stand in `physics.equations.boussinesq.layer`. A cell is given either by its numbers,
Ra and Pr, and then times are in diffusion times d^2 / kappa, velocities in kappa / d; or by a fluid, a depth and a
temperature difference, and then times are in seconds and velocities in m/s. Heated from below it is a Rayleigh-Benard
cell; from the side it is the same cell turned by a quarter, its hot and cold walls a depth apart. A Nusselt number is
the heat that crosses over the heat that conduction alone would carry. Temperatures are over the difference of the
plates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics import device as devices
from physics.equations.boussinesq.fluids import FLUIDS
from physics.equations.boussinesq.laws import LAWS
from physics.equations.boussinesq.levels import climb, paced
from physics.equations.boussinesq.limits import LIMITS
from physics.equations.boussinesq.model import curves_of
from physics.equations.boussinesq.numbers import case_of, check, dimensional, numbers
from physics.equations.boussinesq.onset import PLATES
from physics.equations.boussinesq.solution import solution_of
from physics.errors import ParameterError, UnitError
from physics.experiment import Choice, Experiment, Observable, Parameter, Role
from physics.solution import Solution

__all__ = ["EXPERIMENT", "boundaries", "complete", "default_times", "model", "simulate"]

_LONGEST = 1e12


class DiffusionTimes(float):
    """A duration written without a unit: a count of diffusion times."""


class Seconds(float):
    """A duration written with a unit."""


class Duration(Parameter):
    """A time, or a bare number of diffusion times."""

    def _number(self, text: str | float) -> float:
        try:
            bare = DiffusionTimes(Parameter("duration", "", self.role, self.lower, self.upper, "")._number(text))
        except UnitError:
            return Seconds(super()._number(text))
        return bare


PARAMETERS = (
    Parameter("rayleigh", "", Role.UNKNOWN, 0.0, 1e7, "Rayleigh number of the depth",
              prior=(5000.0, 1.0), exclusive_lower=True),
    Parameter("prandtl", "", Role.UNKNOWN, 0.01, 1e6, "Prandtl number", prior=(7.0, 1.5)),
    Parameter("depth", "m", Role.APPARATUS, 0.0, 10.0, "distance of the heated plates",
              display="mm", exclusive_lower=True),
    Parameter("temperature_difference", "K", Role.CONTROL, 0.0, 100.0, "warm plate less cold plate", display="K",
              exclusive_lower=True),
    Parameter("mean_temperature", "K", Role.CONTROL, 200.0, 600.0,
              "mean of the plates, where the fluid's properties are taken",
              default=298.15, display="degC"),
    Parameter("viscosity", "m**2/s", Role.UNKNOWN, 0.0, 1.0, "kinematic viscosity, if not the fluid's",
              prior=(1e-5, 1.5), display="mm**2/s", exclusive_lower=True),
    Parameter("thermal_diffusivity", "m**2/s", Role.UNKNOWN, 0.0, 1e-2, "of the fluid, if not the table's",
              prior=(1e-7, 0.5), display="mm**2/s", exclusive_lower=True),
    Parameter("expansion", "1/K", Role.UNKNOWN, 0.0, 0.1, "thermal expansion, if not the fluid's",
              prior=(1e-3, 0.5), exclusive_lower=True),
    Parameter("aspect", "", Role.APPARATUS, 0.2, 16.0, "period, or width between the walls, over the depth",
              default=2.0),
    Parameter("rolls", "", Role.CONTROL, 1.0, 32.0,
              "pairs of rolls in the period, or rolls between the walls, to start with; those that grow if left out"),
    Parameter("perturbation", "", Role.CONTROL, 0.0, 0.3,
              "first disturbance of the temperature over the difference of the plates",
              default=0.01, exclusive_lower=True),
    Duration("duration", "s", Role.CONTROL, 0.0, _LONGEST,
             "when the run ends, or in diffusion times if bare; when it has settled if left out", exclusive_lower=True),
)  # fmt: skip
CHOICES = (
    Choice("fluid", ("none", *FLUIDS), "none", "what fills the cell; none where numbers or properties are given",
           Role.APPARATUS),
    Choice("plates", PLATES, "rigid-rigid", "bottom and top: holding the fluid, or letting it slip", Role.APPARATUS),
    Choice("sides", ("periodic", "walls"), "periodic", "a part of a wide layer, or insulated walls", Role.APPARATUS),
    Choice("heating", ("bottom", "side"), "bottom", "the warm plate lies below, or stands upright", Role.APPARATUS),
)  # fmt: skip


def complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults and check what concerns several parameters.

    Raises:
        ParameterError: something is missing, given twice, or contradicts.
    """
    full: dict[str, Any] = {choice.name: choice.default for choice in CHOICES}
    full |= {item.name: item.default for item in PARAMETERS if item.default is not None}
    if settings.get("heating") == "side":
        full |= {"sides": "walls", "aspect": 1.0}
    full |= settings
    full |= {choice.name: choice.read(full[choice.name]) for choice in CHOICES}
    check(full)
    duration = full.get("duration")
    if isinstance(duration, Seconds) and not dimensional(full):
        raise ParameterError(
            "convection: duration has a unit, but the cell has none; write a number of diffusion times"
        )
    if isinstance(duration, DiffusionTimes) and dimensional(full):
        full["duration"] = Seconds(float(duration) * float(numbers(full).clock.max()))
    return full


def _checked(settings: Mapping[str, Any], place: torch.device) -> dict[str, Any]:
    """Return complete settings whose numbers lie in their ranges, as tensors of shape () or (batch,)."""
    full = complete(dict(settings))
    for item in PARAMETERS:
        if full.get(item.name) is None:
            continue
        value = torch.as_tensor(full[item.name], dtype=torch.float64, device=place)
        if value.dim() > 1 or value.numel() == 0:
            raise ParameterError(
                f"convection: {item.name} has the shape {tuple(value.shape)}; give a number or shape (batch,)"
            )
        for extreme in (value.detach().min(), value.detach().max()):
            item.check(float(extreme))
        if item.name in ("aspect", "rolls", "duration", "mean_temperature"):
            if float(value.detach().min()) != float(value.detach().max()):
                raise ParameterError(
                    f"convection: {item.name} must be the same for all members of a batch; run them apart"
                )
            value = value.reshape(-1)[0]
        full[item.name] = value
    sizes = {name: v.numel() for name, v in full.items() if isinstance(v, Tensor) and v.numel() > 1}
    if len(set(sizes.values())) > 1:
        raise ParameterError(
            f"convection: batches differ ({', '.join(f'{n} {k}' for n, k in sizes.items())}); make them equal"
        )
    found = numbers(full)
    by_name = {item.name: item for item in PARAMETERS}
    for name, values in (("rayleigh", found.rayleigh), ("prandtl", found.prandtl)):
        for extreme in (values.detach().min(), values.detach().max()):
            by_name[name].check(float(extreme))
    return full


def default_times(settings: Mapping[str, Any], count: int = 121) -> Tensor:
    """Return evenly spaced times from zero until the run has settled, in seconds or diffusion times."""
    case, _ = case_of(complete(dict(settings)))
    end = case.span()[0]
    if settings.get("duration") is not None:
        end = float(torch.as_tensor(complete(dict(settings))["duration"], dtype=torch.float64).max())
    return torch.linspace(0.0, end, count, dtype=torch.float64)


def model(
    settings: Mapping[str, Any], times: Tensor, tolerance: float = 1e-3
) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return the differentiable flux at the bottom of cells like `settings`; see `physics.equations.boussinesq.model`.

    The function returned takes parameters of shape (batch,) and times (n,) and gives Nusselt numbers (batch, n).
    """
    base = _checked(settings, torch.device("cpu"))
    return curves_of(base, _times(times, torch.device("cpu")), tolerance)


def start(times: Any, values: Any, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return Ra and Pr to start a fit from: Ra from the last flux, 1 + 1.43 (1 - Rc / Ra) near onset."""
    excess = max(float(torch.as_tensor(values, dtype=torch.float64)[-1]) - 1.0, 0.01)
    rayleigh = 1707.76 / max(1.0 - excess / 1.43, 0.1)
    return {"rayleigh": rayleigh, "prandtl": float(settings.get("prandtl") or 7.0)}


def simulate(
    settings: Mapping[str, Any],
    times: Tensor | None = None,
    *,
    tolerance: float = 1e-3,
    device: str = "auto",
    progress: Callable[[float, str], None] | None = None,
) -> Solution:
    """Run cells through the output times and on until they have settled, on grids that meet a tolerance.

    Args:
        settings: SI numbers or tensors of shape (batch,), and the choices; incomplete ones are completed.
        times: seconds, or diffusion times where the cell is given by its numbers, shape (times,).
        tolerance: of the numerical error in the settled Nusselt numbers, absolute.
        device: see `physics.device`.
        progress: called with the share done and a word.

    Returns:
        Solution: the settled Nusselt numbers and `nusselt`, the flux at the bottom over time, extrapolated over the
            grids with their error estimates; fluxes, heat and fields of the finest grid; the balance of heat up to the
            last output time in units of what a layer holds. `extra` has the errors of all numbers.

    Raises:
        ParameterError: a setting, a time or the tolerance cannot be used.
    """
    begin = perf_counter()
    place = devices.resolve(device)
    full = _checked(settings, torch.device("cpu"))
    if not 1e-9 <= tolerance < 1:
        raise ParameterError(f"convection: tolerance = {tolerance:g} is outside its range, from 1e-9 to 1")
    at = _times(default_times(full) if times is None else times, torch.device("cpu"))
    case, found = case_of(full)
    with devices.one_thread(), torch.no_grad():
        case = paced(case)
    patience = case.span()[1]
    if full.get("duration") is not None:
        patience = float(full["duration"])
        at = at[at <= patience * (1.0 + 1e-9)]
        if not len(at):
            raise ParameterError("convection: every output time lies beyond duration; give a longer one")

    def report(done: float) -> None:
        if progress is not None:
            progress(min(done, 1.0), "marching cells")

    with devices.one_thread(), torch.no_grad():
        ladder = climb(case, at.numpy(), tolerance, patience, place, report)
        solution = solution_of(full, case, found, ladder, at, tolerance, perf_counter() - begin)
    report(1.0)
    return solution


def boundaries(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands at both ends of the axes of the fields: the plates are walls, the sides what is set."""
    sides = complete(dict(settings))["sides"]
    return {"x": "periodic" if sides == "periodic" else "wall", "z": "wall"}


def _times(times: Any, place: torch.device) -> Tensor:
    at = torch.as_tensor(times, dtype=torch.float64, device=place)
    if at.dim() != 1 or at.numel() == 0:
        raise ParameterError("convection: times must be a list of at least one number")
    if not bool((torch.isfinite(at) & (at >= 0) & (at <= _LONGEST)).all()) or bool((at.diff() <= 0).any()):
        raise ParameterError(f"convection: times must rise and lie from 0 to {_LONGEST:g}")
    return at


EXPERIMENT = Experiment(
    name="convection",
    title="Convection cell",
    meaning="A fluid between a warm and a cold plate; when it starts to turn and how much heat it carries.",
    parameters=PARAMETERS,
    choices=CHOICES,
    observables=(
        Observable("nusselt", "", "curve", "heat flux at the bottom plate over that of conduction"),
        Observable("nusselt_bottom", "", "scalar", "its mean in the settled run"),
        Observable("nusselt_top", "", "scalar", "the same at the top plate"),
        Observable("nusselt_volume", "", "scalar", "1 + <w T>, the same in the volume"),
        Observable("nusselt_scatter", "", "scalar", "standard deviation of the fluxes about those means"),
        Observable("growth_rate", "1/s", "scalar", "of a small disturbance at rest; from the side, of the last one"),
        Observable("settling_time", "s", "scalar", "until Nu - 1 stays within 1 % of its last value"),
        Observable("velocity_max", "m/s", "scalar", "largest speed in the settled run"),
        Observable("along_max", "m/s", "scalar", "largest speed along the plates at mid-width"),
        Observable("across_max", "m/s", "scalar", "largest speed across them at mid-depth"),
        Observable("rayleigh", "", "scalar", "Rayleigh number of the cell"),
        Observable("prandtl", "", "scalar", "Prandtl number of the fluid"),
        Observable("critical_rayleigh", "", "scalar", "at which fitting rolls start; with walls, of a wide layer"),
        Observable("thermal_dissipation", "", "scalar", "<|grad T|^2>, one more Nusselt number"),
        Observable("viscous_dissipation", "", "scalar", "<|grad u|^2> in diffusion units"),
        Observable("buoyancy_work", "", "scalar", "Ra <T u> along gravity, which it equals"),
        Observable("flux_bottom", "", "curve", "heat flux at the bottom plate, of the finest grid"),
        Observable("flux_top", "", "curve", "heat flux at the top plate, of the finest grid"),
        Observable("heat_in", "", "curve", "heat that has come in at the bottom"),
        Observable("heat_out", "", "curve", "heat that has gone out at the top"),
        Observable("heat_stored", "", "curve", "heat taken up by the layer"),
        Observable("temperature", "", "field", "over the difference of the plates, above the cold one"),
        Observable("velocity", "m/s", "field", "along the plates (x) and across them (z)"),
    ),
    balances=("heat",),
    limits=LIMITS,
    complete=complete,
    simulate=simulate,
    default_times=default_times,
    model=model,
    start=start,
    laws=LAWS,
    fit_tolerance=1e-3,
    fit_finer=1.0,
    boundaries=boundaries,
    example={"rayleigh": "5000", "prandtl": "1", "aspect": "2"},
)  # fmt: skip
