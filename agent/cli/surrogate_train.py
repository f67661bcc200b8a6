"""`labwright surrogate train`: train the surrogate of fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout


def train(
    regimes: Annotated[list[str] | None, typer.Argument(help="Which; all of them if none is named.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="What 'labwright surrogate data' made; LABWRIGHT_HOME/surrogate/data.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file of weights; LABWRIGHT_HOME/surrogate/fields.safetensors, or well.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For weights and windows; LABWRIGHT_SEED if left out.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of the optimiser.")] = None,
    size: Annotated[
        str, typer.Option(help="full, toy to see that everything runs, or well for data sets of The Well on a GPU.")
    ] = "full",
    well: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Train on this data set of The Well instead; may be repeated."),
    ] = None,
    points: Annotated[
        str | None, typer.Option(metavar="NxM", help="Take every so many of the data set's points, to have these.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where it computes: auto, cpu, cuda, ...; LABWRIGHT_DEVICE if left out.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Begin anew instead of going on.")] = False,
    as_object: Json = False,
) -> None:
    """Train one model on the runs of all regimes, or on The Well; a training that was stopped goes on where it was."""
    from tools.surrogate.fields import chosen, train_fields  # brings PyTorch, which --help need not wait for

    given = settings()
    home, name = given.home / "surrogate", "well.safetensors" if well else "fields.safetensors"
    shape, plan = chosen(size, steps, given.seed if seed is None else seed)
    with progress("reading the runs") as notify:
        result = train_fields(
            regimes or [],
            data or home / "data",
            out or home / name,
            well=well or [],
            points=points,
            device=device or given.device,
            settings=plan,
            shape=shape,
            again=again,
            progress=notify,
        )
    emit(result, as_object=as_object)
    if not as_object:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    table = Table("regime", "runs", "VRMSE of a step", "of a rollout", box=None)
    card = result["card"]
    for name, found in card["vrmse"].items():
        table.add_row(name, str(card["runs"][name]), f"{found['step']:.4f}", f"{found['rollout']:.3f}")
    stdout.print(table)
    stdout.print(
        f"{card['parameters']} parameters, {card['processor_minutes']} minutes of the processor (device: "
        f"{card['device']}), in {result['file']}",
        markup=False,
    )
