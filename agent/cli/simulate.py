"""`labwright simulate`: one run of the solver, with its balances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, Set, emit, finish, pairs, progress, settings, stderr, stdout
from agent.runs import RunRecord, RunStore, run_id

SHOWN_ROWS = 12
SHOWN_COLUMNS = 4


def simulate(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    given: Set = None,
    tolerance: Annotated[float | None, typer.Option(help="Absolute error to stay below.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the outputs to this HDF5 file, in The Well's layout.")
    ] = None,
    as_object: Json = False,
) -> None:
    """Run the solver once and print its outputs and balances."""
    from tools.simulate import (
        simulate as run_tool,  # brings PyTorch: half a second that --help need not wait for
    )

    values = pairs(given)
    config = settings()
    identifier = run_id("simulate")
    with progress(f"simulating {experiment}"):
        evidence = run_tool(experiment, values, run=identifier, tolerance=tolerance, device=config.device, out=out)
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {"experiment": experiment, "settings": values, "tolerance": tolerance}
    RunStore(config.runs_path).save(RunRecord(id=identifier, kind="simulate", inputs=inputs, result=result))
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)
    broken = [check["name"] for check in result["checks"] if check["status"] == "fail"]
    if broken:
        stderr.print(f"labwright: the run breaks {', '.join(broken)}; do not use it", markup=False, soft_wrap=True)
        finish(WITHHELD)


def _show(result: dict[str, Any]) -> None:
    for group in _together([output for output in result["outputs"] if "values" in output]):
        _show_curves(group)
    for output in result["outputs"]:
        if output.get("kind") == "field":
            size = ", ".join(f"{name} {axis['points']}" for name, axis in output["axes"].items())
            span = f"{output['min']:.4g} to {output['max']:.4g} {output['unit']}".strip()
            stdout.print(f"{output['name']}: field of {len(output['time'])} times ({size}), from {span}")
        elif "value" in output:
            value = output["value"]
            shown = value if isinstance(value, str) else f"{value:.6g}"
            stdout.print(f"{output['name']} = {shown} {output['unit']}".strip())
    for balance in result["balances"]:
        share = abs(balance["residual"]) / balance["scale"] if balance["scale"] else 0.0
        stdout.print(f"{balance['name']} balance: {balance['status']} (residual {share:.1e} of the amount applied)")
    balanced = {f"{balance['name']} balance" for balance in result["balances"]}
    for check in result["checks"]:
        if check["name"] not in balanced and check["status"] != "not applicable":
            extent = f"{check['value']:.1e}, at most {check['limit']:.1e} {check['unit']}".strip()
            stdout.print(f"{check['name']}: {check['status']} ({extent})", markup=False)
    if result["message"]:
        stdout.print(result["message"], markup=False)
    if result["file"]:
        stdout.print(f"written to {result['file']}", markup=False)
    elif any(output.get("kind") == "field" for output in result["outputs"]):
        stdout.print("--out FILE.h5 writes the fields")
    stdout.print(f"run {result['run']}")


def _together(curves: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group the curves that a table can show side by side: of the same times, a few at once."""
    groups: list[list[dict[str, Any]]] = []
    for curve in curves:
        last = groups[-1] if groups else []
        if last and len(last) < SHOWN_COLUMNS and last[0]["time"] == curve["time"]:
            last.append(curve)
        else:
            groups.append([curve])
    return groups


def _show_curves(curves: list[dict[str, Any]]) -> None:
    first = curves[0]
    table = Table(f"time ({first['time_unit'] or '1'})", *map(_title, curves), box=None)
    stride = max(1, len(first["time"]) // SHOWN_ROWS)
    for index in range(0, len(first["time"]), stride):
        table.add_row(f"{first['time'][index]:.4g}", *(_number(curve["values"][index]) for curve in curves))
    stdout.print(table)
    errors = [f"{curve['error']:.1e}" for curve in curves if "error" in curve]
    if errors:
        stdout.print(f"estimated numerical error: {', '.join(errors)}")


def _title(curve: dict[str, Any]) -> str:
    place = f" at {curve['position']:g} {curve['position_unit']}" if "position" in curve else ""
    return f"{curve['name']}{place} ({curve['unit'] or '1'})"


def _number(value: float) -> str:
    return f"{value:.6f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.5e}"
