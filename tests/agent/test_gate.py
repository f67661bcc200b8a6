"""Each check of the gate, with a plan that it passes and a planted violation that it must catch."""

from collections.abc import Callable
from typing import Any

import pytest

from agent import gate
from agent.brief import read_brief
from agent.compose import compose_plan, serving
from agent.gate import Candidate
from agent.ledger import Ledger
from agent.state import Bound, Brief, Reference, Shown
from tests.agent import doubles
from tools.experiments import validate
from tools.plans import planning
from tools.records import Check, Evidence


@pytest.fixture
def brief() -> Brief:
    return read_brief(doubles.REQUEST, [], planning("column"), doubles.context())[0]


@pytest.fixture
def ledger() -> Ledger:
    request = read_brief(doubles.REQUEST, [], planning("column"), doubles.context())[2]
    return Ledger([request, doubles.search({}), doubles.design({}, run="run")])


@pytest.fixture
def candidate(brief: Brief, ledger: Ledger) -> Candidate:
    citations = serving(ledger, planning("column"))
    shown, cited = compose_plan(brief, ledger, citations, ["Keep the flow rate at {flow}."], "*Checked.*")
    return Candidate(intent="plan", brief=brief, settings=ledger.settings(), shown=shown, cited=cited)


def failures(candidate: Candidate, ledger: Ledger) -> list[str]:
    checks = gate.inspect(candidate, ledger, doubles.verify, validate)
    return [check.name for check in checks if check.status == "fail"]


def replaced(candidate: Candidate, old: str, new: str) -> Candidate:
    """Change the text in place, its references standing where they stood."""
    assert old in candidate.shown.text
    assert len(old) == len(new)
    text = candidate.shown.text.replace(old, new, 1)
    return candidate.model_copy(update={"shown": candidate.shown.model_copy(update={"text": text})})


def appended(candidate: Candidate, tail: str, *references: Reference) -> Candidate:
    shown = Shown(text=candidate.shown.text + tail, references=(*candidate.shown.references, *references))
    return candidate.model_copy(update={"shown": shown})


def test_a_sound_plan_passes_every_check(candidate: Candidate, ledger: Ledger) -> None:
    checks = gate.inspect(candidate, ledger, doubles.verify, validate)
    assert gate.passed(checks), [check for check in checks if check.status == "fail"]
    assert {check.kind for check in checks} == {"conservation", "constraint", "grounding", "units"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.2 mL/min", "1.3 mL/min"),
        ("1.2 mL/min", "1.2 mm/min"),
        ("9.65 cm/h", "9.56 cm/h"),
        ("150 min to", "105 min to"),
        ("4.1 %", "1.4 %"),
        ("0.40 (", "0.30 ("),
        ("(0.20 to", "(0.30 to"),
    ],
)
def test_a_number_that_is_not_its_fact_is_caught(candidate: Candidate, ledger: Ledger, old: str, new: str) -> None:
    assert "numbers stand on facts" in failures(replaced(candidate, old, new), ledger)


@pytest.mark.parametrize(
    "tail",
    [
        " Add 5 mL.",
        " Add five samples.",
        " It doubles.",
        " Use ½ of it.",
        " Wait ٣ hours.",
        " Take twenty-five.",
        " See VII.",
    ],
)
def test_a_number_without_a_fact_is_caught(candidate: Candidate, ledger: Ledger, tail: str) -> None:
    assert failures(appended(candidate, tail), ledger) == ["numbers stand on facts"]


@pytest.mark.parametrize("number", ["NaN", "1e0", "١", "1_2", "+1.2", "1.2000001"])
def test_only_plain_decimals_count_as_numbers(candidate: Candidate, ledger: Ledger, number: str) -> None:
    start = len(candidate.shown.text)
    text = f"{number} mL/min"
    forged = appended(candidate, text, Reference(id="flow", start=start, end=start + len(text)))
    assert failures(forged, ledger) == ["numbers stand on facts"]


def test_a_reference_cannot_cover_foreign_words(candidate: Candidate, ledger: Ledger) -> None:
    start = len(candidate.shown.text)
    text = "1.2 mL/min or 99 mL/min"
    forged = appended(candidate, text, Reference(id="flow", start=start, end=start + len(text)))
    assert failures(forged, ledger) == ["numbers stand on facts"]


def test_overlapping_references_are_caught(candidate: Candidate, ledger: Ledger) -> None:
    first = candidate.shown.references[0]
    forged = appended(candidate, "", Reference(id=first.id, start=first.start, end=first.end))
    assert failures(forged, ledger) == ["numbers stand on facts"]


