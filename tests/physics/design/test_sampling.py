import itertools

import pytest
import torch

from physics.design.sampling import Slots, choose

TARGET, WANTED = torch.tensor([1]), torch.tensor([0.05], dtype=torch.float64)


def slots(candidates=1, scenarios=1, count=14, gap=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    white = 5 * torch.randn(candidates, scenarios, count, 2, generator=generator, dtype=torch.float64)
    return Slots(white, torch.ones(candidates, count, dtype=torch.bool), torch.full((candidates,), gap))


def scores(white, chosen, robust):
    """Score of each choice of slots, shape (choices,); `chosen` has shape (choices, samples)."""
    rows = white[:, torch.as_tensor(chosen)]
    left = torch.linalg.inv(rows.transpose(-1, -2) @ rows + 1e-2 * torch.eye(2))[..., 1, 1]
    return left.log().mean(0) if robust == "mean" else (left**8).mean(0).log() / 8


@pytest.mark.parametrize(("robust", "scenarios"), [("mean", 1), ("mean", 3), ("worst", 3)])
def test_mostly_the_best_of_all_choices_and_always_unbeaten_by_a_swap(robust, scenarios):
    reached = 0
    for seed in range(8):
        case = slots(scenarios=scenarios, seed=seed)
        found = choose(case, 4, TARGET, WANTED, robust)[0].tolist()

        score = float(scores(case.white[0], [found], robust))
        best = float(scores(case.white[0], list(itertools.combinations(range(14), 4)), robust).min())
        reached += score <= best + 1e-9
        swaps = [[*found[:k], g, *found[k + 1 :]] for k in range(4) for g in set(range(14)) - set(found)]
        assert float(scores(case.white[0], swaps, robust).min()) >= score - 1e-9
    assert reached >= 6


def test_gaps_and_unusable_slots_are_respected():
    for gap in (1, 2, 3, 5):
        case = slots(candidates=6, scenarios=3, count=40, gap=gap, seed=gap)
        case.usable[:, :7] = False
        case.usable[:, 33:] = False
        for row in choose(case, 6, TARGET, WANTED):
            kept = row[row >= 0]
            assert len(kept) >= 4
            assert int(kept.min()) >= 7
            assert int(kept.max()) < 33
            assert bool((kept.diff() >= gap).all())


def test_takes_every_slot_where_there_are_few():
    case = slots(count=10, gap=3)
    assert choose(case, 6, TARGET, WANTED)[0].tolist() == [0, 3, 6, 9, -1, -1]


def test_leaves_out_samples_that_tell_nothing():
    case = slots(count=40)
    case.white[:, :, 5:] = 0.0
    kept = [k for k in choose(case, 20, TARGET, WANTED)[0].tolist() if k >= 0]
    assert kept
    assert max(kept) < 5


def test_samples_of_which_one_alone_tells_nothing_that_is_asked_are_placed_to_fill():
    """In a scenario that nothing was seen of yet one reading tells of a sum, and the second of its parts."""
    white = torch.full((1, 2, 12, 2), 1e-6, dtype=torch.float64)
    white[0, 0, :2] = torch.tensor([[30.0, 0.0], [0.0, 30.0]])
    white[0, 1, 6:] = torch.tensor([[30.0, 30.0], [30.0, -30.0]]).repeat(3, 1)
    case = Slots(white, torch.ones(1, 12, dtype=torch.bool), torch.tensor([1]))
    known = 1e-4 * torch.eye(2, dtype=torch.float64)
    asked = torch.tensor([1]), torch.tensor([1.0], dtype=torch.float64)

    def left(chosen):
        rows = white[0, :, chosen[chosen >= 0]]
        return torch.linalg.inv(rows.mT @ rows + known)[:, 1, 1].mean()

    given = {"robust": "variance", "before": known}
    few, filled = (choose(case, 8, *asked, **given, fill=fill)[0] for fill in (False, True))
    assert (filled >= 0).sum() == 8
    assert left(filled) <= left(few)
