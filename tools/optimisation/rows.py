"""The answer of a design in rows: settings, times, expected precision, trade-off, checks; units at the edge."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import norm

from physics import units
from physics.design.optimise import violations
from physics.design.schedules import Run
from physics.design.study import Options, Range
from physics.design.tradeoff import Need, Point
from physics.experiment import Parameter
from tools.optimisation.study import Asked
from tools.records import Check

FEW = 24  # points of a trade-off that are told
_ODD = 0.05  # of the samples, that bursts of one size may leave over
_BLIND = 0.99  # of what is believed beforehand; a run that leaves more has told nothing


def settings(asked: Asked, run: Run) -> list[dict[str, Any]]:
    """What to set: everything that was given and everything that was chosen, unknowns left out."""
    study = asked.study
    names = [*study.settings, *(name for name in run.case.chosen if name not in study.settings)]
    kept = [
        name
        for name in names
        if name in run.case.chosen or (name not in study.belief.names and name in run.case.settings)
    ]
    # A pump is set, also where the velocity that it gives is estimated.
    if "velocity" in study.belief.names and not {"velocity", "flow"} & set(kept):
        kept.append("velocity")
    return [setting(asked, name, run.case.settings[name]) for name in kept]


def believed(asked: Asked, run: Run) -> list[dict[str, Any]]:
    """The values of what is unknown that the run is designed for, at its settings."""
    belief = asked.study.belief
    return [
        {**setting(asked, name, run.case.settings[name]), "spread": belief.deviation[name]} for name in belief.names
    ]


def setting(asked: Asked, name: str, value: Any) -> dict[str, Any]:
    """Write one setting in the user's unit."""
    item = asked.study.experiment.parameter(name)
    if not isinstance(item, Parameter) or not isinstance(value, int | float):
        return {"name": name, "value": str(value), "unit": ""}
    if name == "duration" and not asked.time:
        return {"name": name, "value": tidy(float(value)), "unit": ""}
    unit = asked.units.get(name) or item.display or item.unit
    return {"name": name, "value": tidy(units.convert(float(value), item.unit, unit)), "unit": unit}


def time(asked: Asked, seconds: float) -> dict[str, Any]:
    """Write a time in the user's unit."""
    if not asked.time:
        return {"value": tidy(seconds), "unit": ""}
    return {"value": tidy(units.convert(seconds, "s", asked.time)), "unit": asked.time}


def material(asked: Asked, amount: float) -> dict[str, Any] | None:
    """Write an amount of material; None where nobody counts it."""
    if asked.study.material is None:
        return None
    unit = asked.units.get("material") or {"m**3": "mL", "m": "cm"}.get(asked.material, asked.material)
    return {"value": tidy(units.convert(amount, asked.material, unit)), "unit": unit}


def unused(asked: Asked, run: Run) -> tuple[str, ...]:
    """Say why fewer samples are taken than may be; a record that is even has its number from its interval."""
    left, limits = asked.study.limits.samples - run.samples, asked.study.limits
    if asked.study.spacing == "even" or left <= _ODD * limits.samples:
        return ()
    apart = f" that keeps {short(time(asked, limits.interval))} from the others" if limits.interval > 0 else ""
    return (
        f"{left} of {limits.samples} samples are not used: at no moment{apart} does a further one tell more than a "
        "thousandth of what is known then.",
    )


def tidy(value: float) -> float:
    """Take off what conversion left in the last digits."""
    return float(f"{value:.14g}") if math.isfinite(value) else value


def short(row: Mapping[str, Any]) -> str:
    """Write a quantity in three digits, and every digit before the point."""
    value = float(row["value"])
    return (f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}") + f" {row['unit']}".rstrip()


def predictions(asked: Asked, run: Run) -> list[dict[str, Any]]:
    """Expected half-widths after the run, relative: the mean over what is believed, and its span.

    `nominal` is the one if the medians hold, `upper` that of the worst scenario.
    """
    before = {name: asked.study.belief.deviation[name] for name in asked.study.belief.names}
    z = run_quantile(asked)
    return [
        {
            "name": name,
            "value": run.half_width[name],
            "lower": min(run.nominal[name], run.half_width[name]),
            "upper": run.worst[name],
            "nominal": run.nominal[name],
            "before": z * before[name],
            "level": asked.study.target.level,
            "unit": "",
            "wanted": asked.study.target.precision.get(name),
            "meaning": f"expected half-width of the interval of {name}, relative",
            "source": "design",
        }
        for name in asked.study.belief.names
    ]


def run_quantile(asked: Asked) -> float:
    """Half-widths are so many standard deviations."""
    return float(norm.ppf(0.5 + asked.study.target.level / 2))


