import pytest
import torch

from physics.solution import Output
from physics.validate import Sample
from physics.validate.conservation import accumulates, closes, conserved, imbalance
from physics.validate.law import find

TIME = torch.linspace(0, 2, 81, dtype=torch.float64)
RATE = torch.exp(-TIME) * torch.cos(3 * TIME)


def integral(time):
    """Integrate exp(-t) cos(3 t) from 0."""
    return (torch.exp(-time) * (3 * torch.sin(3 * time) - torch.cos(3 * time)) + 1) / 10


def test_a_budget_closes_or_not(judge):
    inflow, outflow = TIME[None].expand(3, -1), TIME[None].expand(3, -1) * 0.3
    stored = torch.stack([0.7 * TIME, 0.69 * TIME, 0.7 * TIME + 1e-12])
    law = closes("tracer", ("inflow",), ("outflow", "stored"))
    assert judge(law, inflow=inflow, outflow=outflow, stored=stored) == [False, True, False]


def test_a_total_that_stays_and_the_mean_of_a_field(judge):
    assert judge(conserved("m"), m=[[1.0, 1.0], [1.0, 0.99], [0.0, 0.0]]) == [False, True, False]
    field = torch.rand(2, 1, 4, 4, dtype=torch.float64).expand(2, 3, 4, 4).clone()
    field[0, 2] = field[0, 2].roll(1, 0)
    field[1, 2] *= 0.99
    assert judge(conserved("m"), axes=("x", "y"), m=field) == [False, True]


def test_a_total_is_the_integral_of_its_rate(judge):
    total = integral(TIME)
    law = accumulates("total", lambda sample: sample.values("rate"), ("rate",))
    rows = torch.stack([total, 0.98 * total, -total, total])
    rates = torch.stack([RATE, RATE, RATE, -RATE])
    assert judge(law, time=TIME, total=rows, rate=rates) == [False, True, True, True]


@pytest.mark.parametrize("points", [21, 41, 81])
def test_the_error_of_the_rule_is_bounded_and_falls_with_its_order(points):
    time = torch.linspace(0, 2, points, dtype=torch.float64)
    rate = torch.exp(-time) * torch.cos(3 * time)
    gap, rule = imbalance(integral(time)[None], rate[None], time)
    assert float(gap) < float(rule) < 0.04 * (81 / points) ** 2


def test_fronts_at_any_place_and_of_any_width_are_seldom_accused():
    generator = torch.Generator().manual_seed(0)
    place, width = torch.rand(2, 2000, 1, generator=generator, dtype=torch.float64)
    width = 0.003 * 100**width
    for points in (9, 20, 60):
        inner = torch.rand(points, generator=generator, dtype=torch.float64).sort().values
        for time, share in ((torch.linspace(0, 1, points, dtype=torch.float64), 1e-3), (inner, 1e-2)):
            rate = torch.sigmoid((time - place) / width)
            gap, rule = imbalance(
                width * torch.nn.functional.softplus((time - place) / width, threshold=500), rate, time
            )
            assert float((gap > rule).double().mean()) < share


def test_times_too_far_apart_say_nothing():
    time = torch.linspace(0, 1, 7, dtype=torch.float64)
    peak = torch.exp(-(((time - 0.5) / 0.05) ** 2))
    assert torch.isinf(imbalance(9.0 * time[None], peak[None], time)[1]).all()
    assert torch.isinf(imbalance(time[None], torch.zeros(1, 7, dtype=torch.float64), time)[1]).all()


def test_few_times_say_nothing():
    law = accumulates("total", lambda sample: sample.values("rate"), ("rate",))
    time = torch.arange(8.0)
    outputs = {name: Output(name, "", torch.ones(1, 8), time) for name in ("total", "rate")}
    assert find(law, Sample({}, outputs, 1e-6)) is None
