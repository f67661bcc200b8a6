"""What runs and files looked like: their traces, and the vectors that the encoder makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physics import experiments, well
from physics.columns import value_column
from physics.data import read_measurement
from physics.errors import DataError, InputError
from physics.experiment import Observable
from physics.solution import Solution
from physics.surrogate.embedding import stored
from physics.surrogate.embedding.trace import Trace, checked, series
from physics.trajectory import POINT, Trajectory
from tools.errors import Retry

HDF5 = (".h5", ".hdf5")
FILES = (".csv", *HDF5)


def encoded(traces: Sequence[Trace]) -> NDArray[np.float32]:
    """Return unit vectors, shape (traces, size), by the encoder that ships.

    Raises:
        DataError: its weights are missing or cannot be used.
    """
    encoder, _ = stored.read()
    return np.asarray(encoder.encode(list(traces)), dtype=np.float32)


def encoder_digest() -> str:
    """Return what tells the vectors of this encoder from those of another; "" where there is none."""
    try:
        return str(stored.read()[1]["digest"])
    except InputError:
        return ""


def encoder_size() -> int:
    """Return how many numbers a vector has; one where there is no encoder."""
    try:
        return stored.read()[0].shape.size
    except InputError:
        return 1


def embedding(solution: Solution) -> dict[str, Any]:
    """Return the vector of a run's fields and whose it is; nothing where it has none or they cannot be encoded.

    Fields are too large for a record: what they looked like is kept when they are there.
    """
    trace = of_solution(solution)
    if trace is None:
        return {}
    try:
        vector = encoded([checked(trace)])[0]
        return {"encoder": encoder_digest(), "vector": [round(float(value), 5) for value in vector]}
    except InputError:
        return {}


def of_solution(solution: Solution) -> Trace | None:
    """Return the fields of a run's first member on the grid of the first of them; None where it has none."""
    fields = [o for o in solution.outputs.values() if o.coordinates and list(o.coordinates) != ["position"]]
    if not fields:
        return None
    lead = fields[0]
    axes = len(lead.coordinates)
    alike = [
        field.values[0] for field in fields if field.values[0].shape[: axes + 1] == lead.values[0].shape[: axes + 1]
    ]
    return Trace(_channels(alike, axes), _line(lead.time))


def of_record(record: Mapping[str, Any]) -> list[Trace]:
    """Return the curves that the record of a run holds: of a simulation or prediction, a fit, or a plan."""
    result, inputs = record["result"], record["inputs"]
    curve = _curve_of(str(inputs.get("experiment") or result.get("experiment") or ""))
    found = [
        (row["time"], row["values"])
        for row in result.get("outputs") or ()
        if row.get("kind") != "field" and "values" in row and row["name"] == curve
    ]
    followed = [row.get("curve") or {} for row in (result.get("calibration") or {}).get("files", ())]
    for told in [*(result.get("curves") or [result.get("curve") or {}]), *followed]:
        values = told.get("measured") or told.get("values")
        if values and told.get("time"):
            found.append((told["time"], values))
    return [trace for times, values in found if (trace := _sound(times, values)) is not None]


def of_file(path: Path) -> Trace:
    """Return what a file shows: a measured curve (CSV), or the first run of an HDF5 file in The Well's layout.

    Raises:
        Retry: the file cannot be used; the message says where and how to mend it.
    """
    if not path.is_file():
        what = "is a directory; name a file in it" if path.is_dir() else "no such file; check the path"
        raise Retry(f"{path}: {what}")
    if path.suffix.lower() not in FILES:
        raise Retry(f"{path}: not a kind of file that is compared; give a CSV file or HDF5 in The Well's layout")
    try:
        return checked(_of_hdf5(path) if path.suffix.lower() in HDF5 else _of_csv(path), str(path))
    except InputError as error:
        raise Retry(str(error)) from error


def _of_csv(path: Path) -> Trace:
    """Return the curve of a CSV file, of whichever experiment its header names."""
    curves = {value_column(curve): curve.unit for curve in _curves().values()}
    header = _header(path)
    named = next((name for name in curves if any(word.startswith(name) for word in header)), next(iter(curves)))
    measured = read_measurement(path, value=named, unit=curves[named])
    if measured.left_out:
        gaps = f"{measured.left_out} row{'s' * (measured.left_out > 1)}"
        raise DataError(f"{path.name}: {gaps} without a number ({measured.notes[0]}); fill or delete them")
    return series(torch.as_tensor(measured.time), torch.as_tensor(measured.value))


def _header(path: Path) -> list[str]:
    """Return the names of the columns, as far as the file can be read."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = next((line for line in file if line.strip() and not line.startswith("#")), "")
    except OSError:
        return []
    return [word.strip().strip('"').strip().lower() for word in first.split(",")]


def _of_hdf5(path: Path) -> Trace:
    found = well.read(path, trajectories=slice(0, 1))
    time = found.time[0] if found.time.dim() > 1 else found.time
    axes = [] if list(found.coordinates) == [POINT] and found.shape == (1,) else list(found.coordinates)
    if axes and found.fields:
        return Trace(_channels([_whole(found, name) for name in found.fields], len(axes)), _line(time))
    curve = _curve_of(found.name)
    rows = {
        name: array.values[0].reshape(-1)
        for name, array in found.scalars.items()
        if array.values.shape[1] == found.times > 1
    }
    if not rows:
        raise DataError(f"{path}: it holds neither a field nor a curve over time; give one that does")
    return series(time, *([rows[curve]] if curve in rows else rows.values()))


def _whole(found: Trajectory, name: str) -> Tensor:
    """Return a field of the first run, shape (times, *points, *components)."""
    values = found.fields[name].values
    tail = values.shape[2 + len(found.coordinates) :]
    return values[:1].expand(1, found.times, *found.shape, *tail)[0]


def _channels(fields: Sequence[Tensor], axes: int) -> Tensor:
    """Return fields (times, *points, *components) as the channels of one, shape (times, channels, *points)."""
    flat = [field.detach().cpu().reshape(*field.shape[: axes + 1], -1).movedim(-1, 1) for field in fields]
    return torch.cat(flat, 1)


def _line(time: Tensor | None) -> Tensor | None:
    """Return times that tell one frame from the next; None where there is but one."""
    return None if time is None or len(time) < 2 else time.detach().cpu().reshape(-1)


def _curve_of(experiment: str) -> str:
    found = _curves().get(experiment)
    return "" if found is None else found.name


def _curves() -> dict[str, Observable]:
    """Return the curve of every experiment that has one, by the experiment's name."""
    found = {}
    for each in experiments.all_experiments():
        with suppress(InputError):
            found[each.name] = each.curve
    return found


def _sound(times: Sequence[float], values: Sequence[float | None]) -> Trace | None:
    """Return a curve of a record as a trace; None where it cannot be one."""
    try:
        pairs = [(t, v) for t, v in zip(times, values, strict=True) if t is not None and v is not None]
        at, read = (torch.tensor(part, dtype=torch.float64) for part in zip(*pairs, strict=True))
        return checked(series(at, read))
    except (InputError, ValueError):
        return None
