import math

import pytest
import torch

from physics.solution import Output
from physics.validate import Kind, Law, Sample, broken, validate

FLAT = Law(
    "flat",
    Kind.CONSTRAINT,
    "K",
    "how far it leaves zero",
    lambda sample: sample.values("curve").abs().amax(1),
    lambda sample: 0.1,
    ("curve",),
)


def outputs(*rows):
    return {"curve": Output("curve", "K", torch.tensor(rows, dtype=torch.float64), torch.arange(2.0))}


def verdicts(laws, found):
    return {each.name: each for each in validate(laws, {}, found, tolerance=1e-6)}


def test_the_verdict_is_that_of_the_worst_member():
    flat = verdicts((FLAT,), outputs([0.0, 0.05], [0.0, 0.3], [0.2, 0.0]))["flat"]
    assert (flat.ok, flat.value, flat.limit, flat.unit, flat.member) == (False, 0.3, 0.1, "K", 1)
    assert verdicts((FLAT,), outputs([0.0, 0.05]))["flat"].ok


def test_each_member_may_have_its_own_limit():
    own = Law("own", Kind.CONSTRAINT, "", "", FLAT.departure, lambda sample: torch.tensor([1.0, 0.1]))
    found = outputs([0.5, 0.0], [0.2, 0.0])
    assert verdicts((own,), found)["own"].member == 1
    assert broken((own,), {}, found, tolerance=1e-6)["own"].tolist() == [False, True]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_breaks_a_law_whatever_its_limit(bad):
    loose = Law("loose", Kind.CONSTRAINT, "", "", FLAT.departure, lambda sample: math.inf)
    found = outputs([0.0, 0.0], [bad, 0.0])
    assert broken((FLAT, loose), {}, found, tolerance=1.0)["flat"].tolist() == [False, True]
    assert not verdicts((loose,), found)["finite values"].ok
    assert broken((), {}, found, tolerance=1.0)["finite values"].tolist() == [False, True]


def test_a_law_says_nothing_where_its_output_is_missing_or_it_declines():
    silent = Law("silent", Kind.SYMMETRY, "", "", lambda sample: None, lambda sample: 0.0)
    other = Law("other", Kind.SYMMETRY, "", "", FLAT.departure, FLAT.limit, ("velocity",))
    found = verdicts((silent, other), outputs([0.0, 0.0]))
    assert [found[name].applies for name in ("finite values", "silent", "other")] == [True, False, False]
    assert found["silent"].ok
    assert set(broken((silent, other), {}, outputs([0.0, 0.0]), tolerance=1.0)) == {"finite values"}


def test_a_sample_gives_numbers_and_axes():
    field = Output("T", "K", torch.zeros(1, 2, 3, 4), coordinates={"x": torch.arange(3.0), "z": torch.arange(4.0)})
    sample = Sample({"depth": 2, "width": torch.ones(3)}, {"T": field}, 1e-6)
    assert float(sample.number("depth")) == 2.0
    assert sample.number("width").shape == (3,)
    assert float(sample.number("height", 5.0)) == 5.0
    assert (sample.axis("T", "x"), sample.axis("T", "z")) == (2, 3)
