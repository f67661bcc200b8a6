"""`Trajectory`: fields and numbers over time for a set of runs, as files keep them and as training takes them.

Shapes are (trajectories, times, *axes, *components). A size of one stands for whatever does not vary along that
dimension, as in broadcasting: a map that all runs share has the shape (1, 1, *axes). A tensor of order q has q
trailing dimensions, each as long as there are axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from physics.errors import DataError
from physics.experiment import Experiment, Parameter
from physics.series import Series
from physics.solution import Output, Solution

POINT = "x"  # the axis of one point that stands for space where an experiment has none


class Array(NamedTuple):
    """Values with their unit; `order` is 0 for a scalar field, 1 for a vector, 2 for a tensor."""

    values: Tensor
    unit: str = ""
    order: int = 0


@dataclass(frozen=True)
class Boundary:
    """What stands at the edge of space: `mask` is true where it stands, over the points of `axes`."""

    name: str
    kind: str  # "wall", "open" or "periodic"
    axes: tuple[str, ...]
    mask: Tensor
    fields: tuple[str, ...] = ()
    values: Tensor | None = None  # those that are held there, one for each true point of the mask


@dataclass(frozen=True)
class Trajectory:
    """Runs of one experiment on one grid.

    Attributes:
        name: of the experiment or the data set.
        time: shape (times,), or (trajectories, times) where each run has its own.
        coordinates: axis -> shape (points,), or (trajectories, points); their order is that of the axes.
        fields: shape (trajectories or 1, times or 1, *(points or 1), *components).
        scalars: shape (trajectories or 1, times or 1): curves, single results and settings.
        parameters: the settings that all runs share.
        attributes: what else is said of the file.
    """

    name: str
    time: Tensor
    coordinates: Mapping[str, Tensor]
    fields: Mapping[str, Array] = field(default_factory=dict)
    scalars: Mapping[str, Array] = field(default_factory=dict)
    boundaries: tuple[Boundary, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    grid: str = "cartesian"
    time_unit: str = "s"
    length_unit: str = "m"
    count: int = 1  # of trajectories

    @property
    def times(self) -> int:
        """How many times there are."""
        return int(self.time.shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """The points along each axis."""
        return tuple(int(points.shape[-1]) for points in self.coordinates.values())

    def whole(self, name: str) -> Tensor:
        """Return a field with every dimension at its full size (a view): (trajectories, times, *axes, *components)."""
        values = self.fields[name].values
        tail = values.shape[2 + len(self.coordinates) :]
        return values.expand(self.count, self.times, *self.shape, *tail)


def trajectory_of(experiment: Experiment, settings: Mapping[str, Any], solution: Solution) -> Trajectory:
    """Return the outputs of a run as a trajectory, on the times and the grid of its fields.

    Fields become fields, a vector field whose components are not the axes one field a component; curves become
    scalars over time; single results and numeric settings constant scalars. An experiment without fields has a
    space of one point. Curves on other times than the fields are left out: `others` names them.
    """
    fields = [output for output in solution.outputs.values() if output.coordinates]
    curves = [output for output in solution.outputs.values() if output.time is not None and not output.coordinates]
    lead = (fields or curves or list(solution.outputs.values()))[0]
    kept = [output for output in fields if _same_grid(output, lead)]
    values = lead.values
    coordinates = dict(lead.coordinates) or {POINT: torch.zeros(1, dtype=torch.float64)}
    left_out = {output.name for output in others(solution)}
    scalars = {
        output.name: Array(_scalar(output), output.unit)
        for output in solution.outputs.values()
        if not output.coordinates and output.name not in left_out
    }
    numbers, shared = _settings(experiment, settings, int(values.shape[0]))
    return Trajectory(
        name=experiment.name,
        time=torch.zeros(1, dtype=torch.float64) if lead.time is None else lead.time.detach().cpu(),
        coordinates={axis: points.detach().cpu() for axis, points in coordinates.items()},
        fields={name: array for output in kept for name, array in _fields(output, tuple(coordinates)).items()},
        scalars={**{name: array for name, array in numbers.items() if name not in scalars}, **scalars},
        boundaries=_boundaries(experiment, settings, coordinates),
        parameters=shared,
        attributes={
            **{name: text for name, text in settings.items() if isinstance(text, str)},
            **{f"{output.name}_labels": list(output.labels) for output in solution.outputs.values() if output.labels},
        },
        time_unit=lead.time_unit,
        length_unit=lead.length_unit,
        count=int(values.shape[0]),
    )


def outputs_of(trajectory: Trajectory) -> dict[str, Output]:
    """Return fields and scalars as outputs, so that the laws of an experiment can judge a file as they judge a run.

    Raises:
        DataError: the runs have times or a grid of their own each, which outputs cannot hold.
    """
    if trajectory.time.dim() > 1 or any(points.dim() > 1 for points in trajectory.coordinates.values()):
        raise DataError(f"{trajectory.name}: each run has its own times or grid; read one run at a time")
    axes = dict(trajectory.coordinates)
    found = {}
    for name, array in trajectory.fields.items():
        components = tuple(axes) if array.order == 1 else ()
        values = trajectory.whole(name)
        found[name] = Output(
            name, array.unit, values, trajectory.time, None, axes, components,
            time_unit=trajectory.time_unit, length_unit=trajectory.length_unit,
        )  # fmt: skip
    for name, array in trajectory.scalars.items():
        curve = array.values.shape[1] == trajectory.times > 1
        values = array.values.expand(trajectory.count, -1)
        time = trajectory.time if curve else None
        values = values if curve else values[:, 0]
        found[name] = Output(name, array.unit, values, time, time_unit=trajectory.time_unit)
    return found


def others(solution: Solution) -> list[Output]:
    """Return the outputs that do not share the times and the grid of a trajectory's fields."""
    outputs = list(solution.outputs.values())
    lead = next((output for output in outputs if output.coordinates), None)
    lead = lead or next((output for output in outputs if output.time is not None), None)
    if lead is None:
        return []
    return [
        output
        for output in outputs
        if not (_same_grid(output, lead) if output.coordinates else output.time is None or _same_time(output, lead))
    ]


