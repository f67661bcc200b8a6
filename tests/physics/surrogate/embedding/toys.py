"""Runs of three made-up kinds that differ in how they look, and in nothing else."""

import torch

from physics.surrogate.embedding.trace import Trace, series
from physics.surrogate.embedding.train import Runs


def toys(count: int, seed: int) -> list[Runs]:
    """Return waves on a line, and two kinds of curves, each with one setting."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(count, generator=generator)
    x, at = torch.linspace(0.0, 1.0, 64), torch.linspace(0.0, 1.0, 60)
    lines = [Trace(torch.sin(8.0 * (1.0 + s) * (x[None] - 0.1 * torch.arange(6.0)[:, None]))[:, None]) for s in share]
    fronts = [series(at, torch.sigmoid((at - 0.4) * (10.0 + 30.0 * s))) for s in share]
    swings = [series(at, torch.sin(20.0 * (1.0 + s) * at)) for s in share]
    scaled = (2.0 * share - 1.0).double()[:, None]
    kinds = (("lines", lines), ("fronts", fronts), ("swings", swings))
    return [Runs(name, traces, scaled) for name, traces in kinds]
