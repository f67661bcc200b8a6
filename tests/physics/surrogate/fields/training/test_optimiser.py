"""Which weights move by which rule, and that both go on where they stopped."""

import copy

import pytest
import torch
from torch import nn

from physics.surrogate.fields.training.optimiser import Optimiser
from physics.surrogate.fields.training.settings import Settings


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.ModuleDict({"adapters": nn.Linear(20, 20), "hidden": nn.Linear(20, 32), "leave": nn.Linear(32, 2)})


def loss_of(model):
    x = torch.randn(200, 20, generator=torch.Generator().manual_seed(1))
    return (model["leave"](torch.tanh(model["hidden"](model["adapters"](x)))) - x[:, :2] ** 2).square().mean()


def moved(model, optimiser, steps, first=0):
    for step in range(first, first + steps):
        optimiser.step(loss_of(model), step)
    return {name: part.detach().clone() for name, part in model.named_parameters()}


def test_hidden_matrices_alone_are_orthogonalised(model):
    before = {name: part.detach().clone() for name, part in model.named_parameters()}
    loss_of(model).backward()
    pushed = {name: torch.linalg.svdvals(part.grad) for name, part in model.named_parameters() if part.dim() == 2}
    after = moved(model, Optimiser(model, [], Settings(steps=10, warm=1, decay=0.0)), 1)
    size = torch.linalg.svdvals(after["hidden.weight"] - before["hidden.weight"])
    assert size.quantile(0.25) > 0.4 * size.max()
    assert pushed["hidden.weight"].quantile(0.25) < 0.1 * pushed["hidden.weight"].max()
    sign = after["adapters.weight"] - before["adapters.weight"]
    torch.testing.assert_close(sign.abs(), torch.full_like(sign, 4e-3), rtol=1e-2, atol=1e-5)


def test_without_a_rate_for_them_all_is_adamw(model):
    assert list(Optimiser(model, [], Settings(orthogonal=0.0)).parts) == ["adamw"]


def test_it_goes_on_where_it_stopped(model):
    settings, other = Settings(steps=8, warm=2), copy.deepcopy(model)
    whole = moved(other, Optimiser(other, [], settings), 8)
    first = Optimiser(model, [], settings)
    moved(model, first, 3)
    second = Optimiser(model, [], settings)
    second.restore(first.tensors())
    rest = moved(model, second, 5, first=3)
    for name, value in whole.items():
        torch.testing.assert_close(rest[name], value, rtol=0, atol=0)
