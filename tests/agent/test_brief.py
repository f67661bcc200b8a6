"""From a request in plain words to a brief."""

import pytest

from agent.brief import read_brief
from agent.errors import BadRequest
from agent.state import Brief, Question
from tests.agent import doubles
from tools.plans import planning
from tools.records import Evidence


def brief(request: str, *replies: tuple[str, str]) -> tuple[Brief, Question | None, Evidence]:
    return read_brief(request, list(replies), planning("column"), doubles.context())


def test_the_example_request_is_read_whole() -> None:
    found, question, evidence = brief(doubles.REQUEST)
    assert question is None
    assert found.settings["length"] == "30.0 cm"
    assert found.settings["diameter"] == "5.0 cm"
    assert found.settings["porosity"] == "0.38"
    assert found.choices == {"tracer": "bromide"}
    assert found.target is not None
    assert (found.target.name, found.target.precision) == ("dispersion", 5.0)
    bounds = {bound.name: bound for bound in found.bounds}
    assert (bounds["flow"].lower, bounds["flow"].upper, bounds["flow"].unit) == (0.5, 10, "mL/min")
    assert bounds["duration"].upper == 8
    assert {fact.id for fact in evidence.facts} >= {"length", "diameter", "porosity", "time_limit", "asked_precision"}


def test_units_of_the_user_are_kept() -> None:
    found, _, evidence = brief("A 0.3 m long sand column, 50 mm in diameter, pump from 30 to 600 mL/h, velocity to 3 %")
    assert found.settings["length"] == "0.3 m"
    assert next(fact.unit for fact in evidence.facts if fact.id == "diameter") == "mm"
    assert found.target is not None
    assert found.target.name == "velocity"


def test_one_thing_that_is_missing_is_asked_with_what_is_assumed_otherwise() -> None:
    _, question, _ = brief("A sand column, 5 cm in diameter, a pump from 1 to 5 mL/min, dispersion within 5 %.")
    assert question is not None
    assert question.name == "length"
    assert "porosity 0.4" in question.text
    _, again, _ = brief("A sand column and a pump from 1 to 5 mL/min, dispersion within 5 %.", ("length", "30 cm"))
    assert again is not None
    assert again.name == "diameter"


def test_a_pump_that_nobody_speaks_of_is_asked_for() -> None:
    request = "A sand column 30 cm long, 5 cm in diameter: dispersion within 5 %."
    _, question, _ = brief(request)
    assert question is not None
    assert question.name == "flow"
    found, settled, _ = brief(request, ("flow", "0.5 to 10 mL/min"))
    assert settled is None
    assert next(bound.upper for bound in found.bounds if bound.name == "flow") == 10


def test_what_nobody_said_is_assumed_and_listed() -> None:
    found, _, _ = brief("A sand column 30 cm long, 5 cm in diameter, a pump from 1 to 5 mL/min: dispersion?")
    assert found.settings["porosity"] == "0.4"
    assert any("porosity" in sentence for sentence in found.assumptions)
    assert found.target is not None
    assert found.target.precision == 5


def test_a_fixed_flow_is_a_limit_from_both_sides() -> None:
    found, _, _ = brief("A sand column 30 cm long, 5 cm in diameter, pump at 2 mL/min, dispersion within 10 %.")
    flow = next(bound for bound in found.bounds if bound.name == "flow")
    assert (flow.lower, flow.upper) == (2, 2)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("30 cm", "0 cm", "length"), ("0.38", "1.38", "porosity"), ("30 cm", "9999999 km", "length")],
)
def test_a_quantity_that_cannot_be_is_named(old: str, new: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        brief(doubles.REQUEST.replace(old, new))
