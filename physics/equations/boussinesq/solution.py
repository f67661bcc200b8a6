"""What a run of a convection cell returns: outputs, balances, status and a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.levels import Case, Ladder
from physics.equations.boussinesq.numbers import Numbers, dimensional
from physics.equations.boussinesq.onset import critical, critical_in_period
from physics.solution import Balance, Cost, Output, Solution, Status

_UNIT_OF = {"1/time": ("", "1/s"), "time": ("", "s"), "speed": ("", "m/s")}


def solution_of(
    settings: Mapping[str, Any],
    case: Case,
    found: Numbers,
    ladder: Ladder,
    times: Tensor,
    tolerance: float,
    seconds: float,
) -> Solution:
    """Assemble the solution; `times` in seconds, or in diffusion times without a fluid."""
    record = ladder.finest.record
    status, message = _status(case, found, ladder, tolerance, dimensional(settings))
    crossed = record.crossed[:, -1].cpu()
    stored = record.heat[:, -1].cpu() - 0.5
    balance = Balance(
        "heat",
        {"in": crossed[:, 0], "out": crossed[:, 1], "stored": stored},
        crossed[:, 0] - crossed[:, 1] - stored,
        crossed[:, 0].abs().clamp_min(1.0),
        1e-11,
        "",
    )
    layer = ladder.finest.layer
    levels = ladder.levels
    cost = Cost(layer.nx * layer.nz, sum(level.record.steps for level in levels), seconds, len(levels))
    extra = {f"{name}_error": error for name, error in ladder.errors.items()}
    extra |= {"diverged_at": record.diverged_at, "clock": found.clock.detach()}
    outputs = {item.name: item for item in _outputs(settings, case, found, ladder, times)}
    return Solution(outputs, [balance], status, message, cost, tolerance, extra)


def _outputs(settings: Mapping[str, Any], case: Case, found: Numbers, ladder: Ladder, times: Tensor) -> list[Output]:
    real = dimensional(settings)
    clock, depth = found.clock.detach(), found.depth.detach()
    n, e, record = ladder.numbers, ladder.errors, ladder.finest.record
    scale = {"1/time": 1.0 / clock, "time": torch.ones_like(clock), "speed": depth / clock}
    time_unit = "s" if real else ""

    def number(name: str, values: Tensor, kind: str = "", error: Tensor | None = None) -> Output:
        unit = _UNIT_OF[kind][real] if kind else ""
        return Output(name, unit, values.cpu() * scale[kind] if kind else values.cpu(), error=error)

    def curve(name: str, values: Tensor, error: Tensor | None = None) -> Output:
        return Output(name, "", values.cpu(), times.cpu(), error, time_unit=time_unit)

    settled = torch.where(torch.isnan(n["settling_time"]), record.end, n["settling_time"])
    onset = torch.full_like(clock, _onset(case))
    made = [curve("nusselt", ladder.curve, ladder.curve_error.cpu())]
    made += [
        number(f"nusselt_{where}", n[f"nusselt_{where}"], "", e[f"nusselt_{where}"])
        for where in ("bottom", "top", "volume")
    ]
    made += [
        number("nusselt_scatter", record.scatter.amax(0)),
        number("growth_rate", n["growth_rate"], "1/time"),
        number("settling_time", settled, "time"),
        number("velocity_max", n["velocity_max"], "speed"),
        number("along_max", n["along_max"].clamp_min(0.0), "speed"),  # round-off may extrapolate below zero
        number("across_max", n["across_max"].clamp_min(0.0), "speed"),
        number("rayleigh", found.rayleigh.detach()),
        number("prandtl", found.prandtl.detach()),
        number("critical_rayleigh", onset),
        number("thermal_dissipation", n["thermal_dissipation"]),
        number("viscous_dissipation", n["viscous_dissipation"]),
        number("buoyancy_work", n["buoyancy_work"]),
        curve("flux_bottom", record.bottom),
        curve("flux_top", record.top),
        curve("heat_in", record.crossed[..., 0]),
        curve("heat_out", record.crossed[..., 1]),
        curve("heat_stored", record.heat - 0.5),
    ]
    return made + _fields(ladder.finest.layer, record.frames, record.fields, times, depth, clock, time_unit)


def _fields(
    layer: Layer,
    frames: list[int],
    fields: tuple[Tensor, Tensor, Tensor],
    times: Tensor,
    depth: Tensor,
    clock: Tensor,
    time_unit: str,
) -> list[Output]:
    """Return T and the velocity at the centres of cells, axes (batch, frames, x, z)."""
    u, w, T = (part.cpu() for part in fields)
    at_centres = [0.5 * (u + u.roll(-1, -1)), 0.5 * (w[..., 1:, :] + w[..., :-1, :])]
    velocity = torch.stack([part.transpose(-1, -2) for part in at_centres], -1)
    velocity = velocity * (depth / clock)[:, None, None, None, None]
    real = time_unit == "s" and bool((depth == depth[0]).all())  # cells of different depths share axes in depths
    length = float(depth[0]) if real else 1.0
    axes = {"x": torch.from_numpy(layer.x_centres) * length, "z": torch.from_numpy(layer.z_centres) * length}
    length_unit = "m" if real else ""
    at = times.cpu()[frames]
    speed = "m/s" if time_unit else ""
    return [
        Output("temperature", "", T.transpose(-1, -2).contiguous(), at, None, axes, (), time_unit, length_unit),
        Output("velocity", speed, velocity, at, None, axes, ("x", "z"), time_unit, length_unit),
    ]


def _onset(case: Case) -> float:
    """The critical Rayleigh number of the periodic layer, or of a wide one where there are walls."""
    if case.shape.periodic:
        return critical_in_period(case.shape.aspect, case.plates)[0].rayleigh
    return critical(case.plates).rayleigh


def _status(case: Case, found: Numbers, ladder: Ladder, tolerance: float, real: bool) -> tuple[Status, str]:
    record = ladder.finest.record
    unit = " s" if real else " diffusion times"
    layer = ladder.finest.layer
    ra, pr = float(found.rayleigh[0]), float(found.prandtl[0])
    told = f"Ra = {ra:.6g}, Pr = {pr:.4g}; grid {layer.nx} x {layer.nz}."
    if real:
        told = f"One diffusion time is {float(found.clock[0]):.4g} s. {told}"
    diverged = torch.nonzero(~torch.isnan(record.diverged_at)).reshape(-1)
    if len(diverged):
        b = int(diverged[0])
        at = float(record.diverged_at[b])
        return Status.DIVERGED, (
            f"Member {b} (Ra = {float(found.rayleigh[b]):.4g}) diverged before {at:.4g}{unit}: "
            f"lower rayleigh or perturbation. {told}"
        )
    unsettled = torch.nonzero(torch.isnan(record.settled_at)).reshape(-1)
    if len(unsettled):
        b = int(unsettled[0])
        end = record.end
        ra = float(found.rayleigh[b])
        waited = record.end > 0.9 * case.span()[1]
        scatter = float(record.scatter[:, b].max())
        if waited and scatter > 2e-3 * float(record.means[0, b]) and ra > 5.0 * _onset(case):
            return Status.CHAOTIC, (
                f"Member {b} (Ra = {ra:.4g}) still swings by {scatter:.2g} in the Nusselt number at {end:.4g}{unit}: "
                f"the flow is unsteady there; lower rayleigh. {told}"
            )
        return Status.NOT_SETTLED, (
            f"Member {b} (Ra = {ra:.4g}) had not settled at {end:.4g}{unit}: give more duration, a larger "
            f"perturbation, or a Rayleigh number further from onset. {told}"
        )
    if not bool(ladder.met.all()):
        b = int((~ladder.met).nonzero()[0])
        worst = max(float(ladder.errors[f"nusselt_{where}"][b]) for where in ("bottom", "top", "volume"))
        return (
            Status.TOLERANCE_NOT_MET,
            f"Member {b}: error {worst:.2g} against {tolerance:.2g}; loosen tolerance. {told}",
        )
    if math.isnan(float(ladder.curve.sum())):
        return Status.DIVERGED, f"The curve is not finite. {told}"
    return Status.CONVERGED, told
