"""What measured curves say, for the plan of the next run: parameters with intervals, scatter, and whether they agree.

Every curve is fitted alone. Those that agree are joined by the precision of each: with u the logarithms of the
parameters and C their covariance from one curve,

    F = sum_k C_k^-1,    u = F^-1 sum_k C_k^-1 u_k,

and they agree where Q = sum_k (u_k - u)^T C_k^-1 (u_k - u), over its degrees of freedom (K - 1) P, stays below the
quantile of F. Where they do not, the plan stands on the last curve handed over, with those that agree with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as fisher
from scipy.stats import t as student

from physics import units
from physics.experiment import Experiment, Parameter
from tools.calibrate import calibrate
from tools.errors import Failed
from tools.experiments import find
from tools.plans import past, planning
from tools.records import Check, Curve, Evidence, Fact, Source

LEVEL = 0.95  # of the intervals, and of the precision that a plan speaks of
AGREE = 0.99  # quantile of F beyond which curves are said to disagree
MISFIT = 0.1  # root mean square of the residuals over the span of the curve: more is another experiment's curve

FEW = 6  # degrees of freedom: below them the scatter is known to a factor only
CAUTION = 0.1  # quantile of chi-squared whose scatter is then planned with
AIM = 0.5  # of the present interval: what the next run strives for where no precision was asked
_COUNTS = re.compile(r"\d|[_/\\]")  # numbers and names of files: a text that is shown holds neither

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Fitted:
    """One curve with its fit: ln theta, its covariance, and what the fit returned."""

    curve: Curve
    settings: dict[str, str]
    u: Array
    covariance: Array
    result: dict[str, Any]
    checks: tuple[Check, ...]

    @property
    def freedom(self) -> int:
        return int(self.result["n"]) - len(self.u)

    @property
    def noise(self) -> float:
        return math.sqrt(self.result["sse"] / self.freedom)


def learn(
    experiment: str,
    curves: Sequence[Curve],
    target: str | None,
    *,
    run: str | None = None,
    device: str = "cpu",
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Say what measured curves tell of an experiment's parameters, for the plan of the next run.

    Each curve comes with the settings under which it was measured. Returns the parameters with their intervals, the
    scatter of the readings, whether the curves agree, and the balances of the fitted runs.

    Raises:
        Retry: a file or a setting is wrong; the message says which.
        Failed: a fit did not converge, or the curves do not determine what is asked for.
    """
    start = perf_counter()
    declared, after = find(experiment), planning(experiment).after().measured
    names = after.fit if after is not None else ()
    fits = []
    for index, curve in enumerate(curves):
        if progress is not None:
            progress(index / len(curves), f"fitting {curve.name}")
        fits.append(_fit(declared, curve, names, target, run, device))
    used = _agreeing(fits)
    told = _Told(declared, names, fits, used, run)
    limits = past(experiment).limits(told.past())
    assumed = [{"bound": row["name"], "sentence": row["sentence"]} for row in limits]
    return Evidence(
        tool="calibrate",
        run=run,
        facts=(*told.facts(), *(told.limit(row) for row in limits)),
        checks=tuple(told.checks()),
        data={
            "past": told.past(),
            "calibration": told.shown(),
            "bounds": [
                {key: row[key] for key in row if key != "sentence"} | {"source": "the run before"} for row in limits
            ],
            "assumed": [*assumed, *({"bound": "", "sentence": sentence} for sentence in told.said())],
        },
        seconds={"fit": perf_counter() - start},
    )


def _fit(
    declared: Experiment, curve: Curve, names: Sequence[str], target: str | None, run: str | None, device: str
) -> _Fitted:
    settings = past(declared.name).fit_settings(curve)
    found = calibrate(declared.name, Path(curve.path), settings, list(names), level=LEVEL, run=run, device=device)
    result = found.data
    if result["status"] != "converged":
        raise Failed(f"the fit of {curve.name} does not stand: {result['message']}")
    rows = {row["name"]: row for row in result["parameters"]}
    lost = [name for name in names if rows[name]["std"] is None or not rows[name]["value"] > 0]
    if lost:
        why = " ".join(result["warnings"])
        raise Failed(f"{curve.name} does not determine {' and '.join(lost)}: {why}".strip())
    span = max(result["curve"]["measured"]) - min(result["curve"]["measured"])
    if not result["n"] > len(names) or not span > 0:
        raise Failed(f"{curve.name}: {result['n']} points with a span of {span:g} cannot give {', '.join(names)}")
    deviation = np.array([rows[name]["std"] / rows[name]["value"] for name in names])
    correlation = np.array(result["correlation"], dtype=float)
    u = np.log([_si(declared, rows[name]) for name in names])
    covariance = correlation * deviation[:, None] * deviation[None, :]
    misfit = Check(
        name=f"fit of {curve.name}: residuals over the span of the curve",
        kind="constraint",
        status="pass" if result["rmse"] <= MISFIT * span else "fail",
        value=result["rmse"] / span,
        limit=MISFIT,
        detail="a larger misfit is that of another experiment, another unit or another model",
    )
    kept = [check for check in found.checks if check.status != "not applicable"]
    renamed = [check.model_copy(update={"name": f"fit of {curve.name}: {check.name}"}) for check in kept]
    return _Fitted(curve, settings, u, covariance, result, (*renamed, misfit))


