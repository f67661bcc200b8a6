"""Fields as a record keeps them: their extent, their mean over time, and a small picture of the last frame."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from physics import units
from physics.solution import Output

LARGEST = 64  # points along either side of a picture
LEVELS = 255  # shades of a picture, two hexadecimal digits each


def field_row(output: Output, values: Tensor, length_unit: str) -> dict[str, Any]:
    """Tell a field of shape (times, *axes[, components]): its values stand in the file that the run may write.

    `values` of the row are means over space, of the magnitude where the field is a vector; `picture` shows the last
    frame of a field of two axes.
    """
    axes = {name: _axis(points, output.length_unit, length_unit) for name, points in output.coordinates.items()}
    size = torch.linalg.vector_norm(values, dim=-1) if output.components else values
    row = {
        "kind": "field",
        "values": size.flatten(1).mean(1).tolist(),
        "summary": "mean of the magnitude over space" if output.components else "mean over space",
        "shape": list(values.shape),
        "axes": axes,
        "components": list(output.components),
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
    }
    if len(axes) == 2 and bool(torch.isfinite(size[-1]).all()):
        row["picture"] = picture(size[-1], [points.flatten() for points in output.coordinates.values()])
    return row


def _axis(points: Tensor, source: str, shown: str) -> dict[str, Any]:
    lowest, highest = (units.convert(float(end), source, shown) for end in (points.min(), points.max()))
    return {"points": int(points.shape[-1]), "from": lowest, "to": highest, "unit": shown}


def picture(frame: Tensor, coordinates: list[Tensor]) -> dict[str, Any]:
    """Shrink a frame of shape (x, z) to evenly spaced points, at most `LARGEST` a side, in `LEVELS` shades.

    Each of `rows` runs along the first axis, the lowest of the second axis first, two hexadecimal digits a point.
    """
    picks = [_evenly(points, min(len(points), LARGEST)) for points in coordinates]
    small = frame[picks[0]][:, picks[1]].T
    lowest, highest = float(small.min()), float(small.max())
    span = highest - lowest or 1.0
    shades = ((small - lowest) / span * LEVELS).round().to(torch.uint8)
    return {"lowest": lowest, "highest": highest, "rows": [bytes(row.tolist()).hex() for row in shades]}


def _evenly(points: Tensor, count: int) -> Tensor:
    """Return which points of a rising axis lie nearest to `count` evenly spaced places."""
    places = torch.linspace(float(points[0]), float(points[-1]), count, dtype=points.dtype)
    return (points[:, None] - places).abs().argmin(0)
