"""Readings that cannot be what they are called."""

import pytest
import torch

from physics.calibrate.advice import ADVICE, advise
from physics.calibrate.checks import fractions, spacing, unusual
from physics.errors import DataError
from physics.experiments import all_experiments, get

RISE = torch.linspace(0, 1, 21, dtype=torch.float64)


def test_percent_stops():
    assert fractions("a.csv", RISE) == ()
    with pytest.raises(DataError, match=r"a\.csv: the values go up to 100 .* look like percent: divide by 100"):
        fractions("a.csv", 100 * RISE)


def test_impossible_fractions_are_named_by_point():
    values = RISE.clone()
    values[[3, 7]] = torch.tensor([3.0, -0.5], dtype=torch.float64)
    (sentence,) = fractions("a.csv", values)
    assert "3 at point 4, -0.5 at point 8 cannot be relative concentrations" in sentence
    (many,) = fractions("a.csv", 3 * RISE)
    assert "and 8 more" in many
    spike = RISE.clone()
    spike[3] = 50.0  # one reading far off is no file of percent
    assert "50 at point 4" in fractions("a.csv", spike)[0]


def test_a_gap_is_named():
    times = torch.arange(10, dtype=torch.float64)
    step = (times > 4.5).double()
    (sentence,) = spacing("a.csv", times, step)
    assert "from 0 to 1 between points 5 and 6" in sentence
    assert spacing("a.csv", RISE, RISE) == ()
    spike = torch.zeros_like(times)
    spike[4] = 1.0
    assert spacing("a.csv", times, spike) == ()


def test_unusual_values_tell_the_unit_that_would_mend_them():
    column = get("column")
    assert unusual(column, {"velocity": 7e-6, "dispersion": 4e-9}) == ()
    (slow,) = unusual(column, {"velocity": 5e-6 / 3600})
    assert "velocity is 3.6e+03 times as small as is usual: seconds given as hours?" in slow
    (fast,) = unusual(column, {"velocity": 5e-6 * 3600})
    assert "times as large as is usual: hours given as seconds?" in fast
    (far,) = unusual(column, {"velocity": 1e3})
    assert "given as" not in far


def test_advice_is_of_parameters_that_exist():
    known = {item.name for experiment in all_experiments() for item in experiment.parameters}
    known |= {"baseline", "gain", "drift", "delay"}
    for pair, sentence in ADVICE:
        assert pair <= known
        assert sentence.endswith(".")
        assert advise([f"{name}[a.csv]" for name in pair])
    assert advise(["velocity"]) == ""
