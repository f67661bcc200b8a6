"""Small files such as The Well's own are: one set of parameters a file, fields of every order, a map that all share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

RUNS, FRAMES, NX, NY = 2, 12, 16, 20


def write(
    path: Path,
    *,
    scale: float = 1.0,
    axes: tuple[str, ...] = ("x", "y"),
    kinds: tuple[str, ...] = ("PERIODIC", "WALL"),
    scalar: str = "Rayleigh",
    interval: float = 0.25,
    name: str = "cavity-flow",
) -> dict[str, Any]:
    """Write a file of two runs whose fields are random; return them, density, velocity, stress and the map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = (NX, NY, 8)[: len(axes)]
    dims = len(axes)
    drawn = np.random.default_rng(int(1000 * scale))
    fields = {
        "t0_fields/density": drawn.standard_normal((RUNS, FRAMES, *sizes)),
        "t0_fields/map": drawn.standard_normal(sizes),
        "t1_fields/velocity": drawn.standard_normal((RUNS, FRAMES, *sizes, dims)),
        "t2_fields/stress": drawn.standard_normal((RUNS, FRAMES, *sizes, dims, dims)),
    }
    with h5py.File(path, "w") as file:
        file.attrs.update(dataset_name=name, grid_type="cartesian", n_spatial_dims=dims, n_trajectories=RUNS)
        file.attrs["simulation_parameters"] = [scalar]
        file.attrs[scalar] = scale
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = list(axes)
        _put(group, "time", interval * np.arange(FRAMES), sample_varying=False)
        for axis, size in zip(axes, sizes, strict=True):
            _put(group, axis, 2.0 * np.arange(size) / size, sample_varying=False, time_varying=False)
        group = file.create_group("boundary_conditions")
        for axis, size, kind in zip(axes, sizes, kinds, strict=False):
            own = group.create_group(f"{axis}_ends")
            own.attrs.update(associated_dims=[axis], associated_fields=[], bc_type=kind)
            own.attrs.update(sample_varying=False, time_varying=False)
            own["mask"] = np.isin(np.arange(size), (0, size - 1))
        group = file.create_group("scalars")
        group.attrs["field_names"] = [scalar, "energy"]
        _put(group, scalar, np.array(scale), sample_varying=False, time_varying=False)
        _put(group, "energy", drawn.standard_normal((RUNS, FRAMES)), sample_varying=True, time_varying=True)
        for order in range(3):
            names = [name.partition("/")[2] for name in fields if name.startswith(f"t{order}")]
            file.create_group(f"t{order}_fields").attrs["field_names"] = names
        for name, values in fields.items():
            varies = name != "t0_fields/map"
            _put(file, name, values, sample_varying=varies, time_varying=varies, dim_varying=[True] * dims)
    return {name.partition("/")[2]: values.astype(np.float32) for name, values in fields.items()}


def _put(group: h5py.Group, name: str, values: np.ndarray, **flags: Any) -> None:
    group.create_dataset(name, data=values.astype(np.float32)).attrs.update(flags)
