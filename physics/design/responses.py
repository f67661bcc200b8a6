"""What candidate settings would show: curves and sensitivities of all of them under all scenarios.

    y(t; theta_s, x_c)   and   d y / d u,   u = ln theta,

for candidates x_c and scenarios s, on a raster of each candidate's own length. Candidates whose raster has the same
step go through the model as one batch; where the model does not take a control as a parameter (another grid, another
choice), one model is built for each of its values. Nuisances add columns: one for a baseline, y for a gain.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.sensitivity import Model, sensitivities
from physics.design.raster import raster_of
from physics.design.study import Options, Range, Study
from physics.errors import InputError, ParameterError
from physics.experiment import Parameter

log = logging.getLogger(__name__)

_PROBED = 6  # times at which a model is asked whether it takes a control
_STRETCH = 1.3  # by which a control is moved for that


@dataclass(frozen=True)
class Case:
    """One candidate: its settings, complete, the factor of each unknown (P,), and its raster.

    Attributes:
        settings: complete SI settings, the unknowns at their medians.
        chosen: the controls alone.
        shift: ln of the factor by which each unknown differs from the belief, shape (P,).
        window: until when there is something to see, seconds.
        step: of the raster, seconds.
    """

    settings: Mapping[str, Any]
    chosen: Mapping[str, Any]
    shift: Tensor
    window: float
    step: float

    @property
    def slots(self) -> int:
        """Slots of the raster within the window; the first stands one step after time zero."""
        return max(math.floor(self.window / self.step * (1 + 1e-12)), 1)


@dataclass(frozen=True)
class Responses:
    """`times` (n,), `curve` (scenarios, n) and `slope`, d y / d u (scenarios, n, P + nuisances), of one case."""

    times: Tensor
    curve: Tensor
    slope: Tensor


def case_of(study: Study, chosen: Mapping[str, Any], longest: float) -> Case:
    """Complete a candidate's settings and choose its raster, for runs up to `longest` seconds.

    Raises:
        ParameterError: these settings are none that the experiment has.
    """
    experiment, belief = study.experiment, study.belief
    median = belief.median
    reference = reference_of(study)
    free = {name: value for name, value in median.items() if name not in chosen}
    own = {name: value for name, value in study.settings.items() if name not in median}
    if "flow" in chosen:
        own.pop("velocity", None)
        free.pop("velocity", None)
    if "velocity" in chosen:
        own.pop("flow", None)
    settings = experiment.complete({**own, **free, **chosen})
    # An unknown that is also set, as a pump's velocity, is believed to be what it is set to, with its own spread.
    factors = {name: chosen[name] / median[name] for name in belief.names if name in chosen}
    if study.transfer is not None:
        factors |= study.transfer(reference, settings)
    shift = torch.tensor([math.log(factors.get(name, 1.0)) for name in belief.names], dtype=torch.float64)
    settings = {**settings, **{n: median[n] * math.exp(float(shift[j])) for j, n in enumerate(belief.names)}}
    window = min(float(experiment.default_times(bare(study, settings), 2)[-1]), longest)
    return Case(settings, dict(chosen), shift, window, raster_of(window, study.limits, study.slots))


def reference_of(study: Study) -> Mapping[str, Any]:
    """Return the complete settings at which the belief holds: the fixed ones, else the middle of each control."""
    median = study.belief.median
    middle = {}
    for name, control in study.controls.items():
        if name in study.settings or name in median:
            continue
        if isinstance(control, Range):
            low, high = control.lower, control.upper
            middle[name] = math.sqrt(low * high) if low > 0 else (low + high) / 2
        elif control.only is None:
            middle[name] = control.values[0]
    for name, control in study.controls.items():
        if (
            control.only is not None
            and middle.get(control.only[0], study.settings.get(control.only[0])) not in (control.only[1])
        ):
            middle.pop(name, None)
    known = {name: value for name, value in study.settings.items() if name not in median}
    if "velocity" in median:
        known.pop("flow", None)
        middle.pop("flow", None)
    for name, control in study.controls.items():
        chosen = {**known, **middle}
        if control.only is not None and chosen.get(control.only[0]) not in control.only[1]:
            known.pop(name, None)
    return study.experiment.complete({**known, **middle, **median})


def respond(study: Study, cases: Sequence[Case], scenarios: Tensor) -> list[Responses]:
    """Evaluate every case under every scenario of u, shape (scenarios, P), at all slots of its raster."""
    found: list[Responses | None] = [None] * len(cases)
    takes = _taken(study, cases[0])
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, case in enumerate(cases):
        rebuilt = tuple((name, value) for name, value in sorted(case.chosen.items()) if name not in takes)
        groups.setdefault((case.step, rebuilt), []).append(i)
    for members in groups.values():
        for i, response in zip(members, _group(study, [cases[i] for i in members], scenarios), strict=True):
            found[i] = response
    return [response for response in found if response is not None]


def at_times(study: Study, case: Case, scenarios: Tensor, times: Tensor) -> Responses:
    """Evaluate one case at its very times, shape (n,)."""
    parameters = stacked(study, [case], scenarios)
    return _evaluated(study, _model(study, [case], times), parameters, times, len(scenarios))[0]


def curves_at(study: Study, case: Case, scenarios: Tensor, times: Tensor) -> Tensor:
    """Evaluate the curves alone, (scenarios, n), of one case at its very times."""
    with torch.no_grad():
        return _model(study, [case], times)(stacked(study, [case], scenarios), times)


def _group(study: Study, cases: Sequence[Case], scenarios: Tensor) -> list[Responses]:
    """Cases of one raster and one model."""
    times = cases[0].step * torch.arange(1, max(case.slots for case in cases) + 1, dtype=torch.float64)
    model = _model(study, cases, times)
    whole = _evaluated(study, model, stacked(study, cases, scenarios), times, len(scenarios))
    return [
        Responses(times[: case.slots], each.curve[:, : case.slots], each.slope[:, : case.slots])
        for case, each in zip(cases, whole, strict=True)
    ]


def _evaluated(
    study: Study, model: Model, parameters: dict[str, Tensor], times: Tensor, scenarios: int
) -> list[Responses]:
    names = study.belief.names
    curve, slope = sensitivities(model, parameters, names, times)
    slope = slope * torch.stack([parameters[name] for name in names], -1)[:, None, :]
    pairs = zip(curve.split(scenarios), slope.split(scenarios), strict=True)
    return [response_of(study, times, each, tilt) for each, tilt in pairs]


def response_of(study: Study, times: Tensor, curve: Tensor, slope: Tensor) -> Responses:
    """Return the response of one case from its curve (scenarios, n) and d y / d u (scenarios, n, P)."""
    extra = {"baseline": torch.ones_like(curve), "gain": curve}
    slope = torch.cat([slope, *(extra[name][..., None] for name in study.nuisance)], -1)
    slope = torch.where(torch.isfinite(slope).all(-1, keepdim=True), slope, torch.zeros_like(slope))
    return Responses(times, curve, slope)


def stacked(study: Study, cases: Sequence[Case], scenarios: Tensor) -> dict[str, Tensor]:
    """Parameters of all cases under all scenarios, the scenario running fastest; shape (cases * scenarios,)."""
    names = study.belief.names
    fixed = [_fixed(study, case) for case in cases]
    count = len(scenarios)
    stacked = {
        name: torch.tensor([each[name] for each in fixed], dtype=torch.float64).repeat_interleave(count)
        for name in fixed[0]
        if all(name in each for each in fixed)
    }
    u = torch.cat([scenarios + case.shift for case in cases])
    return {**stacked, **{name: _physical(study, name, u[:, j].exp()) for j, name in enumerate(names)}}


def _physical(study: Study, name: str, theta: Tensor) -> Tensor:
    """Move draws that left the physical range of a parameter, such as a fraction above one, back to its end."""
    item = study.experiment.parameter(name)
    return theta.clamp(item.lower, item.upper) if isinstance(item, Parameter) else theta


def _fixed(study: Study, case: Case) -> dict[str, float]:
    return fixed_of(study.experiment, bare(study, case.settings), study.belief.names)


def bare(study: Study, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Complete settings without the flow, which would contradict a velocity that is told apart from it."""
    return {name: value for name, value in settings.items() if not (name == "flow" and "velocity" in settings)}


