"""Sound runs of every experiment, and the same runs spoilt on purpose, to see whether its laws tell them apart.

Five ways to spoil an output, down to what a person would call wrong. None of them knows a law: they look only at what
an output is (a curve, a field, a vector, one of a pair).

| way | what it does | by how much |
| --- | --- | --- |
| mass | a curve or a scalar field loses a share of its values from some time on | 1 to 5 % |
| flux | a curve other than the first changes its sign | all of it |
| divergence | one component of a vector field is stretched | 2 to 5 % |
| symmetry | a bump stands on one side of a field; a share moves from one of a pair of curves to the other | 2 to 5 % |
| overshoot | a short bump tops the largest value, or dips below the least | 2 to 5 % of the span |

A change of less than half of the smallest share, against the largest value of the output, is no corruption, nor is any
change of an output that is nothing but rounding beside the others of its unit: nothing is lost where nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from physics.errors import InputError
from physics.experiment import Experiment, Parameter, Role
from physics.solution import Output, Solution

Outputs = dict[str, Output]
SPREAD = 0.3  # log-standard deviation of the settings around the example
LEAST = 0.005  # a smaller change of an output is no corruption
ROUNDING = 1e-6  # of the largest value of the same unit: an output below is nothing
PAIRS = (("_front", "_rear"), ("_bottom", "_top"))

VARIANTS: dict[str, tuple[Mapping[str, str], ...]] = {
    "column": (
        {},
        {"input": "pulse", "pulse_duration": "1 h"},
        {"input": "leach", "inlet": "first-type"},
        {"outlet": "semi-infinite", "reading": "flux"},
        {"retardation": "2", "decay": "0.1 1/h"},
        {"mobile_fraction": "0.6", "exchange": "0.5"},
    ),
    "flash": (
        {},
        {"pulse": "instant"},
        {"pulse": "triangular", "biot": "0.2"},
    ),
    "convection": (
        {},
        {"sides": "walls"},
        {"plates": "free-free", "rayleigh": "2000"},
        {"heating": "side", "sides": "walls", "aspect": "1", "rayleigh": "1e4", "prandtl": "0.71"},
    ),
    "gray_scott": (
        {},
        {"spots": "1"},
        {"feed": "0.014", "kill": "0.054"},
        {"feed": "0.098", "kill": "0.057"},
    ),
}
"""Settings that change an experiment's example, so that all of its laws are asked; those left out keep to it."""

ASIDE = {"gray_scott": ("change",)}
"""Outputs that tell how a run goes, not what is there: nothing can be lost from them."""


@dataclass(frozen=True)
class Runs:
    """Sound runs: the complete SI settings and what the solver gave."""

    settings: Mapping[str, Any]
    solution: Solution

    @property
    def count(self) -> int:
        """How many members there are."""
        return int(next(iter(self.solution.outputs.values())).values.shape[0])


@dataclass(frozen=True)
class Spoilt:
    """Outputs of which each member where `changed` is true was spoilt in one way."""

    way: str
    output: str
    outputs: Outputs
    changed: Tensor  # (batch,)


def draw(experiment: Experiment, count: int, generator: torch.Generator, variant: Mapping[str, str]) -> Runs | None:
    """Run `count` members with settings around the example's, within its limits; None where they do not converge.

    What the experimenter chooses or wants to find varies by a factor, log-normally; an option of a choice that the
    variant does not set is the example's.
    """
    words = {**experiment.example, **variant}
    if variant.get("pulse") == "instant":
        words.pop("pulse_width", None)
    base = experiment.read(words)
    varied = [
        item
        for item in experiment.parameters
        if item.name in words and item.role in (Role.CONTROL, Role.UNKNOWN) and isinstance(base[item.name], float)
    ]
    members = [_member(experiment, words, varied, generator) for _ in range(count)]
    columns: dict[str, Any] = {
        item.name: torch.tensor([member[item.name] for member in members], dtype=torch.float64) for item in varied
    }
    given: dict[str, Any] = {name: experiment.parameter(name).read(text) for name, text in words.items()}
    settings = experiment.complete({**given, **columns})
    solution = experiment.simulate(settings, experiment.default_times(settings, 61))
    return Runs(settings, solution) if solution.status.ok else None


def _member(
    experiment: Experiment, words: Mapping[str, str], varied: Sequence[Parameter], generator: torch.Generator
) -> dict[str, float]:
    """Draw the varied settings of one member until they are within range and limits; the example's as a last resort."""
    given: dict[str, Any] = {name: experiment.parameter(name).read(text) for name, text in words.items()}
    for _ in range(50):
        factors = torch.exp(SPREAD * torch.randn(len(varied), generator=generator, dtype=torch.float64)).tolist()
        drawn = {item.name: given[item.name] * factor for item, factor in zip(varied, factors, strict=True)}
        try:
            for item in varied:
                item.check(drawn[item.name])
            full = experiment.complete({**given, **drawn})
            if all(_within(limit.lower, limit.value(full), limit.upper) for limit in experiment.limits):
                return drawn
        except InputError:
            continue
    return {item.name: given[item.name] for item in varied}


def _within(lower: float | None, value: float, upper: float | None) -> bool:
    return (lower is None or value >= lower) and (upper is None or value <= upper)


