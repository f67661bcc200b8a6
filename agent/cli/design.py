"""`labwright design`: the most informative settings within the limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, Set, emit, finish, pairs, progress, settings, stderr, stdout
from agent.errors import BadRequest
from agent.runs import RunRecord, RunStore, run_id

SHOWN = 8  # points of the trade-off
Surrogate = Annotated[
    bool | None,
    typer.Option(
        "--surrogate/--no-surrogate",
        help="Let the surrogate leave out candidates that are far behind; LABWRIGHT_SURROGATE if left out.",
    ),
]


def design(
    experiment: Annotated[str, typer.Argument(help="The experiment, for example column.")],
    given: Set = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=A..B",
            help="A range to choose from ('velocity=1..5 cm/h', 'input=step,pulse') or a bound ('duration<=8 h', "
            "'samples<=20', 'interval>=10 min', 'material<=200 mL', 'peclet>=10').",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="NAME=PRECISION", help="'dispersion=5%', or 'information=most'."),
    ] = None,
    vary: Annotated[
        list[str] | None, typer.Option("--vary", metavar="NAME=A..B", help="The same as a --limit on a setting.")
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="At most so many samples.")] = None,
    duration: Annotated[str | None, typer.Option(help="At most so long, for example '8 h'.")] = None,
    noise: Annotated[str | None, typer.Option(help="Standard deviation of a reading, for example 0.01 or 1%.")] = None,
    spread: Annotated[
        list[str] | None,
        typer.Option("--spread", metavar="NAME=X", help="How well a value is known beforehand; 0 for certain."),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="RUN", help="A calibration: its result is what is known so far.")
    ] = None,
    rival: Annotated[
        list[str] | None,
        typer.Option(
            "--rival",
            metavar="NAME=VALUE, ...",
            help="With --target models=5%: another model, by what it sets besides ('mobile_fraction=0.7, exchange=1').",
        ),
    ] = None,
    even: Annotated[bool, typer.Option("--even", help="The instrument records at even times only.")] = False,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.9,
    surrogate: Surrogate = None,
    as_object: Json = False,
) -> None:
    """Find the settings and times that tell most, inside every limit."""
    values, config, identifier = pairs(given), settings(), run_id("design")
    allowed = config.surrogate if surrogate is None else surrogate
    limits = [*(limit or []), *(vary or [])]
    limits += [f"samples<={samples}"] if samples is not None else []
    limits += [f"duration<={duration}"] if duration is not None else []
    targets = _pairs("--target", target, "dispersion=5%")
    spreads = _pairs("--spread", spread, "velocity=2%")
    calibration = _calibration(after, experiment)
    with progress(f"designing {experiment}") as tell:
        from tools.optimise import optimise_run  # brings PyTorch
        from tools.predictions import Tally

        evidence = optimise_run(
            experiment, values, limits, targets,
            noise=noise, spreads=spreads, level=level, after=calibration, even=even,
            rivals=rival or [], run=identifier, device=config.device, surrogate=allowed,
            tally=Tally(config.predictions_path), progress=lambda share, what: tell(what),
        )  # fmt: skip
    result: dict[str, Any] = {**evidence.data, "run": identifier, "seconds": evidence.seconds}
    result["facts"] = [fact.model_dump() for fact in evidence.facts]
    inputs = {
        "experiment": experiment, "settings": values, "limits": limits, "targets": targets, "noise": noise,
        "spreads": spreads, "after": after, "rivals": rival, "even": even, "level": level, "surrogate": allowed,
    }  # fmt: skip
    RunStore(config.runs_path).save(RunRecord(id=identifier, kind="design", inputs=inputs, result=result))
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)
    if result["status"] != "recommended":
        stderr.print(f"labwright: withheld: {result['reason']}", markup=False, soft_wrap=True)
        finish(WITHHELD)


def _pairs(option: str, items: list[str] | None, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items or ():
        name, sign, value = item.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise BadRequest(f"{option} {item!r} is not NAME=VALUE; write for example {option} {example}")
        if name.strip() in found:
            raise BadRequest(f"{option} {name.strip()} is given twice")
        found[name.strip()] = value.strip()
    return found


def _calibration(run: str | None, experiment: str) -> dict[str, Any] | None:
    """Return the result of the calibration that the design follows."""
    if run is None:
        return None
    record = RunStore(settings().runs_path).load(run)
    if record.kind != "calibrate":
        raise BadRequest(f"--after {run}: that run is a {record.kind}, not a calibration")
    if record.inputs.get("experiment") != experiment:
        raise BadRequest(
            f"--after {run}: that calibration is of {record.inputs.get('experiment')}, not of {experiment}"
        )
    return record.result


def _show(result: dict[str, Any]) -> None:
    table = Table("setting", "value", "unit", box=None)
    for row in result["settings"]:
        table.add_row(
            row["name"], f"{row['value']:.5g}" if isinstance(row["value"], float) else row["value"], row["unit"]
        )
    stdout.print(table)
    unit = result["duration"]["unit"]
    times = ", ".join(f"{row['value']:.5g}" for row in result["schedule"])
    stdout.print(f"\nmeasure at ({unit or 'no unit'}): {times}\n", markup=False)
    expected = Table("expected", "before", "after", "wanted", box=None)
    for row in result["predictions"]:
        if row["unit"] != "":
            continue
        wanted = "" if row["wanted"] is None else f"{100 * row['wanted']:.3g} %"
        expected.add_row(row["name"], f"± {100 * row['before']:.3g} %", f"± {100 * row['value']:.3g} %", wanted)
    stdout.print(expected)
    curve = Table("half-width", "time", "samples", "material", box=None)
    points, least = [], float("inf")
    for point in (
        each for each in result["trade_off"] if "precision" in each
    ):  # by duration: those that a shorter run does not beat
        if point["precision"] < least:
            points.append(point)
            least = point["precision"]
    step = max(-(-len(points) // SHOWN), 1)
    for point in [*points[:-1][::step], *points[-1:]]:
        used = point["material"]
        curve.add_row(
            f"± {100 * point['precision']:.3g} %",
            f"{point['duration']['value']:.4g} {unit}",
            str(point["samples"]),
            "" if used is None else f"{used['value']:.4g} {used['unit']}",
        )
    if points:
        stdout.print("\ntrade-off")
        stdout.print(curve)
    stdout.print(result["text"], markup=False)
    for note in result["assumptions"]:
        stdout.print(f"assumed: {note}", markup=False)
    search = result.get("search", {})
    if search.get("foretold"):
        count = search["foretold"] + search["solved"]
        told = f"{search['foretold']} of {count} candidates were left to the surrogate ({search['saved']:.2g} s saved)"
        stdout.print(f"{told}; what is proposed is solved", markup=False)
    stdout.print(f"run {result['run']}")
