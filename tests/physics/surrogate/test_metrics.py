"""Errors of fields: what they are of simple fields, and Parseval."""

import math

import torch

from physics.surrogate import metrics


def test_the_mean_of_a_field_has_a_vrmse_of_one():
    torch.manual_seed(0)
    true = torch.randn(3, 2, 16, 12, dtype=torch.float64)
    mean = true.mean((-2, -1), keepdim=True).expand_as(true)
    assert torch.allclose(metrics.vrmse(mean, true, 2), torch.ones(3, 2, dtype=torch.float64), atol=1e-6)
    assert float(metrics.vrmse(true, true, 2).max()) == 0.0


def test_nrmse_and_rmse_of_a_shift():
    true = torch.full((1, 1, 32), 2.0)
    assert math.isclose(float(metrics.nrmse(true + 0.5, true, 1)), 0.25, rel_tol=1e-6)
    assert math.isclose(float(metrics.rmse(true + 0.5, true, 1)), 0.5, rel_tol=1e-6)
    assert math.isclose(float(metrics.largest(true + 0.5, true, 1)), 0.5, rel_tol=1e-6)


def test_what_is_conserved_counts_the_shift_and_not_the_waves():
    x = torch.arange(32, dtype=torch.float64) * 2 * math.pi / 32
    true = torch.zeros(2, 1, 32, dtype=torch.float64)
    wrong = true + torch.tensor([0.25, -0.5], dtype=torch.float64)[:, None, None] + torch.sin(3 * x)
    expected = torch.tensor([[0.25], [0.5]], dtype=torch.float64)
    assert torch.allclose(metrics.conserved_rmse(wrong, true, 1), expected, atol=1e-14)
    in_two = torch.zeros(1, 1, 4, 6)
    hit = in_two.clone()
    hit[0, 0, 1, 2] = 12.0
    assert float(metrics.conserved_rmse(hit, in_two, 2)) == 0.5


def test_bands_add_up_to_the_error():
    torch.manual_seed(0)
    true, wrong = torch.randn(2, 2, 3, 32, 16, dtype=torch.float64)
    bands = metrics.band_rmse(wrong, true, 2)
    assert torch.allclose(bands.square().sum(-1).sqrt(), metrics.rmse(wrong, true, 2), atol=1e-12)


def test_an_error_at_the_ends_counts_there_alone():
    true = torch.zeros(1, 1, 8, 6)
    wrong = true.clone()
    wrong[0, 0, 0] = 1.0
    inner = true.clone()
    inner[0, 0, 3, 3] = 1.0
    assert float(metrics.boundary_rmse(wrong, true, 2)) > 0.5
    assert float(metrics.boundary_rmse(inner, true, 2)) == 0.0


def test_a_wave_stands_in_its_shell():
    x = torch.arange(32) * 2 * math.pi / 32
    power = metrics.spectrum(torch.cos(5 * x)[None, None], 1)[0, 0]
    assert int(power.argmax()) == 5
    assert math.isclose(float(power.sum()), 0.5, rel_tol=1e-5)
