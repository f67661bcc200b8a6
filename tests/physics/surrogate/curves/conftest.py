"""A small surrogate of the column at equilibrium, whose truth costs microseconds."""

import pytest

from physics.surrogate.curves.families import get
from physics.surrogate.curves.family import Counts
from physics.surrogate.curves.surrogate import Surrogate
from physics.surrogate.curves.train import train


@pytest.fixture(scope="package")
def small() -> Surrogate:
    return train(get("column"), counts=Counts(150, 1200, 600, 60), timed=False)[0]
