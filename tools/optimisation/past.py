"""What a calibration leaves for the next run: what it knows, at which settings it was made, how much a reading errs.

Where several curves were fitted, the next is one more of their kind: a parameter that was found for each of them is
taken as their mean, and one that they contradict each other about keeps what lies between them,

    u = mean of the u_k,    C_u = A C A^T + diag(s^2),    s the standard deviation of the u_k (n - 1),

with u = ln theta and A the averaging. Settings that differed from curve to curve are left to the design to choose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from physics import units
from physics.design.belief import Belief, from_covariance
from physics.errors import ParameterError
from physics.experiment import Experiment, Parameter
from tools.optimisation.words import read_limit

_NUISANCES = ("baseline", "gain", "drift", "delay")

Nuisance = Literal["baseline", "gain"]


@dataclass(frozen=True)
class Past:
    """A calibration, as a design takes it: settings and limits in words, `units` of what was found."""

    belief: Belief
    settings: Mapping[str, str]
    limits: tuple[str, ...]
    units: Mapping[str, str]
    noise: str | None = None
    nuisance: tuple[Nuisance, ...] = ()
    notes: tuple[str, ...] = ()


def left_by(
    declared: Experiment, result: Mapping[str, Any], settings: Mapping[str, str], limits: Sequence[str]
) -> Past:
    """Read the result of `calibrate`; `settings` and `limits` that are given now go before those of then.

    Raises:
        ParameterError: it left a parameter open, or is of another experiment.
    """
    notes: list[str] = []
    rows = [row for row in result["parameters"] if _base(row) not in _NUISANCES]
    belief = _belief(declared, rows, _kept(result, rows), result.get("agreement") or {}, notes)
    sets = [each.get("settings") or {} for each in result.get("sets") or []]
    told = {*settings, *(read_limit(text).name for text in limits)}
    same, differing = _settings(sets, told)
    if differing:
        notes.append(f"{' and '.join(differing)} differed between the curves and may be any of theirs.")
    noise = _noise(result, len(belief.names))
    found = {_base(row) for row in result["parameters"]}
    return Past(
        belief,
        same,
        tuple(f"{name}={', '.join(values)}" for name, values in differing.items()),
        {_base(row): row["unit"] for row in rows},
        None if noise is None else f"{noise:.6g}",
        tuple(name for name in ("baseline", "gain") if name in found),
        tuple(notes),
    )


def _noise(result: Mapping[str, Any], parameters: int) -> float | None:
    """Root mean square over the curves; of curves that contradict each other, what each leaves when it stands alone."""
    deviations = [each["noise"] for each in result.get("sets") or [] if each.get("noise")]
    if not deviations:
        return None
    together = math.sqrt(sum(s * s for s in deviations) / len(deviations))
    agreement = result.get("agreement") or {}
    if agreement.get("agree", True):
        return together
    freedom = result["n"] - parameters * len(deviations)
    return min(together, math.sqrt(agreement["sse_apart"] / freedom)) if freedom > 0 else together


def known_of(declared: Experiment, rows: Sequence[Mapping[str, Any]], correlation: Sequence[Sequence[float]]) -> Belief:
    """Return rows of parameters and their correlation as a normal belief in the logarithms."""
    return _belief(declared, rows, correlation, {}, [])


def _base(row: Mapping[str, Any]) -> str:
    """The parameter of a row, which may be that of one curve, `dispersion[a.csv]`."""
    return str(row.get("parameter") or row["name"]).partition("[")[0]


def _kept(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    names = [row["name"] for row in result["parameters"]]
    places, correlation = [names.index(row["name"]) for row in rows], result["correlation"]
    return [[correlation[i][j] for j in places] for i in places] if correlation else []


def _belief(
    declared: Experiment,
    rows: Sequence[Mapping[str, Any]],
    correlation: Sequence[Sequence[float]],
    agreement: Mapping[str, Any],
    notes: list[str],
) -> Belief:
    logs, spreads = [], []
    for row in rows:
        item = declared.parameter(_base(row))
        if not isinstance(item, Parameter) or row["std"] is None or not row["value"] > 0:
            raise ParameterError(f"the calibration leaves {row['name']} open; calibrate again without it")
        logs.append(math.log(units.convert(row["value"], row["unit"], item.unit)))
        spreads.append(row["std"] / row["value"])
    u, sd = (torch.tensor(each, dtype=torch.float64) for each in (logs, spreads))
    matrix = torch.tensor(correlation, dtype=torch.float64) if len(correlation) else torch.eye(len(rows)).double()
    names = list(dict.fromkeys(_base(row) for row in rows))
    mean = torch.tensor([[float(_base(row) == name) for row in rows] for name in names], dtype=torch.float64)
    mean = mean / mean.sum(1, keepdim=True)
    apart = torch.tensor([_apart(name, rows, agreement, notes) for name in names], dtype=torch.float64)
    covariance = mean @ (matrix * sd[:, None] * sd[None, :]) @ mean.T + torch.diag(apart**2)
    return from_covariance(names, mean @ u, covariance)


def _apart(name: str, rows: Sequence[Mapping[str, Any]], agreement: Mapping[str, Any], notes: list[str]) -> float:
    """Standard deviation of ln theta between curves; zero of a parameter that holds for all of them."""
    values = [row["value"] for row in rows if _base(row) == name]
    if len(values) > 1:
        notes.append(f"{name} was found for each curve; that of the next run is taken as their mean, give or take ")
    elif not agreement.get("agree", True):
        values = next((list(each["values"].values()) for each in agreement["apart"] if each["name"] == name), [])
        if len(values) > 1:
            notes.append(f"the curves contradict each other about {name}; what lies between them, ")
    if len(values) < 2:
        return 0.0
    spread = float(torch.tensor(values, dtype=torch.float64).log().std())
    notes[-1] += f"{100 * spread:.2g} % (standard deviation)" + (", is kept." if "contradict" in notes[-1] else ".")
    return spread


def _settings(sets: Sequence[Mapping[str, str]], told: set[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What all curves share, and by name what differs, in the order of the curves."""
    names = dict.fromkeys(name for each in sets for name in each if name not in told)
    texts = {name: list(dict.fromkeys(each[name] for each in sets if name in each)) for name in names}
    same = {name: values[0] for name, values in texts.items() if len(values) == 1}
    return same, {name: values for name, values in texts.items() if len(values) > 1}
