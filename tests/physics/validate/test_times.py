"""A sound run keeps the laws of its experiment whatever times someone asks for: one, few, late, uneven or long."""

import pytest
import torch

from physics.experiments import all_experiments, get
from physics.validate import validate

SHARES = {
    "one": [1.0],
    "the first": [0.0],
    "two late ones": [0.5, 1.0],
    "a few": [0.0, 0.25, 0.5, 0.75, 1.0],
    "early and far": [1e-6, 1.5],
    "uneven": [0.013, 0.021, 0.16, 0.17, 0.22, 0.31, 0.48, 0.481, 0.63, 0.66, 0.82, 0.97],
}


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES.keys())
@pytest.mark.parametrize("name", [experiment.name for experiment in all_experiments()])
def test_the_example_keeps_its_laws(name: str, shares: list[float]) -> None:
    experiment = get(name)
    settings = experiment.read(experiment.example)
    end = float(experiment.default_times(settings, 5)[-1])
    solution = experiment.simulate(settings, torch.tensor(shares, dtype=torch.float64) * end)
    assert solution.status.ok, solution.message
    verdicts = validate(experiment.laws, settings, solution.outputs, tolerance=solution.tolerance)
    assert {each.name: (each.value, each.limit) for each in verdicts if not each.ok} == {}
