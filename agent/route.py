"""Which experiment a request is about: two independent readers, and the person where they disagree.

The command has settled the intent, so only two things are open: whether the request lies in the field at all, and
which experiment it names.
"""

from __future__ import annotations

from time import perf_counter

from pydantic import Field

from agent.classify import (
    EMBEDDING_MARGIN,
    MODEL_MARGIN,
    NONE,
    Vote,
    route_by_embedding,
    route_by_model,
    route_by_rules,
)
from agent.context import Context
from agent.model.face import ModelError
from agent.state import Question
from tools.records import Record


class Routed(Record):
    """Where a request goes: an experiment, a question to the person, or out of the door."""

    experiment: str | None = None
    question: Question | None = None
    declined: bool = False
    seconds: dict[str, float] = Field(default_factory=dict)


def route(request: str, intent: str, assume: bool, experiments: list[str], context: Context) -> Routed:
    """Read a request twice; with `assume` the first reader is believed where they disagree.

    Two readers that agree are not enough if no word of the request speaks of the experiment: a model that must
    choose among few names also finds one where none was meant.
    """
    votes, seconds = _votes(request, experiments, context)
    inside = [vote for vote in votes if vote.intent != "other"]
    if not inside:
        return Routed(declined=True, seconds=seconds)
    named = {vote.experiment for vote in inside if vote.experiment != NONE}
    if intent == "ask":
        return Routed(experiment=min(named) if len(named) == 1 else None, seconds=seconds)
    spoken_of = route_by_rules(request, experiments).experiment
    agreed = len(inside) == len(votes) and named == {spoken_of} and any(_clear(vote) for vote in votes)
    first = next((vote.experiment for vote in inside if vote.experiment != NONE), None)
    if agreed or (assume and first is not None):
        return Routed(experiment=first, seconds=seconds)
    return Routed(question=which_experiment(experiments), seconds=seconds)


def which_experiment(experiments: list[str]) -> Question:
    """Return the question that settles the experiment."""
    return Question(
        name="experiment",
        text=f"The request does not say clearly which experiment is meant; these can be planned: "
        f"{', '.join(experiments)}. Which one?",
    )


def _votes(request: str, experiments: list[str], context: Context) -> tuple[list[Vote], dict[str, float]]:
    start = perf_counter()
    by_embedding = route_by_embedding(context.tools.embed, request, experiments)
    seconds = {"embedding": perf_counter() - start}
    if context.model is None:
        return [route_by_rules(request, experiments), by_embedding], seconds
    start = perf_counter()
    try:
        first = route_by_model(context.model, request, experiments)
    except ModelError:
        first = route_by_rules(request, experiments)
    return [first, by_embedding], {**seconds, "model": perf_counter() - start}


def _clear(vote: Vote) -> bool:
    return vote.margin >= {"model": MODEL_MARGIN, "embedding": EMBEDDING_MARGIN}.get(vote.reader, 0.5)
