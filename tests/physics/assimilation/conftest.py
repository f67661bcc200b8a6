"""A turning pair of numbers of which one is seen: linear in its start where the rate is known, with an answer."""

import pytest
import torch

from physics.assimilation.system import System

RATE, STEP, STEPS = 1.0, 0.1, 40


def turning(unknown: bool) -> System:
    """x' = -rate y, y' = rate x by exact steps, from (1, 0) + 0.5 z; x is read at every fourth step."""
    first = 1 if unknown else 0

    def initial(z):
        rate = RATE * torch.exp(0.2 * z[:, 0]) if unknown else torch.full_like(z[:, 0], RATE)
        start = torch.tensor([1.0, 0.0], dtype=z.dtype) + 0.5 * z[:, first : first + 2]
        return (start,), (rate,)

    def step(state, parameters, index):
        x, y = state[0].unbind(1)
        c, s = torch.cos(STEP * parameters[0]), torch.sin(STEP * parameters[0])
        return (torch.stack([c * x - s * y, s * x + c * y], 1),)

    return System(
        size=first + 2,
        initial=initial,
        step=step,
        observe=lambda state, parameters: state[0][:, :1],
        describe=lambda state, parameters: {"x": state[0][:, 0], "y": state[0][:, 1]},
        steps=STEPS,
        reads=tuple(range(4, STEPS + 1, 4)),
        parameters=("rate",),
        unknown=("rate",) if unknown else (),
        prior_deviation=(0.2,) if unknown else (),
    )


def exact(deviation, values):
    """The posterior mean and covariance of z where the rate is known."""
    angle = RATE * STEP * torch.arange(4, STEPS + 1, 4, dtype=torch.float64)
    slope = 0.5 * torch.stack([torch.cos(angle), -torch.sin(angle)], 1)
    hessian = torch.eye(2, dtype=torch.float64) + slope.T @ slope / deviation**2
    left = values[:, 0] - torch.cos(angle)
    return torch.linalg.solve(hessian, slope.T @ left / deviation**2), torch.linalg.inv(hessian)


def readings(seed=0, deviation=0.05, rate=RATE * 1.1, start=(1.4, -0.6)):
    """What the sensor reads of a hidden run."""
    angle = rate * STEP * torch.arange(4, STEPS + 1, 4, dtype=torch.float64)
    clean = start[0] * torch.cos(angle) - start[1] * torch.sin(angle)
    generator = torch.Generator().manual_seed(seed)
    return (clean + deviation * torch.randn(len(angle), generator=generator, dtype=torch.float64))[:, None]


@pytest.fixture
def make():
    return turning


@pytest.fixture
def truth():
    return readings


@pytest.fixture
def closed():
    return exact
