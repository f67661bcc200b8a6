"""What every command shares: settings, the two streams, exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.status import Status

from agent.errors import BadRequest
from agent.runs import RunRecord, RunStore, as_json
from agent.settings import Settings

STARTED = perf_counter()  # as near to the start of the process as our own code can tell
DONE, FAILURE, BAD_INPUT, WITHHELD = 0, 1, 2, 3

# A pipe has no width of its own: tables then get room enough not to be broken.
stdout = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 140)
stderr = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting with its unit; may be repeated.")
]


def settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        BadRequest: a variable has a value that it cannot have.
    """
    try:
        return Settings()
    except ValueError as error:
        raise BadRequest(f"a LABWRIGHT_ variable is wrong: {_one_line(error)}") from error


def emit(result: Mapping[str, Any], *, as_object: bool) -> None:
    """Print the JSON object when it was asked for."""
    if as_object:
        sys.stdout.write(as_json(dict(result)) + "\n")


def finish(status: int) -> NoReturn:
    """End the command with an exit status of the contract."""
    raise typer.Exit(status)


def conclude(
    kind: str,
    what: str,
    inputs: Mapping[str, Any],
    result: Mapping[str, Any],
    show: Callable[[Any], None],
    *,
    as_object: bool,
    estimated: bool = True,
    trace: Mapping[str, Any] | None = None,
) -> None:
    """Keep and show a result; withhold it where it breaks a check, or was estimated and does not stand.

    Args:
        kind: of the run; what: what it is called in a sentence.
        inputs, result: what the record keeps; the result has `run`, `status`, `message` and `checks`.
        show: prints the result for people.
        estimated: from measurements, by a search that has to converge; else computed, whose status says how it ended.
        trace: the vector of the run's fields, where it has some.
    """
    record = RunRecord(id=result["run"], kind=kind, inputs=dict(inputs), result=dict(result), trace=dict(trace or {}))
    RunStore(settings().runs_path).save(record)
    emit(result, as_object=as_object)
    if not as_object:
        show(result)
    broken = [check["name"] for check in result["checks"] if check["status"] == "fail"]
    unsettled = estimated and result["status"] != "converged"
    if unsettled or broken:
        told = result["message"] if unsettled else f"the {what} breaks {', '.join(broken)}"
        stderr.print(f"labwright: withheld: {told}", markup=False, soft_wrap=True)
        finish(WITHHELD)


def pairs(items: Sequence[str] | None, option: str = "--set") -> dict[str, str]:
    """Split the `NAME=VALUE` arguments of an option.

    Raises:
        BadRequest: an argument has no `=`, no name or no value, or a name is given twice.
    """
    found: dict[str, str] = {}
    for item in items or ():
        name, sign, value = item.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise BadRequest(f"{option} {item!r} is not NAME=VALUE; write for example {option} length='30 cm'")
        if name.strip() in found:
            raise BadRequest(f"{option} {name.strip()} is given twice")
        found[name.strip()] = value.strip()
    return found


class Progress:
    """A line on stderr that says what is being done; silent when stderr is no terminal."""

    def __init__(self, status: Status) -> None:
        self.status = status

    def __call__(self, message: str) -> None:
        """Show `message`."""
        self.status.update(message)


@contextmanager
def progress(message: str) -> Iterator[Progress]:
    """Show a spinner while the body runs; on a stream that is no terminal, one line a message."""
    if stderr.is_terminal:
        with stderr.status(message) as status:
            yield Progress(status)
    else:
        yield LineProgress(message)


class LineProgress(Progress):
    """Progress for logs: each message once, on a line of its own."""

    def __init__(self, message: str) -> None:
        self.last = ""
        self(message)

    def __call__(self, message: str) -> None:
        """Print `message` unless it was the last one."""
        if message != self.last:
            self.last = message
            stderr.print(f"[labwright] {message}", markup=False)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
