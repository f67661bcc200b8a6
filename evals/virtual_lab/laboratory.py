"""A laboratory before its run: what it believes, what it may choose, what it must keep, and what its protocol says.

The two designs that compete get the same laboratory, and never the truth. `Rules` are the limits as plain numbers; the
study that the design is made from is built from them, and `broken` holds a plan against them without that code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from evals.instruments import Instrument
from physics.design.belief import Belief
from physics.design.candidate import Limits
from physics.design.information import Noise
from physics.design.optimise import at_settings, optimise
from physics.design.schedules import Run
from physics.design.study import Bound, Control, Options, Range, Study, Target, Transfer
from physics.experiment import Experiment

_ROUNDING = 1e-9  # relative; a limit that is met to that is met


@dataclass(frozen=True)
class Rules:
    """Limits in SI.

    Attributes:
        duration, samples, interval, first: of the measurements.
        ranges: name -> (lower, upper) of what may be chosen; options: name -> what may be chosen from.
        used: `used(settings, duration)`, what a run uses up, and `budget`, how much of it there is.
        within: name -> (value of the settings, most), what else must be kept.
    """

    duration: float
    samples: int
    interval: float
    first: float = 0.0
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    used: Callable[[Mapping[str, Any], float], float] = lambda settings, duration: 0.0
    budget: float = math.inf
    within: Mapping[str, tuple[Callable[[Mapping[str, Any]], float], float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A run as a person would carry it out: what is set, when is measured, and how the unknowns follow the settings.

    Attributes:
        settings: complete, SI, the unknowns at their medians.
        shift: ln of the factor by which each unknown differs from what is believed, shape (P,).
        times: s, shape (n,).
    """

    settings: Mapping[str, Any]
    shift: Tensor
    times: Tensor


@dataclass(frozen=True)
class Laboratory:
    """One laboratory.

    Attributes:
        title: in words.
        believed: unknown -> (median, log-standard deviation), at `settings`.
        noise: of one reading, as the design and the fit are told; `instrument` is what really reads.
        target: the unknown that is asked for.
        protocol: what is set and when is measured by default; informed: a default that knows where to look, if any.
        burst: readings that our design takes in one go, as fast as the instrument can; it places the bursts.
    """

    title: str
    experiment: Experiment
    settings: Mapping[str, Any]
    believed: Mapping[str, tuple[float, float]]
    rules: Rules
    noise: float
    instrument: Instrument
    target: str
    protocol: tuple[Mapping[str, Any], Tensor]
    informed: tuple[Mapping[str, Any], Tensor] | None = None
    controls: Mapping[str, Control] = field(default_factory=dict)
    transfer: Transfer | None = None
    nuisance: tuple[str, ...] = ()
    burst: int = 1

    @property
    def belief(self) -> Belief:
        """What is believed of the unknowns."""
        centre = torch.tensor([math.log(median) for median, _ in self.believed.values()], dtype=torch.float64)
        spread = torch.tensor([deviation for _, deviation in self.believed.values()], dtype=torch.float64)
        return Belief(tuple(self.believed), centre, torch.diag(spread**2))

    @property
    def study(self) -> Study:
        """The question that our design answers."""
        rules, burst = self.rules, self.burst
        apart = rules.interval * burst
        controls: dict[str, Control] = {name: Range(*ends) for name, ends in rules.ranges.items()}
        controls |= {name: Options(values) for name, values in rules.options.items()}
        controls |= self.controls
        return Study(
            experiment=self.experiment,
            settings=self.settings,
            controls=controls,
            belief=self.belief,
            noise=Noise(self.noise / math.sqrt(burst)),
            limits=Limits(
                rules.duration, rules.samples // burst, apart, rules.first + apart - rules.interval, rules.budget
            ),
            target=Target({self.target: 0.01}),
            bounds=tuple(Bound(name, value, upper=most) for name, (value, most) in rules.within.items()),
            material=rules.used,
            transfer=self.transfer,
            nuisance=self.nuisance,  # type: ignore[arg-type]
        )

    def plans(self) -> dict[str, Plan]:
        """Return the designs that compete; "retimed" is the protocol's run with our times, where that is another."""
        found = {"ours": self.ours(), "protocol": _default(self.study, *self.protocol)}
        if self.informed is not None:
            found["informed"] = _default(self.study, *self.informed)
        if self.study.controls:
            found["retimed"] = self.retimed()
        return found

    def ours(self) -> Plan:
        """Return the run that the optimal design proposes."""
        return self._spread(_plan(optimise(self.study).best))

    def retimed(self) -> Plan:
        """Return the protocol's own run with times that the optimal design proposes."""
        study = self.study
        settings = {**study.settings, **self.protocol[0]}
        return self._spread(_plan(optimise(replace(study, settings=settings, controls={})).best))

    def _spread(self, plan: Plan) -> Plan:
        """Turn the last moment of every burst into its readings."""
        before = torch.arange(self.burst - 1, -1, -1, dtype=torch.float64) * self.rules.interval
        return replace(plan, times=(plan.times[:, None] - before).reshape(-1))


def _default(study: Study, chosen: Mapping[str, Any], times: Tensor) -> Plan:
    return _plan(at_settings(study, chosen, times))


def _plan(run: Run) -> Plan:
    return Plan(run.case.settings, run.case.shift, run.times)


def broken(rules: Rules, plan: Plan) -> list[str]:
    """Name every rule that a plan breaks."""
    times: Sequence[float] = plan.times.tolist()
    found = []
    if not times or len(times) > rules.samples:
        found.append(f"{len(times)} samples, at most {rules.samples}")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if any(gap <= 0 or gap < rules.interval * (1 - _ROUNDING) for gap in gaps):
        found.append(f"samples {min(gaps):g} s apart, at least {rules.interval:g}")
    if times and (times[0] < rules.first or times[-1] > rules.duration * (1 + _ROUNDING)):
        found.append(f"samples from {times[0]:g} to {times[-1]:g} s, allowed {rules.first:g} to {rules.duration:g}")
    used = rules.used(plan.settings, times[-1]) if times else 0.0
    if used > rules.budget * (1 + _ROUNDING):
        found.append(f"{used:g} used up, at most {rules.budget:g}")
    for name, (low, high) in rules.ranges.items():
        if name in plan.settings and not low * (1 - _ROUNDING) <= plan.settings[name] <= high * (1 + _ROUNDING):
            found.append(f"{name} = {plan.settings[name]:g}, allowed {low:g} to {high:g}")
    for name, values in rules.options.items():
        if name in plan.settings and plan.settings[name] not in values:
            found.append(f"{name} = {plan.settings[name]}, allowed {values}")
    for name, (value, most) in rules.within.items():
        if value(plan.settings) > most * (1 + _ROUNDING):
            found.append(f"{name} = {value(plan.settings):g}, at most {most:g}")
    return found
