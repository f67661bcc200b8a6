"""Adjoints are many small operations, for which a team of threads only waits for itself."""

import pytest

from physics.device import one_thread


@pytest.fixture(autouse=True)
def _alone():
    with one_thread():
        yield
