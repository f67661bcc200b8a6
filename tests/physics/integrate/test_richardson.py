import torch

from physics.integrate.richardson import LEVELS, error_estimate, extrapolate, weights


def _runs(order_eight: float) -> tuple[torch.Tensor, ...]:
    one = torch.ones(3, 2, dtype=torch.float64)
    return tuple(one * (1.0 + 0.3 / n**2 - 0.2 / n**4 + order_eight / n**8) for n in LEVELS)


def test_weights_sum_to_one() -> None:
    assert abs(sum(weights(LEVELS)) - 1.0) < 1e-14


def test_cancels_the_even_powers_it_promises() -> None:
    torch.testing.assert_close(extrapolate(_runs(0.0)), torch.ones(3, 2, dtype=torch.float64), rtol=0, atol=1e-14)


def test_estimate_covers_what_is_left() -> None:
    runs = _runs(0.5)
    best = extrapolate(runs)
    assert (error_estimate(runs, best) >= (best - 1.0).abs().amax(0)).all()
