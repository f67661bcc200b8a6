"""The real language model, fetched and loaded once for all tests that are marked `model`."""

import pytest

from agent.model.fetch import fetch
from agent.model.local import LocalModel


@pytest.fixture(scope="session")
def real_model():
    model = LocalModel(fetch())
    yield model
    model.close()
