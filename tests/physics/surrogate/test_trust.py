"""Every reason to abstain names what, the value and the bound, and concerns the right members."""

import torch

from physics.solution import Output
from physics.surrogate import trust
from physics.surrogate.regime import Range
from physics.validate import Sample
from physics.validate.bounds import bounded

RANGES = (Range("peclet", 3.0, 300.0, (1.0, 900.0), log=True), Range("length", 0.1, 0.2, (0.1, 0.2), unit="m"))


def test_a_setting_outside_its_range_is_named_with_the_range() -> None:
    numbers = {"peclet": torch.tensor([10.0, 2.0]), "length": torch.tensor([0.2 + 1e-12, 0.3])}
    doubts = trust.outside(RANGES, numbers)
    assert trust.abstained(doubts, 2).tolist() == [False, True]
    assert trust.reasons(doubts, 0) == []
    assert trust.reasons(doubts, 1) == [
        ("range", "peclet = 2 lies outside the trained range, 3 to 300"),
        ("range", "length = 0.3 m lies outside the trained range, 0.1 to 0.2 m"),
    ]


def test_what_is_no_number_is_never_trusted() -> None:
    nothing = torch.tensor([torch.nan])
    doubts = [
        *trust.outside(RANGES[:1], {"peclet": nothing}),
        trust.far(nothing, 1.0),
        trust.wide("nusselt", nothing, 0.01, 0.9),
    ]
    assert [kind for kind, _ in trust.reasons(doubts)] == ["range", "distance", "width"]


def test_a_wide_interval_is_told_with_its_budget() -> None:
    doubt = trust.wide("nusselt", torch.tensor([0.004, 0.03]), 0.01, 0.9)
    assert doubt.members.tolist() == [False, True]
    assert doubt.sentence(1) == "the 90% interval of nusselt is +-0.03 of its scale, wider than the budget, 0.01"


def test_a_broken_law_is_named_for_those_that_break_it() -> None:
    curves = torch.tensor([[0.0, 0.5], [0.0, 1.5]], dtype=torch.float64)
    laws = (bounded("c", 0.0, 1.0, name="c within one"), bounded("missing", 0.0, 1.0))
    sample = Sample({}, {"c": Output("c", "", curves, torch.arange(2.0))}, 1e-6)
    doubts = trust.broken(laws, sample, 2)
    assert trust.abstained(doubts, 2).tolist() == [False, True]
    assert trust.reasons(doubts, 1) == [("law", "its answer breaks the law 'c within one'")]


def test_what_exceeds_its_limit_is_told_with_both() -> None:
    doubt = trust.above("law", "the defect of the mean", torch.tensor([1e-9, 2e-3, torch.nan]), 1e-6)
    assert doubt.members.tolist() == [False, True, True]
    assert doubt.sentence(1) == "the defect of the mean is 0.002, at most 1e-06 is trusted"
