"""From a column's quantities to its curve: the differentiable face of the solver.

`concentration` is smooth in every parameter at a fixed `Resolution` (the sensor's six cells change where it
passes a cell of a closed column, which leaves a step of the sixth order); `choose_resolution` finds one for a
tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from physics.equations.advection_dispersion.breakthrough import Column
from physics.equations.advection_dispersion.feed import Feed, measured
from physics.equations.advection_dispersion.refinement import refine
from physics.equations.advection_dispersion.response import Resolution, response
from physics.errors import ParameterError
from physics.series import Series

NEEDED = ("length", "velocity", "dispersion")
OPTIONAL = {"retardation": 1.0, "decay": 0.0}
REGIONS = ("mobile_fraction", "exchange")


@dataclass(frozen=True)
class Scheme:
    """Which model is meant, in the contract's words.

    Attributes:
        inlet: "third-type" or "first-type".
        outlet: "closed" or "semi-infinite".
        reading: "resident" or "flux".
        input: "step", "pulse", "leach" or the series of relative concentrations that was fed.
        isotherm: "linear" or "freundlich".
    """

    inlet: str = "third-type"
    outlet: str = "closed"
    reading: str = "resident"
    input: str | Series = "step"
    isotherm: str = "linear"


@dataclass(frozen=True)
class Scaled:
    """A column without dimensions and the scales that lead back.

    Attributes:
        column: see `Column`.
        time: R l / v, seconds, shape (batch,).
        span: R l, metres, shape (batch,).
        feed: in units of `time`.
    """

    column: Column
    time: Tensor
    span: Tensor
    feed: Feed

    def take(self, members: Tensor) -> Scaled:
        """Return some members of the batch."""
        return Scaled(self.column.take(members), self.time[members], self.span[members], self.feed.take(members))


def scaled(parameters: Mapping[str, Tensor], scheme: Scheme) -> Scaled:
    """Return the dimensionless columns of SI parameters, each of shape (batch,) or ().

    `retardation` (1), `decay` (0) and `position` (the length) may be left out; `pulse_duration` is needed for
    a pulse, and `mobile_fraction` and `exchange` come together or not at all.

    Raises:
        ParameterError: one that is needed is missing.
    """
    regions = any(name in parameters for name in REGIONS)
    names = (*NEEDED, *(["pulse_duration"] if scheme.input == "pulse" else []), *(REGIONS if regions else []))
    for name in names:
        if name not in parameters:
            raise ParameterError(f"column: {name} is missing; give it a value")
    like = parameters["velocity"]
    given = {name: parameters[name] for name in names}
    for name, value in OPTIONAL.items():
        given[name] = parameters.get(name, like.new_full((), value))
    whole = parameters.get("position") is None
    given["position"] = given["length"] if whole else parameters["position"]
    shape = _shape(given)
    given = {name: value.expand(shape) for name, value in given.items()}
    closed = scheme.outlet == "closed"
    reference = given["length"] if closed else given["position"]
    at_end = whole or not closed or bool((given["position"] == given["length"]).all())
    column = Column(
        peclet=given["velocity"] * reference / given["dispersion"],
        damkohler=given["decay"] * reference / given["velocity"],
        place=torch.ones_like(reference) if at_end else given["position"] / reference,
        first_type=scheme.inlet == "first-type",
        closed=closed,
        flux=scheme.reading == "flux",
        at_end=at_end,
        leach=scheme.input == "leach",
        mobile=given["mobile_fraction"] if regions else None,
        exchange=given["exchange"] * reference / given["length"] if regions else None,
    )
    span = given["retardation"] * reference
    time = span / given["velocity"]
    if isinstance(scheme.input, Series):
        return Scaled(column, time, span, measured(scheme.input, time))
    off = given["pulse_duration"] / time if scheme.input == "pulse" else None
    return Scaled(column, time, span, Feed(off=off))


def at_sensors(parameters: Mapping[str, Tensor], places: Tensor) -> dict[str, Tensor]:
    """Return the columns once for each sensor, the position running slowest: shape (sensors * batch,)."""
    batch = _shape(dict(parameters))[0]
    repeated = {name: value.expand(batch).repeat(len(places)) for name, value in parameters.items()}
    return repeated | {"position": places.repeat_interleave(batch)}


def _shape(given: Mapping[str, Tensor]) -> tuple[int, ...]:
    try:  # numpy's, since torch's own loads sympy for it
        return np.broadcast_shapes(*(value.shape for value in given.values()), (1,))
    except ValueError as error:
        sizes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in given.items() if value.dim())
        raise ParameterError(f"column: the batches differ in size: {sizes}") from error


def concentration(parameters: Mapping[str, Tensor], times: Tensor, scheme: Scheme, resolution: Resolution) -> Tensor:
    """Return C/C0 at the sensor, differentiable in every parameter, in forward and in reverse mode.

    Args:
        parameters: SI tensors of shape (batch,) or (), float64; see `scaled`.
        times: seconds since the feed changed, shape (times,).
        scheme: which model.
        resolution: fixed, for example from `choose_resolution`.

    Returns:
        shape (batch, times).
    """
    case = scaled(parameters, scheme)
    return response(case.column, times[:, None] / case.time, case.feed, Resolution(*resolution)).curve.T


def choose_resolution(
    parameters: Mapping[str, Tensor], times: Tensor, scheme: Scheme, tolerance: float = 1e-6
) -> Resolution:
    """Return one resolution at which every member of the batch meets `tolerance` (absolute, in C/C0).

    Where the finest grid allowed does not meet it, that grid is returned.
    """
    with torch.no_grad():
        case = scaled({name: value.detach() for name, value in parameters.items()}, scheme)
        parts = refine(case.column, times.detach()[:, None] / case.time, case.feed, tolerance)
    return Resolution(*(max(part.resolution[k] for part in parts) for k in range(3)))