def _model(study: Study, cases: Sequence[Case], times: Tensor) -> Model:
    """One model for all cases, at the resolution that the first needs."""
    return model_of(study.experiment, bare(study, cases[0].settings), times, study.tolerance)


def _taken(study: Study, case: Case) -> set[str]:
    """Numeric controls that the model takes as parameters: a change of one changes its curve."""
    numbers = [name for name, control in study.controls.items() if _is_number(study, name, control)]
    if not numbers:
        return set()
    times = case.window / _PROBED * torch.arange(1, _PROBED + 1, dtype=torch.float64)
    found = set()
    try:
        model = _model(study, [case], times)
        parameters = stacked(study, [case], study.belief.centre[None])
        moved = [name for name in numbers if name in parameters and name not in study.belief.names]
        rows = {name: value.repeat(len(moved) + 1) for name, value in parameters.items()}
        for k, name in enumerate(moved):
            rows[name][k + 1] /= _STRETCH
        with torch.no_grad():
            curves = model(rows, times)
        found = {name for k, name in enumerate(moved) if not torch.equal(curves[k + 1], curves[0])}
    except (InputError, RuntimeError, ValueError) as error:
        log.debug("%s: controls are not batched: %s", study.experiment.name, error)
    # A control that is the scale of an unknown enters through the belief.
    through = {"velocity", "flow"} if study.transfer is not None and "velocity" in study.belief.names else set()
    return found | (through & set(numbers)) | {name for name in numbers if name in study.belief.names}


def _is_number(study: Study, name: str, control: Range | Options) -> bool:
    if not isinstance(study.experiment.parameter(name), Parameter):
        return False
    return isinstance(control, Range) or all(isinstance(value, int | float) for value in control.values)


def none_left(reasons: Sequence[str], experiment: str = "") -> ParameterError:
    """Say why no candidate is left; where the experiment itself refuses all of them, in its own words."""
    if experiment and len(reasons) == 1 and reasons[0].startswith(f"{experiment}:"):
        return ParameterError(reasons[0])
    told = f": {reasons[0]}" if reasons else ""
    return ParameterError(f"no settings within the limits can be run{told}; widen a range or a limit")
