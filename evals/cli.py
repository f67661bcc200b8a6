"""`labwright eval`: the evaluations, run or as they were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, emit, finish, progress, stderr, stdout
from agent.errors import BadRequest
from agent.runs import write_whole

if TYPE_CHECKING:
    from evals.suites import Suite

MOST_ROWS = 60  # shown on the screen; the JSON has all
EVERY = "all"


def evaluate(
    suites: Annotated[
        list[str] | None, typer.Argument(metavar="[SUITE ...]", help="Which; 'all' for all, none to list them.")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Run suites that take more than ten minutes too.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep the results in evals/results.")] = False,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the result of one suite as a page, if it draws one."),
    ] = None,
    as_object: Json = False,
) -> None:
    """Measure what the parts are worth; a suite of more than ten minutes shows its recorded result."""
    from evals.suites import Suite, names

    if not suites:
        if html is not None:
            raise BadRequest("--html draws one suite; name it, such as: labwright eval surrogate --html FILE")
        _list([Suite(name) for name in names()], as_object)
        return
    chosen = [Suite(name) for name in dict.fromkeys(names() if EVERY in suites else suites)]
    if html is not None:
        _check_page(chosen, html)
    results = [_result(suite, seed, rerun, record) for suite in chosen]
    if html is not None:
        _draw(chosen[0], results[0], html)
    emit(results[0] if len(results) == 1 else {"suites": results}, as_object=as_object)
    if not as_object:
        for result in results:
            _show(result)
    if any(result.get("status") == "withheld" for result in results):
        finish(WITHHELD)


def _result(suite: Suite, seed: int, rerun: bool, record: bool) -> dict[str, Any]:
    """Run a suite, or fetch what was recorded of a long one."""
    if suite.long and not rerun:
        found: dict[str, Any] | None = suite.recorded()
        if found is not None:
            return {**found, "recorded": True}
        reason = f"{suite.name} takes about {suite.minutes:.0f} minutes and no result is recorded; run it with --rerun"
        return _blank(suite, seed) | {"status": "withheld", "reason": reason}
    with progress(f"running {suite.name}") as notify:
        result: dict[str, Any] = suite.run(seed, notify)
    if record and "skipped" not in result:
        suite.record(result)
    return result


def _check_page(chosen: Sequence[Suite], file: Path) -> None:
    """Refuse a page that could not be written, before anything is run for it."""
    if len(chosen) != 1:
        raise BadRequest(f"--html draws one suite, {len(chosen)} are named; ask for one of them")
    if not chosen[0].draws:
        raise BadRequest(f"the suite {chosen[0].name} draws no page; leave --html out, or use --json for its result")
    if file.is_dir():
        raise BadRequest(f"--html {file} is a folder; name a file in it")


def _draw(suite: Suite, result: dict[str, Any], file: Path) -> None:
    try:
        write_whole(file, suite.page(result))
    except OSError as error:
        raise BadRequest(f"--html {file} cannot be written: {error.strerror}") from error
    stderr.print(f"wrote {file}", markup=False)


def _blank(suite: Suite, seed: int) -> dict[str, Any]:
    return {"suite": suite.name, "version": suite.version, "seed": seed, "rows": [], "summary": {}, "seconds": 0.0}


def _list(suites: Iterable[Suite], as_object: bool) -> None:
    rows = []
    for suite in suites:
        kept = suite.recorded() or {}
        rows.append(
            {
                "suite": suite.name,
                "version": suite.version,
                "minutes": suite.minutes,
                "recorded": kept.get("date"),
                "commit": kept.get("commit"),
                "meaning": suite.meaning,
            }
        )
    emit({"suites": rows}, as_object=as_object)
    if not as_object:
        stdout.print(_table(rows))


def _show(result: Mapping[str, Any]) -> None:
    """Print one result: where it comes from, its rows where they are few, its summary."""
    when = f", recorded {result['date']} at {result['commit']}" if result.get("recorded") else ""
    head = f"{result['suite']}, version {result['version']}, seed {result['seed']}, {result['seconds']:.0f} s{when}"
    stdout.print(head, markup=False)
    for key in ("skipped", "reason"):
        if key in result:
            stdout.print(result[key], markup=False)
    if 0 < len(result["rows"]) <= MOST_ROWS:
        stdout.print(_table(result["rows"]))
    for line in _lines(result["summary"]):
        stdout.print(line, markup=False)
    stdout.print("")


def _table(rows: list[dict[str, Any]]) -> Table:
    """One column for every key that holds numbers or words."""
    columns = list(
        dict.fromkeys(key for row in rows for key, value in row.items() if not isinstance(value, dict | list))
    )
    table = Table(*(column.replace("_", " ") for column in columns), box=None)
    for row in rows:
        table.add_row(*(_word(row.get(column)) for column in columns))
    return table


def _lines(summary: Mapping[str, Any], before: str = "") -> list[str | Table]:
    lines: list[str | Table] = []
    for key, value in summary.items():
        if isinstance(value, Mapping):
            lines += _lines(value, f"{before}{key}, ")
        elif isinstance(value, list) and value and isinstance(value[0], str):
            lines += [f"{before}{key}:", *(f"  {each}" for each in value)]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines += [f"{before}{key}:", _table(value)]
        else:
            lines.append(f"{before}{key}: {_word(value)}")
    return lines


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_word(each) for each in value)
    return str(value)
