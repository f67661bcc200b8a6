"""Does the next run bring the precision that its plan expects? Planned from a measured curve, made in the virtual lab.

`labwright plan --data FILE` recommends the run that follows a real curve, and says what will then be known. Truths are
drawn from the posterior of that curve; for each the run is simulated as recommended, read by an instrument that
scatters as the curve did, and fitted together with the curve. A row for each parameter: the expected half-width of its
interval, the achieved ones (median and 90 % range), and how often the interval holds the truth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evals.instruments import Instrument, read
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.posterior.report import posterior
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import Solved, solve
from physics.data import read_measurement
from physics.experiments import get

VERSION = 1
MINUTES = 4.0
TRUTHS = 300
REQUEST = "what should I measure next to pin down dispersion?"
SETTINGS = {"length": "11 cm", "position": "11 cm", "outlet": "semi-infinite"}
NAMES = ("velocity", "dispersion")
_ROOT = Path(__file__).resolve().parents[2]
_TOLERANCE = 1e-7
_PATIENCE = 900.0  # s, for the plan


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    truths: int = TRUTHS,
    plan: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Plan, or take a plan as `labwright plan --json` gives it, and carry it out on `truths` hidden truths."""
    started = time.perf_counter()
    path = data_folder() / "column" / "sand_step_11cm.csv"
    result: dict[str, Any] = {"suite": "next_run", "version": VERSION, "seed": seed, "rows": [], "summary": {}}
    if not path.is_file():
        reason = f"{path} is not there; set LABWRIGHT_DATA to the folder that holds column/"
        return result | {"skipped": reason, "seconds": time.perf_counter() - started}
    if plan is None:
        if progress is not None:
            progress("next run: planning")
        plan = recommended(path)
    if plan["status"] != "recommended":
        reason = f"no run was recommended: {plan.get('reason') or plan.get('question')}"
        return result | {"skipped": reason, "seconds": time.perf_counter() - started}
    if progress is not None:
        progress(f"next run: {truths} hidden truths")
    first = measured(path)
    half, held = achieved(first, plan, truths, seed)
    rows = [_row(name, plan, half[:, j], held[:, j], first) for j, name in enumerate(NAMES)]
    settings = {row["name"]: f"{row['value']} {row['unit']}".strip() for row in plan["settings"]}
    told = {row["parameter"]: row["achieved_over_expected"] for row in rows}
    inside = all(row["expected_inside"] for row in rows)
    result |= {"rows": rows, "summary": {"run": settings, "ratio": told, "expected_inside": inside}}
    return result | {"seconds": time.perf_counter() - started}


def data_folder() -> Path:
    """Return the folder of measured data: `$LABWRIGHT_DATA`, by default `../shared/data`."""
    given = os.environ.get("LABWRIGHT_DATA")
    return Path(given) if given else _ROOT.parent / "shared" / "data"


def recommended(path: Path) -> dict[str, Any]:
    """Return what `labwright plan` recommends after a measured curve; a refusal carries its reason."""
    words = [sys.executable, "-m", "agent", "plan", "--data", str(path), REQUEST, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False, cwd=_ROOT)  # noqa: S603
    try:
        plan: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        plan = {"status": "failed", "reason": " ".join(done.stderr.split())[-300:]}
    return plan


def measured(path: Path) -> Solved:
    """Fit the measured curve."""
    found = read_measurement(path, value="relative_concentration")
    settings = {name: get("column").parameter(name).read(text) for name, text in SETTINGS.items()}
    times = torch.as_tensor(found.time, dtype=torch.float64)
    values = torch.as_tensor(found.value, dtype=torch.float64)
    start = get("column").start(times, values, settings)  # type: ignore[misc]
    return solve(Problem((_data_set("measured", settings | start, times, values),), _free(start)), checks=False)