def _same_time(output: Output, lead: Output) -> bool:
    if output.time is None or lead.time is None:
        return output.time is lead.time
    return output.time.shape == lead.time.shape and bool(torch.equal(output.time, lead.time))


def _same_grid(output: Output, lead: Output) -> bool:
    return (
        _same_time(output, lead)
        and list(output.coordinates) == list(lead.coordinates)
        and all(torch.equal(points, lead.coordinates[axis]) for axis, points in output.coordinates.items())
    )


def _fields(output: Output, axes: tuple[str, ...]) -> dict[str, Array]:
    """Return the field under its name; components that are not the axes become fields of their own."""
    values = output.values.detach().cpu()
    if not output.components:
        return {output.name: Array(values, output.unit)}
    if set(output.components) == set(axes):
        order = [output.components.index(axis) for axis in axes]
        return {output.name: Array(values[..., order], output.unit, 1)}
    return {
        f"{output.name}_{component}": Array(values[..., i], output.unit)
        for i, component in enumerate(output.components)
    }


def _scalar(output: Output) -> Tensor:
    values = output.values.detach().cpu()
    return values if values.dim() == 2 else values[:, None]


def _settings(
    experiment: Experiment, settings: Mapping[str, Any], count: int
) -> tuple[dict[str, Array], dict[str, float]]:
    """Return the numeric settings as scalars, and those that all runs share as numbers."""
    numbers: dict[str, Array] = {}
    shared: dict[str, float] = {}
    units = {item.name: item.unit for item in experiment.parameters if isinstance(item, Parameter)}
    for name, value in settings.items():
        if name not in units or isinstance(value, str | Series | tuple) or value is None:
            continue
        tensor = torch.as_tensor(value, dtype=torch.float64).detach().cpu().reshape(-1)
        if tensor.numel() == 1 or bool((tensor == tensor[0]).all()):
            shared[name] = float(tensor[0])
            tensor = tensor[:1]
        elif tensor.numel() != count:
            continue
        numbers[name] = Array(tensor[:, None], units[name])
    return numbers, shared


def _boundaries(
    experiment: Experiment, settings: Mapping[str, Any], coordinates: Mapping[str, Tensor]
) -> tuple[Boundary, ...]:
    """Return what the experiment says of each end of each axis, the ends of one kind together."""
    told = {} if experiment.boundaries is None else experiment.boundaries(settings)
    found = []
    for axis, kinds in told.items():
        if axis not in coordinates:
            continue
        ends = (kinds, kinds) if isinstance(kinds, str) else tuple(kinds)
        for kind in dict.fromkeys(ends):
            mask = torch.zeros(coordinates[axis].shape[-1], dtype=torch.bool)
            mask[0], mask[-1] = ends[0] == kind, ends[1] == kind
            found.append(Boundary(f"{axis}_{kind}", kind, (axis,), mask))
    return tuple(found)