def _si(declared: Experiment, row: dict[str, Any]) -> float:
    parameter = declared.parameter(row["name"])
    return units.convert(row["value"], row["unit"], parameter.unit if isinstance(parameter, Parameter) else "")


def _join(fits: Sequence[_Fitted]) -> tuple[Array, Array]:
    """Return u and its covariance from several fits."""
    weights = [np.linalg.inv(fit.covariance) for fit in fits]
    covariance = np.linalg.inv(sum(weights))
    return covariance @ sum(weight @ fit.u for weight, fit in zip(weights, fits, strict=True)), covariance


def _agree(fits: Sequence[_Fitted]) -> bool:
    if len(fits) < 2:
        return True
    u, _ = _join(fits)
    q = sum(float((fit.u - u) @ np.linalg.solve(fit.covariance, fit.u - u)) for fit in fits)
    between = (len(fits) - 1) * len(u)
    return q / between <= float(fisher.ppf(AGREE, between, sum(fit.freedom for fit in fits)))


def _agreeing(fits: Sequence[_Fitted]) -> list[int]:
    """Return the curves that the plan stands on: the last one, and the others as far as all of them agree."""
    used = [len(fits) - 1]
    for index in reversed(range(len(fits) - 1)):
        if _agree([fits[k] for k in (*used, index)]):
            used.append(index)
    return sorted(used)


