"""`labwright report`: a run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import Json, emit, progress, settings, stderr, stdout
from agent.errors import BadRequest
from agent.runs import RunStore, write_whole


def report(
    run: Annotated[str, typer.Argument(help="The run's id, or the beginning of it.")],
    form: Annotated[str, typer.Option("--format", help="html or md")] = "html",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file; RUN.html if left out.")] = None,
    as_object: Json = False,
) -> None:
    """Write a report of a past run: figures, checks, citations."""
    record = RunStore(settings().runs_path).load(run)
    with progress("drawing the report"):
        from agent.report.document import write  # brings matplotlib

        text = write(record, form)
    target = output or Path(f"{record.id}.{form}")
    if target.is_dir():
        raise BadRequest(f"-o {target} is a folder; name a file in it")
    try:
        write_whole(target, text)
    except OSError as error:
        raise BadRequest(f"-o {target} cannot be written: {error.strerror}") from error
    emit({"status": "done", "run": record.id, "file": str(target), "format": form}, as_object=as_object)
    if not as_object:
        stdout.print(f"wrote {target}")
        stderr.print("open it in a browser; it needs no other file" if form == "html" else "")
