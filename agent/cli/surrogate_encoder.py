"""`labwright surrogate encoder`: train the encoder by which past runs are found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout


def encoder(
    data: Annotated[
        Path | None, typer.Option(help="The folder of 'surrogate data'; LABWRIGHT_HOME/surrogate/data if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file of weights; LABWRIGHT_HOME/surrogate/encoder.safetensors if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For everything drawn; LABWRIGHT_SEED if left out.")] = None,
    minutes: Annotated[float, typer.Option(help="Of processor time, at most.")] = 9.0,
    steps: Annotated[int, typer.Option(help="Of the optimiser, at most.")] = 900,
    as_object: Json = False,
) -> None:
    """Train the encoder of fields and curves by which 'labwright runs --like' finds runs that looked alike."""
    from tools.surrogate.encoder import train_encoder  # brings PyTorch, which --help need not wait for

    given = settings()
    with progress("training the encoder") as notify:
        result = train_encoder(
            data or given.home / "surrogate" / "data",
            out or given.home / "surrogate" / "encoder.safetensors",
            seed=given.seed if seed is None else seed,
            minutes=minutes,
            steps=steps,
            progress=notify,
        )
    emit(result, as_object=as_object)
    if as_object:
        return
    judged = result["same_set_first"]
    table = Table("set", "runs learned from", *judged, box=None)
    for name, count in result["learned_from"].items():
        table.add_row(name, str(count), *(f"{shares[name]:.0%}" for shares in judged.values()))
    stdout.print(table)
    took = f"{result['processor_minutes']:.1f} minutes of a processor"
    stdout.print(f"written to {result['file']} ({result['bytes'] / 1000:.0f} kB), {took}", markup=False)
