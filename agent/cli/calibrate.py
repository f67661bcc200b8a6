"""`labwright calibrate`: parameters from measurements, with uncertainty."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, Set, emit, finish, pairs, progress, settings, stderr, stdout
from agent.runs import RunRecord, RunStore, run_id


def calibrate(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    data: Annotated[
        Path, typer.Argument(help="A CSV file: time_h (or _s, _ms, _min, _d, _pv) and the experiment's curve.")
    ],
    given: Set = None,
    fit: Annotated[
        list[str] | None, typer.Option("--fit", metavar="NAME ...", help="A parameter to find; may be repeated.")
    ] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    as_object: Json = False,
) -> None:
    """Fit parameters to a measured curve."""
    values, names = pairs(given), fit or []
    config = settings()
    identifier = run_id("calibrate")
    with progress(f"reading {data} and fitting {', '.join(names)}"):
        from tools.calibrate import calibrate as run_tool  # brings PyTorch

        evidence = run_tool(experiment, data, values, names, level=level, run=identifier)
        result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {"experiment": experiment, "data": str(data), "settings": values, "fit": names, "level": level}
    RunStore(config.runs_path).save(RunRecord(id=identifier, kind="calibrate", inputs=inputs, result=result))
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)
    broken = [check["name"] for check in result["checks"] if check["status"] == "fail"]
    if result["status"] != "converged" or broken:
        told = f"the fitted run breaks {', '.join(broken)}" if broken else result["message"]
        stderr.print(f"labwright: {told}", markup=False, soft_wrap=True)
        finish(WITHHELD)


def _show(result: dict[str, Any]) -> None:
    table = Table("parameter", "value", "standard deviation", "interval", "unit", box=None)
    for row in result["parameters"]:
        known = row["std"] is not None
        table.add_row(
            row["name"],
            f"{row['value']:.5g}",
            f"{row['std']:.2g}" if known else "not determined",
            f"{row['lower']:.5g} to {row['upper']:.5g}" if known else "",
            row["unit"],
        )
    stdout.print(table)
    stdout.print(f"SSE {result['sse']:.4g}, RMSE {result['rmse']:.3g}, {result['n']} points: {result['message']}")
    for warning in result["warnings"]:
        stdout.print(f"note: {warning}", markup=False)
    stdout.print(f"run {result['run']}")
