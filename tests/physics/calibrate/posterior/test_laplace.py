import math

import pytest
import torch
from scipy.stats import t as student

from physics.calibrate.posterior.laplace import draw_laplace
from physics.calibrate.space import make_space
from physics.errors import ParameterError

SPACE = make_space(("a", "b"), {"a": (0.0, math.inf), "b": (-9.0, 9.0)})
U = torch.tensor([0.5, -1.0], dtype=torch.float64)
C = torch.tensor([[0.04, 0.018], [0.018, 0.09]], dtype=torch.float64)


def test_known_noise_gives_a_normal_distribution():
    u = draw_laplace(U, C, SPACE, math.inf, 4096, 0)
    assert torch.allclose(u.mean(0), U, atol=2e-3)
    assert torch.allclose(torch.cov(u.T), C, rtol=0.03, atol=1e-3)


def test_estimated_noise_gives_students():
    u = draw_laplace(U, C, SPACE, 4.0, 8192, 1)
    for level in (0.5, 0.9):
        upper = float(torch.quantile(u[:, 0], 0.5 + level / 2))
        assert upper == pytest.approx(0.5 + 0.2 * student.ppf(0.5 + level / 2, 4), rel=0.02)


def test_the_box_is_kept_and_the_seed_decides():
    box = make_space(("a", "b"), {"a": (1.5, math.inf), "b": (-9.0, 9.0)})
    u = draw_laplace(U, C, box, math.inf, 256, 0)
    assert float(u[:, 0].min()) >= math.log(1.5) - 1e-12
    assert torch.equal(u, draw_laplace(U, C, box, math.inf, 256, 0))
    assert not torch.equal(u, draw_laplace(U, C, box, math.inf, 256, 1))


def test_what_is_open_cannot_be_drawn():
    open_ = torch.tensor([[math.nan, math.nan], [math.nan, 0.09]], dtype=torch.float64)
    with pytest.raises(ParameterError, match="leave a open"):
        draw_laplace(U, open_, SPACE, 5.0, 8, 0)
