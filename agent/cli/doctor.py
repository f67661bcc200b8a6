"""`labwright doctor`: what is installed and in use, and what to do about what is missing."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from rich.table import Table

from agent.cli.common import Json, emit, progress, settings, stdout
from agent.model.fetch import TIERS, cached
from agent.settings import Settings

PACKAGES = ("labwright", "torch", "numba", "langgraph", "llama-index-core", "sentence-transformers", "qdrant-edge-py")


def doctor(as_object: Json = False) -> None:
    """Say what is installed, which model, device and index are in use, and what is missing."""
    config = settings()
    with progress("looking around"):
        rows = [_python(), *_packages(), _device(config), _model(config), _corpus(config), _home(config)]
    worst = "attention" if any(row["status"] == "attention" for row in rows) else "fine"
    emit({"status": worst, "items": rows}, as_object=as_object)
    if as_object:
        return
    table = Table("what", "status", "found", "what to do", box=None)
    for row in rows:
        table.add_row(row["name"], row["status"], row["found"], row.get("advice", ""))
    stdout.print(table)


def _row(name: str, found: str, advice: str = "") -> dict[str, Any]:
    return {"name": name, "status": "attention" if advice else "fine", "found": found, "advice": advice}


def _python() -> dict[str, Any]:
    return _row("python", f"{platform.python_version()} on {os.cpu_count()} cores, {sys.platform}")


def _packages() -> list[dict[str, Any]]:
    rows = []
    for name in PACKAGES:
        try:
            rows.append(_row(name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            rows.append(_row(name, "missing", "run make setup"))
    return rows


def _device(config: Settings) -> dict[str, Any]:
    from tools.device import describe_device

    return _row("device", *describe_device(config.device))


def _model(config: Settings) -> dict[str, Any]:
    if config.model_url:
        return _row("language model", f"server at {config.model_url}")
    if config.model in TIERS:
        path = cached(TIERS[config.model])
        if path is None:
            return _row("language model", f"{TIERS[config.model].name} is not here yet", "run labwright model fetch")
        return _row("language model", f"{TIERS[config.model].name} at {path}")
    return _row("language model", config.model)


def _corpus(config: Settings) -> dict[str, Any]:
    from agent.build import corpus
    from tools.errors import Failed

    trusted = corpus(config, lambda message: None)
    where = config.qdrant_url or str(config.index_path)
    try:
        listing = trusted.listing()
        built = trusted.build()
    except Failed as error:
        return _row("corpus", where, str(error))
    finally:
        trusted.close()
    count = f"{len(listing['documents'])} trusted documents, index at {where}{' (just built)' if built else ''}"
    refused = "; ".join(f"{row['id']}: {row['reason']}" for row in listing["rejected"])
    return _row("corpus", count, f"not served: {refused}" if refused else "")


def _home(config: Settings) -> dict[str, Any]:
    target = config.home if config.home.exists() else config.home.absolute().parent
    if not os.access(target, os.W_OK):
        return _row("state", str(config.home), f"{target} is not writable; set LABWRIGHT_HOME")
    return _row("state", str(config.home.absolute()))
