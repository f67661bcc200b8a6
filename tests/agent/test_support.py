"""What a drafted sentence stands on."""

import pytest

from agent.support import support
from tests.agent import doubles
from tools.plans import planning

FACTS = {fact.id: fact for fact in doubles.facts()}


def judged(sentence: str) -> tuple[str | None, str | None]:
    (verdict,) = support([sentence], FACTS, planning("column").reasons, doubles.citations(), doubles.embed)
    return verdict.reason, verdict.citation


def test_a_sentence_that_names_its_fact_stands() -> None:
    assert judged("Keep the flow rate at {flow}.") == (None, None)


def test_a_sentence_that_repeats_a_passage_gets_its_citation() -> None:
    assert judged("Wet the column slowly from the bottom because rising water drives the air ahead.") == (None, "d")


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Keep the flow rate at 5 mL/min.", "types the number"),
        ("Take twelve samples in the front.", "types the number"),
        ("Keep the flow rate at {speed}.", "no fact"),
        ("Place the column upright near {first_sample}.", "without speaking of it"),
        ("The length of the bed is {flow}.", "without speaking of it"),
        ("Keep the flow rate at {flow} cm.", "the unit 'cm'"),
        ("Keep the flow rate at {flow} per hour.", "the unit 'per'"),
        ("Keep the flow rate at {flow} [a].", "no draft may hold"),
        ("Keep the flow rate at {flow} as shown by Miller et al.", "names a source"),
        ("ISO prescribes the flow rate {flow}.", "names a source"),
        ("The moon is made of green cheese.", "stands on no fact and no passage"),
        (
            "Fill a reactor and tubing slowly from the bottom because rising water drives the air ahead.",
            "speaks of what",
        ),
        ("Do not wet the column slowly from the bottom, water never drives the air ahead.", "stands on no"),
        ("Keep the flow rate at {flow}, because bromide is radioactive.", "a reason that no passage gives"),
        (
            "Keep the flow rate at {flow}, because rising water drives the air ahead of it.",
            "does not speak of its facts",
        ),
        ("Wet the column quickly from the bottom, because rising water drives the air ahead of it.", "stands on no"),
    ],
)
def test_a_sentence_that_stands_on_nothing_is_rejected(sentence: str, reason: str) -> None:
    found, citation = judged(sentence)
    assert found is not None
    assert reason in found
    assert citation is None
