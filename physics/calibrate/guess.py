"""Where to start a fit when the experiment does not say: the best of a ladder of values for each parameter.

The rungs of a parameter lie at its prior's median and one and two log-standard deviations from it, else around its
default, else across its range (evenly in the logarithm where the range is positive). All combinations are tried at
once as one batch; with many parameters only their middle rungs vary.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from physics.calibrate.differences import fixed_of, model_of
from physics.errors import InputError, ParameterError
from physics.experiment import Experiment, Parameter

MOST_TRIALS = 625
_TOLERANCE = 1e-3  # of the curves that are compared here
_ASIDE = 3.0  # a rung's factor where only a default is known


def ladder(parameter: Parameter) -> list[float]:
    """Return values worth trying, the likeliest first.

    Raises:
        ParameterError: nothing tells where to begin.
    """
    low, high = parameter.lower, parameter.upper
    if parameter.prior is not None:
        median, spread = parameter.prior
        values = [median * math.exp(k * spread) for k in (0, -1, 1, -2, 2)]
    elif parameter.default is not None and parameter.default > 0:
        values = [parameter.default * _ASIDE**k for k in (0, -1, 1, -2, 2)]
    elif low > 0 and math.isfinite(high):
        values = [low * (high / low) ** share for share in (0.5, 0.3, 0.7, 0.1, 0.9)]
    elif low < 0 and math.isfinite(low) and math.isfinite(high):
        values = [low + (high - low) * share for share in (0.5, 0.3, 0.7, 0.1, 0.9)]
    else:
        raise ParameterError(
            f"--fit {parameter.name} needs a value above zero to start from; give one with --set {parameter.name}=..."
        )
    return [value for value in values if low <= value <= high and not (parameter.exclusive_lower and value == low)]


def guess(
    experiment: Experiment, settings: Mapping[str, Any], names: Sequence[str], times: Tensor, values: Tensor
) -> dict[str, float]:
    """Return starting values (SI) for `names`: of the combinations tried, the one nearest to the measured curve.

    Args:
        experiment: whose curve was measured.
        settings: what is known, SI.
        names: the parameters that nothing is known of.
        times, values: the measured curve, shape (n,), seconds and the curve's unit.

    Raises:
        ParameterError: nothing tells where to begin.
    """
    declared = [experiment.parameter(name) for name in names]
    rungs = [ladder(item) for item in declared if isinstance(item, Parameter)]
    while math.prod(map(len, rungs)) > MOST_TRIALS:
        longest = max(range(len(rungs)), key=lambda j: (len(rungs[j]), j))
        rungs[longest] = rungs[longest][:-2]
    trials = list(itertools.product(*rungs))
    middle = dict(zip(names, trials[0], strict=True))
    given = {**settings, **middle}
    columns = {
        name: torch.full((len(trials),), value, dtype=torch.float64)
        for name, value in fixed_of(experiment, given, names).items()
    }
    for j, name in enumerate(names):
        columns[name] = torch.tensor([trial[j] for trial in trials], dtype=torch.float64)
    try:
        with torch.no_grad():
            curves = model_of(experiment, given, times, _TOLERANCE)(columns, times)
    except InputError:
        return middle  # a rung that this experiment refuses: the likeliest values must do
    misfit = ((curves - values) ** 2).sum(-1)
    best = int(torch.where(torch.isfinite(misfit), misfit, torch.inf).argmin())
    return dict(zip(names, trials[best], strict=True))
