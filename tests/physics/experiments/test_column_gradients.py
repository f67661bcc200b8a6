"""Taylor tests: the remainder of every parameter's derivative is of second order, in both modes."""

import math

import pytest
import torch
from torch.autograd import forward_ad

from physics.experiments.column import Resolution, Scheme, choose_resolution, concentration

VALUES = {
    "length": 0.3,
    "velocity": 2.5e-5,
    "dispersion": 6e-7,
    "retardation": 1.4,
    "decay": 1e-5,
    "position": 0.21,
    "pulse_duration": 4e3,
}
TIMES = torch.linspace(2e3, 4e4, 17, dtype=torch.float64)
AT = Resolution(48, 64, 48)


def _parameters() -> dict[str, torch.Tensor]:
    """Two columns, so that the batch is exercised."""
    return {name: value * torch.tensor([1.0, 1.1], dtype=torch.float64) for name, value in VALUES.items()}


def _rate(remainders: list[float]) -> float:
    return math.log2(remainders[-2] / remainders[-1])


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme("third-type", "closed", "flux", "pulse"),
        Scheme("first-type", "semi-infinite", "flux", "pulse"),
        Scheme("third-type", "semi-infinite", "resident", "pulse"),
    ],
    ids=lambda scheme: f"{scheme.inlet} {scheme.outlet}",
)
@pytest.mark.parametrize("name", list(VALUES))
def test_taylor(name: str, scheme: Scheme) -> None:
    given = _parameters()
    at = AT if scheme.outlet == "semi-infinite" else AT._replace(tail=0)
    if name == "length" and scheme.outlet == "semi-infinite":
        given.pop("position")

    def curve(value: torch.Tensor) -> torch.Tensor:
        return concentration({**given, name: value}, TIMES, scheme, at)

    start = given[name]
    direction = start.clone()
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(start, direction)))
    weights = torch.sin(torch.arange(primal.numel(), dtype=torch.float64)).reshape(primal.shape)
    leaf = start.clone().requires_grad_()
    (curve(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    slope = float((leaf.grad * direction).sum())
    assert slope == pytest.approx(float((weights * tangent).sum()), rel=1e-10)
    steps = [2.0**-k for k in (9, 10, 11)]
    moved = [curve(start + h * direction) - primal for h in steps]
    forward = [float((m - h * tangent).abs().max()) for m, h in zip(moved, steps, strict=True)]
    reverse = [abs(float((weights * m).sum()) - h * slope) for m, h in zip(moved, steps, strict=True)]
    assert forward[-1] > 1e-13  # the remainder is above rounding, so the rate means something
    assert _rate(forward) == pytest.approx(2, abs=0.05)
    assert _rate(reverse) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("feed", ["step", "leach"])
def test_taylor_at_the_outlet(feed: str) -> None:
    """Length, where the sensor stands at the end of the column and moves with it."""
    given = {name: torch.tensor(VALUES[name], dtype=torch.float64) for name in ("length", "velocity", "dispersion")}

    def curve(length: torch.Tensor) -> torch.Tensor:
        return concentration({**given, "length": length}, TIMES, Scheme(input=feed), Resolution(48, 64))

    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(given["length"], given["length"])))
    remainders = [
        float((curve(given["length"] * (1 + h)) - primal - h * tangent).abs().max()) for h in (2.0**-9, 2.0**-10)
    ]
    assert _rate(remainders) == pytest.approx(2, abs=0.05)


def test_chosen_resolution_meets_the_tolerance() -> None:
    given, scheme = _parameters(), Scheme("third-type", "semi-infinite", "resident", "pulse")
    at = choose_resolution(given, TIMES, scheme, 1e-7)
    finer = Resolution(*(2 * n for n in at))
    difference = concentration(given, TIMES, scheme, at) - concentration(given, TIMES, scheme, finer)
    assert float(difference.abs().max()) < 1e-7
