"""Outputs as the contract has them."""

import pytest
import torch

from physics.solution import Cost, Output, Solution, Status
from tools.outputs import outputs


def test_time_means_carry_their_scatter() -> None:
    number, curve = torch.tensor([2.5]), torch.ones(1, 3)
    found = {
        "flux_top": Output("flux_top", "", number, error=torch.tensor([0.1])),
        "flux_scatter": Output("flux_scatter", "", 0.1 * number),
        "flux_end": Output("flux_end", "", curve, time=torch.arange(3.0)),
        "pattern": Output("pattern", "", torch.tensor([1.0]), labels=("none", "spots")),
    }
    solution = Solution(found, [], Status.CONVERGED, "", Cost(1, 1, 0.0), 1e-6)
    rows = {row["name"]: row for row in outputs(solution, "s")}
    assert rows["flux_top"]["scatter"] == pytest.approx(0.25)
    assert rows["flux_top"]["error"] == pytest.approx(0.1)
    assert "scatter" not in rows["flux_end"]
    assert "scatter" not in rows["flux_scatter"]
    assert rows["pattern"]["value"] == "spots"
