"""Candidate tracer tests in a packed column, and the models that describe them.

Flow Q, cross-section A and porosity n give the pore-water velocity v = Q / (n A); dispersion is D = alpha v +
D_e, alpha the dispersivity and D_e the effective diffusion (Bear 1972, Dynamics of Fluids in Porous Media,
Elsevier, chapter 10). A run's own time is its pore volume, R x / v at the reading. Each flow is combined with
a step and with pulses, and with several durations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.calibrate.sensitivity import Model
from physics.design.candidate import Candidate, Unknown, grid
from physics.equations.advection_dispersion.response import Resolution
from physics.equations.advection_dispersion.scaling import Scheme, choose_resolution, concentration
from physics.errors import ParameterError

TIME_POWERS = {"velocity": -1, "dispersion": -1, "decay": -1, "pulse_duration": 1}


@dataclass(frozen=True)
class Bed:
    """The packed bed and what is believed of it; SI.

    Attributes:
        length, area: of the bed, m and m**2; position: of the reading, m.
        porosity: with its relative uncertainty `porosity_spread`, which is that of the velocity.
        dispersivity: median, m, and log-standard deviation of alpha.
        diffusion: D_e, m**2/s.
        retardation: R, and its log-standard deviation; zero means that it is known.
    """

    length: float
    area: float
    porosity: float
    dispersivity: tuple[float, float]
    porosity_spread: float = 0.1
    diffusion: float = 0.0
    retardation: tuple[float, float] = (1.0, 0.0)
    decay: float = 0.0
    position: float | None = None


def tracer_candidates(
    bed: Bed,
    flows: Sequence[float],
    *,
    pore_volumes: Sequence[float] = (1.25, 1.5, 2.0, 3.0),
    pulses: Sequence[float] = (0.25, 0.5),
    longest: float = math.inf,
) -> list[Candidate]:
    """Every combination of flow (m**3/s), input and duration; a duration beyond `longest` (s) is cut to it.

    Args:
        pore_volumes: durations; to those of a pulse its own is added.
        pulses: how long tracer is fed, in pore volumes; a step is always among the inputs.

    Raises:
        ParameterError: no flow, or one that is not above zero.
    """
    if not flows or not all(flow > 0 and math.isfinite(flow) for flow in flows):
        raise ParameterError("flows: name at least one flow, each above zero")
    found: dict[tuple[float, float, float], Candidate] = {}
    for choice in grid(flow=flows, pulse=(math.inf, *pulses), volumes=pore_volumes):
        candidate = _candidate(bed, longest=longest, **choice)
        found[choice["flow"], choice["pulse"], candidate.duration] = candidate
    return list(found.values())


def _candidate(bed: Bed, flow: float, pulse: float, volumes: float, longest: float) -> Candidate:
    velocity = flow / (bed.porosity * bed.area)
    place = bed.length if bed.position is None else bed.position
    retardation, spread = bed.retardation
    pore_volume = retardation * place / velocity
    step = math.isinf(pulse)
    duration = min((volumes + (0.0 if step else pulse)) * pore_volume, longest)
    known = {"length": bed.length, "position": place, "decay": bed.decay}
    unknown = {
        "velocity": Unknown(velocity, bed.porosity_spread),
        "dispersion": Unknown(bed.dispersivity[0] * velocity + bed.diffusion, bed.dispersivity[1]),
    }
    if spread > 0:
        unknown["retardation"] = Unknown(retardation, spread)
    else:
        known["retardation"] = retardation
    settings: dict[str, float | str] = {
        "flow": flow,
        "input": "step" if step else "pulse",
        "duration": duration,
    }
    fed = pulse * pore_volume
    if not step:
        settings["pulse_duration"] = known["pulse_duration"] = fed
    return Candidate(settings, known, unknown, duration, pore_volume, fed, flow, "step" if step else "pulse")


def tracer_models(scheme: Scheme | None = None, tolerance: float = 1e-4) -> dict[str, Model]:
    """The column's models by input, "step" and "pulse", with inlet, outlet and reading from `scheme`."""
    base = scheme or Scheme()
    return {kind: _Model(replace(base, input=kind), tolerance) for kind in ("step", "pulse")}


class _Model:
    """A column at the resolution that the sharpest and the smoothest front of each batch need."""

    def __init__(self, scheme: Scheme, tolerance: float) -> None:
        self.scheme, self.tolerance = scheme, tolerance

    def __call__(self, parameters: dict[str, Tensor], times: Tensor) -> Tensor:
        return concentration(parameters, times, self.scheme, self._resolution(parameters, times))

    def _resolution(self, parameters: dict[str, Tensor], times: Tensor) -> Resolution:
        plain = {name: forward_ad.unpack_dual(value).primal for name, value in parameters.items()}
        peclet = plain["velocity"] / plain["dispersion"]
        ends = torch.stack([peclet.argmin(), peclet.argmax()])
        return choose_resolution(
            {name: value[ends] for name, value in plain.items()}, times, self.scheme, self.tolerance
        )
