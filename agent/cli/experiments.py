"""`labwright experiments`: what can be planned."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import Json, emit, stdout
from tools.experiments import describe, names


def experiments(
    name: Annotated[str | None, typer.Argument(help="An experiment to describe in full.")] = None,
    as_object: Json = False,
) -> None:
    """What can be planned: parameters, units, ranges, observables, balances, limits, laws.

    A Python file that defines EXPERIMENT adds one; LABWRIGHT_EXPERIMENTS names the folders of such files.
    """
    if name is None:
        found = [describe(each) for each in names()]
        emit({"experiments": found}, as_object=as_object)
        if not as_object:
            for each in found:
                stdout.print(f"{each['name']}: {each['title']}. {each['meaning']}")
        return
    description = describe(name)
    emit(description, as_object=as_object)
    if not as_object:
        _show(description)


def _show(description: dict[str, Any]) -> None:
    stdout.print(f"[bold]{description['name']}[/bold]: {description['title']}. {description['meaning']}\n")
    table = Table("parameter", "unit", "range", "default", "role", "meaning", box=None)
    for item in description["parameters"]:
        default = "" if item["default"] is None else f"{item['default']:g}"
        span = f"{item['lower']:g} to {item['upper']:g}"
        table.add_row(item["name"], item["unit"] or "1", span, default, item["role"], item["meaning"])
    for item in description["choices"]:
        table.add_row(item["name"], "", ", ".join(item["options"]), item["default"], "scheme", item["meaning"])
    stdout.print(table)
    stdout.print("\nObservables: " + "; ".join(f"{o['name']} ({o['meaning']})" for o in description["observables"]))
    stdout.print("Balances: " + ", ".join(description["balances"]))
    for item in description["limits"]:
        stdout.print(f"Limit {item['name']}: {item['meaning']}")
    for item in description["laws"]:
        stdout.print(f"Law {item['name']} ({item['kind']}): {item['meaning']}")
    if description["data"]:
        stdout.print(f"Data files: CSV with the columns time_s (or _min, _h, ...) and {description['data']}")
    if description["example"]:
        example = " ".join(f"--set {key}='{value}'" for key, value in description["example"].items())
        stdout.print(f"\nTry: labwright simulate {description['name']} {example}")
