"""Outputs to be judged."""

from collections.abc import Callable

import pytest
import torch

from physics.solution import Output
from physics.validate import Law, broken

Judge = Callable[..., list[bool]]


@pytest.fixture
def judge() -> Judge:
    """Judge curves (batch, times) or fields of the given names by one law: which members break it."""

    def call(
        law: Law, tolerance: float = 1e-6, settings=None, axes=(), components=(), time=None, **values
    ) -> list[bool]:
        outputs = {}
        for name, given in values.items():
            tensor = torch.as_tensor(given, dtype=torch.float64)
            times = torch.linspace(0, 1, tensor.shape[1], dtype=torch.float64) if time is None else time
            sizes = zip(axes, tensor.shape[2:], strict=False)
            coordinates = {axis: torch.arange(points, dtype=torch.float64) for axis, points in sizes}
            outputs[name] = Output(name, "", tensor, times, coordinates=coordinates, components=components)
        return broken((law,), settings or {}, outputs, tolerance=tolerance)[law.name].tolist()

    return call
