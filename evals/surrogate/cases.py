"""The runs that a surrogate gets most wrong, drawn small: curves along one axis, PNG pictures of two."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from torch import Tensor

from evals.surrogate.records import Case, Picture, Split
from physics.surrogate.regime import Axis, Regime

FIELD, DIFFERENCE = "cividis", "RdBu_r"
_SHADES = 255  # the last colour is for what is not finite
_NOTHING = 1e-6  # of the highest value: a lowest value that is zero but for rounding
_MISSING = (150, 150, 150)
_RANKS = ("worst", "second worst", "third worst", "fourth worst")


def cases(
    regime: Regime,
    true: Tensor,
    predicted: Tensor,
    error: Tensor,
    times: Sequence[float],
    settings: Mapping[str, Tensor],
    split: Split,
    *,
    doubts: Sequence[Sequence[str]] | None = None,
    worst: int = 2,
) -> list[Case]:
    """Return the worst runs by mean error, and for comparison the median one, each at its worst frame.

    Args:
        regime: of the runs.
        true, predicted: (runs, frames, channels, *points).
        error: VRMSE, (runs, frames).
        times: of the frames.
        settings: shape (runs,) each.
        split: what the runs are.
        doubts: of each run, in sentences.
        worst: how many, at most four.
    """
    order = error.mean(1).argsort(descending=True).tolist()
    chosen = dict(zip(order, _RANKS[:worst], strict=False))
    chosen.setdefault(order[len(order) // 2], "median")
    found = []
    for run, rank in chosen.items():
        frame = int(error[run].argmax())
        wrong, right = predicted[run, frame], true[run, frame]
        found.append(
            Case(
                regime=regime.name,
                split=split,
                rank=rank,
                run=run,
                time=times[frame],
                time_unit=regime.time_unit,
                vrmse=float(error[run, frame]),
                mean=float(error[run].mean()),
                settings={each.name: (float(settings[each.name][run]), each.unit) for each in regime.ranges},
                doubts=None if doubts is None else tuple(doubts[run]),
                axes=tuple(_label(axis) for axis in regime.axes),
                **_shown(regime, right.double(), wrong.double()),
            )
        )
    return found


def _label(axis: Axis) -> str:
    return f"{axis.name} ({axis.unit})" if axis.unit else axis.name


def _shown(regime: Regime, true: Tensor, predicted: Tensor) -> dict[str, Any]:
    """Return the channel that is the most wrong, as curves or as pictures; fields are (channels, *points)."""
    space = tuple(range(1, true.dim()))
    share = ((predicted - true) ** 2).mean(space) / true.var(space, correction=0).clamp_min(1e-12)
    worst = int(torch.nan_to_num(share, nan=torch.inf).argmax())
    channel = regime.channels[worst]
    known: dict[str, Any] = {"channel": channel.name, "unit": channel.unit}
    right, wrong = true[worst], predicted[worst]
    if right.dim() == 1:
        places = regime.coordinates[regime.axes[0].name].tolist()
        return known | {"places": places, "truth": right.tolist(), "predicted": wrong.tolist()}
    across, up = regime.axes
    low, high = float(right.min()), float(right.max())
    low = 0.0 if abs(low) < _NOTHING * abs(high) else low
    largest = torch.nan_to_num((wrong - right).abs(), nan=0.0, posinf=0.0).max()
    span = float(largest) or 1.0
    return known | {
        "proportion": across.length / up.length,
        "pictures": (
            picture("truth", right, low, high, FIELD),
            picture("prediction", wrong, low, high, FIELD),
            picture("difference", wrong - right, -span, span, DIFFERENCE),
        ),
    }


def picture(name: str, field: Tensor, low: float, high: float, colours: str) -> Picture:
    """Draw a field (nx, ny), the first axis across and the second up, a pixel a point; what is beyond is cut off."""
    place = (field.T.flip(0) - low) / ((high - low) or 1.0)
    shades = (torch.nan_to_num(place).clamp(0.0, 1.0) * (_SHADES - 1)).round().to(torch.uint8)
    shades[~place.isfinite()] = _SHADES
    encoded = base64.b64encode(png(shades.numpy(), palette(colours))).decode()
    return Picture.model_validate({"name": name, "png": f"data:image/png;base64,{encoded}", "low": low, "high": high})


def palette(colours: str) -> np.ndarray:
    """Return the colours of the shades, (256, 3); the last is that of what is not finite."""
    table = colormaps[colours](np.linspace(0.0, 1.0, _SHADES))[:, :3]
    return np.concatenate([(255.0 * table).round().astype(np.uint8), np.array([_MISSING], dtype=np.uint8)])


def png(shades: np.ndarray, colours: np.ndarray) -> bytes:
    """Return a PNG file of shades (rows, columns), each a row of colours (256, 3).

    Source: PNG specification, third edition, W3C 2025, sections 5 (chunks) and 11.2 (IHDR, PLTE, IDAT, IEND).
    """
    rows, columns = shades.shape
    lines = np.concatenate([np.zeros((rows, 1), dtype=np.uint8), shades], 1)  # each begins with its filter: none
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            (b"PLTE", colours.tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
