"""Measured curves made up for tests: runs with white noise, written as a laboratory would."""

from collections.abc import Sequence
from pathlib import Path

import torch

from physics.experiments import flash
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


def flash_file(path: Path, *, seed: int = 0, noise: float = 0.02, comments: Sequence[str] = ()) -> Path:
    """Write the record of a disc 2 mm thick with 4 mm2/s after a pulse of 1 ms, in the detector's own unit."""
    given = {"thickness": "2 mm", "diffusivity": "4 mm**2/s", "biot": "0.05", "pulse": "square", "pulse_width": "1 ms"}
    times = torch.linspace(0.001, 1.5, 300, dtype=torch.float64)
    settings = {**flash.EXPERIMENT.read(given), "amplitude": 2.3}
    curve = flash.EXPERIMENT.simulate(settings, times).outputs["rear_temperature"].values[0]
    generator = torch.Generator().manual_seed(seed)
    measured = curve + noise * torch.randn(len(times), generator=generator, dtype=torch.float64)
    rows = [f"{1e3 * t:.6g},{c:.6g}" for t, c in zip(times.tolist(), measured.tolist(), strict=True)]
    said = comments or ("Specimen thickness: 2 mm", "pulse width 1 ms")
    path.write_text("\n".join([*(f"# {line}" for line in said), "time_ms,rear_temperature", *rows, ""]))
    return path
