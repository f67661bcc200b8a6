"""Every experiment that has a file is found, and its example runs and balances."""

import pytest

from physics import experiments
from physics.errors import ParameterError
from physics.experiment import Experiment

ALL = experiments.all_experiments()


def test_the_column_is_there() -> None:
    assert "column" in [experiment.name for experiment in ALL]
    assert experiments.get("column").name == "column"


def test_an_unknown_name_is_an_error_with_advice() -> None:
    with pytest.raises(ParameterError, match="did you mean column"):
        experiments.get("colum")


@pytest.mark.parametrize("experiment", ALL, ids=lambda experiment: experiment.name)
def test_the_example_runs(experiment: Experiment) -> None:
    settings = experiment.read(experiment.example)
    solution = experiment.simulate(settings, experiment.default_times(settings, 21)).require()
    assert set(solution.outputs) >= {observable.name for observable in experiment.observables}
    assert [balance.name for balance in solution.balances] == list(experiment.balances)
    assert all(bool(balance.ok.all()) for balance in solution.balances)
    for limit in experiment.limits:
        value = limit.value(settings)
        assert limit.lower is None or value >= limit.lower
        assert limit.upper is None or value <= limit.upper
