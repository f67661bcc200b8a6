import pytest
import torch

from physics.calibrate.nested import NESTINGS, Nesting, further, known_nesting, side
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import solve
from physics.errors import ParameterError

TIMES = torch.linspace(0.0, 4.0, 12, dtype=torch.float64)


def level(parameters, times):
    return sum(value[:, None] for value in parameters.values()) + 0 * times


def solved(values, *names, upper=float("inf")):
    data = DataSet("a", TIMES, values, level, {})
    free = tuple(Free(name, 0.5, upper=upper) for name in names)
    return solve(Problem((data,), free), checks=False, iterations=0)


def test_what_is_nested_in_what():
    one, two = solved(TIMES, "height"), solved(TIMES, "height", "share", "ratio")
    assert further(one, two) == ("share", "ratio")
    with pytest.raises(ParameterError, match="share, ratio is not in the full one"):
        further(two, one)
    with pytest.raises(ParameterError, match="the same parameters"):
        further(one, one)
    with pytest.raises(ParameterError, match="not of the same data"):
        further(solved(TIMES + 1, "height"), two)


def test_on_which_side_of_its_value_a_parameter_may_be():
    full = solved(TIMES, "height", "share", upper=1.0)
    assert [side(full, "share", Nesting({"share": at})) for at in (0.0, 0.4, 1.0)] == [1, 0, -1]


def test_what_is_known_of_the_experiments():
    assert known_nesting(("mobile_fraction[a]", "exchange")) == NESTINGS[0]
    assert known_nesting(("biot",)).at == {"biot": 0.0}
    assert known_nesting(("biot", "decay")).at == {"biot": 0.0, "decay": 0.0}
    with pytest.raises(ParameterError, match="at which value of viscosity"):
        known_nesting(("viscosity",))
