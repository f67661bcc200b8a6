"""What the tool says of data that are not what they are called."""

from pathlib import Path

import pytest
import torch

from physics.experiments import get
from tools.calibrate import Options, calibrate
from tools.errors import Retry

SETTINGS = {"length": "11 cm", "outlet": "semi-infinite"}
FREE = ["velocity", "dispersion"]
RISE = [(2, 0.0), (3, 0.03), (3.5, 0.13), (4, 0.32), (4.5, 0.54), (5, 0.74), (5.5, 0.87), (6, 0.94), (7, 0.99)]


def curve(path: Path, time: float = 1.0, value: float = 1.0, moved: float = 0.0) -> Path:
    rows = "\n".join(f"{t * time:.8g},{moved + v * value:.8g}" for t, v in RISE)
    path.write_text(f"time_h,relative_concentration\n{rows}\n")
    return path


def test_times_in_another_unit_make_values_that_are_not_usual(tmp_path: Path) -> None:
    data = calibrate("column", curve(tmp_path / "a.csv", time=3600), SETTINGS, FREE).data
    assert any("times as small as is usual: seconds given as hours?" in told for told in data["warnings"])
    data = calibrate("column", curve(tmp_path / "b.csv"), SETTINGS, FREE).data
    assert not any("is usual" in told for told in data["warnings"])


def test_readings_that_are_no_fractions_are_named(tmp_path: Path) -> None:
    data = calibrate("column", curve(tmp_path / "a.csv", value=1.4), SETTINGS, FREE).data
    assert any("1.316 at point 8" in told and "cannot be relative conc" in told for told in data["warnings"])


@pytest.mark.parametrize("factor", [60.0, 1 / 60, 24.0])
def test_one_of_two_files_in_another_unit_of_time(tmp_path: Path, factor: float) -> None:
    paths = [curve(tmp_path / "a.csv"), curve(tmp_path / "b.csv", time=factor)]
    found = calibrate("column", paths, SETTINGS, FREE)
    assert [check.status for check in found.checks if check.name == "files agree"] == ["fail"]
    assert not found.data["agreement"]["agree"]
    assert "check the units of the times" in " ".join(found.data["warnings"])


def test_files_far_apart_are_fitted_each_from_its_own_start(tmp_path: Path) -> None:
    paths = [curve(tmp_path / "a.csv"), curve(tmp_path / "b.csv", time=60)]
    rows = calibrate("column", paths, SETTINGS, FREE, options=Options(separate=tuple(FREE))).data["parameters"]
    found = {row["name"]: row["value"] for row in rows}
    assert found["velocity[a.csv]"] == pytest.approx(60 * found["velocity[b.csv]"], rel=1e-3)


def test_a_removal_called_a_step_stops(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="set input=leach"):
        calibrate("column", curve(tmp_path / "a.csv", value=-1.0, moved=1.0), SETTINGS, FREE)


def test_curves_are_as_fine_as_the_noise_asks_for(tmp_path: Path) -> None:
    flash = get("flash")
    disc = {"thickness": "2 mm", "pulse": "square", "pulse_width": "5 ms"}
    times = torch.linspace(0.005, 1.2, 60, dtype=torch.float64)
    truth = flash.read({**disc, "diffusivity": "4 mm**2/s", "biot": "0.05"})
    rise = flash.simulate(truth, times, tolerance=1e-10).outputs["rear_temperature"].values[0]
    normal = torch.randn(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for noise, finer in ((1e-3, False), (3e-6, True), (0.0, False)):
        path = tmp_path / f"{noise:g}.csv"
        rows = "\n".join(f"{t:.9g},{v:.12g}" for t, v in zip(times, rise + noise * normal, strict=True))
        path.write_text(f"time_s,rear_temperature\n{rows}\n")
        data = calibrate("flash", path, disc, ["diffusivity", "biot"]).data
        assert (data["numerical_error"] < flash.fit_tolerance) is finer
        assert any("carry no noise" in told for told in data["warnings"]) is (noise == 0)
        assert not any("solver's error, " in told for told in data["warnings"])
    given = Options(tolerance=1e-6)
    coarse = calibrate("flash", tmp_path / "3e-06.csv", disc, ["diffusivity", "biot"], options=given)
    assert coarse.data["numerical_error"] == 1e-6
    assert any("The solver's error, 1e-06, may move" in told for told in coarse.data["warnings"])
