"""`labwright surrogate predict`: how fields go on, by the surrogate with bands or by the solver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, Set, conclude, pairs, progress, settings, stdout
from agent.runs import run_id

SHOWN_ROWS = 12


def predict(
    regime: Annotated[str, typer.Argument(help="The regime, for example burgers.")],
    start: Annotated[Path, typer.Argument(metavar="START.hdf5", help="First frames of runs, in The Well's layout.")],
    frames: Annotated[int | None, typer.Option(help="How many more; as many as were learned if left out.")] = None,
    given: Set = None,
    level: Annotated[float, typer.Option(help="Probability with which a band holds the whole of a run.")] = 0.9,
    budget: Annotated[
        float | None, typer.Option(help="Half-width over the channel's deviation; the solver answers beyond.")
    ] = None,
    although_slower: Annotated[
        bool, typer.Option("--although-slower", help="The surrogate answers where the solver is as fast, too.")
    ] = False,
    residual: Annotated[
        bool, typer.Option("--residual", help="Compare two frames of each run with an interval of the solver.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the frames with their bands.")] = None,
    weights: Annotated[Path | None, typer.Option(help="The file of weights; those that ship if left out.")] = None,
    as_object: Json = False,
) -> None:
    """Predict how runs go on from their first frames; the solver answers where the surrogate cannot be trusted."""
    from tools.predictions import Tally
    from tools.surrogate.predict_fields import predict_fields  # brings PyTorch, which --help need not wait for

    values, config, identifier = pairs(given), settings(), run_id("predict")
    with progress("reading the frames") as notify:
        evidence = predict_fields(
            regime, start, frames=frames, settings=values, level=level, budget=budget,
            although_slower=although_slower, residual=residual, out=out, weights=weights, run=identifier,
            tally=Tally(config.predictions_path), progress=notify,
        )  # fmt: skip
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {"regime": regime, "start": str(start), "frames": frames, "settings": values, "level": level,
              "budget": budget}  # fmt: skip
    conclude("predict", "run", inputs, result, _show, as_object=as_object, estimated=False)


def _show(result: dict[str, Any]) -> None:
    table = Table("run", "source", "VRMSE at most", "reason", box=None)
    for row in result["runs"][:SHOWN_ROWS]:
        most = f"{max(row['vrmse_at_most']):.2g}" if row["vrmse_at_most"] else ""
        table.add_row(str(row["run"]), row["source"], most, row["reason"])
    stdout.print(table)
    if len(result["runs"]) > SHOWN_ROWS:
        stdout.print(f"and {len(result['runs']) - SHOWN_ROWS} others; --json has them")
    stdout.print()
    last = Table("channel of run 0 at the end", "mean", "least", "most", "half-width", box=None)
    for row in result["runs"][0]["outputs"]:
        numbers = (f"{row[name][-1]:.5g}" for name in ("mean", "least", "most", "half_width"))
        last.add_row(f"{row['name']} ({row['unit'] or '1'})", *numbers)
    stdout.print(last)
    stdout.print()
    if result["file"]:
        stdout.print(f"{len(result['runs'])} runs of {len(result['times'])} frames in {result['file']}", markup=False)
    stdout.print(f"run {result['run']}", markup=False)
