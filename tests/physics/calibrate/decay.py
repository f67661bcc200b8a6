"""A curve that costs nothing: a exp(-k t), read by several instruments."""

import math

import torch

from physics.calibrate.problem import DataSet, Free

TIMES = torch.linspace(0.0, 3.0, 25, dtype=torch.float64)
TRUTH = {"rate": 0.8, "size": 2.0}


def model(parameters, times):
    return parameters["size"][:, None] * torch.exp(-parameters["rate"][:, None] * times)


def curve(times=TIMES, **changed):
    at = {**TRUTH, **changed}
    return at["size"] * torch.exp(-at["rate"] * times)


def noise(seed, sigma=0.02, shape=TIMES.shape):
    return sigma * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def measured(name="one", seed=0, sigma=0.02, times=TIMES, values=None, **more):
    changed = {key: more.pop(key) for key in tuple(more) if key in TRUTH}
    clean = curve(times, **changed) + noise(seed, sigma, times.shape) if values is None else values
    return DataSet(name, times, clean, model, {}, **more)


RATE, SIZE = Free("rate", 0.5), Free("size", 1.0)


def inside(estimate, value):
    return estimate.lower <= value <= estimate.upper


def binomial(share, level, count):
    """How many standard deviations a coverage is from its level."""
    return (share - level) / math.sqrt(level * (1 - level) / count)
