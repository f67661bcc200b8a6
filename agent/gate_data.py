"""What the gate holds against the measured curves that a plan follows: the files, their fits, and what the run adds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agent.ledger import Ledger
from agent.state import Brief
from tools.records import Check

_ROUNDING = 1e-6  # relative, of a sum that is made again


def check_data(brief: Brief, ledger: Ledger) -> list[Check]:
    """Every curve was fitted as it was handed over, the fits stand, and the next run narrows what they leave open."""
    if not brief.curves:
        return []
    told = ledger.data.get("calibration")
    files = told.get("files", []) if isinstance(told, dict) else []
    rows = {str(row["sha256"]): row for row in files}
    missing = [curve.name for curve in brief.curves if curve.sha256 not in rows]
    checks = [_verdict("curves are those handed over", not missing, f"not fitted: {', '.join(missing)}")]
    for curve in brief.curves:
        row = rows.get(curve.sha256)
        if row is None:
            continue
        checks.append(_verdict(f"fit of {curve.name}: converged", *_stands(row)))
        checks.append(_residuals(curve.name, row))
        balanced = any(
            check.kind == "conservation" and check.name.startswith(f"fit of {curve.name}:")
            for check in ledger.checks.values()
        )
        checks.append(_verdict(f"fit of {curve.name}: balance known", balanced, "the fitted run has no balance"))
    return [*checks, _narrows(brief, ledger)]


def _stands(row: Mapping[str, Any]) -> tuple[bool, str]:
    """Say whether a fit converged and determines every parameter."""
    if row["status"] != "converged" or not row["identifiable"]:
        return False, f"the fit ended as {row['status']}, or leaves a parameter open"
    for parameter in row["parameters"]:
        ends = [parameter[key] for key in ("lower", "value", "upper")]
        if any(end is None or not math.isfinite(end) for end in ends) or not ends[0] < ends[1] < ends[2]:
            return False, f"the interval of {parameter['name']} does not hold its value"
    return True, ""


def _residuals(name: str, row: Mapping[str, Any]) -> Check:
    """Sum the squared residuals again; weights are one or more, so that the fit's sum is no smaller."""
    curve = row["curve"]
    again = sum((a - b) ** 2 for a, b in zip(curve["measured"], curve["fitted"], strict=True))
    return Check(
        name=f"fit of {name}: residuals are as told",
        kind="constraint",
        status="pass" if again <= row["sse"] * (1 + _ROUNDING) + 1e-300 else "fail",
        value=again,
        limit=row["sse"] * (1 + _ROUNDING),
        detail="sum of squared residuals, made again from the points",
    )


def _narrows(brief: Brief, ledger: Ledger) -> Check:
    """Hold what is expected after the next run against what the data leave open."""
    name = brief.target.name if brief.target else ""
    after, before = ledger.facts.get(f"precision_{name}"), ledger.facts.get(f"past_precision_{name}")
    if after is None or before is None:
        return _verdict("the next run narrows the interval", False, "no precision before and after was computed")
    return Check(
        name="the next run narrows the interval",
        kind="constraint",
        status="pass" if after.unit == before.unit and 0 < after.value < before.value else "fail",
        value=after.value,
        limit=before.value,
        unit=after.unit,
        detail=f"half-width of the interval of {name}, with the run and without it",
    )


def _verdict(name: str, ok: bool, detail: str) -> Check:
    return Check(name=name, kind="constraint", status="pass" if ok else "fail", detail="" if ok else detail)