def trade_off(asked: Asked, points: Sequence[Point]) -> list[dict[str, Any]]:
    """The runs that none beats in everything at once, at most `FEW` of them, evenly picked by duration."""
    picked = list(points)
    if len(picked) > FEW:
        places = {round(k * (len(picked) - 1) / (FEW - 1)) for k in range(FEW)}
        precise = min(range(len(picked)), key=lambda i: picked[i].precision)
        picked = [point for i, point in enumerate(picked) if i in places | {precise}]
    return [
        {
            "precision": point.precision,
            "duration": time(asked, point.duration),
            "material": material(asked, point.material),
            "samples": point.samples,
            "source": "surrogate" if point.run.foretold else "solver",
            "settings": [setting(asked, name, value) for name, value in point.run.case.chosen.items()],
            "meets": all(point.run.half_width[n] <= w for n, w in asked.study.target.precision.items())
            if asked.study.target.precision
            else None,
        }
        for point in picked
    ]


def checks(asked: Asked, run: Run) -> list[Check]:
    """Hold the run against every limit, from its numbers alone."""
    study, limits, times = asked.study, asked.study.limits, run.times.tolist()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    found = [_check("number of samples", float(len(times)), float(limits.samples), "at most")]
    if math.isfinite(limits.duration):
        found.append(_check("last sample", times[-1], limits.duration, "at most", "s" if asked.time else ""))
    if gaps and limits.interval > 0:
        found.append(_check("shortest interval", min(gaps), limits.interval, "at least", "s" if asked.time else ""))
    if limits.first > 0:
        found.append(_check("first sample", times[0], limits.first, "at least", "s" if asked.time else ""))
    if math.isfinite(limits.material):
        found.append(_check("material", run.material, limits.material, "at most", asked.material))
    for name, control in study.controls.items():
        if name not in run.case.chosen:
            continue
        value, item = run.case.chosen[name], study.experiment.parameter(name)
        if isinstance(control, Range) and isinstance(item, Parameter):
            found.append(_check(f"{name}, lower end", value, control.lower, "at least", item.unit))
            found.append(_check(f"{name}, upper end", value, control.upper, "at most", item.unit))
        elif isinstance(control, Options):
            status: Any = "pass" if value in control.values else "fail"
            found.append(Check(name=name, kind="constraint", status=status, detail=f"{value} is among the options"))
    for bound in study.bounds:
        value = bound.value(run.case.settings)
        if math.isfinite(bound.lower):
            found.append(_check(bound.name, value, bound.lower, "at least", bound.unit))
        if math.isfinite(bound.upper):
            found.append(_check(bound.name, value, bound.upper, "at most", bound.unit))
    broken = violations(study, run)
    found.append(
        Check(
            name="all limits",
            kind="constraint",
            status="fail" if broken else "pass",
            value=float(len(broken)),
            limit=0.0,
            detail="; ".join(broken) or "no limit is violated",
        )
    )
    return found


def _check(name: str, value: float, limit: float, bound: Any, unit: str = "") -> Check:
    ok = value <= limit if bound == "at most" else value >= limit
    return Check(
        name=name, kind="constraint", status="pass" if ok else "fail", value=value, limit=limit, bound=bound, unit=unit
    )


def _gap(asked: Asked, samples: int) -> str:
    """How close together so many samples may stand where the least interval was assumed."""
    limits = asked.study.limits
    if asked.spaced or not limits.interval:
        return ""
    apart = time(asked, limits.interval * limits.samples / samples)
    return f" ({short(apart)} or more apart)"


def need(asked: Asked, run: Run, found: Need) -> dict[str, Any]:
    """What would bring the target within reach, in numbers and in a sentence."""
    ways = []
    if found.noise is not None:
        ways.append(f"readings {1 / found.noise:.3g} times less noisy")
    if found.samples is not None:
        ways.append(f"{found.samples} samples" + _gap(asked, found.samples))
    duration = None if found.duration is None else time(asked, found.duration)
    if duration is not None:
        ways.append(f"{short(duration)} of time")
    amount = None if found.material is None else material(asked, found.material)
    if amount is not None:
        ways.append(f"{short(amount)} of material")
    worst = max(asked.study.target.precision, key=lambda n: run.half_width[n] / asked.study.target.precision[n])
    best = 100 * run.half_width[worst]
    wanted = 100 * asked.study.target.precision[worst]
    if ways:
        helping = f"; what would reach it, each alone: {', or '.join(ways)}"
    elif run.nominal[worst] > _BLIND * run_quantile(asked) * asked.study.belief.deviation[worst]:
        helping = f"; the curve tells nothing of {worst} within these limits"
    else:
        helping = "; neither more samples nor more time, material or quieter readings alone would reach it"
    return {
        "samples": found.samples,
        "noise_factor": found.noise,
        "duration": duration,
        "material": amount,
        "text": f"the best run inside the limits leaves {worst} within {best:.3g} %, where {wanted:.3g} % is asked "
        f"for{helping}",
    }
