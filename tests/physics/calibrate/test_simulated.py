"""Error rates of the simulated test on a decay that may have a second, slower part."""

import math

import pytest
import torch

from physics.calibrate.nested import Nesting
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.simulated import simulate
from physics.calibrate.solve import solve

TIMES = torch.linspace(0.0, 4.0, 30, dtype=torch.float64)
NOISE = 0.02
SLOW = Nesting({"share": 0.0}, {"ratio": (0.05, 0.8)})


def decay(parameters, times):
    return parameters["height"][:, None] * torch.exp(-parameters["rate"][:, None] * times)


def two_parts(parameters, times):
    share, ratio = parameters["share"][:, None], parameters["ratio"][:, None]
    rate = parameters["rate"][:, None] * times
    return parameters["height"][:, None] * ((1 - share) * torch.exp(-rate) + share * torch.exp(-ratio * rate))


def curve(share):
    given = {"height": 1.0, "rate": 1.0, "share": share, "ratio": 0.2}
    return two_parts({name: torch.tensor([x], dtype=torch.float64) for name, x in given.items()}, TIMES)[0]


def models(y, iterations=60, deviation=None):
    """Both fits; with no iterations the full one stays where it begins."""
    common = (Free("height", 1.0), Free("rate", 1.0))
    one = solve(Problem((DataSet("a", TIMES, y, decay, {}, deviation=deviation),), common), checks=False)
    more = (*common, Free("share", 0.1), Free("ratio", 0.3))
    two = Problem((DataSet("a", TIMES, y, two_parts, {}, deviation=deviation),), more)
    return one, solve(two, checks=False, iterations=iterations)


def rejected(share, sets, deviation=None, alpha=0.1):
    generator = torch.Generator().manual_seed(8)
    count = 0
    for _ in range(sets):
        y = curve(share) + NOISE * torch.randn(len(TIMES), generator=generator, dtype=torch.float64)
        one, two = models(y, iterations=0, deviation=deviation)
        weights = torch.full_like(y, 1.0 if deviation is None else deviation**-2)
        known = deviation is not None
        _, p = simulate(one, two, SLOW, weights, known=known, draws=499, seed=count)
        count += p < alpha
    return count / sets


@pytest.mark.parametrize("deviation", [None, NOISE])
def test_a_true_restricted_model_is_rejected_as_often_as_promised(deviation):
    sets = 100
    assert abs(rejected(0.0, sets, deviation) - 0.1) < 3 * math.sqrt(0.1 * 0.9 / sets)


def test_a_false_one_is_rejected():
    assert rejected(0.3, 20) > 0.9


def test_two_parameters_on_their_bounds_make_a_cone():
    """Orthogonal directions that may only grow: the largest gain is the sum of squares of the positive ones."""

    def flat(parameters, times):
        return parameters["height"][:, None] * torch.ones_like(times)

    def bumps(parameters, times):
        first, second = (times < 1).to(times), (times > 3).to(times)
        extra = parameters["first"][:, None] * first + parameters["second"][:, None] * second
        return flat(parameters, times) + extra

    y = 1.0 + NOISE * torch.randn(30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one = solve(Problem((DataSet("a", TIMES, y, flat, {}, deviation=NOISE),), (Free("height", 1.0),)), checks=False)
    more = (Free("height", 1.0), Free("first", 0.1), Free("second", 0.1))
    two = solve(Problem((DataSet("a", TIMES, y, bumps, {}, deviation=NOISE),), more), checks=False, iterations=0)
    weights = torch.full_like(y, NOISE**-2)
    nesting = Nesting({"first": 0.0, "second": 0.0})
    gain, _ = simulate(one, two, nesting, weights, known=True, draws=99, seed=0)
    best = 0.0
    masks = [(TIMES < 1).double(), (TIMES > 3).double()]
    for face in ([0], [1], [0, 1]):
        design = torch.stack([torch.ones_like(TIMES), *(masks[j] for j in face)], -1) / NOISE
        theta = torch.linalg.lstsq(design, y[:, None] / NOISE).solution[:, 0]
        if bool((theta[1:] >= 0).all()):
            left = float(((y / NOISE - design @ theta) ** 2).sum())
            best = max(best, float(((y - y.mean()) ** 2).sum()) / NOISE**2 - left)
    assert gain == pytest.approx(best, rel=1e-6)


def test_alternatives_far_off_are_seen_where_slopes_are_not():
    """A second part in quick exchange: along the share the curve does not change at all near the restricted model."""

    def exchanging(parameters, times):
        share, quick = parameters["share"][:, None], parameters["quick"][:, None]
        rate = parameters["rate"][:, None] * times
        return parameters["height"][:, None] * (torch.exp(-rate) + share**2 * torch.sin(quick * rate))

    given = {"height": 1.0, "rate": 1.0, "share": 0.4, "quick": 2.6}
    y = exchanging({name: torch.tensor([x], dtype=torch.float64) for name, x in given.items()}, TIMES)[0]
    y = y + NOISE * torch.randn(30, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    one, _ = models(y, iterations=0)
    more = (Free("height", 1.0), Free("rate", 1.0), Free("share", 0.1), Free("quick", 2.0))
    two = solve(Problem((DataSet("a", TIMES, y, exchanging, {}),), more), checks=False, iterations=0)
    weights = torch.ones_like(y)
    alternatives = tuple({"share": 0.4, "quick": quick} for quick in (1.0, 2.5, 5.0))
    nesting = Nesting({"share": 0.0}, {"quick": (1.0, 5.0)}, alternatives)
    _, p = simulate(one, two, nesting, weights, known=False, draws=999, seed=0)
    assert p == pytest.approx(1e-3)
