"""An assimilation as a record has it: parameters, sensors, fields, and the file of its fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from physics import well
from physics.assimilation.analysis import Agreement, Analysis, Field
from physics.assimilation.system import System, parameters_at
from physics.errors import InputError
from physics.trajectory import Array, Trajectory
from tools.assimilation.case import Case
from tools.errors import Retry
from tools.fields import picture

Frames = Sequence[tuple[float, Mapping[str, Field]]]  # the clock of the file, and the fields then


def parameter_rows(case: Case, found: Analysis) -> list[dict[str, Any]]:
    """Tell the unknown parameters in the units in which a person speaks of them, and what was known of them before."""
    rows, before = [], _before(case.system)
    for name, told in found.parameters.items():
        if name not in case.request.free:
            continue
        unit, one = case.shown[name]
        rows.append(
            {
                "name": name,
                "value": told.value / one,
                "std": told.value * told.deviation / one,
                "lower": told.lower / one,
                "upper": told.upper / one,
                "level": told.level,
                "unit": unit,
                "prior": _interval(*before[name], told.level, one),
            }
        )
    return rows


def _before(system: System) -> dict[str, tuple[float, float]]:
    """Return the median and the deviation of the logarithm that each unknown parameter has without readings."""
    medians, _ = parameters_at(system, torch.zeros(system.size, dtype=torch.float64))
    return {name: (medians[name], spread) for name, spread in zip(system.unknown, system.prior_deviation, strict=True)}


def _interval(median: float, deviation: float, level: float, one: float) -> dict[str, float]:
    far = math.exp(NormalDist().inv_cdf(0.5 + level / 2.0) * deviation)
    return {"value": median / one, "lower": median / far / one, "upper": median * far / one}


def method_row(case: Case, found: Analysis) -> dict[str, Any]:
    """Tell what one method found, and how hard it had to work."""
    return {
        "method": found.method,
        "status": found.status.name.lower(),
        "message": f"{found.status.value} {found.message}",
        "parameters": parameter_rows(case, found),
        "chi_squared": {"value": found.chi_squared, "n": found.points},
        "signal": found.signal,
        "model_deviation": found.model_deviation,
        "iterations": found.iterations,
        "marches": found.marches,
        "warnings": list(found.warnings),
    }


def agreement_row(same: Agreement, names: Sequence[str]) -> dict[str, Any]:
    """Tell how far two methods lie apart, in standard deviations of both together."""
    return {
        "parameters": {name: value for name, value in same.parameters.items() if name in names},
        "fields": dict(same.fields),
        "inside": same.inside,
        "level": same.level,
    }


def sensor_rows(case: Case, found: Analysis) -> list[dict[str, Any]]:
    """Tell what each sensor read, what was made of it, and how far both are apart."""
    rows = []
    read = torch.as_tensor(case.observations.values)
    for k, place in enumerate(case.places):
        left = found.residuals[:, k]
        sound = torch.isfinite(left)
        rows.append(
            {
                "place": place,
                "at": None if case.spots is None else case.spots[k].tolist(),
                "n": int(sound.sum()),
                "rms": float(left[sound].square().mean().sqrt()) if bool(sound.any()) else None,
                "mean": float(left[sound].mean()) if bool(sound.any()) else None,
                "measured": [None if not ok else float(v) for v, ok in zip(read[:, k], sound, strict=True)],
                "predicted": found.predicted[:, k].tolist(),
            }
        )
    return rows


def frames_of(
    case: Case, found: Analysis, later: Sequence[float], draws: Tensor
) -> list[tuple[float, dict[str, Field]]]:
    """Return the fields at the start and the end of the window, and at times after it (on the file's clock)."""
    end = float(case.times[-1])
    frames = [(case.begin, found.start), (end, found.end)]
    return frames + [(end + more, case.forecast(found, draws, more * case.clock)) for more in later]


def field_rows(case: Case, frames: Frames) -> list[dict[str, Any]]:
    """Tell fields by their extent: root mean square, range, and the root mean square of their deviations."""
    rows = []
    for number, (time, fields) in enumerate(frames):
        for name in case.arranged:
            mean, deviation = _joined(case, fields, name)
            size = mean.square().mean().sqrt()
            row = {
                "name": name,
                "time": time,
                "time_unit": case.time_unit,
                "at": ("start", "end")[number] if number < 2 else "forecast",
                "unit": case.field_units[name],
                "rms": float(size),
                "std": float(deviation.square().mean().sqrt()),
                "min": float(mean.min()),
                "max": float(mean.max()),
                "shape": list(mean.shape),
                "axes": {axis: _ends(points, case.length_unit) for axis, points in case.axes.items()},
                "components": list(case.arranged[name]) if len(case.arranged[name]) > 1 else [],
            }
            if len(case.axes) == 2 and bool(torch.isfinite(mean).all()):
                plain = torch.linalg.vector_norm(mean, dim=-1) if mean.dim() == 3 else mean
                row["picture"] = picture(plain, list(case.axes.values()))
            elif len(case.axes) == 1:
                row |= {"places": next(iter(case.axes.values())).tolist(), "values": mean.tolist()}
                row["deviations"] = deviation.tolist()
            rows.append(row)
    return rows


def _ends(points: Tensor, unit: str) -> dict[str, Any]:
    return {"points": len(points), "from": float(points[0]), "to": float(points[-1]), "unit": unit}


def _joined(case: Case, fields: Mapping[str, Field], name: str) -> tuple[Tensor, Tensor]:
    """Return mean and deviation over the axes in their order, the components of a vector last."""
    parts = [fields[part] for part in case.arranged[name]]
    found = []
    for several in ([part.mean for part in parts], [part.deviation for part in parts]):
        turned = [each.movedim(0, 1) if case.transposed else each for each in several]
        found.append(turned[0] if len(turned) == 1 else torch.stack(turned, -1))
    return found[0], found[1]


def write_frames(
    path: Path, case: Case, frames: Frames, parameters: Sequence[Mapping[str, Any]], run: str | None
) -> None:
    """Write means and standard deviations (`NAME_std`) of the fields in The Well's layout.

    Raises:
        Retry: the file cannot be written there.
    """
    fields = {}
    for name, parts in case.arranged.items():
        pairs = [_joined(case, told, name) for _, told in frames]
        for label, k in ((name, 0), (f"{name}_std", 1)):
            values = torch.stack([pair[k] for pair in pairs])[None]
            fields[label] = Array(values, case.field_units[name], 1 if len(parts) > 1 else 0)
    trajectory = Trajectory(
        name=case.request.declared.name,
        time=torch.tensor([time for time, _ in frames], dtype=torch.float64),
        coordinates=dict(case.axes),
        fields=fields,
        parameters={row["name"]: row["value"] for row in parameters},
        time_unit=case.time_unit,
        length_unit=case.length_unit,
    )
    groups: dict[str, Mapping[str, Any]] = {
        "run": {"experiment": case.request.declared.name, "run": run or "", "kind": "assimilation"},
        "settings": dict(case.request.words),
    }
    for row in parameters:
        groups[f"parameters/{row['name']}"] = {key: row[key] for key in row if key not in ("name", "prior")}
        groups[f"parameters/{row['name']}/prior"] = row["prior"]
    try:
        well.write(path, trajectory, groups=groups)
    except InputError as error:
        raise Retry(f"--out {error}") from error
