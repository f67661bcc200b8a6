"""The encoder: unit vectors of traces of any kind, free of units, and the order of channels does not matter."""

import torch

from physics.surrogate.embedding.encoder import Encoder, Shape
from physics.surrogate.embedding.trace import Trace

SMALL = Shape(tokens=16, given=8, layers=1, size=12)


def _mixed() -> list[Trace]:
    torch.manual_seed(0)
    shapes = [(9, 1), (3, 2, 40), (12, 3, 24, 20), (200, 2), (1, 1, 16, 16), (1, 1, 30)]
    return [Trace(torch.rand(*shape)) for shape in shapes]


def test_vectors_have_unit_length_whatever_the_trace() -> None:
    vectors = Encoder(SMALL).eval().encode(_mixed())
    assert vectors.shape == (6, SMALL.size)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(6), atol=1e-5)


def test_a_batch_gives_what_one_by_one_gives() -> None:
    encoder, traces = Encoder(SMALL).eval(), _mixed()
    alone = torch.cat([encoder.encode([trace]) for trace in traces])
    assert torch.allclose(encoder.encode(traces), alone, atol=1e-5)


def test_units_and_the_order_of_channels_do_not_matter() -> None:
    encoder, traces = Encoder(SMALL).eval(), _mixed()
    scaled = [Trace(1000.0 * trace.values.flip(1)) for trace in traces]
    assert torch.allclose(encoder.encode(traces), encoder.encode(scaled), atol=1e-3)


def test_a_constant_has_a_vector() -> None:
    constant = [Trace(torch.zeros(10, 1)), Trace(torch.full((4, 1, 16, 16), 5.0))]
    assert bool(Encoder(SMALL).eval().encode(constant).isfinite().all())
