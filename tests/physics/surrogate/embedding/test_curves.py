"""Curves of the experiments as traces."""

import torch

from physics.surrogate.embedding.curves import RISEN, curves


def test_records_begin_with_the_run_and_end_after_the_rise() -> None:
    made = curves("column", "test", 6, 0)
    assert len(made.traces) == 6
    assert made.scaled.shape == (6, 2)
    for trace in made.traces:
        assert trace.times is not None
        assert float(trace.times[0]) == 0.0
        assert bool((trace.times.diff() > 0).all())
        assert float(trace.values.max()) >= 0.9 * RISEN * float(trace.values[-1])


def test_the_solver_gives_what_the_surrogate_gives() -> None:
    one, other = (curves("two_region", "test", 3, 0, noise=0.0, solve=solve) for solve in (False, True))
    for a, b in zip(one.traces, other.traces, strict=True):
        assert torch.allclose(a.values, b.values, atol=0.02)


def test_other_splits_are_other_runs() -> None:
    one, other = (curves("flash", split, 3, 0).numbers["biot"] for split in ("train", "test"))
    assert not torch.equal(one, other)
