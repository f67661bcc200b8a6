"""Settings that are given: SI numbers or batches within their ranges, and options that exist.

What follows from several settings can then be computed without asking again whether a divisor is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.experiment import Choice, Parameter
from physics.series import Series


def check_given(
    experiment: str, settings: Mapping[str, Any], parameters: Iterable[Parameter], choices: Iterable[Choice]
) -> dict[str, Any]:
    """Return the settings with lists as tensors and without what is None; names not declared pass through.

    Raises:
        ParameterError: a value is no number or is outside its range, or a choice is none of its options.
    """
    found = {name: value for name, value in settings.items() if value is not None}
    for item in parameters:
        if item.name in found:
            found[item.name] = _number(experiment, item, found[item.name])
    for choice in choices:
        value = found.get(choice.name, choice.default)
        known = choice.series if isinstance(value, Series) else value in choice.options
        if not known:
            more = " or a Series" if choice.series else ""
            raise ParameterError(
                f"{experiment}: {choice.name} = {value!r} is not one of {', '.join(choice.options)}{more}"
            )
    return found


def _number(experiment: str, item: Parameter, value: Any) -> Any:
    """Return a number as it is and a list as a tensor."""
    if isinstance(value, list | tuple | np.ndarray):
        try:
            value = torch.tensor(np.asarray(value, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise _no_number(experiment, item, value) from error
    if isinstance(value, Tensor):
        if value.dim() > 1 or value.numel() == 0:
            shape = tuple(value.shape)
            raise ParameterError(f"{experiment}: {item.name} has the shape {shape}; give a number or shape (batch,)")
        for extreme in (value.detach().min(), value.detach().max()):
            item.check(float(extreme))
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise _no_number(experiment, item, value)
    item.check(float(value))
    return value


def _no_number(experiment: str, item: Parameter, value: Any) -> ParameterError:
    unit = f" of {item.unit}" if item.unit else ""
    return ParameterError(f"{experiment}: {item.name} = {value!r} is not a number{unit}; give one, or shape (batch,)")
