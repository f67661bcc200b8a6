"""What the finished text of a plan holds."""

from agent.brief import read_brief
from agent.compose import compose_answer, compose_plan, serving
from agent.ledger import Ledger
from tests.agent import doubles
from tools.plans import planning
from tools.plans.column.text import outline


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
    found = {fact.id: fact for fact in doubles.facts()}
    found["time_003"] = found["time_003"].model_copy(update={"value": 210.0})
    data = doubles.design({}).data
    told = outline(found, data, {"target": "dispersion"})
    (sampling,) = [section for section in told.sections if section.title == "Sample at"]
    assert sampling.lines == ("every {shortest_interval} from {time_000} to {time_003}",)


def test_a_citation_on_the_input_that_was_not_chosen_stays_behind() -> None:
    entries = ledger()
    entries.data["variant"] = "step"
    assert "a" not in serving(entries, planning("column"))


def test_an_answer_quotes_what_its_sentences_stand_on() -> None:
    shown, cited = compose_answer(ledger(), ["Wet it slowly. [d]"], "")
    assert cited == ("d",)
    assert "rising water" in shown.text
    assert "Bromide" not in shown.text
    assert compose_answer(ledger(), [], "")[1] == ("a", "b", "c", "d")
