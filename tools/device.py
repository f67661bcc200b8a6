"""Which device the solvers use."""

from physics.device import resolve
from physics.errors import InputError


def describe_device(name: str) -> tuple[str, str]:
    """Return the device that `name` means here, and advice when it cannot be had."""
    try:
        return str(resolve(name)), ""
    except InputError as error:
        return name, str(error)
