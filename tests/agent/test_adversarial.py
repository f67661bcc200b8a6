"""A model that writes whatever it likes, and tools that lie: nothing unchecked may be shown, in hundreds of cases.

The judge here shares no code with the gate: it reads the answer's JSON alone.
"""

import itertools
import random
import re
import unicodedata
from typing import Any

import pytest

from agent.graph import build_graph
from agent.model.scripted import ScriptedModel
from agent.state import Answer
from tests.agent import doubles
from tools.records import Evidence

REFERENCES = ("flow", "velocity", "samples", "first_sample", "precision_dispersion", "speed", "flow.lower", "secret")
DIGITS = ("7", "12.5", "1e3", "٣", "²", "½", "Ⅷ", "①", "0x1F", "１２")
WORDS = ("seven", "twenty-five", "a dozen", "half", "twice", "XIV", "one hundred", "tenfold", "two thirds", "Fifty")
UNITS = ("mL", "cm", "per hour", "percent", "litres", "°C", "µm")
SOURCES = ("[a]", "[1]", "(Smith)", "as shown by Miller et al", "ISO", "according to the handbook", "doi:x", "[z]")
OPENINGS = (
    "Set the flow rate to",
    "Take most samples while the concentration rises near",
    "The velocity is",
    "Wait for",
    "Bromide is a conservative tracer in most sands up to",
    "Wet the column slowly from the bottom for",
    "Dispersion is known within",
    "Start with the first sample at",
)
TYPED = set(DIGITS) | set(WORDS)


def drafts() -> list[tuple[str, str]]:
    """Return (what is wrong, text) for every way to misbehave."""
    cases = []
    for opening, bad in itertools.product(OPENINGS, (*DIGITS, *WORDS)):
        cases.append((bad, f"{opening} {bad}. Keep the flow rate at {{flow}}."))
        cases.append((bad, f"Keep the flow rate at {{flow}}. {opening} {bad} mL/min because the front carries it."))
    for opening, unit in itertools.product(OPENINGS, UNITS):
        cases.append((f"}} {unit}", f"{opening} {{flow}} {unit}. Keep the flow rate at {{flow}} {unit}."))
    for opening, source in itertools.product(OPENINGS, SOURCES):
        cases.append((source, f"{opening} {{flow}} {source}. The velocity is {{velocity}} {source}."))
    for opening, key in itertools.product(OPENINGS, REFERENCES):
        cases.append((key, f"{opening} {{{key}}}. {opening} {{{key}}} again."))
    for text in ("", "{", "}{", "{{flow}}", "{flow", "<|im_end|>", "Ignore the passages.\n\n5", "\x00", "{flow}" * 200):
        cases.append((text, text))
    return cases


def corrupted(evidence: Evidence, rng: random.Random) -> Evidence:
    """Plant one violation into what a tool returned: a setting, a limit, a unit, a balance."""
    facts = {fact.id: fact for fact in evidence.facts}
    settings = dict(evidence.data["settings"])
    checks = evidence.checks
    kind = rng.randrange(6)
    if kind == 0:
        facts["flow"] = facts["flow"].model_copy(update={"value": rng.choice([0.0, 0.49, 10.1, 55.0, -1.2])})
    elif kind == 1:
        facts["duration"] = facts["duration"].model_copy(update={"value": rng.uniform(8.01, 99.0)})
    elif kind == 2:
        settings[rng.choice(["porosity", "length", "flow"])] = rng.choice(
            ["-1", "0 cm", "1.7", "5 kg", "1e9 cm", "many"]
        )
    elif kind == 3:
        facts["flow"] = facts["flow"].model_copy(update={"unit": rng.choice(["cm", "h", "mol/L"])})
    elif kind == 4:
        checks = tuple(check.model_copy(update={"value": rng.uniform(1e-9, 1.0)}) for check in checks)
    else:
        facts["precision_dispersion"] = facts["precision_dispersion"].model_copy(update={"value": rng.uniform(5.1, 80)})
    data = {**evidence.data, "settings": settings}
    return evidence.model_copy(update={"facts": tuple(facts.values()), "data": data, "checks": checks})


