"""Trajectories in The Well's HDF5 layout: written whole or not at all, read in full or in part.

    /                    dataset_name, grid_type, n_spatial_dims, n_trajectories, simulation_parameters and those
    /dimensions          spatial_dims; time and one data set an axis
    /boundary_conditions one group a boundary: associated_dims, associated_fields, bc_type; mask, values
    /scalars             field_names; one data set a scalar
    /t0_fields ... /t2_fields   field_names; one data set a field of that tensor order

`sample_varying`, `time_varying` and `dim_varying` say which dimensions a data set has; those that it lacks are of
size one here. Units stand in an attribute `unit`, which The Well does not ask for. Files written by others are in
single precision as a rule; all that is read becomes double.

Source: R. Ohana et al., The Well: a large-scale collection of diverse physics simulations for machine learning,
NeurIPS 2024, arXiv:2412.00568; package `the-well`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from physics.errors import DataError
from physics.trajectory import Array, Boundary, Trajectory

ORDERS = (0, 1, 2)
_RESERVED = {"dataset_name", "grid_type", "n_spatial_dims", "n_trajectories", "simulation_parameters"}


def write(
    path: str | Path,
    trajectory: Trajectory,
    *,
    single: bool = False,
    groups: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write a trajectory; an existing file is replaced only when the new one is complete.

    Args:
        path: the file.
        trajectory: what is written.
        single: in single precision, as The Well's own files are.
        groups: further groups by path, each with attributes, or data sets where a value is a tensor.

    Raises:
        DataError: the file cannot be written there.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
    os.close(handle)
    try:
        with h5py.File(name, "w") as file:
            _fill(file, trajectory, np.float32 if single else np.float64)
            for place, items in (groups or {}).items():
                _group(file.create_group(place), items)
        # A temporary file is its owner's alone.
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        Path(name).unlink(missing_ok=True)


def _fill(file: h5py.File, given: Trajectory, dtype: Any) -> None:
    file.attrs.update({name: value for name, value in given.attributes.items() if name not in _RESERVED})
    file.attrs["dataset_name"] = given.name
    file.attrs["grid_type"] = given.grid
    file.attrs["n_spatial_dims"] = len(given.coordinates)
    file.attrs["n_trajectories"] = given.count
    file.attrs["simulation_parameters"] = list(given.parameters)
    file.attrs.update(given.parameters)
    dimensions = file.create_group("dimensions")
    dimensions.attrs["spatial_dims"] = list(given.coordinates)
    for name, points in {"time": given.time, **given.coordinates}.items():
        data = _data(dimensions, name, points, dtype, given.time_unit if name == "time" else given.length_unit)
        data.attrs["sample_varying"] = points.dim() == 2
        data.attrs["time_varying"] = False
    _write_boundaries(file.create_group("boundary_conditions"), given, dtype)
    scalars = file.create_group("scalars")
    scalars.attrs["field_names"] = list(given.scalars)
    for name, array in given.scalars.items():
        _write_array(scalars, name, array, given, dtype, ())
    for order in ORDERS:
        group = file.create_group(f"t{order}_fields")
        chosen = {name: array for name, array in given.fields.items() if array.order == order}
        group.attrs["field_names"] = list(chosen)
        for name, array in chosen.items():
            data = _write_array(group, name, array, given, dtype, given.shape)
            if order == 2:
                mirrored = array.values.transpose(-1, -2)
                data.attrs["symmetric"] = bool(torch.equal(array.values, mirrored))
                data.attrs["antisymmetric"] = bool(torch.equal(array.values, -mirrored))


def _write_array(
    group: h5py.Group, name: str, array: Array, given: Trajectory, dtype: Any, axes: tuple[int, ...]
) -> h5py.Dataset:
    """Write the values without runs or times where they do not vary with them.

    Axes are written in full: of one that does not vary, the package and the specification expect different shapes.
    """
    values = array.values
    samples = values.shape[0] == given.count
    # A single time of a field is a dimension of size one that is kept.
    steps = values.shape[1] == given.times and (given.times > 1 or bool(axes))
    values = values.expand(*values.shape[:2], *axes, *values.shape[2 + len(axes) :])
    values = values if steps else values.squeeze(1)
    data = _data(group, name, values if samples else values.squeeze(0), dtype, array.unit)
    data.attrs["sample_varying"], data.attrs["time_varying"] = samples, steps
    if axes:
        data.attrs["dim_varying"] = [True] * len(axes)
    return data


def _write_boundaries(group: h5py.Group, given: Trajectory, dtype: Any) -> None:
    for boundary in given.boundaries:
        each = group.create_group(boundary.name)
        each.attrs["associated_dims"] = list(boundary.axes)
        each.attrs["associated_fields"] = list(boundary.fields)
        each.attrs["bc_type"] = boundary.kind.upper()
        each.attrs["sample_varying"] = False
        each.attrs["time_varying"] = False
        each.create_dataset("mask", data=boundary.mask.cpu().numpy().astype(bool))
        if boundary.values is not None:
            each.create_dataset("values", data=boundary.values.detach().cpu().numpy().astype(dtype))


def _data(group: h5py.Group, name: str, values: Tensor, dtype: Any, unit: str) -> h5py.Dataset:
    data = group.create_dataset(name, data=values.detach().cpu().numpy().astype(dtype))
    data.attrs["unit"] = unit
    return data


def _group(group: h5py.Group, items: Mapping[str, Any]) -> None:
    for name, value in items.items():
        if isinstance(value, Tensor):
            group.create_dataset(name, data=value.detach().cpu().numpy())
        else:
            group.attrs[name] = value


def read(
    path: str | Path,
    *,
    fields: Iterable[str] | None = None,
    trajectories: slice = slice(None),
    times: slice = slice(None),
) -> Trajectory:
    """Read a file of The Well's layout, all of it or the named fields and the given trajectories and times.

    Raises:
        DataError: the file is not of that layout; the message says what is missing or does not fit.
    """
    try:
        with h5py.File(path, "r") as file:
            return _Reader(str(path), file, trajectories, times).trajectory(None if fields is None else list(fields))
    except OSError as error:
        raise DataError(f"{path}: cannot be read as an HDF5 file; give a file of The Well's layout") from error


class _Reader:
    """Reads one open file, with the part of it that is wanted."""

    def __init__(self, path: str, file: h5py.File, trajectories: slice, times: slice) -> None:
        self.path, self.file, self.trajectories, self.times = path, file, trajectories, times
        self.whole = int(self.attribute(file, "n_trajectories"))
        dimensions = self.child(file, "dimensions")
        self.axes = _names(self.attribute(dimensions, "spatial_dims"))
        time = self.child(dimensions, "time")
        self.steps = int(time.shape[-1])
        self.sizes = tuple(int(self.child(dimensions, axis).shape[-1]) for axis in self.axes)

    def trajectory(self, wanted: Sequence[str] | None) -> Trajectory:
        """Read everything that is wanted."""
        file, dimensions = self.file, self.file["dimensions"]
        names = _names(self.attribute(file, "simulation_parameters"))
        fields = self.fields(wanted)
        known = {*_RESERVED, *names}
        return Trajectory(
            name=str(self.attribute(file, "dataset_name")),
            time=self.points("time")[..., self.times],
            coordinates={axis: self.points(axis) for axis in self.axes},
            fields=fields,
            scalars=self.scalars(),
            boundaries=tuple(self.boundary(name) for name in file.get("boundary_conditions", {})),
            parameters={name: float(np.asarray(self.attribute(file, name)).reshape(-1)[0]) for name in names},
            attributes={name: value for name, value in file.attrs.items() if name not in known},
            grid=str(self.attribute(file, "grid_type")),
            time_unit=str(dimensions["time"].attrs.get("unit", "")),
            length_unit=str(dimensions[self.axes[0]].attrs.get("unit", "")) if self.axes else "",
            count=len(range(*self.trajectories.indices(self.whole))),
        )

    def fields(self, wanted: Sequence[str] | None) -> dict[str, Array]:
        """Read the wanted fields of every tensor order."""
        found = {}
        for order in ORDERS:
            group = self.file.get(f"t{order}_fields")
            for name in [] if group is None else _names(self.attribute(group, "field_names")):
                if wanted is None or name in wanted:
                    found[name] = self.array(self.child(group, name), order, True)
        lacking = [name for name in wanted or () if name not in found]
        if lacking:
            raise DataError(f"{self.path}: there is no field {', '.join(lacking)}; leave it out, or read another file")
        return found

    def scalars(self) -> dict[str, Array]:
        """Read the scalars."""
        group = self.file.get("scalars")
        names = [] if group is None else _names(self.attribute(group, "field_names"))
        return {name: self.array(self.child(group, name), 0, False) for name in names}

    def array(self, data: h5py.Dataset, order: int, spatial: bool) -> Array:
        """Read one data set; the dimensions that it lacks become of size one."""
        samples, steps = bool(self.attribute(data, "sample_varying")), bool(self.attribute(data, "time_varying"))
        varies = [bool(each) for each in self.attribute(data, "dim_varying")] if spatial else []
        sizes = self.sizes if spatial else ()
        flags = (samples, steps, *varies)
        lead = [size for size, kept in zip((self.whole, self.steps), flags, strict=False) if kept]
        expected = [*lead, *(size for size, kept in zip(sizes, varies, strict=False) if kept)]
        ones = [*lead, *(size if kept else 1 for size, kept in zip(sizes, varies, strict=False))]
        tails = {(len(self.axes),) * order, (len(self.axes) ** order,)} if order else {(), (1,)}
        fits = {(*shape, *tail) for shape in (expected, ones) for tail in tails}
        if len(varies) != len(sizes) or tuple(data.shape) not in fits:
            raise DataError(
                f"{self.path}: {data.name} has the shape {tuple(data.shape)} where its flags ask for "
                f"{tuple(expected)} and {order} tensor dimensions; it is not The Well's layout"
            )
        part = (*((self.trajectories,) if samples else ()), *((self.times,) if steps else ()))
        values = torch.as_tensor(np.asarray(data[part] if part else data[()], dtype=np.float64))
        dims = iter(values.shape)
        full = [next(dims) if kept else 1 for kept in (samples, steps)]
        full += [size if kept else 1 for size, kept in zip(sizes, varies, strict=True)]
        return Array(values.reshape(*full, *(len(self.axes),) * order), str(data.attrs.get("unit", "")), order)

    def points(self, name: str) -> Tensor:
        """Read the points of an axis or the times."""
        data = self.file["dimensions"][name]
        own = bool(self.attribute(data, "sample_varying"))
        if bool(data.attrs.get("time_varying", False)) or data.ndim != 1 + own:
            raise DataError(f"{self.path}: the points of {name} have the shape {data.shape}; a moving grid is not read")
        return torch.as_tensor(np.asarray(data[self.trajectories] if own else data[()], dtype=np.float64))

    def boundary(self, name: str) -> Boundary:
        """Read one boundary; its mask must be the same for all runs and times."""
        group = self.file["boundary_conditions"][name]
        axes = self.attribute(group, "associated_dims")
        if isinstance(axes, str):
            axes = [axes] if axes in self.axes else list(axes)
        mask = torch.as_tensor(np.asarray(self.child(group, "mask")[()], dtype=bool))
        values = torch.as_tensor(np.asarray(group["values"][()], dtype=np.float64)) if "values" in group else None
        if mask.dim() != len(axes):
            raise DataError(f"{self.path}: the mask of {name} varies with the run or the time, which is not read")
        kind = str(self.attribute(group, "bc_type")).lower()
        fields = tuple(_names(group.attrs.get("associated_fields", [])))
        return Boundary(name, kind, tuple(_names(axes)), mask, fields, values)

    def attribute(self, item: Any, name: str) -> Any:
        """Return an attribute, with one line where it is missing."""
        if name not in item.attrs:
            raise DataError(f"{self.path}: {item.name} has no attribute {name}; it is not The Well's layout")
        return item.attrs[name]

    def child(self, group: Any, name: str) -> Any:
        """Return a group or a data set, with one line where it is missing."""
        if name not in group:
            raise DataError(f"{self.path}: {group.name.rstrip('/')}/{name} is missing; it is not The Well's layout")
        return group[name]


def _names(values: Any) -> list[str]:
    """Return names as text; an empty list of them is stored as numbers."""
    return [each.decode() if isinstance(each, bytes) else str(each) for each in np.atleast_1d(values)]
