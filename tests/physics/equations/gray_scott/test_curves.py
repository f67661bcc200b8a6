"""Gradients of <B> over time: both modes, Taylor's remainder, steps and memory that no gradient sees."""

import math

import pytest
import torch
from torch.autograd import forward_ad

from physics.calibrate.sensitivity import sensitivities
from physics.equations.gray_scott import curves as gray_scott_curves
from physics.equations.gray_scott.curves import mean_curve
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.start import start_fields
from physics.experiments.gray_scott import EXPERIMENT, model, simulate

F64 = torch.float64
VALUES = {"feed": 0.03, "kill": 0.06, "diffusion_a": 2e-5, "diffusion_b": 1e-5}
SETTINGS = {**VALUES, "size": 0.25, "cells": 16.0, "duration": 60.0}
TIMES = torch.tensor([0.0, 7.0, 60.0, 20.0], dtype=F64)


def parameters() -> dict[str, torch.Tensor]:
    """Two members, so that the batch is exercised."""
    return {name: value * torch.tensor([1.0, 1.05], dtype=F64) for name, value in VALUES.items()}


@pytest.mark.parametrize("name", list(VALUES))
def test_taylor(name: str) -> None:
    given, curves = parameters(), model(SETTINGS, TIMES, 1e-5)

    def curve(value: torch.Tensor) -> torch.Tensor:
        return curves({**given, name: value}, TIMES)

    base = given[name]
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(base, base)))
    weights = torch.sin(1.0 + torch.arange(primal.numel(), dtype=F64)).reshape(primal.shape)
    leaf = base.clone().requires_grad_()
    (curve(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    assert float((leaf.grad * base).sum()) == pytest.approx(float((weights * tangent).sum()), rel=1e-10)
    left = [float((curve(base * (1 + h)) - primal - h * tangent).abs().max()) for h in (2.0**-9, 2.0**-10)]
    assert left[-1] > 1e-12  # above rounding, so that the rate means something
    assert math.log2(left[0] / left[1]) == pytest.approx(2.0, abs=0.05)


def test_the_curve_is_that_of_the_run() -> None:
    run = simulate(SETTINGS, TIMES, tolerance=1e-9).require()
    found = model(SETTINGS, TIMES, 1e-9)({name: value[:1] for name, value in parameters().items()}, TIMES)
    torch.testing.assert_close(found, run.outputs["mean_b"].values, rtol=0, atol=1e-9)


def test_few_kept_states_give_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    start = start_fields(16, 0.25, 0.04, 2, 0, holes=False)[None]
    found = []
    for limit in (1 << 40, 0):
        monkeypatch.setattr(gray_scott_curves, "_TAPED", limit)
        leaf = torch.tensor([0.03], dtype=F64, requires_grad=True)
        one = torch.ones(1, dtype=F64)
        rates = Rates(leaf, 0.06 * one, 2e-5 * one, 1e-5 * one, 0.25 * one)
        mean_curve(rates, start, TIMES, 1.0).sum().backward()
        found.append(float(leaf.grad))  # type: ignore[arg-type]
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_sensitivities_as_a_fit_takes_them() -> None:
    """Forward mode, tiled over the parameters, against central differences."""
    curves, given = model(SETTINGS, TIMES, 1e-5), {name: value[:1] for name, value in parameters().items()}
    _, slope = sensitivities(curves, given, ["feed", "diffusion_b"], TIMES)
    for j, name in enumerate(("feed", "diffusion_b")):
        h = 1e-5 * given[name]
        near = [curves({**given, name: given[name] + sign * h}, TIMES) for sign in (1, -1)]
        torch.testing.assert_close(slope[..., j], (near[0] - near[1]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_unknowns_are_what_the_model_differentiates() -> None:
    assert {item.name for item in EXPERIMENT.parameters if item.role.value == "unknown"} == set(VALUES)
