"""`labwright surrogate`: the data that the surrogate learns from, its training, its intervals and its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli import surrogate_calibrate, surrogate_curves, surrogate_encoder, surrogate_predict, surrogate_train
from agent.cli.common import Json, emit, progress, settings, stdout
from tools.surrogate.splits import SPLITS

app = typer.Typer(help="The surrogate: make its data, train it, calibrate it, ask it.", no_args_is_help=True)


@app.callback()
def surrogate() -> None:
    """The surrogate: make its data, train it, calibrate it, ask it."""


app.command("curves")(surrogate_curves.curves)
app.command("speed")(surrogate_curves.speed)
app.command("train")(surrogate_train.train)
app.command("encoder")(surrogate_encoder.encoder)
app.command("calibrate")(surrogate_calibrate.calibrate)
app.command("predict")(surrogate_predict.predict)


@app.command("data")
def data(
    regimes: Annotated[list[str] | None, typer.Argument(help="Which; all of them if none is named.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; LABWRIGHT_HOME/surrogate/data if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="For everything drawn; LABWRIGHT_SEED if left out.")] = None,
    train: Annotated[int, typer.Option(help="Runs to learn from.")] = SPLITS["train"],
    valid: Annotated[int, typer.Option(help="Runs to choose by.")] = SPLITS["valid"],
    test: Annotated[int, typer.Option(help="Runs to report.")] = SPLITS["test"],
    calibration: Annotated[int, typer.Option(help="Runs that set the intervals.")] = SPLITS["calibration"],
    coverage: Annotated[int, typer.Option(help="Runs that check the intervals.")] = SPLITS["coverage"],
    beyond: Annotated[int, typer.Option(help="Runs outside the ranges.")] = SPLITS["beyond"],
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Solve on this Ray cluster; 'local' starts one here.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make what is there too.")] = False,
    as_object: Json = False,
) -> None:
    """Solve runs of the regimes and write them in The Well's layout, with a card; what is there is kept."""
    from tools.surrogate.data import make_data  # brings PyTorch, which --help need not wait for

    counts = {"train": train, "valid": valid, "test": test, "calibration": calibration, "coverage": coverage}
    given = settings()
    folder = out or given.home / "surrogate" / "data"
    with progress("looking what is there") as notify:
        result = make_data(
            regimes or [],
            folder,
            seed=given.seed if seed is None else seed,
            counts=counts | {"beyond": beyond},
            ray=ray,
            again=again,
            progress=notify,
        )
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    table = Table("regime", "split", "runs", "took", "MB", "", box=None)
    for row in result["regimes"]:
        for split, told in row["card"]["splits"].items():
            took = f"{told['seconds']:.0f} s" if "seconds" in told else ""
            size = f"{told['bytes'] / 1e6:.1f}" if "bytes" in told else ""
            kept = "kept" if split in row["kept"] else ""
            table.add_row(row["regime"], split, str(told["runs"]), took, size, kept)
    stdout.print(table)
    stdout.print(f"in {result['out']}", markup=False)
