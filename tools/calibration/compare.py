"""Which of two nested models the data ask for: the fitted one, and the one with or without further parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from physics.calibrate.nested import NESTINGS, Nesting
from physics.calibrate.selection import ALPHA, compare, simulated_test
from physics.errors import ParameterError
from physics.experiment import Parameter
from tools.calibration.problem import BEGIN, Task, hasten, settle, shown_in, trial
from tools.calibration.rows import parameter_rows
from tools.read_data import of_one_length

_PLAIN = 10.0  # of AICc, beyond which the poorer model has next to no support


@dataclass(frozen=True)
class Richer:
    """A model with further parameters: what the two are called, and where to begin looking for the parameters."""

    name: str
    labels: tuple[str, str]
    start: Mapping[str, float]


RICHER = (
    Richer(
        "two-region", ("equilibrium", "two-region"), {name: BEGIN[name] for name in ("mobile_fraction", "exchange")}
    ),
    Richer("loss", ("lossless", "lossy"), {"biot": 0.05}),
    Richer("decay", ("conservative", "decaying"), {"decay": BEGIN["decay"]}),
    Richer("sorption", ("non-sorbing", "sorbing"), {"retardation": 1.2}),
)


def comparison(task: Task, name: str, level: float, settings: Mapping[str, str], curve_unit: str) -> dict[str, Any]:
    """Fit the model without and with the further parameters, and compare them.

    Args:
        task: the calibration; parameters of the richer model that it fits are left out of the simpler one.
        name: "two-region", "loss", "decay", "sorption", or names of parameters separated by commas.
        level, settings, curve_unit: of the rows.

    Raises:
        ParameterError: the experiment has no such model, or none of the two can be fitted.
    """
    richer = _find(task, name)
    simple, full = _tasks(task, richer)
    restricted = settle(simple, level).solved
    found = {one.name: restricted.fit.parameters[one.name].value for one in restricted.problem.free if not one.separate}
    begun, nesting = _started(full, found), _nesting(simple, richer)
    tested = simulated_test(restricted, trial(begun, level), nesting=nesting)
    asked = tested is None or tested[1] < ALPHA
    wider = settle(begun, level).solved if asked else hasten(begun, level)
    for label, one in zip(richer.labels, (restricted, wider), strict=True):
        if one.fit.n <= len(one.u):
            raise ParameterError(f"--compare {name}: too few points to fit the {label} model; measure more of them")
    verdict = compare(restricted, wider, nesting=nesting, labels=richer.labels, simulated=tested)
    models = [
        {
            "name": label,
            "parameters": list(one.fit.parameters),
            "estimates": parameter_rows(of, one, {}, settings, curve_unit),
            "status": one.fit.status.name.lower(),
            "sse": verdict.sse[k],
            "aicc": verdict.aicc[k],
            "bic": verdict.bic[k],
        }
        for k, (label, one, of) in enumerate(zip(richer.labels, (restricted, wider), (simple, full), strict=True))
    ]
    gain = verdict.aicc[0] - verdict.aicc[1]
    aside = ""
    if verdict.preferred == richer.labels[0] and gain > _PLAIN:
        left = verdict.sse[1] / verdict.sse[0]
        aside = (
            f" Yet the {richer.labels[1]} model leaves {left:.2g} of the sum of squares: the "
            f"test looks from the {richer.labels[0]} model outward and cannot see that far; the criteria can, and "
            f"prefer the {richer.labels[1]} one."
        )
    return {
        "models": models,
        "n": verdict.n,
        "likelihood_ratio": verdict.likelihood_ratio,
        "statistic": verdict.statistic,
        "p": verdict.p,
        "method": verdict.method,
        "preferred": verdict.preferred,
        "verdict": verdict.sentence + aside,
    }


def _find(task: Task, name: str) -> Richer:
    """Return the richer model of that name, or the one that the named parameters make."""
    own = {item.name: item for item in task.declared.parameters}
    fitting = [each for each in RICHER if set(each.start) <= set(own)]
    for each in fitting:
        if name.strip().lower() in (each.name, ",".join(each.start)):
            return each
    names = [part.strip() for part in name.split(",") if part.strip()]
    if not names or any(part not in own for part in names):
        known = ", ".join(each.name for each in fitting) or "none by name"
        raise ParameterError(f"--compare {name!r}: {task.declared.name} has {known}, or name parameters of it")
    label = " and ".join(part.replace("_", " ") for part in names)
    return Richer(name, (f"without {label}", f"with {label}"), {part: _begin(own[part]) for part in names})


def _begin(item: Parameter) -> float:
    if item.prior is not None:
        return item.prior[0]
    return item.default or 1.0


def _tasks(task: Task, richer: Richer) -> tuple[Task, Task]:
    """Return the calibrations without and with the further parameters."""
    extra = tuple(richer.start)
    files = of_one_length(task.files) if "exchange" in extra else task.files
    fitted = set(extra) & set(task.free)
    bare = [{key: value for key, value in file.known.items() if key not in fitted} for file in files]
    less = tuple(name for name in task.free if name not in extra)
    if not less:
        raise ParameterError(f"--compare {richer.name}: nothing else is fitted; fit a parameter of the simpler model")
    simple = replace(
        task,
        files=tuple(replace(file, known=known) for file, known in zip(files, bare, strict=True)),
        free=less,
        options=task.options.model_copy(
            update={"separate": tuple(name for name in task.options.separate if name not in extra)}
        ),
    )
    shown = {name: shown_in(task.declared, files[0], name, {}) for name in extra} | dict(task.shown)
    return simple, replace(task, files=files, free=(*less, *extra), shown=shown)


def _started(task: Task, found: Mapping[str, float]) -> Task:
    """Begin where the simpler model ended, with the further parameters at values of their own."""
    richer = {name: value for each in RICHER for name, value in each.start.items()}
    begin = {name: richer.get(name, 1.0) for name in task.free if name not in found}
    files = tuple(replace(file, known={**begin, **file.known, **found}) for file in task.files)
    return replace(task, files=files)


def _nesting(simple: Task, richer: Richer) -> Nesting:
    """Say where the simpler model lies in the richer one: at the values that its settings have."""
    names = set(richer.start)
    for known in NESTINGS:
        if {*known.at, *known.loose} == names and known.loose:
            return known
    settings = simple.declared.complete({**simple.files[0].known, **_any(simple)})
    lacking = [name for name in names if not isinstance(settings.get(name), float)]
    if lacking:
        raise ParameterError(
            f"--compare {richer.name}: it is not known at which value of {', '.join(lacking)} the simpler model is; "
            f"set it, for example --set {lacking[0]}=..."
        )
    return Nesting({name: settings[name] for name in names})


def _any(task: Task) -> dict[str, float]:
    """Return some values for what is fitted, so that the settings are complete."""
    return {name: _begin(item) for name in task.free if isinstance(item := task.declared.parameter(name), Parameter)}
