"""Counting what is kept: nothing is broken by what is shown, and what is broken is counted."""

from dataclasses import replace

import pytest
import torch

from evals.surrogate.kept import BOUNDS, kept, total
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.regimes import get
from tests.physics.surrogate.fields.conftest import calibrated_fields


@pytest.fixture
def trusted() -> Trusted:
    return calibrated_fields()


def test_what_is_shown_keeps_everything_within_the_validators_limits(trusted):
    found = kept(trusted, 600)
    assert total(found)["predictions"] >= 500
    assert total(found)["violations"] == 0
    by_name = {each.regime: each for each in found}
    energy = by_name["klein_gordon"]
    assert energy.limits == {"energy": get("klein_gordon").invariants[0].tolerance}
    assert energy.worst["energy"] < energy.limits["energy"]
    assert by_name["advection_dispersion"].worst[BOUNDS] == 0.0


def test_a_frame_that_breaks_a_balance_or_a_bound_is_counted(trusted, monkeypatch):
    predict = Trusted.predict

    def spoilt(self, regime, *given, **named):
        found = predict(self, regime, *given, **named)
        values = found.values.clone()
        values[0, 2] += 5.0
        return replace(found, values=values)

    monkeypatch.setattr(Trusted, "predict", spoilt)
    found = kept(trusted, 96)
    assert total(found)["violations"] >= len(found)
    assert all(max(each.worst.values()) > max(each.limits.values()) for each in found)


def test_rollouts_that_break_a_law_are_withheld_and_counted(trusted, monkeypatch):
    predict = Trusted.predict

    def doubted(self, regime, *given, **named):
        found = predict(self, regime, *given, **named)
        all_of_them = [replace(each, members=torch.ones_like(each.members)) for each in found.doubts]
        return replace(found, doubts=tuple(all_of_them))

    monkeypatch.setattr(Trusted, "predict", doubted)
    found = kept(trusted, 96)
    assert total(found)["predictions"] == 0
    assert total(found)["withheld"] >= 96
