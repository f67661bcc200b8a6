"""`labwright assimilate`: state and parameters of a partly observed run, from a few sensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, Set, conclude, pairs, progress, settings, stdout
from agent.errors import BadRequest
from agent.runs import run_id

Names = list[str] | None
SHOWN_SENSORS = 24


def assimilate(
    experiment: Annotated[str, typer.Argument(help="convection, gray_scott or column.")],
    data: Annotated[
        Path,
        typer.Argument(help="CSV, one reading a row: time,x,z,temperature or time,x,y,b; a column's outlet curve."),
    ],
    given: Set = None,
    fit: Annotated[Names, typer.Option("--fit", metavar="NAME ...", help="A parameter to find.")] = None,
    prior: Annotated[
        Names,
        typer.Option(
            "--prior",
            metavar="NAME=VALUE +- SPREAD",
            help="What is known beforehand, 'rayleigh=1e5 +- 30 %'; of a column also 'profile=0.5 +- 0.3 over 5 cm'.",
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="variational, ensemble or both.")] = "both",
    noise: Annotated[str | None, typer.Option(help="Standard deviation of a reading, 0.01 or 1%.")] = None,
    feed: Annotated[float, typer.Option(help="Of a column: the concentration that is pumped in.")] = 0.0,
    forecast: Annotated[
        str | None, typer.Option(metavar="TIME,...", help="Also tell the fields so long after the last reading.")
    ] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.9,
    out: Annotated[
        Path | None,
        typer.Option(help="Write mean and deviation of the fields to this HDF5 file, in The Well's layout."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the guesses that the search starts from.")] = 0,
    as_object: Json = False,
) -> None:
    """Find the fields that no sensor sees, and parameters, from what a few sensors read."""
    values, names, identifier = pairs(given), fit or [], run_id("assimilate")
    settings()  # a wrong variable is told before the work
    later = _times(forecast)
    with progress(f"assimilating {data}") as tell:
        from tools.assimilate import assimilate as run_tool  # brings PyTorch

        evidence = run_tool(
            experiment, data, values, names, method=method, priors=prior or [], noise=noise, feed=feed,
            forecast=later, level=level, out=out, run=identifier, seed=seed, progress=tell,
        )  # fmt: skip
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {
        "experiment": experiment, "data": str(data), "settings": values, "fit": names, "priors": prior or [],
        "method": method, "noise": noise, "forecast": later, "level": level, "seed": seed,
    }  # fmt: skip
    conclude("assimilate", "analysis", inputs, result, _show, as_object=as_object)


def _times(text: str | None) -> list[float]:
    try:
        return [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError as error:
        raise BadRequest(
            f"--forecast {text!r}: write numbers in the file's unit of time, for example 0.05,0.1"
        ) from error


def _show(result: dict[str, Any]) -> None:
    if result["parameters"]:
        table = Table("method", "parameter", "value", "standard deviation", "interval", "unit", box=None)
        for method in result["methods"]:
            for row in method["parameters"]:
                interval = f"{row['lower']:.5g} to {row['upper']:.5g}"
                name = (method["method"], row["name"])
                table.add_row(*name, f"{row['value']:.5g}", f"{row['std']:.2g}", interval, row["unit"])
        stdout.print(table)
    fields = Table("field", "at", "time", "root mean square", "its uncertainty", "from", "to", "unit", box=None)
    for row in result["fields"]:
        extent = (f"{row[key]:.4g}" for key in ("rms", "std", "min", "max"))
        fields.add_row(row["name"], row["at"], f"{row['time']:.4g} {row['time_unit']}", *extent, row["unit"])
    stdout.print(fields)
    sensors = Table("sensor", "reads", "residual", "mean residual", box=None)
    for row in result["sensors"][:SHOWN_SENSORS]:
        left = (f"{row[key]:.2g}" if row[key] is not None else "" for key in ("rms", "mean"))
        sensors.add_row(row["place"], str(row["n"]), *left)
    stdout.print(sensors)
    stdout.print(f"noise of a reading {result['noise']:.3g}; {result['message']}", markup=False)
    for told in result["words"]:
        stdout.print(told, markup=False)
    same = result["agreement"]
    if same is not None and same["parameters"]:
        apart = ", ".join(f"{name} {value:.2g}" for name, value in same["parameters"].items())
        stdout.print(f"the methods lie apart by, in standard deviations of both: {apart}", markup=False)
    for check in result["checks"]:
        stdout.print(f"{check['name']}: {check['status']} ({check['value']:.2g}, at most {check['limit']:.2g})")
    for warning in result["warnings"]:
        stdout.print(f"note: {warning}", markup=False)
    if result["file"]:
        stdout.print(f"written to {result['file']}", markup=False)
    stdout.print(f"run {result['run']}; for a page with figures: labwright report {result['run']}", markup=False)
