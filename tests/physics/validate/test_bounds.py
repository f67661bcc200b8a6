import torch

from physics.validate.bounds import bounded


def test_values_outside_are_caught_by_more_than_the_slack(judge):
    law = bounded("c", 0.0, 1.0, slack=1e-3)
    assert judge(law, c=[[0.0, 1.0], [-5e-4, 1.0005], [0.0, 1.002], [-0.002, 0.5]]) == [False, False, True, True]


def test_the_slack_is_the_tolerance_where_none_is_given(judge):
    assert judge(bounded("c", 0.0), c=[[-1e-5, 9.0]], tolerance=1e-6) == [True]
    assert judge(bounded("c", 0.0), c=[[-1e-5, 9.0]], tolerance=1e-4) == [False]


def test_a_bound_may_belong_to_a_member_and_come_from_the_settings(judge):
    law = bounded("c", None, lambda sample: sample.number("feed"))
    settings = {"feed": torch.tensor([1.0, 2.0])}
    assert judge(law, settings=settings, c=[[0.0, 1.5], [0.0, 1.5]]) == [True, False]


def test_a_field_is_bounded_everywhere(judge):
    values = torch.zeros(2, 3, 4, 5)
    values[1, 2, 3, 4] = 1.5
    assert judge(bounded("T", 0.0, 1.0), axes=("x", "z"), T=values) == [False, True]


def test_what_is_no_number_is_outside(judge):
    assert judge(bounded("c", None, 1.0, slack=1e9), c=[[0.0, float("nan")]]) == [True]
