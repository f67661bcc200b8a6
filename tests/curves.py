"""Measured curves made up for tests: a run of the column with white noise, written as a laboratory would."""

from collections.abc import Sequence
from pathlib import Path

import torch

from physics.experiments.column import EXPERIMENT

TRUTH = {"velocity": "2.5 cm/h", "dispersion": "0.15 cm**2/h"}


def column_file(
    path: Path,
    *,
    seed: int = 0,
    noise: float = 0.007,
    points: int = 35,
    comments: Sequence[str] = ("Sensor depth: 11 cm",),
    **settings: str,
) -> Path:
    """Write a breakthrough curve of a sensor at 11 cm, from 2.5 to 7 h."""
    given = {"length": "11 cm", "outlet": "semi-infinite", **TRUTH, **settings}
    times = torch.linspace(2.5, 7.0, points, dtype=torch.float64) * 3600
    curve = EXPERIMENT.simulate(EXPERIMENT.read(given), times).outputs["concentration"].values[0]
    generator = torch.Generator().manual_seed(seed)
    measured = curve + noise * torch.randn(points, generator=generator, dtype=torch.float64)
    rows = [f"{t / 3600:.6g},{c:.6g}" for t, c in zip(times.tolist(), measured.tolist(), strict=True)]
    path.write_text("\n".join([*(f"# {line}" for line in comments), "time_h,relative_concentration", *rows, ""]))
    return path
