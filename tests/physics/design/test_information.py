import math

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.calibrate.sensitivity import sensitivities
from physics.design.information import Noise, a_optimality, d_optimality, fisher, relative_deviation
from physics.errors import ParameterError

TIMES = torch.linspace(3.0, 6.5, 25, dtype=torch.float64)
TRUTH = {"velocity": 2.5, "dispersion": 0.15, "position": 11.0}


def linearised(model, names=("velocity", "dispersion")):
    parameters = {name: torch.tensor([value], dtype=torch.float64) for name, value in TRUTH.items()}
    parameters["retardation"] = torch.ones(1, dtype=torch.float64)
    curve, slope = sensitivities(model, parameters, names, TIMES)
    theta = torch.stack([parameters[name] for name in names], -1)
    return curve[0], slope[0] * theta


def test_information_predicts_the_scatter_of_fits(model):
    noise = Noise(0.01, 0.03)
    curve, slope = linearised(model)
    predicted = relative_deviation(fisher(slope, noise.deviation(curve)))
    generator = torch.Generator().manual_seed(3)
    draws = torch.randn(500, 25, generator=generator, dtype=torch.float64) * noise.deviation(curve)
    weights = (1 / noise.deviation(curve) ** 2).expand(500, 25)
    start = {"velocity": 2.4, "dispersion": 0.2}
    fits = fit_batch(model, TIMES, curve + draws, start, fixed={"position": 11.0}, weights=weights)
    for j, name in enumerate(start):
        scatter = torch.tensor([math.log(one.parameters[name].value) for one in fits]).std()
        assert float(predicted[j]) == pytest.approx(float(scatter), rel=0.12)


def test_sensitivities_agree_with_differences(model):
    _, slope = linearised(model)
    h = 1e-6
    for j, name in enumerate(("velocity", "dispersion")):
        ends = []
        for sign in (1, -1):
            moved = {**TRUTH, name: TRUTH[name] * math.exp(sign * h)}
            ends.append(model({k: torch.tensor([v], dtype=torch.float64) for k, v in moved.items()}, TIMES)[0])
        assert torch.allclose(slope[:, j], (ends[0] - ends[1]) / (2 * h), atol=1e-8)


def test_optimality_of_a_diagonal_matrix():
    information = torch.diag(torch.tensor([4.0, 25.0], dtype=torch.float64))
    assert float(d_optimality(information)) == pytest.approx(math.log(100))
    assert float(a_optimality(information)) == pytest.approx(0.29)
    assert torch.allclose(relative_deviation(information), torch.tensor([0.5, 0.2], dtype=torch.float64))


def test_what_cannot_be_told_is_infinite(model):
    curve, slope = linearised(model, ("velocity", "dispersion", "retardation"))
    assert torch.isinf(relative_deviation(fisher(slope, torch.full_like(curve, 0.01)))).all()


def test_noise_is_checked():
    assert float(Noise(0.03, 0.04).deviation(torch.ones(1, dtype=torch.float64))) == pytest.approx(0.05)
    for bad in ((0.0, 0.1), (-1.0, 0.0), (math.nan, 0.0)):
        with pytest.raises(ParameterError, match="noise"):
            Noise(*bad)
