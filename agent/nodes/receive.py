"""Receive: a fresh turn of a thread starts with an empty ledger and a run id of its own."""

from typing import Any

from langgraph.types import Overwrite

from agent.runs import run_id
from agent.state import Draft, Shown, State


def receive(state: State) -> dict[str, Any]:
    """Clear what the last turn left and give this one its run id."""
    return {
        "run": run_id(state.intent),
        "replies": Overwrite([]),
        "evidence": Overwrite([]),
        "seconds": Overwrite({}),
        "earlier": (),
        "brief": None,
        "question": None,
        "draft": Draft(),
        "shown": Shown(),
        "cited": (),
        "checks": [],
        "repairs": 0,
        "declined": None,
        "answer": None,
    }
