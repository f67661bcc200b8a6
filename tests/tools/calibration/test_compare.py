"""Water at rest that is there is found, and what is not there is not searched for long."""

from pathlib import Path

import pytest
import torch

from physics.calibrate.forward import Forward
from physics.experiments import get
from tools.calibrate import Options, calibrate

SETTINGS = {"length": "17 cm", "outlet": "semi-infinite"}


def measured(path: Path, seed: int, **more: str) -> Path:
    column = get("column")
    truth = column.read({**SETTINGS, "velocity": "2.5 cm/h", "dispersion": "0.15 cm**2/h", **more})
    hours = torch.linspace(2.0, 20.0, 40, dtype=torch.float64)
    clean = column.simulate(truth, 3600 * hours).outputs["concentration"].values[0]
    noise = 0.007 * torch.randn(40, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = "\n".join(f"{t:.6g},{c:.6g}" for t, c in zip(hours.tolist(), (clean + noise).tolist(), strict=True))
    path.write_text(f"time_h,relative_concentration\n{rows}\n")
    return path


@pytest.fixture
def marched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many curves, each slope counting as one, were computed of models with all four parameters."""
    counted = []
    run = Forward._run

    def watched(self: Forward, u: torch.Tensor, *, slopes: bool) -> object:
        if u.shape[1] == 4:
            counted.append(len(u) * (1 + 4 * slopes))
        return run(self, u, slopes=slopes)

    monkeypatch.setattr(Forward, "_run", watched)
    return counted


def compared(path: Path) -> dict:
    options = Options(compare="two-region")
    return calibrate("column", path, SETTINGS, ["velocity", "dispersion"], options=options).data["comparison"]


def test_water_that_is_all_mobile_ends_the_search_soon(tmp_path: Path, marched: list[int]) -> None:
    found = compared(measured(tmp_path / "a.csv", 2))
    assert (found["preferred"], found["method"]) == ("equilibrium", "simulated")
    assert found["p"] > 0.05
    assert found["models"][1]["sse"] <= found["models"][0]["sse"] * 1.001
    assert sum(marched) < 1500


def test_water_at_rest_is_found_with_its_share(tmp_path: Path) -> None:
    found = compared(measured(tmp_path / "a.csv", 1, mobile_fraction="0.7", exchange="0.5"))
    assert found["preferred"] == "two-region"
    rows = {row["name"]: row["value"] for row in found["models"][1]["estimates"]}
    assert rows["mobile_fraction"] == pytest.approx(0.7, abs=0.03)
    assert found["models"][1]["status"] == "converged"
