"""The problem of a calibration: each file's model, where to start, bounds, priors, and its solution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.guess import guess
from physics.calibrate.problem import DataSet, Free, Nuisance, Prior, Problem
from physics.calibrate.resolution import precision_of, tolerance_for
from physics.calibrate.solve import Solved, examine, solve
from physics.errors import DataError, ParameterError
from physics.experiment import Experiment, Parameter
from tools.calibration.options import Options, check, read_bounds, read_noise, read_priors, unit_of
from tools.calibration.shown import factor, shown_unit
from tools.read_data import DataFile

MARCHED = 1e-5  # of columns with water at rest, which no closed form gives; far below what a reading errs by
SEARCH = 1e-3  # of the curves from which several starts look for the best minimum, and directions to a richer model
ITERATIONS, FEW = 60, 10  # of a fit, and of one that may have no end
NEAR = 1e-5
"""Of the cosine that ends a descent: n^(1/2) of it is left of a standard deviation, and less is lost in rounding where
curves are marched."""
AT_REST = ((0.95, 1.0), (0.8, 0.3), (0.8, 3.0), (0.5, 1.0))
"""Mobile fractions and exchanges to start from: much dispersion looks like water at rest, and makes other minima."""
ROUNDS = 3
BEGIN = {"mobile_fraction": 0.8, "exchange": 1.0, "decay": 1e-6}
"""Where to begin looking for parameters that a curve shows only beside others, SI."""
_MOVED = 0.02  # a fit that moves a parameter by less stays within the resolution that its start chose


@dataclass(frozen=True)
class Task:
    """What is to be fitted to which files, read into SI; `shown` has each parameter's unit for people, in SI."""

    declared: Experiment
    files: tuple[DataFile, ...]
    free: tuple[str, ...]
    options: Options
    noise: tuple[float | None, ...]
    shared_noise: str
    priors: Mapping[str, Prior] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shown: Mapping[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def tolerance(self) -> float:
        """Of the curves that are fitted, where readings err by no less than usual."""
        if self.options.tolerance is not None:
            return self.options.tolerance
        marched = "exchange" in self.free or any("exchange" in file.known for file in self.files)
        return MARCHED if marched else self.declared.fit_tolerance


def free_names(declared: Experiment, names: Sequence[str]) -> tuple[str, ...]:
    """Check that what is to be fitted are numbers of this experiment, each once."""
    if not names:
        raise ParameterError("nothing is to be fitted; name it, for example --fit velocity --fit dispersion")
    for name in names:
        if not isinstance(declared.parameter(name), Parameter):
            raise ParameterError(f"--fit {name}: it is a choice, not a number")
    if len(set(names)) < len(names):
        raise ParameterError("--fit names a parameter twice")
    return tuple(names)


def read_task(
    declared: Experiment,
    files: Sequence[DataFile],
    names: Sequence[str],
    options: Options,
    settings: Mapping[str, str],
) -> Task:
    """Read the options into SI; `settings` are the user's own, whose units are spoken.

    Raises:
        ParameterError, UnitError: an option that cannot be used; the message says which.
    """
    check(options, names)
    _check_count(files, names, options)
    noise, shared = read_noise(options.noise, files, declared.curve.unit)
    return Task(
        declared,
        tuple(files),
        tuple(names),
        options,
        tuple(noise),
        shared,
        read_priors(declared, options.priors, names, options.nuisance),
        read_bounds(declared, options.bounds, names),
        {name: shown_in(declared, files[0], name, settings) for name in names},
    )


def _check_count(files: Sequence[DataFile], names: Sequence[str], options: Options) -> None:
    """Raise where fewer points than unknowns are left, priors counting as points."""
    own = [*options.separate, *options.nuisance]
    unknown = len(names) - len(options.separate) + len(files) * len(own)
    known = len(options.priors) + len(files) * sum(text.partition("=")[0].strip() in own for text in options.priors)
    points = sum(int((file.measured.count > 0).sum()) for file in files)
    if points + known < unknown:
        which = files[0].name if len(files) == 1 else f"the {len(files)} files"
        raise DataError(
            f"{which}: {points} {'point' if points == 1 else 'points'} for {unknown} unknowns "
            f"({', '.join([*names, *options.nuisance])}); measure more points, or fit fewer"
        )


def shown_in(declared: Experiment, file: DataFile, name: str, settings: Mapping[str, str]) -> tuple[str, float]:
    """Return the unit in which a parameter is told, and one of it in SI."""
    si = unit_of(declared, name, declared.curve.unit)
    unit = shown_unit(declared, file, name, si, settings)
    size = factor(unit, si)
    return (si, 1.0) if size is None else (unit, size)


@dataclass(frozen=True)
class Settled:
    """A calibration, the settings of each file with what was found (SI), and the tolerance of the fitted curves."""

    solved: Solved
    here: tuple[dict[str, Any], ...]
    tolerance: float


def settle(task: Task, level: float, seed: int = 0) -> Settled:
    """Fit at the resolution that the starting point needs, and again if the optimum or the noise needs a finer one.

    Raises:
        ParameterError, DataError: nothing tells where to start, or a setting cannot be.
    """
    begin = starts(task)
    here = _searched(task, begin, seed, ITERATIONS)
    tolerance = task.tolerance
    for _ in range(ROUNDS):
        solved = solve(_problem(task, here, tolerance, begin), level=level, seed=seed, tolerance=NEAR, checks=False)
        before, here = here, _found(task, solved, here)
        finer = tolerance if task.options.tolerance is not None else _finer(task, solved)
        if finer >= tolerance and _moved(task, before, here) < _MOVED:
            break
        tolerance = min(finer, tolerance)
    return Settled(examine(solved, tolerance=NEAR), tuple(here), tolerance)


def hasten(task: Task, level: float, seed: int = 0) -> Solved:
    """Fit a model that the data do not ask for: its misfit may fall for ever, a little, and its parameters run away."""
    begin = starts(task)
    here = _searched(task, begin, seed, FEW)
    # Where they run to curves may cost a lot: those of the beginning will do.
    return solve(_problem(task, here, task.tolerance, begin, begin), level=level, iterations=FEW, checks=False)


def trial(task: Task, level: float) -> Solved:
    """Return a model where its search would begin, not fitted, with coarse curves."""
    begin = starts(task)
    return solve(_problem(task, begin, SEARCH, begin), level=level, iterations=0, checks=False)


def _searched(task: Task, begin: list[dict[str, Any]], seed: int, iterations: int) -> list[dict[str, Any]]:
    """Look for the best minimum from several starts, where there may be several."""
    if task.options.starts > 1:
        problem = _problem(task, begin, SEARCH, begin)
        solved = solve(problem, starts=task.options.starts, seed=seed, iterations=iterations, checks=False)
        return _found(task, solved, begin)
    tried = list(_with_water_at_rest(task, begin))
    if len(tried) == 1:
        return begin
    ends = [solve(_problem(task, each, SEARCH, each), iterations=FEW, checks=False) for each in tried]
    best = min(range(len(ends)), key=lambda k: ends[k].fit.sse if math.isfinite(ends[k].fit.sse) else math.inf)
    return _found(task, ends[best], tried[best])


def _with_water_at_rest(task: Task, begin: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the start, and the others from which to look where water at rest is to be found."""
    yield begin
    if "exchange" not in task.free:
        return
    pairs = [dict(zip(("mobile_fraction", "exchange"), pair, strict=True)) for pair in AT_REST]
    if "mobile_fraction" not in task.free:
        pairs = [{"exchange": rate} for rate in sorted({pair["exchange"] for pair in pairs})]
    for pair in pairs:
        yield [{**given, **pair} for given in begin]


def _found(task: Task, solved: Solved, here: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**given, **values_of(solved, task.free, k)} for k, given in enumerate(here)]


def _moved(task: Task, before: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]) -> float:
    """Return by what share a fit moved a parameter at most."""
    return max(
        abs(new[name] - old[name]) / max(abs(old[name]), 1e-30)
        for old, new in zip(before, here, strict=True)
        for name in task.free
    )


def _finer(task: Task, solved: Solved) -> float:
    """Return the tolerance that the noise asks for; residuals no larger than the solver's error are none."""
    if exact(task, solved):
        return task.tolerance
    return tolerance_for(precision_of(solved), task.tolerance, task.declared.fit_finer)


def exact(task: Task, solved: Solved) -> bool:
    """Whether the readings are computed ones: as near to the curve as the solver is."""
    return solved.fit.rmse <= task.tolerance


def values_of(solved: Solved, free: Sequence[str], of: int) -> dict[str, float]:
    """Return what was found of the free parameters for one file, SI."""
    problem = solved.problem
    separate = {item.name: item.separate for item in problem.free}
    return {name: solved.fit.parameters[problem.label(name, of, separate=separate[name])].value for name in free}


def _problem(
    task: Task,
    here: Sequence[Mapping[str, Any]],
    tolerance: float,
    begin: Sequence[Mapping[str, Any]],
    resolved: Sequence[Mapping[str, Any]] = (),
) -> Problem:
    """Return the problem from the settings of each file; alone, each file is searched from where it began.

    Curves are as fine as the tolerance asks for at the settings `resolved`, `here` if left out.
    """
    sets: list[DataSet] = []
    resolutions: list[Mapping[str, Any]] = []
    for file, given, at, own, deviation in zip(task.files, here, resolved or here, begin, task.noise, strict=True):
        times = torch.as_tensor(file.seconds)
        # Repeated runs have one model, and are then computed as one batch.
        shared = next((k for k, one in enumerate(sets) if _same(at, resolutions[k], times, one.times)), None)
        model = model_of(task.declared, at, times, tolerance) if shared is None else sets[shared].model
        resolutions.append(at)
        sets.append(
            DataSet(
                file.name,
                times,
                torch.as_tensor(file.measured.value),
                model,
                fixed_of(task.declared, given, task.free),
                weights=torch.as_tensor(file.measured.count),
                deviation=deviation,
                start={name: own[name] for name in task.free},
            )
        )
    numbers = {item.name: item for item in task.declared.parameters}
    free = []
    for name in task.free:
        low, high = task.bounds.get(name, (numbers[name].lower, numbers[name].upper))
        value = _middle([given[name] for given in here], positive=low >= 0)
        lowest = low if low < 0 else max(low, 1e-30)  # a fit works on logarithms, so that zero is left open
        free.append(
            Free(
                name,
                min(max(value, lowest), high),
                lowest,
                high,
                task.priors.get(name),
                name in task.options.separate,
                *task.shown[name],
            )
        )
    nuisance = tuple(Nuisance(kind, task.priors.get(kind)) for kind in task.options.nuisance)  # type: ignore[arg-type]
    return Problem(tuple(sets), tuple(free), nuisance, task.options.loss, task.shared_noise)  # type: ignore[arg-type]


def _same(at: Mapping[str, Any], other: Mapping[str, Any], times: torch.Tensor, others: torch.Tensor) -> bool:
    """Whether two files were measured at the same settings and times; a series is the same only as itself."""
    if at.keys() != other.keys() or not torch.equal(times, others):
        return False
    return all(
        value is other[name] or (isinstance(value, str | float) and value == other[name]) for name, value in at.items()
    )


def _middle(values: Sequence[float], *, positive: bool) -> float:
    if positive:
        return math.exp(sum(math.log(value) for value in values) / len(values))
    return sum(values) / len(values)


def starts(task: Task) -> list[dict[str, Any]]:
    """Return the settings of each file with a starting value for everything that is to be fitted."""
    found = []
    for file in task.files:
        try:
            found.append(_started(task, file))
        except DataError as error:
            raise DataError(f"{file.name}: {error}") from error
    return found


def _started(task: Task, file: DataFile) -> dict[str, Any]:
    declared, given = task.declared, dict(file.known)
    given |= {name: task.priors[name].centre for name in task.free if name not in given and name in task.priors}
    given |= {name: BEGIN[name] for name in task.free if name not in given and name in BEGIN}
    times, values = file.seconds, _scaled(task, file)
    if declared.start is not None and any(name not in given for name in task.free):
        try:
            guessed = declared.start(times, values, given)
        except KeyError as error:
            name = str(error.args[0])
            example = declared.example.get(name, "...")
            raise ParameterError(f"{name} is missing; set it, for example --set {name}='{example}'") from error
        given |= {name: guessed[name] for name in task.free if name not in given and name in guessed}
    lacking = [name for name in task.free if name not in given]
    if lacking:
        given |= guess(declared, given, lacking, torch.as_tensor(times), torch.as_tensor(values))
    for name in task.free:
        item = declared.parameter(name)
        if isinstance(item, Parameter) and item.lower >= 0 and not given[name] > 0:
            raise ParameterError(f"--fit {name} needs a value above zero to start from; give one with --set {name}=...")
    return given


def _scaled(task: Task, file: DataFile) -> Any:
    """Return the values to guess from: a raw signal, whose gain is to be found, as shares of its range."""
    values = file.measured.value
    span = float(values.max() - values.min())
    if "gain" not in task.options.nuisance or not span > 0:
        return values
    return (values - values.min()) / span
