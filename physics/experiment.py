"""`Experiment`: what a laboratory experiment is, declared once and read by every tool.

A new experiment is one file in `physics/experiments/` that defines a module-level `EXPERIMENT`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from physics import units
from physics.errors import ParameterError, UnitError
from physics.series import Series, read_series

if TYPE_CHECKING:
    from torch import Tensor

    from physics.solution import Solution
    from physics.validate.law import Law


class Role(StrEnum):
    """What a parameter is to the experimenter."""

    APPARATUS = "apparatus"  # fixed by what stands on the bench
    CONTROL = "control"  # can be chosen for a run
    UNKNOWN = "unknown"  # what the experiment is to find out
    SCHEME = "scheme"  # which mathematical model is meant


@dataclass(frozen=True)
class Parameter:
    """A number with a unit.

    Attributes:
        name: the contract's name.
        unit: the SI unit of `lower`, `upper`, `default` and `prior`.
        role: what it is to the experimenter.
        lower, upper: the physical range, bounds included; a value outside is bad input.
        default: the value when it is left out; None means that it must be given or derived.
        prior: (median, log-standard deviation) of a log-normal prior for what is unknown, SI.
        meaning: one sentence for people and for the language model.
        display: the unit to show when the user named none.
    """

    name: str
    unit: str
    role: Role
    lower: float
    upper: float
    meaning: str
    default: float | None = None
    prior: tuple[float, float] | None = None
    display: str = ""
    exclusive_lower: bool = False
    many: bool = False  # a list, for example of sensors, may be given; `read` then returns a tuple

    def read(self, text: str | float) -> Any:
        """Parse, convert to SI, check the range; raise `UnitError` or `ParameterError` with the name.

        Several values, separated by commas, give a tuple where the parameter takes many.
        """
        if self.many and isinstance(text, str) and "," in text:
            return tuple(self._number(part.strip()) for part in text.split(",") if part.strip())
        return self._number(text)

    def _number(self, text: str | float) -> float:
        try:
            value, source = units.parse(text)
            si = units.convert(value, source, self.unit)
        except UnitError as error:
            raise UnitError(f"{self.name}: {error}") from error
        self.check(si, shown=str(text))
        return si

    def check(self, si: float, shown: str | None = None) -> None:
        """Raise `ParameterError` when the SI value lies outside the physical range."""
        below = si <= self.lower if self.exclusive_lower else si < self.lower
        if not math.isfinite(si) or below or si > self.upper:
            word = "above" if self.exclusive_lower else "from"
            span = f"{word} {self.lower:g} to {self.upper:g} {self.unit}".strip()
            raise ParameterError(f"{self.name} = {shown or f'{si:g} {self.unit}'} is outside its range, {span}")


@dataclass(frozen=True)
class Choice:
    """A parameter with named values, for example which inlet condition is meant."""

    name: str
    options: tuple[str, ...]
    default: str
    meaning: str
    role: Role = Role.SCHEME
    series: bool = False  # a CSV file of times and values may stand in place of an option

    def read(self, text: str | Series) -> str | Series:
        """Return the option that `text` names, or the series in the file that it names.

        Raises:
            ParameterError: it names neither; the message has the options.
            DataError: the file cannot be used.
        """
        if isinstance(text, Series):
            return text
        chosen = str(text).strip()
        if chosen.lower() in self.options:
            return chosen.lower()
        if self.series and chosen.lower().endswith(".csv"):
            return read_series(chosen)
        more = " or a CSV file" if self.series else ""
        raise ParameterError(f"{self.name} = {text!r} is not one of {', '.join(self.options)}{more}")


@dataclass(frozen=True)
class Observable:
    """Something a run returns: a curve over time or a single number."""

    name: str
    unit: str
    kind: str  # "curve" or "scalar"
    meaning: str


@dataclass(frozen=True)
class Limit:
    """A bound of validity: within it the model stands for the laboratory."""

    name: str
    meaning: str
    unit: str
    lower: float | None
    upper: float | None
    value: Callable[[Mapping[str, Any]], float]  # from the SI settings


@dataclass(frozen=True)
class Experiment:
    """A declaration; behaviour lives in the functions it names.

    Attributes:
        complete: derive and check what depends on several parameters (flow -> velocity); SI in, SI out.
        simulate: `simulate(settings, times, *, tolerance, device, progress) -> Solution`; the progress is
            called with a fraction and a word.
        model: `model(settings, times, tolerance)`, the differentiable curves that a fit or a design works on:
            a function of (parameters of shape (batch,), times (n,)) -> curves (batch, n); None if there is
            none.
        start: `start(times, values, settings)`, where to start a fit from, SI; None if the user must say.
        default_times: `default_times(settings, count)`, the output times (seconds, shape (count,)) that show
            the run.
        laws: what every output of this experiment must keep, of the solver and of a surrogate alike.
        boundaries: `boundaries(settings)`, what stands at the ends of each axis of its fields: axis -> "wall",
            "open" or "periodic", or a pair of them for the two ends.
        fit_tolerance: of the curves of `model` that a fit works on, in the unit of the curve: far below what a reading
            errs by, and no smaller than is cheap.
        fit_finer: how many times finer a fit may ask for where readings are so good that it counts; one where that
            would take too long.
    """

    name: str
    title: str
    meaning: str
    parameters: tuple[Parameter, ...]
    choices: tuple[Choice, ...]
    observables: tuple[Observable, ...]
    balances: tuple[str, ...]
    limits: tuple[Limit, ...]
    complete: Callable[[dict[str, Any]], dict[str, Any]]
    simulate: Callable[..., Solution]
    default_times: Callable[[Mapping[str, Any], int], Tensor]
    example: Mapping[str, str] = field(default_factory=dict)
    model: Callable[..., Callable[[dict[str, Tensor], Tensor], Tensor]] | None = None
    start: Callable[..., dict[str, float]] | None = None
    laws: tuple[Law, ...] = ()
    boundaries: Callable[[Mapping[str, Any]], Mapping[str, str | tuple[str, str]]] | None = None
    fit_tolerance: float = 1e-7
    fit_finer: float = 100.0

    @property
    def curve(self) -> Observable:
        """The curve that `model` gives, that a measurement holds and that a fit works on: the first one declared.

        Raises:
            ParameterError: the experiment returns no curve.
        """
        found = next((item for item in self.observables if item.kind == "curve"), None)
        if found is None:
            raise ParameterError(f"{self.name} returns no curve, so there is nothing to fit")
        return found

    def parameter(self, name: str) -> Parameter | Choice:
        """Return the parameter or choice called `name`.

        Raises:
            ParameterError: there is none; the message names the nearest ones.
        """
        items: list[Parameter | Choice] = [*self.parameters, *self.choices]
        for item in items:
            if item.name == name:
                return item
        known = [item.name for item in items]
        near = difflib.get_close_matches(name, known, 3) or known
        raise ParameterError(f"{self.name} has no parameter {name!r}; did you mean {', '.join(near)}?")

    def read(self, given: Mapping[str, str | float]) -> dict[str, Any]:
        """Turn the user's words into complete SI settings.

        Raises:
            UnitError, ParameterError: with the parameter's name, the value and the way to mend it.
        """
        settings: dict[str, Any] = {}
        for name, text in given.items():
            settings[name] = self.parameter(name).read(text)  # type: ignore[arg-type]
        return self.complete(settings)
