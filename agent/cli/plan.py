"""`labwright plan` and `labwright ask`: the two questions that the agent answers."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import STARTED, WITHHELD, Json, emit, finish, progress, settings, stderr, stdout
from agent.errors import BadRequest
from agent.runs import RunRecord, RunStore
from agent.settings import Settings
from agent.state import LONGEST_REQUEST, Answer, Request

Data = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="FILE ...", help="A curve measured before; the plan is of the run that follows."),
]
Thread = Annotated[str | None, typer.Option(help="Go on with a thread; it survives a restart.")]
Surrogate = Annotated[
    bool | None,
    typer.Option(
        "--surrogate/--no-surrogate",
        help="Ask the surrogate before the solver; LABWRIGHT_SURROGATE if left out.",
    ),
]


def plan(
    request: Annotated[str | None, typer.Argument(help="What you have and what you want to know.")] = None,
    experiment: Annotated[str | None, typer.Option(help="The experiment, when the request need not name it.")] = None,
    data: Data = None,
    thread: Thread = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the assumptions and do not ask.")] = False,
    surrogate: Surrogate = None,
    as_object: Json = False,
) -> None:
    """Plan an experiment: a checked plan, or the reason why none is shown."""
    config = settings()
    if surrogate is not None:
        config = config.model_copy(update={"surrogate": surrogate})
    ask_here = _may_ask(as_object)
    answer = _converse(request, "plan", experiment, thread, yes, ask_here, data or (), config)
    _finish(answer, "plan", as_object, data or ())


def ask(
    question: Annotated[str | None, typer.Argument(help="A question about a protocol or a method.")] = None,
    thread: Thread = None,
    as_object: Json = False,
) -> None:
    """Answer a protocol question from the trusted corpus, with citations, or withhold."""
    answer = _converse(question, "ask", None, thread, yes=True, ask_here=_may_ask(as_object))
    _finish(answer, "ask", as_object)


def _may_ask(as_object: bool) -> bool:
    return not as_object and sys.stdin.isatty() and stdout.is_terminal


def _converse(
    request: str | None,
    intent: str,
    experiment: str | None,
    thread: str | None,
    yes: bool,
    ask_here: bool,
    data: Sequence[Path] = (),
    config: Settings | None = None,
) -> Answer:
    if request is not None and not request.strip():
        raise BadRequest("the request is empty; say what you have and what you want to know")
    if request is None and thread is None:
        raise BadRequest("there is no request; say what you have and what you want to know")
    if request is not None and len(request) > LONGEST_REQUEST:
        raise BadRequest(f"the request has {len(request)} characters; keep it below {LONGEST_REQUEST}")
    for path in data:
        if not path.is_file():
            raise BadRequest(f"--data {path}: {'is a directory' if path.is_dir() else 'no such file'}; name a CSV file")
    if data and request is None:
        raise BadRequest("--data needs a request beside it, for example 'what should I measure next?'")
    config = config or settings()
    payload = None
    if request is not None:
        payload = Request.model_validate(
            {
                "request": request.strip(),
                "intent": intent,
                "experiment": experiment,
                "assume": yes,
                "data": [str(path.resolve()) for path in data],
            }
        )
    identifier = thread or secrets.token_hex(4)
    answer = _turn(config, identifier, payload, "starting", STARTED)
    while answer.status == "needs_input" and ask_here:
        reply = typer.prompt(answer.question or "")
        payload = Request.model_validate({"request": reply, "intent": intent})
        answer = _turn(config, identifier, payload, "going on", perf_counter())
    return answer


def _turn(config: Settings, thread: str, payload: Request | None, message: str, began: float) -> Answer:
    """Run one turn of a thread on the real parts."""
    with progress(message) as notify:
        # Imported here, since they take a second that --help need not wait for.
        from agent.build import context
        from agent.threads import converse

        with context(config, notify, began) as ready:
            return converse(ready, thread, payload, path=config.threads_path, notify=notify)


def _finish(answer: Answer, kind: str, as_object: bool, data: Sequence[Path] = ()) -> None:
    keep(answer, kind, [str(path) for path in data])
    emit(shown(answer), as_object=as_object)
    if not as_object:
        show(answer)
    if answer.status in ("recommended", "answered"):
        return
    how = f" (answer with: labwright plan 'your answer' --thread {answer.thread})"
    line = reason_of(answer) + (how if answer.status == "needs_input" else "")
    stderr.print(f"labwright: {line}", markup=False, soft_wrap=True)
    finish(WITHHELD)


def keep(answer: Answer, kind: str, data: Sequence[str] = ()) -> None:
    """Write the record of a run that came to an end."""
    if answer.run and answer.status != "needs_input":
        inputs = {"request": answer.request, **({"data": list(data)} if data else {})}
        result = answer.model_dump(mode="json")
        record = RunRecord(id=answer.run, kind=kind, inputs=inputs, result=result, thread=answer.thread)
        RunStore(settings().runs_path).save(record)


def shown(answer: Answer) -> dict[str, Any]:
    """Return the answer as the contract's JSON has it."""
    result = answer.model_dump(mode="json")
    return result | ({"status": "withheld"} if answer.status == "declined" else {})


def reason_of(answer: Answer) -> str:
    """Say in one line why nothing is shown."""
    if answer.status == "needs_input":
        return f"one thing is missing: {answer.question}"
    return f"{'declined' if answer.status == 'declined' else 'withheld'}: {answer.reason}"


def show(answer: Answer) -> None:
    """Print what is shown with its checks, or the checks that kept it back."""
    if answer.status in ("recommended", "answered"):
        _show(answer)
    elif answer.status != "needs_input" and answer.checks:
        stdout.print(_check_table(answer))


def _show(answer: Answer) -> None:
    show_text(answer)
    stdout.print(_check_table(answer))
    stdout.print(f"run {answer.run}, thread {answer.thread}, {answer.seconds['total']:.1f} s", markup=False)
    stdout.print(f"for a page with figures: labwright report {answer.run}", markup=False)


def show_text(answer: Answer) -> None:
    """Print what the answer says."""
    if stdout.is_terminal:
        from rich.markdown import Markdown  # a tenth of a second that a script need not wait for

        stdout.print(Markdown(answer.text))
    else:
        sys.stdout.write(answer.text)


def _check_table(answer: Answer) -> Table:
    table = Table("verdict", "check", "kind", "value", "limit", box=None)
    for check in answer.checks:
        value = "" if check.value is None else f"{check.value:.4g} {check.unit}".strip()
        limit = "" if check.limit is None else f"{check.limit:.4g} {check.unit}".strip()
        detail = check.detail if check.status == "fail" else ""
        table.add_row(check.status, check.name, check.kind, value, limit or detail)
    return table
