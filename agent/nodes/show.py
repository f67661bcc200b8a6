"""Show: the plan or the answer leaves the agent, after the gate has passed it."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.ledger import Ledger
from agent.quantities import find_quantities
from agent.state import Answer, Bench, State
from tools.records import Citation, Fact, Quantity, Source


def show(state: State, runtime: Runtime[Context]) -> dict[str, Answer | Bench]:
    """Put the answer together from the ledger and the text that was checked."""
    ledger = Ledger(state.evidence)
    model = runtime.context.model
    answer = Answer(
        status="recommended" if state.intent == "plan" else "answered",
        request=state.asked,
        experiment=state.brief.experiment if state.brief else state.experiment,
        checks=state.checks,
        text=state.shown.text,
        references=list(state.shown.references),
        facts=[*ledger.facts.values(), *(fact for key in state.cited for fact in quoted(ledger.citations[key]))],
        citations=[ledger.citations[key] for key in state.cited],
        assumptions=list(state.brief.assumptions) if state.brief else [],
        run=state.run,
        model=model.name if model else "none",
        writer=state.draft.writer,
        seconds=state.seconds,
        **(_numbers(ledger) if state.intent == "plan" else {}),
    )
    return {"answer": answer, "bench": _bench(state, ledger)}


def _bench(state: State, ledger: Ledger) -> Bench:
    """Remember what was planned and which curves it followed, for the turns to come."""
    if state.brief is None or state.intent != "plan":
        return state.bench
    requests = (state.asked, *state.earlier)
    return Bench(
        experiment=state.brief.experiment, planned=ledger.settings(), requests=requests, curves=state.brief.curves
    )


def quoted(citation: Citation) -> list[Fact]:
    """Return the numbers inside a quotation as facts of its document."""
    source = Source(document=citation.document, passage=f"{citation.start}-{citation.end}")
    return [
        Fact(id=f"{citation.id}_quoted_{index}", name="quoted number", value=span.value, unit=span.unit, source=source)
        for index, span in enumerate(find_quantities(citation.quote), start=1)
    ]


def _time(facts: dict[str, Fact], key: str | None) -> dict[str, Any] | None:
    """Return when something is predicted; None for what has no time."""
    return {"value": facts[key].value, "unit": facts[key].unit} if key else None


def _numbers(ledger: Ledger) -> dict[str, Any]:
    """Return settings, predictions, schedule, curve and alternatives as the contract has them."""
    data: dict[str, Any] = ledger.data
    facts = ledger.facts
    times: dict[str, str] = data["predicted_at"]
    return {
        "settings": data["shown_settings"],
        "predictions": [
            {
                "name": facts[key].name,
                "value": facts[key].value,
                "lower": facts[key].lower,
                "upper": facts[key].upper,
                "level": facts[key].level,
                "unit": facts[key].unit,
                "source": facts[key].source.run,
                "fact": key,
                "time": _time(facts, times.get(key)),
            }
            for key in (*data["predictions"], *times)
        ],
        "schedule": [
            Quantity(name=facts[key].name, value=facts[key].value, unit=facts[key].unit) for key in data["schedule"]
        ],
        "curve": data["curve"],
        "calibration": data.get("calibration", {}),
        "alternatives": data["alternatives"],
    }
