"""`labwright simulate`: one run of the solver, with its balances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, Set, emit, finish, pairs, progress, settings, stderr, stdout
from agent.runs import RunRecord, RunStore, run_id

SHOWN_ROWS = 12


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
    for output in result["outputs"]:
        if output.get("kind") == "field":
            size = " x ".join(f"{axis['points']} {name}" for name, axis in output["axes"].items())
            span = f"{output['min']:.4g} to {output['max']:.4g} {output['unit']}".strip()
            stdout.print(f"{output['name']}: field of {len(output['time'])} times, {size}, from {span}")
        elif "values" in output:
            _show_curve(output)
        else:
            stdout.print(f"{output['name']} = {output['value']:.6g} {output['unit']}")
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


def _show_curve(output: dict[str, Any]) -> None:
    place = f" at {output['position']:g} {output['position_unit']}" if "position" in output else ""
    table = Table(
        f"time ({output['time_unit'] or '1'})", f"{output['name']}{place} ({output['unit'] or '1'})", box=None
    )
    stride = max(1, len(output["values"]) // SHOWN_ROWS)
    for time, value in list(zip(output["time"], output["values"], strict=True))[::stride]:
        table.add_row(f"{time:.4g}", f"{value:.6f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.5e}")
    stdout.print(table)
    if "error" in output:
        stdout.print(f"estimated numerical error: {output['error']:.1e}")