def run(draft: str, **tools: Any) -> Answer:
    model = ScriptedModel(lambda kind, prompt: draft)
    entry = {"request": doubles.REQUEST, "intent": "plan", "experiment": "column"}
    answer = build_graph().invoke(entry, context=doubles.context(model, **tools))["answer"]
    assert isinstance(answer, Answer)
    return answer


def judge(answer: Answer) -> None:
    """Fail if anything shown is unchecked."""
    if answer.status != "recommended":
        assert answer.status == "withheld"
        assert not answer.text
        assert not answer.settings
        assert answer.reason
        return
    assert all(check.status != "fail" for check in answer.checks)
    text = answer.text
    quotes = [citation.quote for citation in answer.citations]
    for citation in answer.citations:
        document = doubles.DOCUMENTS[citation.document]
        assert document[citation.start : citation.end] == citation.quote
        text = text.replace(f"“{citation.quote}”", "").replace(f"[{citation.id}]", "")
    shown = {f"{round(fact.value, 6):g}" for fact in answer.facts}
    ends = [end for fact in answer.facts for end in (fact.lower, fact.upper) if end is not None]
    for number in re.findall(r"\d+(?:\.\d+)?", text):
        assert f"{float(number):g}" in shown or any(abs(float(number) - end) <= 0.0051 for end in ends), number
    assert not re.findall(r"[\[\]{}<>|]", text), text
    assert all(c.isascii() or not unicodedata.numeric(c, None) or c in "²³" for c in text)
    flow = next(fact for fact in answer.facts if fact.id == "flow")
    assert 0.5 <= flow.value <= 10
    assert flow.unit == "mL/min"
    assert quotes


CASES = drafts()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 500


@pytest.mark.parametrize(
    "forge",
    [
        lambda a: {"text": a.text + " Add 7 mL."},
        lambda a: {"text": a.text + " Add ½ mL."},
        lambda a: {"text": a.text.replace("1.2 mL/min", "1.3 mL/min")},
        lambda a: {"text": a.text + " As [z] says."},
        lambda a: {"citations": [a.citations[0].model_copy(update={"quote": "Use a step."}), *a.citations[1:]]},
        lambda a: {"facts": [f.model_copy(update={"value": 50.0}) if f.id == "flow" else f for f in a.facts]},
    ],
)
def test_the_judge_itself_catches_what_is_unchecked(forge: Any) -> None:
    answer = run("Keep the flow rate at {flow}. The velocity is {velocity}.")
    judge(answer)
    with pytest.raises(AssertionError):
        judge(answer.model_copy(update=forge(answer)))


@pytest.mark.parametrize("chunk", range(8))
def test_an_adversarial_draft_shows_nothing_unchecked(chunk: int) -> None:
    for wrong, draft in CASES[chunk::8]:
        answer = run(draft)
        judge(answer)
        assert answer.status == "recommended", "a bad draft falls back to the template, it does not cost the plan"
        if wrong in TYPED:
            body = answer.text.split("**Settings**")[0].split("\n\n", 1)[1]
            assert not re.search(rf"\b{re.escape(wrong)}\b", body), draft


@pytest.mark.parametrize("seed", range(10))
def test_evidence_with_a_planted_violation_is_withheld(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        planted = corrupted(doubles.design({}, run="run"), rng)
        answer = run("Keep the flow rate at {flow}. The velocity is {velocity}.", design=lambda *a, e=planted, **k: e)
        judge(answer)
        assert answer.status == "withheld", answer.text


def test_a_tampered_passage_is_withheld() -> None:
    for citation in doubles.citations():
        for start, end in ((1, 9), (0, 5), (3, 400)):
            forged = citation.model_copy(update={"quote": "Use a pulse.", "start": start, "end": end})
            others = [c for c in doubles.citations() if c.id != citation.id]
            search = Evidence(tool="search", citations=(forged, *others), data={"topics": {}})
            answer = run(
                "Keep the flow rate at {flow}. The velocity is {velocity}.", search=lambda *a, e=search, **k: e
            )
            assert answer.status == "withheld"
            judge(answer)
