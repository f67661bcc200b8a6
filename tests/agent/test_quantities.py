import pytest

from agent.quantities import find_quantities

DEMO = (
    "I have a 30 cm sand column, 5 cm in diameter, porosity about 0.38, a bromide tracer and a pump from "
    "0.5 to 10 mL/min. I want the dispersion coefficient within 5 % in one working day. How should I run it "
    "and when should I sample?"
)


def test_the_demo_request():
    found = [(s.value, s.unit, s.kind, s.lower, s.upper) for s in find_quantities(DEMO)]
    assert found == [
        (30, "cm", "value", None, None),
        (5, "cm", "value", None, None),
        (0.38, "", "value", None, None),
        (10, "mL/min", "range", 0.5, 10),
        (5, "%", "precision", None, 5),
        (8, "h", "at_most", None, 8),
    ]
    assert find_quantities(DEMO)[-1].assumption == "a working day is taken as 8 h"


@pytest.mark.parametrize(
    ("text", "value", "unit", "kind"),
    [
        ("it takes 8 h", 8, "h", "value"),
        ("half an hour", 0.5, "hour", "value"),
        ("in half an hour", 0.5, "hour", "at_most"),
        ("flow of 2.5 cm/h", 2.5, "cm/h", "value"),
        ("10 mmol/L bromide", 10, "mmol/L", "value"),
        ("a 15-cm core", 15, "cm", "value"),
        ("D = 0.15 cm²/h", 0.15, "cm²/h", "value"),
        ("0.15 cm2/h", 0.15, "cm2/h", "value"),
        ("0.15 cm**2/h", 0.15, "cm**2/h", "value"),
        ("no more than 6 hours", 6, "hours", "at_most"),
        ("at least 20 cm", 20, "cm", "at_least"),
        ("3 mL per minute", 3, "mL/minute", "value"),
        ("5 ml/min", 5, "mL/min", "value"),
        ("known to ±10%", 10, "%", "precision"),
        ("5 % precision", 5, "%", "precision"),
        ("12 cm h-1", 12, "cm/h", "value"),
        ("1.5x10^-3 cm/s", 1.5e-3, "cm/s", "value"),
        ("porosity 0,38", 0.38, "", "value"),
        ("1,000 mL", 1000, "mL", "value"),
        ("10 mM KBr", 10, "mmol/L", "value"),
        ("two working days", 16, "h", "value"),
        ("20 °C", 20, "°C", "value"),
        ("retardation of 1.2 and so on", 1.2, "", "value"),
        ("take 20 samples", 20, "", "value"),
        ("5 cm in diameter", 5, "cm", "value"),
        ("velocity -3 cm/h", -3, "cm/h", "value"),
    ],
)
def test_one_quantity(text, value, unit, kind):
    spans = find_quantities(text)
    assert len(spans) == 1, spans
    (span,) = spans
    assert span.value == pytest.approx(value)
    assert (span.unit, span.kind) == (unit, kind)
    assert text[span.start : span.end] == span.text


@pytest.mark.parametrize("text", ["H2O and Pe20", "a column of sand", "CaCl2 tracer", "the day after"])
def test_no_quantity(text):
    assert find_quantities(text) == []


@pytest.mark.parametrize(
    ("text", "lower", "upper", "unit"),
    [
        ("between 1 and 3 h", 1, 3, "h"),
        ("20-30 cm", 20, 30, "cm"),
        ("0.5 mL/min to 10 mL/min", 0.5, 10, "mL/min"),
        ("from 2 up to 4 cm/h", 2, 4, "cm/h"),
    ],
)
def test_ranges(text, lower, upper, unit):
    (span,) = find_quantities(text)
    assert (span.kind, span.lower, span.upper, span.unit) == ("range", lower, upper, unit)


def test_two_lengths_with_and_are_two_quantities():
    assert [s.value for s in find_quantities("30 cm long and 5 cm wide")] == [30, 5]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("a 1/8 inch disc", 0.125, "inch"),
        ("1 1/2 inches wide", 1.5, "inches"),
        ('my 1/4" disc', 0.25, "inch"),
        ("0.1 in. thick", 0.1, "inch"),
        ("0.25 in deep", 0.25, "inch"),
        ("380 J/(kg K)", 380, "J/(kg*K)"),
        ("a capacity of 380 J/kg K and", 380, "J/kg/K"),
        ("380 J/kgK", 380, "J/kg/K"),
        ("glycerol at 30 C, please", 30, "degC"),
        ("up to 20 shots", 20, ""),
        ("C/C0 below 0.5 C/C0", 0.5, ""),
    ],
)
def test_units_as_people_write_them(text: str, value: float, unit: str) -> None:
    (span,) = find_quantities(text)
    assert (span.value, span.unit) == (pytest.approx(value), unit)


def test_what_must_not_be_exceeded_is_a_limit_from_above() -> None:
    (span,) = find_quantities("the rear must not rise by more than 2 K")
    assert (span.kind, span.upper) == ("at_most", 2)
    (least,) = find_quantities("not less than 2 K")
    assert least.kind == "at_least"
