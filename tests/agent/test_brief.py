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


def flash(request: str, *replies: tuple[str, str]) -> tuple[Brief, Question | None, Evidence]:
    return read_brief(request, list(replies), planning("flash"), doubles.context())


def test_a_difference_in_degrees_is_one_in_kelvin() -> None:
    for said, kelvin in (("3 °C", 3.0), ("9 degF", 5.0)):
        found, _, evidence = flash(f"A copper disc 3 mm thick: flash it so that it warms by less than {said}.")
        bound = next(bound for bound in found.bounds if bound.name == "rear_rise")
        assert (bound.upper, bound.unit) == (pytest.approx(kelvin), "K")
        assert next(fact for fact in evidence.facts if fact.id == "most_rise").unit == "K"


def test_a_range_of_what_can_be_at_least_is_told_by_its_lower_end() -> None:
    found, _, evidence = flash("A steel disc 3 mm thick, laser pulse between 0.2 and 1 ms.")
    assert next(bound.lower for bound in found.bounds if bound.name == "pulse_width") == 0.2
    assert next(fact.value for fact in evidence.facts if fact.id == "shortest_pulse") == 0.2


def test_a_quantity_that_nothing_takes_up_is_told() -> None:
    found, _, evidence = flash("A steel disc 3 mm thick, flash it from 40 cm away.")
    assert next(fact for fact in evidence.facts if fact.name == "not used").value == 40
    assert any("{unused_0}" in sentence for sentence in found.assumptions)
    assert "unused_0" not in found.settings
    assert not any("unused" in sentence for sentence in flash("A steel disc 3 mm thick.")[0].assumptions)


def test_a_reply_that_gives_numbers_in_place_of_a_name_is_read() -> None:
    request = "My disc is 2 mm thick; plan the flash."
    found, question, _ = flash(request, ("material", "brass, diffusivity 34 mm2/s, density 8500 kg/m3"))
    assert found.settings["diffusivity"] == "34.0 mm2/s"
    assert question is not None
    assert question.name == "heat_capacity"
    _, again, _ = flash(request, ("material", "some alloy"))
    assert again is not None
    assert "'some alloy' holds no name or quantity that fits" in again.text


def test_the_grade_is_asked_for_only_where_the_fluid_has_grades() -> None:
    def question(request: str, *replies: tuple[str, str]) -> Question | None:
        return read_brief(request, list(replies), planning("convection"), doubles.context())[1]

    oil = "When does a layer of silicone oil, 6 mm deep, start to convect?"
    asked = question(oil)
    assert asked is not None
    assert asked.name == "viscosity"
    assert question(oil, ("viscosity", "20 cSt")) is None
    assert question(oil.replace("silicone oil", "water")) is None
    assert question(oil.replace("silicone oil", "ethanol"), ("fluid", "silicone oil of 10 cSt")) is None


@pytest.mark.parametrize(
    ("request_", "depth"),
    [
        ("When does 8 mm of glycerol start to convect?", "8.0 mm"),
        ("A cell of water 20 cm wide and 5 mm deep: find the onset.", "5.0 mm"),
        ("A 2 cm air gap, heated from below: onset within 3 %.", "2.0 cm"),
    ],
)
def test_the_depth_is_told_from_other_lengths(request_: str, depth: str) -> None:
    found = read_brief(request_, [], planning("convection"), doubles.context())[0]
    assert found.settings["depth"] == depth
