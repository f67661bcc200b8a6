"""Which experiment a request is about: three independent readers, and the person where they disagree.

The command has settled the intent, so only two things are open: whether the request lies in the field at all, and
which experiment it names.
"""

from __future__ import annotations

import contextlib
import re
from time import perf_counter

from pydantic import Field

from agent.classify import NONE, Vote, combine, route_by_embedding, route_by_model, route_by_rules
from agent.context import Context
from agent.errors import BadRequest
from agent.model.face import ModelError
from agent.quantities import find_quantities
from agent.state import Intent, Question
from tools.records import Record

_NEXT = re.compile(
    r"\b(next|measur\w*|data|curves?|runs?|experiments?|again|repeat\w*|improv\w*|precis\w*|precision|percent"
    r"|pin down|narrow\w*|uncertain\w*|better|follow[- ]?up|now what|continue)\b|%",
    re.IGNORECASE,
)


_WHAT_NEXT = re.compile(
    r"\bnext\b|\bnow what\b|\b(?:what|which|how|when|where) (?:\w+ )?(?:should|shall|can|could|do|would|must) (?:i|we)"
    r" (?:do|measure|run|try|get|reach|sample|improve|change|bring|learn|repeat)\b|\b(?:plan|propose|suggest)\b|%",
    re.IGNORECASE,
)


_ASKS_WHY = re.compile(
    r"\s*(why|what (is|are|does|do)|how (does|do|is|are) (?!i\b|we\b)|is|are|does|do|explain)\b", re.IGNORECASE
)
_SHORT = 15  # words: a longer message says itself what is to be planned


class Routed(Record):
    """Where a request goes: an experiment, a question to the person, or out of the door."""

    experiment: str | None = None
    question: Question | None = None
    declined: bool = False
    seconds: dict[str, float] = Field(default_factory=dict)


def route(request: str, intent: str, assume: bool, experiments: list[str], context: Context) -> Routed:
    """Read a request by model, embedding and keywords; with `assume` their joint reading is believed as it is.

    Readers that agree are not enough if no word of the request speaks of the experiment: a model that must choose
    among few names also finds one where none was meant.
    """
    votes, seconds = _votes(request, experiments, context)
    joint = combine(*votes)
    if joint.intent == "other" and (joint.confident or assume or intent == "ask"):
        return Routed(declined=True, seconds=seconds)
    if intent == "ask":
        return Routed(experiment=joint.experiment if joint.experiment != NONE else None, seconds=seconds)
    spoken_of = route_by_rules(request, experiments).experiment
    named_twice = sum(vote.experiment == joint.experiment for vote in votes) >= 2
    if joint.experiment != NONE and (assume or (named_twice and spoken_of == joint.experiment)):
        return Routed(experiment=joint.experiment, seconds=seconds)
    return Routed(question=which_experiment(experiments), seconds=seconds)


def route_after(request: str, experiment: str, handed: bool, experiments: list[str], context: Context) -> Routed:
    """Read a request that comes with a measured curve, which says itself of which experiment it is.

    The request may leave the experiment unnamed ("what next?"), but not lie outside the laboratory altogether. With
    curves of earlier turns alone (`handed` is false) a request that speaks of another experiment is of that one.

    Raises:
        BadRequest: the request speaks of another experiment than the curve that came with it.
    """
    spoken_of = route_by_rules(request, experiments).experiment
    if spoken_of == experiment or (spoken_of == NONE and _NEXT.search(request)):
        return Routed(experiment=experiment)
    votes, seconds = _votes(request, experiments, context)
    if spoken_of != NONE and combine(*votes).experiment == spoken_of:
        if handed:
            raise BadRequest(
                f"the request speaks of {spoken_of}, but the file holds a curve of {experiment}; "
                "plan each experiment with its own data"
            )
        return Routed(experiment=spoken_of, seconds=seconds)
    outside = all(vote.intent == "other" for vote in votes)
    return Routed(declined=True, seconds=seconds) if outside else Routed(experiment=experiment, seconds=seconds)


def intent_of(text: str, follows: bool, experiments: list[str], context: Context) -> Intent:
    """Say whether a turn of a conversation wants a plan or an answer from the documents.

    `follows` says that measured curves belong to the turn or to its thread: "what next?" then asks for a plan.
    """
    if follows and _WHAT_NEXT.search(text):
        return "plan"
    joint = combine(*_votes(text, experiments, context)[0])
    return "plan" if joint.intent in ("plan", "calibrate", "simulate") else "ask"


def changes_a_plan(text: str) -> bool:
    """Say whether a message is one that changes a number of the plan before it: "and with 2 %?", "only 4 hours"."""
    return len(text.split()) <= _SHORT and not _ASKS_WHY.match(text) and bool(find_quantities(text))


def which_experiment(experiments: list[str]) -> Question:
    """Return the question that settles the experiment."""
    return Question(
        name="experiment",
        text=f"The request does not say clearly which experiment is meant; these can be planned: "
        f"{', '.join(experiments)}. Which one?",
    )


def _votes(request: str, experiments: list[str], context: Context) -> tuple[list[Vote], dict[str, float]]:
    """Return what each reader says; a model that fails leaves the others to it."""
    start = perf_counter()
    votes = [route_by_embedding(context.tools.embed, request, experiments), route_by_rules(request, experiments)]
    seconds = {"embedding": perf_counter() - start}
    if context.model is not None:
        with contextlib.suppress(ModelError):
            votes.insert(0, route_by_model(context.model, request, experiments))
    return votes, seconds
