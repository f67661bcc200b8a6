"""Integrals of curves over stretched times are of fourth order."""

import torch

from physics.surrogate.curves.amounts import accumulated


def test_the_integral_is_of_fourth_order() -> None:
    errors = []
    for nodes in (41, 81):
        u = torch.linspace(0.0, 1.0, nodes, dtype=torch.float64)
        time = torch.exp(3.0 * u - 2.0)[None]
        step = torch.special.expit(6.0 * (time.log() + 0.5) / 0.5)  # level at both ends
        fine = torch.linspace(0.0, 1.0, 200_001, dtype=torch.float64)
        known = torch.exp(3.0 * fine - 2.0)
        exact = torch.cumulative_trapezoid(torch.special.expit(12.0 * (known.log() + 0.5)), known)
        at = (torch.arange(1, nodes) * (200_000 // (nodes - 1))) - 1
        found = accumulated(step[None], 3.0 * time)[0, 0]
        assert found[0] == 0.0
        inner = slice(1, nodes - 2)
        errors.append(float((found[1:][inner] - exact[at][inner]).abs().max()))
    assert errors[0] / errors[1] > 10.0
