"""What the finished text of a plan holds."""

from agent.brief import read_brief
from agent.compose import compose_answer, compose_plan, serving
from agent.ledger import Ledger
from tests.agent import doubles
from tools.plans import planning


def ledger() -> Ledger:
    request = read_brief(doubles.REQUEST, [], planning("column"), doubles.context())[2]
    return Ledger([request, doubles.search({}), doubles.design({}, run="run")])


def test_a_plan_names_settings_times_interval_alternatives_and_assumptions() -> None:
    brief, question, _ = read_brief(doubles.REQUEST, [], planning("column"), doubles.context())
    assert question is None
    entries = ledger()
    shown, cited = compose_plan(brief, entries, serving(entries, planning("column")), [], "*Checked.*")
    for expected in (
        "a pulse of bromide at 1.2 mL/min",
        "within 4.1 % (at 95 % confidence",
        "5 % was asked",
        "150 min, 170 min, 190 min, 390 min",
        "170 min: 0.40 (0.20 to 0.56)",
        "faster: a step at 4.2 mL/min for 1.9 h, dispersion then within 9.5 %",
        "The time available for the run is read as 8 h.",
        "*Checked.*",
    ):
        assert expected in shown.text
    assert cited == ("a", "b", "c", "d")


def test_times_at_the_shortest_interval_are_written_as_one_stretch() -> None:
    brief = read_brief(doubles.REQUEST, [], planning("column"), doubles.context())[0]
    entries = ledger()
    entries.facts["shortest_interval"] = entries.facts["shortest_interval"].model_copy(update={"value": 20.0})
    for index, minute in ((2, 190.0), (3, 210.0)):
        key = f"time_{index:03d}"
        entries.facts[key] = entries.facts[key].model_copy(update={"value": minute})
    shown, _ = compose_plan(brief, entries, entries.citations, [], "")
    assert "every 20 min from 150 min to 210 min" in shown.text


def test_a_citation_on_the_input_that_was_not_chosen_stays_behind() -> None:
    entries = ledger()
    entries.data["input"] = "step"
    assert "a" not in serving(entries, planning("column"))


def test_an_answer_quotes_what_its_sentences_stand_on() -> None:
    shown, cited = compose_answer(ledger(), ["Wet it slowly. [d]"], "")
    assert cited == ("d",)
    assert "rising water" in shown.text
    assert "Bromide" not in shown.text
    assert compose_answer(ledger(), [], "")[1] == ("a", "b", "c", "d")
