"""What every plan's words must hold; the folders are discovered."""

import re

import pytest

from agent.quantities import find_quantities
from corpora.trust import Library
from tools import experiments
from tools.errors import Retry
from tools.plans import designer, names, planning

EVERY = names()


@pytest.mark.parametrize("name", EVERY)
def test_a_plan_belongs_to_an_experiment_and_has_a_designer(name: str) -> None:
    assert planning(name).experiment == name
    assert name in experiments.names()
    assert callable(designer(name))


@pytest.mark.parametrize("name", EVERY)
def test_slots_are_told_apart_and_assumptions_can_be_read(name: str) -> None:
    plan = planning(name)
    keys = [slot.key for slot in plan.slots]
    assert len(set(keys)) == len(keys)
    by_name = {slot.name: slot for slot in plan.slots}
    for assumption in plan.assumptions:
        slot = by_name[assumption.name]
        (span,) = find_quantities(assumption.value)
        assert experiments.check_setting(name, slot.name, f"{span.value!r} {span.unit}".strip()) is None
        assert f"{{{slot.key}}}" in assumption.sentence or slot.bounds
    for need in plan.needs:
        assert any(item in by_name or item in plan.choices for item in need.names)
    if plan.targets:
        assert "precision" in by_name


@pytest.mark.parametrize("name", EVERY)
def test_instruments_are_cards_of_the_trusted_library(name: str) -> None:
    plan = planning(name)
    cards = set(Library.open())
    known = plan.instruments
    named = {*known.words, *known.sensors, *known.usual, *known.by_choice.values()}
    assert named <= cards
    for sentence in known.values.values():
        assert "[card]" in sentence
        assert re.search(r"\{[a-z_]+\}", sentence)


def test_what_cannot_be_planned_is_named_with_what_can() -> None:
    with pytest.raises(Retry, match="column"):
        planning("sourdough")
    with pytest.raises(Retry, match="column"):
        designer("../column")
