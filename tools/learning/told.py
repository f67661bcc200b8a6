"""What measured curves tell, in the words and numbers of a plan: facts, checks, what the design reads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

from physics import units
from physics.experiment import Experiment, Parameter
from tools.learning.joined import Array, Fitted, join
from tools.plans import past
from tools.records import Check, Fact, Source

LEVEL = 0.95  # of the intervals, and of the precision that a plan speaks of
FEW = 6  # degrees of freedom: below them the scatter is known to a factor only
CAUTION = 0.1  # quantile of chi-squared whose scatter is then planned with
AIM = 0.5  # of the present interval: what the next run strives for where no precision was asked
_COUNTS = re.compile(r"\d|[_/\\]")  # numbers and names of files: a text that is shown holds neither


class Told:
    """What the fits are told as: facts, checks, what the design reads, and what the JSON shows."""

    def __init__(
        self, declared: Experiment, names: Sequence[str], fits: Sequence[Fitted], used: Sequence[int], run: str | None
    ) -> None:
        self.declared, self.names, self.fits, self.run = declared, tuple(names), fits, run
        self.used = [fits[k] for k in used]
        self.base = fits[-1]
        self.disagree = len(self.used) < len(fits)
        self.u, self.covariance = join(self.used)
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
