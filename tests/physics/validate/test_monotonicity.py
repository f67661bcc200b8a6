import torch

from physics.validate.monotonicity import monotone, single_peak


def test_a_slow_fall_is_caught_as_a_whole(judge):
    slow = torch.linspace(0.5, 0.49, 200)
    law = monotone("c", slack=5e-3)
    assert float((-slow.diff()).max()) < 1e-4
    assert judge(law, c=torch.stack([slow, slow.flip(0)])) == [True, False]
    assert judge(monotone("c", rising=False, slack=5e-3), c=torch.stack([slow, slow.flip(0)])) == [False, True]


def test_two_values_may_each_be_wrong_by_the_tolerance(judge):
    assert judge(monotone("c"), tolerance=0.01, c=[[0.0, 0.5, 0.481], [0.0, 0.5, 0.479]]) == [False, True]


def test_one_peak(judge):
    time = torch.linspace(0, 1, 101)
    hump = time * torch.exp(-5 * time)
    later = hump + 0.02 * torch.exp(-(((time - 0.8) / 0.03) ** 2))
    early = hump - 0.02 * torch.exp(-(((time - 0.1) / 0.01) ** 2))
    rows = torch.stack([hump, time, -time, later, early])
    assert judge(single_peak("c", slack=1e-3), c=rows) == [False, False, False, True, True]