def achieved(first: Solved, plan: Mapping[str, Any], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the relative half-widths after the plan's run, (count, P), and whether the intervals hold the truth."""
    column = get("column")
    unsaid = {name: text for name, text in SETTINGS.items() if name not in ("length", "position")}
    said = {row["name"]: f"{row['value']} {row['unit']}".strip() for row in plan["settings"]}
    names = {item.name for item in column.parameters} | {item.name for item in column.choices}
    settings = {n: column.parameter(n).read(t) for n, t in {**unsaid, **said}.items() if n in names and n not in NAMES}
    minutes = [column.parameter("pulse_duration").read(f"{row['value']} {row['unit']}") for row in plan["schedule"]]
    times = torch.tensor(sorted(minutes), dtype=torch.float64)
    drawn = posterior(first).draws(count, seed)
    medians = {name: float(drawn[name].median()) for name in NAMES}
    noise = first.deviation["measured"]
    instrument = Instrument(noise, drift=0.2 * noise, step=1e-4, missing=0.02)
    truth = {name: drawn[name] for name in NAMES}
    nature = {n: torch.full((count,), v) for n, v in fixed_of(column, {**settings, **medians}, NAMES).items()}
    nature = {name: value.to(torch.float64) for name, value in nature.items()}

    def curve(at: Tensor) -> Tensor:
        with torch.no_grad():
            return model_of(column, {**settings, **medians}, at, 0.1 * _TOLERANCE)({**nature, **truth}, at)

    runs = max(round(_fact(plan, "runs", 1.0)), 1)
    generator = torch.Generator().manual_seed(seed)
    readings = [read(instrument, curve, times, generator) for _ in range(runs)]
    blank = _data_set("next", {**settings, **medians}, times, times)
    half, held = [], []
    for k in range(count):
        new = [
            DataSet(f"next {i}", times, one.values[k], blank.model, blank.fixed, weights=one.there[k].to(torch.float64))
            for i, one in enumerate(readings)
        ]
        fit = solve(Problem((*first.problem.sets, *new), _free(medians)), level=_level(plan), checks=False).fit
        found = [fit.parameters[name] for name in NAMES]
        half.append([0.5 * (e.upper - e.lower) / e.value for e in found])
        held.append([e.lower <= float(truth[e.name][k]) <= e.upper for e in found])
    return torch.tensor(half, dtype=torch.float64), torch.tensor(held)


def _data_set(name: str, settings: Mapping[str, Any], times: Tensor, values: Tensor) -> DataSet:
    column = get("column")
    return DataSet(
        name, times, values, model_of(column, settings, times, _TOLERANCE), fixed_of(column, settings, NAMES)
    )


def _free(start: Mapping[str, float]) -> tuple[Free, ...]:
    return tuple(Free(name, start[name]) for name in NAMES)


def _row(name: str, plan: Mapping[str, Any], half: Tensor, held: Tensor, first: Solved) -> dict[str, Any]:
    expected = 0.01 * _fact(plan, f"precision_{name}")
    low, middle, high = torch.quantile(half, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
    return {
        "parameter": name,
        "n": len(half),
        "level": _level(plan),
        "before_percent": _fact(plan, f"past_precision_{name}"),
        "expected_percent": 100 * expected,
        "achieved_percent": 100 * middle,
        "lower_percent": 100 * low,
        "upper_percent": 100 * high,
        "achieved_over_expected": middle / expected,
        # The plan shows two digits, rounded up.
        "expected_inside": low * (1 - 0.05) <= expected <= high * (1 + 0.05),
        "held": float(held.double().mean()),
        "noise": first.deviation["measured"],
    }


def _level(plan: Mapping[str, Any]) -> float:
    return 0.01 * _fact(plan, "precision_level")


def _fact(plan: Mapping[str, Any], key: str, missing: float | None = None) -> float:
    """Return the value of a fact of the plan."""
    found = next((fact["value"] for fact in plan["facts"] if fact["id"] == key), missing)
    if found is None:
        raise KeyError(f"the plan holds no fact {key!r}")
    return float(found)
