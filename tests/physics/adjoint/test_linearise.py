"""Products with a derivative and its transpose belong together, with forward mode and without."""

import pytest
import torch
from torch.autograd import forward_ad

from physics.adjoint.linearise import Linearised, plain

F64 = torch.float64


class Cube(torch.autograd.Function):
    """An operation without forward mode."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, bar):
        return 3 * ctx.saved_tensors[0] ** 2 * bar


def coupled(state, parameters):
    a, b = state
    return torch.roll(a, 1, 1) * b - parameters[0], torch.sin(a) + b**2


def cubed(state, parameters):
    a, b = coupled(state, parameters)
    return Cube.apply(a), b


def vectors(seed):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 9, generator=generator, dtype=F64) for _ in range(2))


@pytest.mark.parametrize(("function", "accuracy"), [(coupled, 1e-12), (cubed, 1e-7)], ids=["forward", "difference"])
def test_products_are_transposes_of_each_other(function, accuracy) -> None:
    line = Linearised(function, vectors(0), (torch.tensor(0.3, dtype=F64),))
    v, w = vectors(1), vectors(2)
    left = sum(float((a * b).sum()) for a, b in zip(line.jvp(v), w, strict=True))
    right = sum(float((a * b).sum()) for a, b in zip(v, line.vjp(w), strict=True))
    assert left == pytest.approx(right, rel=accuracy)
    value, slope = line.value_and_jvp(v)
    assert torch.equal(value[0], function(vectors(0), line.parameters)[0])
    assert float((slope[1] - line.jvp(v)[1]).abs().max()) == 0


def test_parameters_that_nobody_wants_have_no_product() -> None:
    p, q = torch.tensor(0.3, dtype=F64), torch.tensor(0.1, dtype=F64)
    line = Linearised(lambda s, g: (s[0] * g[0] + g[1],), (torch.ones(1, 4, dtype=F64),), (p, q), (False, True))
    none, product = line.parameter_vjp((torch.ones(1, 4, dtype=F64),))
    assert none is None
    assert product is not None
    assert float(product) == 4


def test_within_the_forward_mode_of_a_caller() -> None:
    with forward_ad.dual_level():
        outside = forward_ad.make_dual(torch.ones(1, 2, dtype=F64), torch.full((1, 2), 7.0, dtype=F64))
        assert forward_ad.unpack_dual(plain(outside)).tangent is None
        line = Linearised(lambda s, _: (s[0] ** 2,), (plain(outside),), ())
        assert line.jvp((torch.ones(1, 2, dtype=F64),))[0].tolist() == [[2.0, 2.0]]