class _Told:
    """What the fits are told as: facts, checks, what the design reads, and what the JSON shows."""

    def __init__(
        self, declared: Experiment, names: Sequence[str], fits: Sequence[_Fitted], used: Sequence[int], run: str | None
    ) -> None:
        self.declared, self.names, self.fits, self.run = declared, tuple(names), fits, run
        self.used = [fits[k] for k in used]
        self.base = fits[-1]
        self.disagree = len(self.used) < len(fits)
        self.u, self.covariance = _join(self.used)
        self.freedom = sum(fit.freedom for fit in self.used)
        self.noise = math.sqrt(sum(fit.noise**2 * fit.freedom for fit in self.used) / self.freedom)
        self.common = past(declared.name).systematic(self.base.curve)
        self.quantile = float(student.ppf(0.5 + LEVEL / 2, self.freedom))

    def facts(self) -> list[Fact]:
        """Return the joint estimates, those of each curve where they disagree, and what they stand on."""
        inputs = {fit.curve.name: fit.curve.sha256 for fit in self.used}
        source = Source(tool="calibrate", run=self.run, inputs=inputs)
        found = []
        for index, name in enumerate(self.names):
            found.append(self._estimate(f"past_{name}", self.u, self.covariance, index, self.quantile, source))
            half = 100 * self.half_width(index)
            label = f"half-width of the interval of {name} from the data"
            found.append(
                Fact(id=f"past_precision_{name}", name=label, value=_rounded(half), unit="percent", source=source)
            )
            label = f"aim for {name} where no precision was asked"
            found.append(Fact(id=f"aim_{name}", name=label, value=_rounded(AIM * half), unit="percent", source=source))
        for k, fit in enumerate(self.fits if self.disagree else (), start=1):
            own = float(student.ppf(0.5 + LEVEL / 2, fit.freedom))
            for index, name in enumerate(self.names):
                each = Source(tool="calibrate", run=self.run, inputs={fit.curve.name: fit.curve.sha256})
                found.append(self._estimate(f"past_{k}_{name}", fit.u, fit.covariance, index, own, each))
        measured = self.base.result["curve"]["measured"]
        span = max(measured) - min(measured) if self.declared.curve.unit else 1.0
        noise = 100 * self.noise / span
        sse = sum(fit.result["sse"] for fit in self.used)
        points = sum(fit.result["n"] for fit in self.used)
        found += [
            Fact(id="past_noise", name="scatter of the readings", value=_rounded(noise), unit="percent", source=source),
            Fact(id="past_points", name="readings in the data", value=float(points), unit="", source=source),
            Fact(id="past_curves", name="curves used", value=float(len(self.used)), unit="", source=source),
            Fact(id="past_sse", name="sum of squared residuals", value=sse, unit="", source=source),
        ]
        return found

    def limit(self, row: Mapping[str, Any]) -> Fact:
        """Enter a limit that the past run sets."""
        value = row["upper"] if row.get("upper") is not None else row["lower"]
        source = Source(tool="calibrate", run=self.run, inputs={self.base.curve.name: self.base.curve.sha256})
        name = row["name"].replace("_", " ")
        return Fact(
            id=f"past_{row['name']}", name=f"{name} of the run before", value=value, unit=row["unit"], source=source
        )

    def said(self) -> list[str]:
        """Return what is taken of the runs that were measured, and what their files leave in doubt, without numbers."""
        taken = past(self.declared.name).assumed(self.base.curve)
        notes = [note for fit in self.fits for note in (*fit.curve.notes, *fit.result["warnings"])]
        if self.freedom < FEW:
            taken = (*taken, "The scatter is known from few readings, so that a larger one is planned with.")
        return [*taken, *dict.fromkeys(note for note in notes if not _COUNTS.search(note))]

    def half_width(self, index: int) -> float:
        """Half of the relative interval of one parameter."""
        return self.quantile * self._deviation(self.covariance, index)

    def _expected_noise(self) -> float:
        """Return the scatter to plan with: what was seen, or an upper limit of it where few readings tell it."""
        if self.freedom >= FEW:
            return self.noise
        return self.noise * math.sqrt(self.freedom / float(chi2.ppf(CAUTION, self.freedom)))

    def _deviation(self, covariance: Array, index: int) -> float:
        """Return the relative standard deviation of a parameter, with the error that all readings share."""
        return math.sqrt(covariance[index, index] + self.common.get(self.names[index], 0.0) ** 2)

    def _estimate(self, key: str, u: Array, covariance: Array, index: int, quantile: float, source: Source) -> Fact:
        name = self.names[index]
        unit = next(row["unit"] for row in self.base.result["parameters"] if row["name"] == name)
        parameter = self.declared.parameter(name)
        si = parameter.unit if isinstance(parameter, Parameter) else ""
        deviation = self._deviation(covariance, index)
        value, lower, upper = (
            units.convert(math.exp(u[index] + sign * quantile * deviation), si, unit) for sign in (0.0, -1.0, 1.0)
        )
        # |du| <= sd(u) sqrt(n) e / s for curves that are wrong by at most e.
        share = self.base.result["numerical_error"] / max(self.base.noise, 1e-300)
        error = value * deviation * math.sqrt(self.base.result["n"]) * share
        return Fact(
            id=key, name=name, value=value, unit=unit, lower=lower, upper=upper, level=LEVEL,
            numerical_error=error, source=source,
        )  # fmt: skip

    def checks(self) -> list[Check]:
        """Return the balances and laws of every fitted run, and how well it fits."""
        return [check for fit in self.fits for check in fit.checks]

    def past(self) -> dict[str, Any]:
        """Return what the design works from, SI."""
        times = np.array(self.base.result["curve"]["time"], dtype=float)
        unit = self.base.result["curve"]["time_unit"]
        seconds = [units.convert(float(t), unit, "s") for t in times] if unit != "pv" else []
        gaps = np.diff(seconds) if len(seconds) > 1 else np.array([0.0])
        return {
            "names": list(self.names),
            "median": np.exp(self.u).tolist(),
            "covariance": self.covariance.tolist(),
            "freedom": self.freedom,
            "noise": self._expected_noise(),
            "settings": self.base.settings,
            "times": seconds,
            "interval": float(gaps.min()),
            "points": int(self.base.result["n"]),
            "curves": len(self.used),
            "handed": len(self.fits),
            "disagree": self.disagree,
            "half_width": {name: self.half_width(k) for k, name in enumerate(self.names)},
        }

    def shown(self) -> dict[str, Any]:
        """Return what the JSON of a plan shows of the data."""
        rows = [
            {
                "file": fit.curve.path,
                "sha256": fit.curve.sha256,
                "settings": fit.settings,
                "used": any(fit is other for other in self.used),
                **{key: fit.result[key] for key in ("status", "parameters", "sse", "rmse", "n", "identifiable")},
                "warnings": [*fit.curve.notes, *fit.result["warnings"]],
                "balances": fit.result["balances"],
                "curve": fit.result["curve"],
            }
            for fit in self.fits
        ]
        return {"files": rows, "disagree": self.disagree, "level": LEVEL}


def _rounded(value: float) -> float:
    """Round up to three digits: what is known is never told better than it is."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2) if value > 0 else 1.0
    return round(math.ceil(value / step - 1e-9) * step, 12)
