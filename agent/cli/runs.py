"""`labwright runs`: past runs, all of them or those like one that is described or shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout
from agent.errors import BadRequest
from agent.runs import RunStore

_RUN = re.compile(r"\d{8}-\d{6}(-\w+)*")
_FILE = re.compile(r".*\.(csv|h5|hdf5)", re.IGNORECASE)
_LONGEST_PATH = 250


def runs(
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="TEXT|RUN|FILE", help="Words, a past run, or a file (CSV, HDF5) to be like."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="FILE", help="Beside words: a curve or a field to be like.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many to show; 10 of those that are alike.")] = None,
    as_object: Json = False,
) -> None:
    """List past runs, the latest first; or with --like or --trace those that were like it, the likest first."""
    store = RunStore(settings().runs_path)
    if like is not None or trace is not None:
        _search(store, like, trace, limit, as_object)
        return
    found = [
        {
            "run": record.id,
            "kind": record.kind,
            "started": record.started.isoformat(timespec="seconds"),
            "status": record.result.get("status"),
            "thread": record.thread,
        }
        for record in store.all()[:limit]
    ]
    emit({"runs": found}, as_object=as_object)
    if as_object:
        return
    if not found:
        stdout.print(f"no runs under {store.path} yet")
        return
    table = Table("run", "kind", "started", "status", "thread", box=None)
    for row in found:
        table.add_row(*(str(row[key] or "") for key in ("run", "kind", "started", "status", "thread")))
    stdout.print(table)


def _search(store: RunStore, like: str | None, trace: Path | None, limit: int | None, as_object: bool) -> None:
    """Show the runs that are like what is described or shown."""
    asked = _asked(store, like, trace)
    config = settings()
    with progress("searching past runs") as notify:
        from tools.similar import LIMIT, similar  # brings PyTorch, which a plain list need not wait for

        found = similar(store, config.home, limit=limit or LIMIT, wait=config.index_wait, notify=notify, **asked)
    emit({"like": like, "trace": None if trace is None else str(trace), "runs": found}, as_object=as_object)
    if as_object:
        return
    if not found:
        stdout.print(f"no runs under {store.path} to compare with yet")
        return
    table = Table("run", "kind", "experiment", "score", "matched", "text", "trace", box=None)
    for row in found:
        numbers = ("" if row[key] is None else f"{row[key]:.3f}" for key in ("text", "trace"))
        table.add_row(row["run"], row["kind"], row["experiment"], f"{row['score']:.3f}", row["matched"], *numbers)
    stdout.print(table)


def _asked(store: RunStore, like: str | None, trace: Path | None) -> dict[str, Any]:
    """Return what is looked for: words, a past run or a file; what is named like a file or a run is one.

    Raises:
        BadRequest: it is empty, or two files are given.
        NotFound: there is no such run.
    """
    asked: dict[str, Any] = {} if trace is None else {"file": trace}
    if like is None:
        return asked
    if not like.strip():
        raise BadRequest("--like is empty; give words, a past run or a file")
    named = _FILE.fullmatch(like.strip()) and len(like.split()) == 1
    if named or (len(like) < _LONGEST_PATH and Path(like).is_file()):
        if trace is not None:
            raise BadRequest("--like and --trace are both files; give words or a past run with --like")
        return {"file": Path(like)}
    if _RUN.fullmatch(like.strip()):
        return asked | {"run": store.load(like.strip()).id}
    return asked | {"text": like}
