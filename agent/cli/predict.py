"""`labwright predict`: the surrogate with its interval, or the solver where the surrogate should not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agent.cli.common import Json, Set, conclude, pairs, progress, settings, stdout
from agent.runs import run_id

SHOWN_ROWS = 12


def predict(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    given: Set = None,
    level: Annotated[
        float, typer.Option(help="Probability with which an interval holds the whole of an output.")
    ] = 0.9,
    budget: Annotated[
        float | None, typer.Option(help="Relative half-width that you accept, 0.01; the solver answers beyond.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A folder of weights, from 'surrogate curves'; those that ship if left out.")
    ] = None,
    as_object: Json = False,
) -> None:
    """Predict one run in milliseconds, with intervals; the solver answers where the surrogate cannot be trusted."""
    from tools.predict import predict as run_tool  # brings PyTorch, which --help need not wait for
    from tools.predictions import Tally

    values = pairs(given)
    config = settings()
    identifier = run_id("predict")
    with progress(f"predicting {experiment}"):
        evidence = run_tool(
            experiment, values, level=level, budget=budget, run=identifier, device=config.device,
            folder=weights, tally=Tally(config.predictions_path),
        )  # fmt: skip
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {"experiment": experiment, "settings": values, "level": level, "budget": budget}
    conclude("predict", "run", inputs, result, _show, as_object=as_object, estimated=False, trace=evidence.trace)


def _show(result: dict[str, Any]) -> None:
    told = f"{result['level']:.0%} intervals" if result["source"] == "surrogate" else "with its numerical error"
    stdout.print(f"source: {result['source']}, {told}", markup=False)
    if result["reason"]:
        stdout.print(f"not the surrogate: {result['reason']}", markup=False)
    stdout.print()
    numbers = [row for row in result["outputs"] if "value" in row]
    if numbers:
        table = Table("number", "value", "lower", "upper", "unit", "meaning", box=None)
        for row in numbers:
            ends = [_shown(row[key]) if key in row else "" for key in ("lower", "upper")]
            table.add_row(row["name"], _shown(row["value"]), *ends, row["unit"], escape(row["meaning"]))
        stdout.print(table)
        stdout.print()
    curves = [row for row in result["outputs"] if "values" in row and "lower" in row]
    for curve in curves[:1]:
        table = Table(f"time ({curve['time_unit'] or '1'})", f"{curve['name']} ({curve['unit'] or '1'})", "lower",
                      "upper", box=None)  # fmt: skip
        stride = max(1, len(curve["time"]) // SHOWN_ROWS)
        for k in range(0, len(curve["time"]), stride):
            table.add_row(f"{curve['time'][k]:.4g}", *(_shown(curve[key][k]) for key in ("values", "lower", "upper")))
        stdout.print(table)
        stdout.print()
    stdout.print(f"run {result['run']}", markup=False)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
