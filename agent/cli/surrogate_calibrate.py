"""`labwright surrogate calibrate`: set and judge the intervals of the surrogate of fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout


def calibrate(
    regimes: Annotated[list[str] | None, typer.Argument(help="Which; all that the weights know if none.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="What 'labwright surrogate data' made; LABWRIGHT_HOME/surrogate/data.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The file of weights; LABWRIGHT_HOME/surrogate/fields.safetensors.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the runs; LABWRIGHT_SEED if left out.")] = None,
    calibration: Annotated[int, typer.Option(help="Runs of a regime that set the intervals.")] = 2000,
    coverage: Annotated[int, typer.Option(help="Fresh runs that check them.")] = 2000,
    beyond: Annotated[int, typer.Option(help="Runs outside the ranges.")] = 256,
    again: Annotated[bool, typer.Option("--again", help="Calibrate anew what stands there.")] = False,
    as_object: Json = False,
) -> None:
    """Predict runs that were never seen, set the intervals by their errors, and judge them on fresh runs."""
    from tools.surrogate.calibrate_fields import calibrate_fields  # brings PyTorch, which --help need not wait for

    given = settings()
    home = given.home / "surrogate"
    with progress("reading the weights") as notify:
        result = calibrate_fields(
            regimes or [],
            data or home / "data",
            weights or home / "fields.safetensors",
            seed=given.seed if seed is None else seed,
            counts={"calibration": calibration, "coverage": coverage, "beyond": beyond},
            again=again,
            progress=notify,
        )
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    columns = ("regime", "frames", "coverage", "in norm", "half-width", "bound", "abstained", "caught beyond", "faster")
    table = Table(*columns, box=None)
    for row in result["regimes"]:
        horizons = row["inside"]["horizons"]
        for found in horizons:
            last = found is horizons[-1]
            missed = row["beyond"]["missed"]
            table.add_row(
                row["regime"] if found is horizons[0] else "", str(found["frames"]),
                f"{found['coverage']:.1%}", f"{found['norm_coverage']:.1%}",
                f"{found['half_width']['median']:.2g}", f"{found['bound']['median']:.2g}",
                f"{row['inside']['abstained']:.1%}" if last else "",
                f"{row['beyond']['caught']:.0%} of {missed}" if last else "",
                f"{row['speed']['ratio']:.3g}" if last else "",
            )  # fmt: skip
    stdout.print(table)
    stdout.print(f"{result['bytes'] / 1000:.0f} kB in {result['file']}", markup=False)
