"""Whether several files tell the same: the fit together against a fit of each apart.

    F = (sum_k (S_k - S_k') / v_k) / q

with S_k the misfit of file k in the fit together and S_k' apart, v_k the variance of a reading (known, or that of the
fits apart) and q the parameters that apart are more; F follows Fisher's distribution with q and N - P' degrees of
freedom where the files agree (Seber & Wild 1989, Nonlinear Regression, doi:10.1002/0471725315, section 5.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.stats import f as fisher

from physics.calibrate.solve import Solved, solve
from tools.calibration.problem import Task
from tools.calibration.rows import parameter_rows
from tools.records import Check

_DOUBT = 0.01  # a rarer disagreement is told
_GROSS = 3.0  # the fit together misses the data by so many times what the fits apart leave,
_MISSED = 0.1  # and by this share of their range: the files contradict each other


@dataclass(frozen=True)
class Agreement:
    """What a comparison of the files gives; empty for a single file."""

    row: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def agreement(task: Task, solved: Solved, level: float, unit: str) -> Agreement:
    """Fit each file apart, from where the fit together stands, and compare; `unit` is that of the curve."""
    shared = [name for name in task.free if name not in task.options.separate]
    few = any(len(file.seconds) <= len(task.free) + len(task.options.nuisance) for file in task.files)
    if len(task.files) < 2 or not shared or few or not solved.fit.status.ok:
        return Agreement()
    apart = [_alone(solved, k, level) for k in range(len(task.files))]
    if not all(one.fit.status.ok for one in apart):
        return Agreement()
    statistic, q, freedom = _statistic(solved, apart, len(shared))
    p = float(fisher.sf(statistic, q, freedom)) if math.isfinite(freedom) else float(fisher.sf(statistic, q, 1e9))
    rows = _apart(task, apart, unit)
    words = f"F = {statistic:.3g} with {q} and {freedom:.0f} degrees of freedom, p = {_p(p)}"
    told = {"statistic": statistic, "p": p, "apart": rows}
    missed = _missed(task, solved, apart)
    failed = missed > _MISSED
    check = Check(
        name="files agree",
        kind="constraint",
        status="fail" if failed else "pass",
        value=missed,
        limit=_MISSED,
        detail="share of its range by which a file is missed together, and not apart",
    )
    if p >= _DOUBT:
        return Agreement({**told, "verdict": f"The files agree ({words})."}, (), (check,))
    values = "; ".join(_spread(name, rows) for name in shared)
    word = "contradict each other" if failed else "do not agree within the scatter of their readings"
    verdict = (
        f"The files {word} ({words}). Apart, {values}. Look for what differed between the runs, or fit with "
        f"--separate {' '.join(shared)}; an interval for a further run must carry this difference."
    )
    return Agreement({**told, "verdict": verdict}, (verdict,), (check,))


def _alone(solved: Solved, k: int, level: float) -> Solved:
    """Fit one file alone, starting from the fit together."""
    problem = solved.problem
    free = tuple(
        replace(
            item,
            start=solved.fit.parameters[problem.label(item.name, k, separate=item.separate)].value,
            separate=False,
        )
        for item in problem.free
    )
    return solve(replace(problem, sets=(problem.sets[k],), free=free), level=level)


def _statistic(solved: Solved, apart: Sequence[Solved], shared: int) -> tuple[float, int, float]:
    sets = solved.problem.sets
    q = shared * (len(sets) - 1)
    spent = sum(len(one.fit.parameters) for one in apart)
    freedom = sum(one.fit.n for one in apart) - spent
    common = sum(one.fit.sse for one in apart) / freedom
    rise = 0.0
    known = all(one.deviation is not None for one in sets)
    for one, alone in zip(sets, apart, strict=True):
        variance = solved.deviation[one.name] ** 2 if one.deviation is not None else common
        if solved.problem.noise == "separate" and one.deviation is None:
            variance = alone.deviation[one.name] ** 2
        rise += (solved.sse_by_set[one.name] - alone.fit.sse) / max(variance, 1e-300)
    return max(rise, 0.0) / q, q, math.inf if known else float(freedom)


def _apart(task: Task, apart: Sequence[Solved], unit: str) -> list[dict[str, Any]]:
    settings: Mapping[str, str] = task.files[0].given
    return [
        {"name": file.name, "sse": one.fit.sse, "parameters": parameter_rows(task, one, {}, settings, unit)}
        for file, one in zip(task.files, apart, strict=True)
    ]


def _spread(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    told = []
    for row in rows:
        found = next(each for each in row["parameters"] if each["name"] == name)
        told.append(f"{found['value']:.4g} ± {found['std']:.1g} in {row['name']}")
        unit = found["unit"]
    return f"{name} is {', '.join(told)}" + (f" ({unit})" if unit else "")


def _missed(task: Task, solved: Solved, apart: Sequence[Solved]) -> float:
    """Return the largest share of its range by which a file is missed together and, for the most part, not apart."""
    worst = 0.0
    for file, alone in zip(task.files, apart, strict=True):
        weight = float(file.measured.count.sum())
        together = math.sqrt(solved.sse_by_set[file.name] / weight)
        span = float(file.measured.value.max() - file.measured.value.min())
        if together > _GROSS * math.sqrt(alone.fit.sse / weight) and span > 0:
            worst = max(worst, together / span)
    return worst


def _p(p: float) -> str:
    return "below 1e-12" if p < 1e-12 else f"{p:.2g}"
