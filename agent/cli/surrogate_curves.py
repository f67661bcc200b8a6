"""`labwright surrogate curves`: train the surrogate of curves and single results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout


def curves(
    families: Annotated[list[str] | None, typer.Argument(help="Which; all of them if none is named.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for weights and cards; LABWRIGHT_HOME/surrogate/curves if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For everything drawn; LABWRIGHT_SEED if left out.")] = None,
    train: Annotated[int | None, typer.Option(help="Runs to learn from; each family's own if left out.")] = None,
    calibration: Annotated[int | None, typer.Option(help="Runs that set the intervals.")] = None,
    coverage: Annotated[int | None, typer.Option(help="Fresh runs that check them.")] = None,
    beyond: Annotated[int | None, typer.Option(help="Runs outside the ranges.")] = None,
    kind: Annotated[str, typer.Option(help="gaussian or network; the better one if left out.")] = "",
    as_object: Json = False,
) -> None:
    """Solve runs, learn their curves and numbers, calibrate intervals and judge them on fresh runs.

    Solved runs are kept under LABWRIGHT_HOME, so that a second training does not solve them again.
    """
    from tools.surrogate.curves import train_curves  # brings PyTorch, which --help need not wait for

    given = settings()
    counts = {"train": train, "calibration": calibration, "coverage": coverage, "beyond": beyond}
    with progress("training the surrogate of curves") as notify:
        result = train_curves(
            families or [],
            out or given.home / "surrogate" / "curves",
            seed=given.seed if seed is None else seed,
            counts=counts,
            kind=kind,
            runs=given.home / "surrogate" / "curve-runs",
            progress=notify,
        )
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)


def speed(
    families: Annotated[list[str] | None, typer.Argument(help="Which; all of them if none is named.")] = None,
    weights: Annotated[Path | None, typer.Option(help="A folder of weights; those that ship if left out.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write the times into the cards, by which predict decides.")
    ] = False,
    as_object: Json = False,
) -> None:
    """Time the surrogate of curves against the solver at the same error, on batches of 64, in one run."""
    from tools.surrogate.curves import time_curves

    with progress("timing") as notify:
        result = time_curves(families or [], weights, keep=keep, progress=notify)
    emit(result, as_object=as_object)
    if as_object:
        return
    table = Table("family", "error", "surrogate (us a run)", "solver (us a run)", "times faster", "answers", box=None)
    for row in result["families"]:
        numbers = (f"{row[name]:.3g}" for name in ("error", "surrogate_us", "solver_us", "ratio"))
        table.add_row(row["family"], *numbers, "surrogate" if row["answers"] else "solver")
    stdout.print(table)


def _show(result: dict[str, Any]) -> None:
    table = Table("family", "output", "error (median, most)", "half-width", "coverage", "kB", "times faster", box=None)
    for row in result["families"]:
        for name, judged in row["inside"].items():
            error = judged["error"]
            table.add_row(
                row["family"], name, f"{error['median']:.2g}, {error['most']:.2g}",
                f"{judged['half_width']['median']:.2g}", f"{judged['coverage']:.1%} of {judged['runs']}",
                f"{row['bytes'] / 1000:.0f}", f"{row['speed']['ratio']:.3g}",
            )  # fmt: skip
    stdout.print(table)
    stdout.print(f"written to {result['folder']}", markup=False)
