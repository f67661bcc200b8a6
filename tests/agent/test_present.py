import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.present import fact_text, number_text, render
from tools.records import Citation, Fact, Source

SOURCE = Source(tool="design", run="r")


def fact(value: float, unit: str = "cm/h", lower: float | None = None, upper: float | None = None) -> Fact:
    return Fact(id="velocity", name="velocity", value=value, unit=unit, lower=lower, upper=upper, source=SOURCE)


@pytest.mark.parametrize(
    ("value", "lower", "upper", "expected"),
    [
        (2.45149, 2.43, 2.47, "2.451"),
        (2.45149, 1.9, 3.0, "2.45"),
        (2.45149, None, None, "2.451"),
        (0.0123456, None, None, "0.01235"),
        (23.0, None, None, "23"),
        (123456.7, None, None, "123500"),
        (0.1 + 0.2, None, None, "0.3"),
        (0.5, 0.4998, 0.5002, "0.50000"),
        (0.0, 0.0, 0.0, "0"),
    ],
)
def test_numbers_are_rounded_to_what_the_interval_carries(
    value: float, lower: float | None, upper: float | None, expected: str
) -> None:
    assert number_text(value, lower, upper) == expected


@given(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9), st.floats(1e-6, 0.5))
def test_a_shown_number_departs_by_at_most_half_its_last_digit(value: float, relative: float) -> None:
    half_width = abs(value) * relative
    shown = number_text(value, value - half_width, value + half_width)
    step = 10.0 ** -(len(shown.partition(".")[2]))
    if "." not in shown:
        step = 10.0 ** (len(shown) - len(shown.rstrip("0")))
    assert abs(float(shown) - value) <= step / 2 * (1 + 1e-9) + 1e-12 * abs(value)
    assert half_width == 0 or abs(float(shown) - value) <= half_width


def test_units_are_spelled_without_digits() -> None:
    assert fact_text(fact(0.154, "cm**2/h")) == "0.154 cm²/h"
    assert fact_text(fact(5.0, "percent")) == "5 %"


def test_references_are_replaced_and_their_places_recorded() -> None:
    quote = Citation(id="a", document="step-or-pulse", section="Why", start=3, end=7, quote="Step.", sha256="0")
    shown = render('At {velocity}: {"a} ({@a}).', {"velocity": fact(2.5)}, {"a": quote})
    assert shown.text == "At 2.5 cm/h: “Step.” (step-or-pulse, Why)."
    assert [shown.text[r.start : r.end] for r in shown.references] == ["2.5 cm/h", "“Step.”", "step-or-pulse, Why"]


@pytest.mark.parametrize("text", ["{speed}", '{"b}', "{velocity.lower}"])
def test_a_reference_to_nothing_is_an_error(text: str) -> None:
    with pytest.raises(KeyError):
        render(text, {"velocity": fact(2.5)}, {})


def test_the_value_of_zero_has_no_magnitude() -> None:
    assert math.isfinite(float(number_text(0.0, -1.0, 1.0)))
