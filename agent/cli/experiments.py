"""`labwright experiments`: what can be planned."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agent.cli.common import Json, emit, stdout
from tools.experiments import describe, names
from tools.quantities import convert


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
        lower, upper, default = (_shown(item, key) for key in ("lower", "upper", "default"))
        span = f"above {lower}, to {upper}" if item["exclusive_lower"] else f"{lower} to {upper}"
        table.add_row(item["name"], item["display"] or "1", span, default, item["role"], item["meaning"])
    for item in description["choices"]:
        table.add_row(item["name"], "", ", ".join(item["options"]), item["default"], item["role"], item["meaning"])
    stdout.print(table)
    stdout.print()
    seen = Table("observable", "unit", "kind", "meaning", box=None)
    for item in description["observables"]:
        seen.add_row(item["name"], item["unit"] or "1", item["kind"], escape(item["meaning"]))
    stdout.print(seen)
    stdout.print("\nBalances: " + ", ".join(description["balances"]))
    for item in description["limits"]:
        stdout.print(f"Limit {item['name']} ({_bounds(item)}): {item['meaning']}", markup=False)
    for item in description["laws"]:
        stdout.print(f"Law {item['name']} ({item['kind']}): {item['meaning']}", markup=False)
    if description["data"]:
        stdout.print(f"Data files: CSV with the columns time_s (or _min, _h, ...) and {description['data']}")
    if description["example"]:
        example = " ".join(f"--set {key}='{value}'" for key, value in description["example"].items())
        stdout.print(f"\nTry: labwright simulate {description['name']} {example}", markup=False)


def _shown(item: dict[str, Any], key: str) -> str:
    """Return a bound or the default of a parameter in the unit that it is shown in."""
    return "" if item[key] is None else f"{convert(item[key], item['unit'], item['display']):.6g}"


def _bounds(limit: dict[str, Any]) -> str:
    """Say what a limit allows, for example `at most 10 K`."""
    ends = (("at least", limit["lower"]), ("at most", limit["upper"]))
    return ", ".join(f"{word} {bound:g} {limit['unit']}".strip() for word, bound in ends if bound is not None)
