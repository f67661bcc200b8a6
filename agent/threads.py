"""Threads: a conversation that rests on disk between two steps and goes on in another process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import BaseModel

from agent import state as states
from agent.context import Context
from agent.errors import BadRequest
from agent.graph import build_graph
from agent.state import Answer, Bench, Request, Result, State
from tools import records

Notify = Callable[[str], None]
Compiled = CompiledStateGraph[State, Context, Request, Result]


@contextmanager
def checkpoints(path: Path) -> Iterator[SqliteSaver]:
    """Open the checkpoint database; only this project's own records are ever rebuilt from it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = [
        (module.__name__, name)
        for module in (states, records)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel
    ]
    serializer = JsonPlusSerializer(allowed_msgpack_modules=own)
    with closing(sqlite3.connect(path, check_same_thread=False, timeout=30)) as connection:
        yield SqliteSaver(connection, serde=serializer)


def converse(
    context: Context,
    thread: str,
    request: Request | None,
    *,
    path: Path,
    notify: Notify = lambda message: None,
    fresh: bool = False,
) -> Answer:
    """Start a turn, answer the question that a thread waits on, or go on where a killed process stopped.

    With `fresh` the request starts a turn of its own, whatever the thread waits on.

    Raises:
        BadRequest: there is nothing to do: no request, and a thread that does not exist or has ended.
    """
    start = perf_counter()
    with checkpoints(path) as saver:
        graph = build_graph(saver)
        config: Any = {"configurable": {"thread_id": thread}}
        entry: Any = request.model_dump() if fresh and request else _entry(graph, config, request, thread)
        for mode, update in graph.stream(
            entry, config, context=context, stream_mode=["custom", "updates"], durability="sync"
        ):
            if mode == "custom" and isinstance(update, dict) and "progress" in update:
                notify(str(update["progress"]))
        answer = _answer(graph, config)
    seconds = states.add_seconds(answer.seconds, dict(context.seconds))
    seconds["total"] = perf_counter() - start + sum(context.seconds.values())
    return answer.model_copy(update={"thread": thread, "seconds": seconds})


def rests(thread: str, path: Path) -> tuple[str | None, Bench]:
    """Return the question that a thread waits on, if any, and what it knows from its earlier turns."""
    if not path.is_file():
        return None, Bench()
    with checkpoints(path) as saver:
        snapshot = build_graph(saver).get_state({"configurable": {"thread_id": thread}})
    question = str(snapshot.interrupts[0].value["text"]) if snapshot.interrupts else None
    return question, snapshot.values.get("bench") or Bench()


def _entry(graph: Compiled, config: Any, request: Request | None, thread: str) -> Any:
    """Decide what a call on a thread means from where the thread rests."""
    snapshot = graph.get_state(config)
    text = request.request.strip() if request else ""
    if snapshot.interrupts:
        if not text:
            raise BadRequest(f"thread {thread} waits for an answer: {snapshot.interrupts[0].value['text']}")
        return Command(resume=text)
    stopped_midway = bool(snapshot.next)
    if stopped_midway and (not text or text == snapshot.values.get("request")):
        return None
    if not text or request is None:
        raise BadRequest(f"thread {thread} has nothing to go on with; give a request")
    return request.model_dump()


def _answer(graph: Compiled, config: Any) -> Answer:
    snapshot = graph.get_state(config)
    if snapshot.interrupts:
        question = snapshot.interrupts[0].value
        return Answer(
            status="needs_input",
            experiment=snapshot.values.get("experiment"),
            question=question["text"],
            run=snapshot.values.get("run"),
            seconds=dict(snapshot.values.get("seconds") or {}),
        )
    answer = snapshot.values.get("answer")
    return answer if isinstance(answer, Answer) else Answer.model_validate(answer)
