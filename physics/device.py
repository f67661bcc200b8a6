"""Where a run computes: the processor, or an accelerator that the caller names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from physics.errors import ParameterError


def resolve(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" is the processor, whose compiled march needs no accelerator.

    Raises:
        ParameterError: torch does not know the device, it is not here, or it has no double precision.
    """
    if name == "auto":
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ParameterError(f"device {name!r} cannot be used here in double precision; try 'auto'") from error
    return device


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: for many small operations its team costs more than it brings.

    On a busy machine the difference is a factor of three to ten. The compiled march has threads of its own.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
