"""The column solver under the calibrator, against measured curves."""

import os
from pathlib import Path

import pytest
import torch

from physics.calibrate.fit import fit
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.start import start_column
from physics.data import read_measurement
from physics.equations.advection_dispersion.scaling import Scheme, choose_resolution, concentration

DATA = Path(os.environ.get("LABWRIGHT_DATA", Path(__file__).parents[4] / "shared" / "data")) / "column"
CM, HOUR = 0.01, 3600.0


@pytest.mark.parametrize(
    ("file", "depth", "velocity", "dispersion", "sse"),
    [
        ("sand_step_11cm.csv", 11.0, 2.4515, 0.1540, 1.702e-3),
        ("sand_step_17cm.csv", 17.0, 2.5134, 0.1264, 2.714e-3),
    ],
)
def test_the_solver_fits_the_measured_sand_column(file, depth, velocity, dispersion, sse):
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here; LABWRIGHT_DATA names the folder of the measured data")
    data = read_measurement(path)
    times, values = torch.as_tensor(data.time), torch.as_tensor(data.value)
    start = start_column(data.time, data.value, depth * CM)
    scheme = Scheme(outlet="semi-infinite")
    fixed = {"length": depth * CM, "position": depth * CM}
    first = {name: torch.tensor([value], dtype=torch.float64) for name, value in {**fixed, **start}.items()}
    resolution = choose_resolution(first, times, scheme, 1e-6)
    result = fit(lambda p, t: concentration(p, t, scheme, resolution), times, values, start, fixed=fixed)
    assert result.status is FitStatus.CONVERGED
    assert result.parameters["velocity"].value * HOUR / CM == pytest.approx(velocity, rel=5e-3)
    assert result.parameters["dispersion"].value * HOUR / CM**2 == pytest.approx(dispersion, rel=5e-3)
    assert result.sse == pytest.approx(sse, rel=1e-3)
