"""`labwright simulate`: one run of the solver, with its balances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, Set, emit, finish, pairs, progress, settings, stdout
from agent.runs import RunRecord, RunStore, run_id

SHOWN_ROWS = 12


def simulate(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    given: Set = None,
    tolerance: Annotated[float | None, typer.Option(help="Absolute error to stay below.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the outputs to this HDF5 file.")] = None,
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
        evidence = run_tool(experiment, values, run=identifier, tolerance=tolerance, device=config.device)
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {"experiment": experiment, "settings": values, "tolerance": tolerance}
    RunStore(config.runs_path).save(RunRecord(id=identifier, kind="simulate", inputs=inputs, result=result))
    if out is not None:
        from tools.write_hdf5 import write_hdf5  # brings h5py

        write_hdf5(out, result, {"experiment": experiment, "run": identifier, **values})
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)
    if any(balance["status"] == "fail" for balance in result["balances"]):
        finish(WITHHELD)


def _show(result: dict[str, Any]) -> None:
    for output in result["outputs"]:
        if "values" not in output:
            stdout.print(f"{output['name']} = {output['value']:.6g} {output['unit']}")
            continue
        table = Table(f"time ({output['time_unit']})", f"{output['name']} ({output['unit'] or '1'})", box=None)
        stride = max(1, len(output["values"]) // SHOWN_ROWS)
        for time, value in list(zip(output["time"], output["values"], strict=True))[::stride]:
            table.add_row(f"{time:.4g}", f"{value:.6f}")
        stdout.print(table)
        if "error" in output:
            stdout.print(f"estimated numerical error: {output['error']:.1e}")
    for balance in result["balances"]:
        share = abs(balance["residual"]) / balance["scale"] if balance["scale"] else 0.0
        stdout.print(f"{balance['name']} balance: {balance['status']} (residual {share:.1e} of the amount applied)")
    stdout.print(f"run {result['run']}")
