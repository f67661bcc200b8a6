"""`labwright model`: fetch the embedded language model once."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.common import WITHHELD, Json, emit, finish, progress, settings, stdout
from agent.model.face import ModelUnavailable
from agent.model.fetch import TIERS, fetch

app = typer.Typer(help="The embedded language model.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The embedded language model."""


@app.command("fetch")
def fetch_model(
    tier: Annotated[str | None, typer.Option(help=f"One of {', '.join(TIERS)}.")] = None, as_object: Json = False
) -> None:
    """Bring the model file into the cache outside the checkout; checked by its hash, resumed when it broke off."""
    config = settings()
    wanted = tier or (config.model if config.model in TIERS else None)
    if wanted is None:
        emit({"status": "done", "model": config.model}, as_object=as_object)
        return
    try:
        with progress(f"looking for {wanted}") as notify:
            path = fetch(wanted, progress=lambda sentence, share: notify(f"{sentence} ({share:.0%})"))
    except ModelUnavailable as error:
        emit({"status": "withheld", "reason": str(error)}, as_object=as_object)
        stdout.print(str(error), markup=False) if not as_object else None
        finish(WITHHELD)
    emit({"status": "done", "model": TIERS[wanted].name, "path": str(path)}, as_object=as_object)
    if not as_object:
        stdout.print(f"{TIERS[wanted].name}: {path}", markup=False, soft_wrap=True)