def test_a_changed_quotation_is_caught(candidate: Candidate, ledger: Ledger) -> None:
    assert "numbers stand on facts" in failures(replaced(candidate, "rising water", "falling rain"), ledger)
    ledger.citations["d"] = ledger.citations["d"].model_copy(update={"quote": "Wet the column quickly from the top"})
    assert "citations are verbatim" in failures(candidate, ledger)


def test_an_invented_citation_is_caught(candidate: Candidate, ledger: Ledger) -> None:
    forged = candidate.model_copy(update={"cited": (*candidate.cited, "zz")})
    assert failures(forged, ledger) == ["citations are verbatim"]
    few = candidate.model_copy(update={"cited": candidate.cited[:2]})
    assert failures(few, ledger) == ["enough trusted passages"]


def with_fact(ledger: Ledger, key: str, value: float, unit: str | None = None) -> Ledger:
    fact = ledger.facts[key]
    ledger.facts[key] = fact.model_copy(update={"value": value, "unit": unit or fact.unit})
    return ledger


@pytest.mark.parametrize(
    ("key", "value", "unit", "expected"),
    [
        ("flow", 12.0, None, "limit on flow"),
        ("flow", 0.4, None, "limit on flow"),
        ("flow", 1.2, "cm", "limit on flow"),
        ("duration", 9.0, None, "limit on duration"),
        ("samples", 97.0, None, "limit on samples"),
        ("shortest_interval", 1.0, None, "limit on shortest_interval"),
        ("precision_dispersion", 5.1, None, "target precision"),
    ],
)
def test_a_broken_limit_is_caught(
    candidate: Candidate, ledger: Ledger, key: str, value: float, unit: str | None, expected: str
) -> None:
    assert expected in failures(candidate, with_fact(ledger, key, value, unit))


@pytest.mark.parametrize("error", [0.1, 0.02, None])
def test_a_solver_that_is_too_coarse_or_silent_about_it_is_caught(
    candidate: Candidate, ledger: Ledger, error: float | None
) -> None:
    assert "numerical error" not in failures(candidate, ledger)
    ledger.facts["conc_001"] = ledger.facts["conc_001"].model_copy(update={"numerical_error": error})
    assert "numerical error" in failures(candidate, ledger)


@pytest.mark.parametrize(
    ("name", "text"),
    [("flow", "1.2 cm"), ("porosity", "1.4"), ("length", "0 cm"), ("speed", "3 cm/h"), ("flow", "-1 mL/min")],
)
def test_settings_that_cannot_be_run_are_caught(candidate: Candidate, ledger: Ledger, name: str, text: str) -> None:
    forged = candidate.model_copy(update={"settings": {**candidate.settings, name: text}})
    assert failures(forged, ledger) == ["settings are physical"]


def drop_balances(evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"checks": ()})


def lie_about_balance(evidence: Evidence) -> Evidence:
    lie = Check(name="tracer balance", kind="conservation", status="pass", value=1e-3, limit=1e-10)
    return evidence.model_copy(update={"checks": (lie,)})


@pytest.mark.parametrize("plant", [drop_balances, lie_about_balance])
def test_mass_that_does_not_balance_is_caught(
    candidate: Candidate, plant: Callable[[Evidence], Evidence], **unused: Any
) -> None:
    request = read_brief(doubles.REQUEST, [], planning("column"), doubles.context())[2]
    ledger = Ledger([request, doubles.search({}), plant(doubles.design({}, run="run"))])
    found = failures(candidate, ledger)
    assert [name for name in found if "balance" in name]


@pytest.mark.parametrize(("value", "bound"), [(3.0, "at most"), (1.0, "at least")])
def test_a_tool_that_lies_about_a_limit_is_caught(
    candidate: Candidate, ledger: Ledger, value: float, bound: str
) -> None:
    lie = {"name": "depth", "kind": "constraint", "status": "pass", "value": value, "limit": 2.0, "bound": bound}
    ledger.checks["depth"] = Check.model_validate(lie)
    assert failures(candidate, ledger) == ["depth"]
    ledger.checks["depth"] = Check.model_validate({**lie, "limit": value})
    assert failures(candidate, ledger) == []


def test_limits_in_other_units_are_compared_in_one(candidate: Candidate, ledger: Ledger) -> None:
    assert candidate.brief is not None
    tight = candidate.brief.model_copy(update={"bounds": (Bound(name="flow", upper=60, unit="mL/h", source="test"),)})
    assert "limit on flow" in failures(candidate.model_copy(update={"brief": tight}), ledger)


def test_nothing_checked_is_not_passed() -> None:
    assert not gate.passed([])
