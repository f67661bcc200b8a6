import pytest
import torch

from physics.device import one_thread, resolve
from physics.errors import ParameterError


def test_auto_is_the_processor() -> None:
    assert resolve() == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:99", ""])
def test_an_unusable_device_is_named(name: str) -> None:
    with pytest.raises(ParameterError, match="device"):
        resolve(name)


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
