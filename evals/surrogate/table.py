"""The table of the study: mean VRMSE by data set and model, over seeds, and what each model costs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.present import number_text
from evals.surrogate.records import Horizon, Row

OURS = "ours"
BASELINES = {"fno": "FNO", "tfno": "TFNO", "unet": "U-Net"}
TITLES = {OURS: "Labwright", **BASELINES, "coarse": "coarse solver", "nothing_changes": "nothing changes"}
PARTS = {
    "base": "as it ships",
    "left_out": "one regime left out",
    "shared_decoder": "one decoder for all",
    "attention": "attention in place of Mamba",
    "without_film": "without FiLM",
    "zero_shot": "zero-shot, one left out",
}
Errors = Mapping[str, Mapping[str, Sequence[float]]]  # VRMSE of each seed, by data set and model
_THIN = "\u202f"
_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True)
class Line:
    """One line of a table: a name, what stands under each model, and which of those are the best."""

    name: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Table:
    """The errors of some models at one horizon.

    Attributes:
        models: title by name, in the order of the columns.
        errors: VRMSE of each seed, by data set and model.
        lines: of the data sets.
        means: of all data sets: mean, ratios, parameters, minutes.
    """

    horizon: Horizon
    models: Mapping[str, str]
    errors: Errors
    lines: tuple[Line, ...]
    means: tuple[Line, ...]


def against_peers(rows: Iterable[Row], horizon: Horizon) -> Table | None:
    """Return ours beside the baselines and the coarse solver; None without rows."""
    return _table(rows, horizon, TITLES)


def ablations(rows: Sequence[Row], horizon: Horizon) -> Table | None:
    """Return ours beside what is left of it without a part; None where nothing was left out."""
    others = dict.fromkeys(row.model for row in rows if row.model not in TITLES)
    wanted = {OURS: TITLES[OURS]} | {name: PARTS.get(name, name.replace("_", " ")) for name in others}
    return _table(rows, horizon, wanted) if others else None


def options(rows: Sequence[Row], horizon: Horizon) -> Table | None:
    """Return models side by side that none of the others is measured against; None without rows."""
    names = dict.fromkeys(row.model for row in rows)
    return _table(rows, horizon, {name: PARTS.get(name, name.replace("_", " ")) for name in names})


def _table(rows: Iterable[Row], horizon: Horizon, titles: Mapping[str, str]) -> Table | None:
    chosen = [row for row in rows if row.horizon == horizon and row.model in titles and row.vrmse is not None]
    models = {name: title for name, title in titles.items() if any(row.model == name for row in chosen)}
    if not models:
        return None
    errors: dict[str, dict[str, list[float]]] = {}
    for row in chosen:
        errors.setdefault(row.dataset, {}).setdefault(row.model, []).append(float(row.vrmse or 0.0))
    lines = tuple(_line(dataset, by_model, tuple(models)) for dataset, by_model in sorted(errors.items()))
    return Table(horizon, models, dict(sorted(errors.items())), lines, _means(chosen, errors, tuple(models)))


def _line(dataset: str, by_model: Mapping[str, Sequence[float]], models: Sequence[str]) -> Line:
    found = {name: statistics.fmean(by_model[name]) for name in models if name in by_model}
    least = min(found, key=lambda name: found[name])
    cells = tuple(spread(by_model.get(name, ())) for name in models)
    return Line(dataset, cells, frozenset({models.index(least)} if len(found) > 1 else ()))


def _means(rows: Sequence[Row], errors: Errors, models: Sequence[str]) -> tuple[Line, ...]:
    mean = tuple(
        three(statistics.fmean(found)) if (found := _by_dataset(errors, name)) and len(found) == len(errors) else "-"
        for name in models
    )
    lines = [Line("mean", mean)]
    if OURS in models and len(models) > 1:
        lines += [
            Line("ours over it, ratio of means", tuple(_ratio(errors, name, geometric=False) for name in models)),
            Line("ours over it, geometric mean", tuple(_ratio(errors, name, geometric=True) for name in models)),
        ]
    parameters = tuple(_ends([row.parameters for row in rows if row.model == name], count) for name in models)
    minutes = tuple(_ends([row.cpu_minutes for row in rows if row.model == name], three) for name in models)
    return (*lines, Line("parameters", parameters), Line("CPU minutes", minutes))


def _by_dataset(errors: Errors, model: str) -> list[float]:
    return [statistics.fmean(by_model[model]) for by_model in errors.values() if model in by_model]


def _ratio(errors: Errors, model: str, *, geometric: bool) -> str:
    """Return ours over a model's error, over the data sets that both have."""
    pairs = [
        (statistics.fmean(by_model[OURS]), statistics.fmean(by_model[model]))
        for by_model in errors.values()
        if OURS in by_model and model in by_model
    ]
    if not pairs or model == OURS or any(own <= 0.0 or other <= 0.0 for own, other in pairs):
        return "-" if model != OURS else "1"
    if geometric:
        return three(math.exp(statistics.fmean(math.log(own / other) for own, other in pairs)))
    return three(sum(own for own, _ in pairs) / sum(other for _, other in pairs))


def _ends(values: Sequence[float | None], write: Callable[[float], str]) -> str:
    known = [value for value in values if value]
    if not known:
        return "-"
    low, high = write(min(known)), write(max(known))
    return low if low == high else f"{low} to {high}"


def spread(values: Sequence[float]) -> str:
    """Write the mean over seeds and its deviation, rounded to what that supports."""
    if not values:
        return "-"
    mean = statistics.fmean(values)
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    if deviation <= 0.0 or not math.isfinite(deviation):
        return three(mean)
    low, high = mean - deviation, mean + deviation
    return f"{number_text(mean, low, high)} ± {number_text(deviation, low, high)}"


def three(value: float | None) -> str:
    """Write three digits, with a power of ten where there would be many zeros."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0.0:
        return "0"
    if 99.95 <= abs(value) < 1e5:
        return f"{value:,.0f}".replace(",", _THIN)
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:#.3g}"
    mantissa, power = f"{value:.1e}".split("e")
    return f"{mantissa}·10{str(int(power)).translate(_POWERS)}"


def count(value: float) -> str:
    """Write a number of parameters: thousands or millions of them with three digits."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{_THIN}{letter}"
    return f"{value:g}"