def spoil(experiment: Experiment, outputs: Mapping[str, Output], generator: torch.Generator) -> Iterator[Spoilt]:
    """Yield the outputs spoilt in every way that they allow, one output or pair at a time."""
    first = experiment.curve.name
    for name, output in outputs.items():
        aside = name in ASIDE.get(experiment.name, ())
        if output.time is None or len(output.time) < 2 or output.labels or aside:
            continue
        if not output.components:
            yield _spoilt("mass", outputs, name, _lose(output, generator))
        yield _spoilt("overshoot", outputs, name, _overshoot(output, generator))
        if name != first and not output.coordinates:
            yield _spoilt("flux", outputs, name, -output.values)
        if output.components and set(output.components) <= set(output.coordinates):
            yield _spoilt("divergence", outputs, name, _stretch(output, generator))
        if output.coordinates and len(output.coordinates) > 1:
            yield _spoilt("symmetry", outputs, name, _bump(output, generator))
    for one, other in _pairs(outputs):
        share = _amount(0.02, outputs[one], generator)
        moved = share * outputs[one].values
        spoilt = {
            **outputs,
            one: replace(outputs[one], values=outputs[one].values - moved),
            other: replace(outputs[other], values=outputs[other].values + moved),
        }
        yield Spoilt("symmetry", f"{one} to {other}", spoilt, _changed(outputs, one, spoilt[one].values))


def _pairs(outputs: Mapping[str, Output]) -> Iterator[tuple[str, str]]:
    for name, output in outputs.items():
        for one, other in PAIRS:
            partner = name.removesuffix(one) + other
            if name.endswith(one) and partner in outputs and output.time is not None:
                yield name, partner


def _spoilt(way: str, outputs: Mapping[str, Output], name: str, values: Tensor) -> Spoilt:
    changed = _changed(outputs, name, values)
    return Spoilt(way, name, {**outputs, name: replace(outputs[name], values=values)}, changed)


def _changed(outputs: Mapping[str, Output], name: str, after: Tensor) -> Tensor:
    """Say which members were changed so that a person would see it, shape (batch,)."""
    before = outputs[name]
    alike = [each for each in outputs.values() if each.time is not None and each.unit == before.unit]
    largest = torch.stack([each.values.abs().flatten(1).amax(1) for each in alike]).amax(0)
    size = before.values.abs().flatten(1).amax(1)
    change = (after - before.values).abs().flatten(1).amax(1)
    return (change > LEAST * size) & (size > ROUNDING * largest)


def _amount(least: float, output: Output, generator: torch.Generator) -> Tensor:
    """Draw a share from `least` to 5 % for each member, ready to be multiplied by the values."""
    batch = output.values.shape[0]
    share = least + (0.05 - least) * torch.rand(batch, generator=generator, dtype=torch.float64)
    return share.reshape(-1, *[1] * (output.values.dim() - 1))


def _lose(output: Output, generator: torch.Generator) -> Tensor:
    """Scale the values by 0.95 to 0.99 from a time on that lies within the first three quarters."""
    values = output.values
    times = values.shape[1]
    since = torch.rand(values.shape[0], generator=generator) * 0.75 * times
    lost = torch.arange(times)[None] >= since[:, None]
    mask = lost.reshape(*lost.shape, *[1] * (values.dim() - 2))
    return torch.where(mask, values * (1 - _amount(0.01, output, generator)), values)


def _overshoot(output: Output, generator: torch.Generator) -> Tensor:
    """Add a bump, two to five points wide, at the largest value of each member, or take one off at the least."""
    values = output.values
    flat = values.flatten(2) if values.dim() > 2 else values[..., None]
    above = torch.rand(values.shape[0], generator=generator) < 0.5
    top = torch.where(above[:, None], flat.flatten(1), -flat.flatten(1)).argmax(1)
    when, where = top // flat.shape[2], top % flat.shape[2]
    width = 1 + 1.5 * torch.rand(values.shape[0], generator=generator, dtype=torch.float64)
    away = (torch.arange(values.shape[1])[None] - when[:, None]) / width[:, None]
    span = flat.flatten(1).amax(1) - flat.flatten(1).amin(1)
    height = _amount(0.02, output, generator).reshape(-1) * span * torch.where(above, 1.0, -1.0)
    bump = torch.zeros_like(flat)
    bump.scatter_(2, where[:, None, None].expand(-1, flat.shape[1], 1), torch.exp(-(away**2))[..., None])
    return values + (height[:, None, None] * bump).reshape(values.shape)


def _stretch(output: Output, generator: torch.Generator) -> Tensor:
    """Stretch the first component by 2 to 5 %."""
    factor = torch.ones_like(output.values)
    factor[..., 0] += _amount(0.02, output, generator)[..., 0]
    return output.values * factor


def _bump(output: Output, generator: torch.Generator) -> Tensor:
    """Add a hill of 2 to 5 % of the span, an eighth of the box wide, at a random place, at all times."""
    values = output.values
    sizes = [len(points) for points in output.coordinates.values()]
    hill = torch.ones(values.shape[0], *sizes, dtype=torch.float64)
    for axis, points in enumerate(sizes):
        centre = torch.rand(values.shape[0], generator=generator, dtype=torch.float64)
        away = (torch.arange(points) / points - centre[:, None]).abs()
        profile = torch.exp(-((torch.minimum(away, 1 - away) / 0.125) ** 2))
        hill = hill * profile.reshape(-1, *(points if i == axis else 1 for i in range(len(sizes))))
    span = values.flatten(1).amax(1) - values.flatten(1).amin(1)
    height = _amount(0.02, output, generator) * span.reshape(-1, *[1] * (values.dim() - 1))
    shape = (values.shape[0], 1, *sizes, *[1] * (values.dim() - 2 - len(sizes)))
    return values + height * hill.reshape(shape)
