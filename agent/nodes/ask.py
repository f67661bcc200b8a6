"""Ask: wait for the one thing that is missing; the thread rests on disk meanwhile."""

from typing import Literal

from langgraph.types import Command, interrupt

from agent.state import State


def ask(state: State) -> Command[Literal["understand"]]:
    """Interrupt with the question; the reply comes back through the thread, also in another process."""
    if state.question is None:
        return Command(goto="understand")
    reply = interrupt(state.question.model_dump())
    return Command(goto="understand", update={"replies": [(state.question.name, str(reply))], "question": None})
