"""`labwright calibrate`: parameters from measurements, with uncertainty."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from agent.cli.common import Json, Set, conclude, pairs, progress, settings, stdout
from agent.errors import BadRequest
from agent.runs import run_id

Names = list[str] | None
SHOWN_ROWS = 12


def calibrate(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    data: Annotated[
        list[Path],
        typer.Argument(help="CSV files: time_h (or _s, _ms, _min, _d, _pv) and the experiment's curve."),
    ],
    given: Set = None,
    fit: Annotated[Names, typer.Option("--fit", metavar="NAME ...", help="A parameter to find.")] = None,
    separate: Annotated[
        Names, typer.Option("--separate", metavar="NAME ...", help="A parameter with a value for each file.")
    ] = None,
    nuisance: Annotated[
        Names,
        typer.Option("--nuisance", metavar="KIND ...", help="What the instrument adds: baseline, gain, drift, delay."),
    ] = None,
    noise: Annotated[
        str, typer.Option(help="Of a reading: '0.5 %', 0.005, one value a file, estimate, or separate.")
    ] = "estimate",
    loss: Annotated[str, typer.Option(help="squares; or huber or student where readings may be outliers.")] = "squares",
    prior: Annotated[
        Names, typer.Option("--prior", metavar="NAME=VALUE +- SPREAD", help="What is known beforehand.")
    ] = None,
    bound: Annotated[Names, typer.Option("--bound", metavar="NAME=A..B", help="Where to search.")] = None,
    starts: Annotated[int, typer.Option(min=1, max=64, help="Starting points of the search.")] = 1,
    tolerance: Annotated[
        float | None, typer.Option(help="Of the solver, absolute; chosen by the noise if left out.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A richer model: two-region, loss, or names of parameters.")
    ] = None,
    predict: Annotated[
        Names, typer.Option("--predict", metavar="NAME=VALUE", help="Predict a run with this changed; may be repeated.")
    ] = None,
    predict_times: Annotated[str | None, typer.Option(help="Times of the prediction, '1 h, 2 h'.")] = None,
    predict_data: Annotated[Path | None, typer.Option(help="A curve measured there, to compare with.")] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    as_object: Json = False,
) -> None:
    """Fit parameters to measured curves.

    With several files a setting may list one value for each, --set length='11 cm, 17 cm', or be meant for one,
    --set a.csv:length='11 cm'. Parameters are shared by the files unless --separate names them.
    """
    values, names = pairs(given), fit or []
    chosen: dict[str, Any] = {
        "separate": separate or [],
        "nuisance": nuisance or [],
        "noise": noise,
        "loss": loss,
        "priors": prior or [],
        "bounds": bound or [],
        "starts": starts,
        "tolerance": tolerance,
        "compare": compare,
        "predict": pairs(predict, option="--predict"),
        "predict_times": predict_times,
        "predict_data": predict_data,
    }
    settings()  # a wrong variable is told before the work
    identifier = run_id("calibrate")
    files = ", ".join(str(path) for path in data)
    with progress(f"reading {files} and fitting {', '.join(names)}"):
        from tools.calibrate import Options
        from tools.calibrate import calibrate as run_tool  # brings PyTorch

        try:
            options = Options(**chosen)
        except ValidationError as error:
            first = error.errors()[0]
            raise BadRequest(f"--{first['loc'][0]} {first['input']!r}: {first['msg']}") from error
        evidence = run_tool(experiment, data, values, names, options=options, level=level, run=identifier)
        result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    inputs = {
        "experiment": experiment,
        "data": str(data[0]) if len(data) == 1 else [str(path) for path in data],
        "settings": values,
        "fit": names,
        "level": level,
        "options": options.model_dump(mode="json", exclude_defaults=True),
    }
    conclude("calibrate", "fit", inputs, result, show, as_object=as_object)


def show(result: dict[str, Any]) -> None:
    """Print a calibration: parameters, files, what was compared and predicted, and every warning."""
    _show_parameters(result)
    told = f"SSE {result['sse']:.4g}, RMSE {result['rmse']:.3g}, {result['n']} points: {result['message']}"
    stdout.print(told, markup=False)
    if "posterior" in result:
        level = 100 * result["parameters"][0]["level"]
        stdout.print(f"{level:g} % intervals: {result['posterior']['words']}", markup=False)
    if len(result["sets"]) > 1:
        _show_sets(result["sets"])
    if result.get("comparison"):
        _show_comparison(result["comparison"])
    if result.get("prediction"):
        _show_prediction(result["prediction"])
    for warning in result["warnings"]:
        stdout.print(f"note: {warning}", markup=False)
    stdout.print(f"run {result['run']}; for a page with figures: labwright report {result['run']}", markup=False)


def _show_parameters(result: dict[str, Any]) -> None:
    table = Table("parameter", "value", "standard deviation", "interval", "unit", box=None)
    for row in result["parameters"]:
        known = row["std"] is not None
        table.add_row(
            row["name"].replace("[", r"\["),
            f"{row['value']:.5g}",
            f"{row['std']:.2g}" if known else "not determined",
            _interval(row),
            row["unit"],
        )
    stdout.print(table)


def _interval(row: dict[str, Any]) -> str:
    if row["std"] is None and row["upper"] is None:
        return ""
    if row["lower"] is None:
        return f"up to {row['upper']:.5g}" if row["upper"] is not None else ""
    return f"{row['lower']:.5g} to {row['upper']:.5g}" if row["upper"] is not None else f"from {row['lower']:.5g}"


def _show_sets(sets: list[dict[str, Any]]) -> None:
    table = Table("file", "points", "SSE", "RMSE", "noise of a reading", box=None)
    for row in sets:
        table.add_row(
            row["name"].replace("[", r"\["),
            str(row["n"]),
            f"{row['sse']:.4g}",
            f"{row['rmse']:.3g}",
            f"{row['noise']:.2g}",
        )
    stdout.print(table)


def _show_comparison(comparison: dict[str, Any]) -> None:
    table = Table("model", "parameters", "SSE", "AICc", "BIC", box=None)
    for row in comparison["models"]:
        table.add_row(row["name"], ", ".join(row["parameters"]), *(f"{row[key]:.4g}" for key in ("sse", "aicc", "bic")))
    stdout.print(table)
    stdout.print(comparison["verdict"], markup=False)


def _show_prediction(prediction: dict[str, Any]) -> None:
    changed = ", ".join(f"{name} = {text}" for name, text in prediction["settings"].items())
    stdout.print(f"\nprediction for {changed}", markup=False)
    table = Table(
        f"time ({prediction['time_unit']})",
        prediction["label"],
        f"{100 * prediction['level']:g} % interval of a reading",
        box=None,
    )
    count = len(prediction["time"])
    shown = min(count, SHOWN_ROWS)
    for index in (round(k * (count - 1) / max(shown - 1, 1)) for k in range(shown)):
        low, high = prediction["lower"][index], prediction["upper"][index]
        row = (prediction["time"][index], prediction["median"][index])
        table.add_row(f"{row[0]:.4g}", f"{row[1]:.4f}", f"{low:.4f} to {high:.4f}")
    stdout.print(table)
    if "coverage" in prediction:
        stdout.print(prediction["coverage"]["words"], markup=False)
