"""`labwright runs`: past runs."""

from __future__ import annotations

from rich.table import Table

from agent.cli.common import Json, emit, settings, stdout
from agent.runs import RunStore


def runs(as_object: Json = False) -> None:
    """List past runs, the latest first."""
    store = RunStore(settings().runs_path)
    found = [
        {
            "run": record.id,
            "kind": record.kind,
            "started": record.started.isoformat(timespec="seconds"),
            "status": record.result.get("status"),
            "thread": record.thread,
        }
        for record in store.all()
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
