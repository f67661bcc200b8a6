"""`labwright experiments`: what can be planned, in the units that people use."""

from collections.abc import Callable

import pytest

from tests.agent.cli.conftest import Ended
from tools.experiments import describe, names

Call = Callable[..., Ended]


def test_a_parameter_is_shown_in_the_unit_that_people_use(labwright: Call) -> None:
    lines = labwright("experiments", "convection").out.splitlines()
    (depth,) = [line for line in lines if line.strip().startswith("depth ")]
    assert depth.split()[1:6] == ["mm", "above", "0,", "to", "10000"]
    (mean,) = [line for line in lines if line.strip().startswith("mean_temperature ")]
    assert mean.split()[1:6] == ["degC", "-73.15", "to", "326.85", "25"]
    (plates,) = [line for line in lines if line.strip().startswith("plates ")]
    assert "apparatus" in plates


@pytest.mark.parametrize("name", names())
def test_everything_declared_is_shown(labwright: Call, name: str) -> None:
    told, shown = describe(name), labwright("experiments", name).out
    for part in ("parameters", "choices", "observables", "limits", "laws"):
        assert all(item["name"] in shown for item in told[part]), part
    assert all(balance in shown for balance in told["balances"])
    for limit in told["limits"]:
        bounds = [f"{limit[end]:g}" for end in ("lower", "upper") if limit[end] is not None]
        (line,) = [line for line in shown.splitlines() if line.startswith(f"Limit {limit['name']} (")]
        assert bounds
        assert all(bound in line.partition(")")[0] for bound in bounds)
