"""What is asked of a design: an experiment, what may be chosen, what must be kept, what is believed, what is wanted.

Everything is SI. A `Study` says nothing of how the answer is found; see `physics.design.optimise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from physics.design.belief import Belief
from physics.design.candidate import Limits
from physics.design.information import Noise
from physics.design.raster import SLOTS
from physics.errors import ParameterError
from physics.experiment import Experiment


@dataclass(frozen=True)
class Range:
    """A number that may be chosen, bounds included.

    Attributes:
        lower, upper: SI.
        scale: the SI value of one unit of the user's; settings are rounded to three digits of that unit.
        whole: a count.
        only: (name, options): the control exists where the choice of that name is one of these.
    """

    lower: float
    upper: float
    scale: float = 1.0
    whole: bool = False
    only: tuple[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower <= self.upper):
            raise ParameterError(f"a control from {self.lower:g} to {self.upper:g} leaves nothing to choose")


@dataclass(frozen=True)
class Options:
    """Named or numbered alternatives."""

    values: tuple[Any, ...]
    only: tuple[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ParameterError("a control without an option leaves nothing to choose")


Control = Range | Options


@dataclass(frozen=True)
class Bound:
    """A limit on what follows from the settings: `value(settings)` within `lower` to `upper`, bounds included."""

    name: str
    value: Callable[[Mapping[str, Any]], float]
    lower: float = -math.inf
    upper: float = math.inf
    unit: str = ""

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Say whether complete settings keep the bound; a value that is not a number does not."""
        return self.lower <= self.value(settings) <= self.upper


@dataclass(frozen=True)
class Target:
    """What is wanted.

    Attributes:
        precision: relative half-width of the interval by name; where empty, `criterion` is not "precision".
        criterion: "precision" lowers the largest half-width over its wanted one (c-optimal), "information" raises
            ln det of the information (D-optimal), "average" lowers the sum of the relative variances (A-optimal).
        robust: over the draws of what is unknown, "mean" (root mean square) or "worst".
        level: of the interval.
    """

    precision: Mapping[str, float] = field(default_factory=dict)
    criterion: Literal["precision", "information", "average"] = "precision"
    robust: Literal["mean", "worst"] = "mean"
    level: float = 0.9

    def __post_init__(self) -> None:
        if self.criterion == "precision" and not self.precision:
            raise ParameterError("no target; name a parameter and the relative precision wanted")
        for name, wanted in self.precision.items():
            if not 0 < wanted < math.inf:
                raise ParameterError(f"the precision wanted of {name}, {wanted:g}, must be above zero")
        if not 0 < self.level < 1:
            raise ParameterError(f"level = {self.level:g} must lie between 0 and 1")


Material = Callable[[Mapping[str, Any], float], float]
"""`material(settings, duration)`: what a run uses up; it does not fall with the duration."""

Transfer = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, float]]
"""`transfer(reference, settings)`: the factor by which each unknown differs between two settings; one if left out."""


@dataclass(frozen=True)
class Study:
    """One question of design.

    Attributes:
        experiment: which one; it works on its `model`.
        settings: what is fixed, SI, unknowns left out.
        controls: what may be chosen, by the experiment's names.
        belief: of what is unknown, at `settings`.
        noise: of one reading.
        limits: on time, samples and material.
        target: what is wanted.
        bounds: on what follows from the settings; the medians stand for what is unknown.
        material, transfer: see `physics.design.habits` for those of the experiments that are known.
        nuisance: "baseline" and "gain", estimated too.
        spacing: "free" times, or a record that is "even" between its two ends.
        tolerance: of the curves; slots: most moments of a raster at which one may measure.
    """

    experiment: Experiment
    settings: Mapping[str, Any]
    controls: Mapping[str, Control]
    belief: Belief
    noise: Noise
    limits: Limits
    target: Target
    bounds: tuple[Bound, ...] = ()
    material: Material | None = None
    transfer: Transfer | None = None
    nuisance: tuple[Literal["baseline", "gain"], ...] = ()
    spacing: Literal["free", "even"] = "free"
    tolerance: float = 1e-4
    slots: int = SLOTS

    def __post_init__(self) -> None:
        for name in self.target.precision:
            if name not in self.belief.names:
                raise ParameterError(f"{name} is not estimated here; choose from {', '.join(self.belief.names)}")
        for name in self.controls:
            self.experiment.parameter(name)

    @property
    def names(self) -> tuple[str, ...]:
        """What is estimated: the unknowns, then the nuisances."""
        return (*self.belief.names, *self.nuisance)

    def used(self, settings: Mapping[str, Any], duration: float) -> float:
        """Material that a run of `duration` seconds uses; zero where nobody counts it."""
        return 0.0 if self.material is None else float(self.material(settings, duration))
