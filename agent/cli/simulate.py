"""`labwright simulate`: one run of the solver, with its balances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agent.cli.common import Json, Set, conclude, pairs, progress, settings, stdout
from agent.runs import run_id

SHOWN_ROWS = 12
SHOWN_COLUMNS = 4
NOTHING = 1e-30  # what rounding leaves of a number that is zero


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
    conclude("simulate", "run", inputs, result, _show, as_object=as_object, estimated=False, trace=evidence.trace)


def _show(result: dict[str, Any]) -> None:
    if result["message"]:
        stdout.print(result["message"] + "\n", markup=False)
    _show_numbers([output for output in result["outputs"] if "value" in output])
    curves = [output for output in result["outputs"] if "values" in output and output.get("kind") != "field"]
    if curves:
        beside = [
            curve for curve in curves if curve["unit"] == curves[0]["unit"] and curve["time"] == curves[0]["time"]
        ]
        _show_curves(beside[:SHOWN_COLUMNS])
        _show_extents([curve for curve in curves if curve not in beside[:SHOWN_COLUMNS]])
    for output in result["outputs"]:
        if output.get("kind") == "field":
            size = ", ".join(_axis(name, axis) for name, axis in output["axes"].items())
            span = f"{output['min']:.4g} to {output['max']:.4g} {output['unit']}".strip()
            stdout.print(f"{output['name']}: field of {len(output['time'])} times ({size}), from {span}", markup=False)
    _show_verdicts(result)
    if result["file"]:
        stdout.print(f"written to {result['file']}", markup=False)
    elif any(output.get("kind") == "field" for output in result["outputs"]):
        stdout.print("--out FILE.h5 writes the fields")
    stdout.print(f"run {result['run']}; for a page with figures: labwright report {result['run']}", markup=False)


def _show_numbers(numbers: list[dict[str, Any]]) -> None:
    """Show what is a number or a word: its scatter or its numerical error where one is known."""
    if not numbers:
        return
    table = Table("number", "value", "unit", "meaning", box=None)
    for row in numbers:
        value = row["value"]
        shown = value if isinstance(value, str) else _round(value)
        if row.get("error"):
            shown += f" ± {row['error']:.1g}"
        table.add_row(row["name"], shown, row["unit"], escape(row["meaning"]))
    stdout.print(table)
    stdout.print()


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
    stdout.print()


def _show_extents(curves: list[dict[str, Any]]) -> None:
    """Show the curves that the table over time has no room for: where they begin, end and reach."""
    if not curves:
        return
    table = Table("further curve", "first", "last", "least", "largest", "meaning", box=None)
    for curve in curves:
        values = curve["values"]
        spots = (values[0], values[-1], min(values), max(values))
        table.add_row(_title(curve), *map(_round, spots), escape(curve["meaning"]))
    stdout.print(table)
    stdout.print()


def _show_verdicts(result: dict[str, Any]) -> None:
    """Show the balances with their residuals, every law's verdict, and the limits that the settings leave."""
    for balance in result["balances"]:
        share = abs(balance["residual"]) / balance["scale"] if balance["scale"] else 0.0
        stdout.print(f"{balance['name']} balance: {balance['status']} (residual {share:.1e} of the amount applied)")
    balanced = {f"{balance['name']} balance" for balance in result["balances"]}
    laws = [check for check in result["checks"] if check["name"] not in balanced]
    applied = [check for check in laws if check["status"] != "not applicable"]
    broken = [check for check in applied if check["status"] == "fail"]
    for check in broken:
        extent = f"{check['value']:.2e}, at most {check['limit']:.2e} {check['unit']}".strip()
        stdout.print(f"{check['name']}: fail ({extent}; {check['detail']})", markup=False)
    kept = ", ".join(check["name"] for check in applied if check["status"] == "pass")
    stdout.print(f"laws: {len(applied) - len(broken)} of {len(applied)} pass: {kept}", markup=False)
    left = [limit for limit in result["limits"] if limit["status"] != "within"]
    for limit in left:
        if f"{limit['name']} = " not in result["message"]:  # where the run itself has not said so
            stdout.print(f"limit left: {limit_text(limit)}", markup=False)
    if result["limits"] and not left:
        stdout.print(f"limits: all {len(result['limits'])} kept", markup=False)


def limit_text(limit: dict[str, Any]) -> str:
    """Say how a limit is left, for example `rear_rise = 12 K is above 10 K: adiabatic rise; ...`."""
    bound = limit["lower"] if limit["status"] == "below" else limit["upper"]
    value = "unbounded" if limit["value"] is None else f"{limit['value']:.3g} {limit['unit']}".strip()
    end = f"{bound:g} {limit['unit']}".strip()
    return f"{limit['name']} = {value} is {limit['status']} {end}: {limit['meaning']}"


def _axis(name: str, axis: dict[str, Any]) -> str:
    return f"{name} {axis['points']} points to {axis['to']:.4g} {axis['unit']}".strip()


def _title(curve: dict[str, Any]) -> str:
    place = f" at {curve['position']:g} {curve['position_unit']}" if "position" in curve else ""
    return f"{curve['name']}{place} ({curve['unit'] or '1'})"


def _round(value: float) -> str:
    return f"{0.0 if abs(value) < NOTHING else value:.6g}"


def _number(value: float) -> str:
    value = 0.0 if abs(value) < NOTHING else value
    return f"{value:.6f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.5e}"
