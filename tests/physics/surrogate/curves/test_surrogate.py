"""What a trained surrogate answers, against the solver: values, intervals, laws, and when it should not answer."""

import pytest
import torch

from physics.errors import ParameterError
from physics.surrogate.curves.surrogate import Prediction, Surrogate
from physics.surrogate.trust import reasons

SPEED = 1e-4


def settings(small: Surrogate, peclet: torch.Tensor, **more: object) -> dict[str, object]:
    given = {"length": 0.3, "velocity": SPEED, "dispersion": SPEED * 0.3 / peclet, "retardation": 2.0}
    return small.experiment.complete(given | more)


def fresh(count: int) -> torch.Tensor:
    share = torch.rand(count, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
    return 4.0 * 100.0**share


def solved(small: Surrogate, given: dict[str, object]) -> torch.Tensor:
    """Return the closed form, to rounding."""
    model = small.experiment.model
    assert model is not None
    numbers = {name: torch.as_tensor(value, dtype=torch.float64).expand(200) for name, value in given.items()
               if isinstance(value, float | torch.Tensor)}  # fmt: skip
    return model({**given, "dispersion": 1e-6}, TIMES)(numbers, TIMES)


TIMES = torch.linspace(0.0, 3.0 * 0.3 * 2.0 / SPEED, 131, dtype=torch.float64)


@pytest.mark.parametrize(
    "more", [{}, {"input": "leach"}, {"input": "pulse", "pulse_duration": 2000.0}, {"decay": 1e-4}], ids=str
)
def test_bands_hold_whole_curves_of_the_solver_at_its_own_times(small: Surrogate, more: dict[str, object]) -> None:
    given = settings(small, fresh(200), **more)
    found = small.predict(given, TIMES, level=0.9, judge=False)
    answer = found.answers[0]
    truth = solved(small, given)
    inside = ((truth >= answer.lower - 1e-7) & (truth <= answer.upper + 1e-7)).all(1)
    assert float(inside.double().mean()) > 0.84  # 0.9 of them, 200 drawn
    assert float((answer.output.values - truth).abs().max()) < 0.02
    assert bool((answer.lower <= answer.output.values).all() & (answer.output.values <= answer.upper).all())
    assert answer.output.time is not None


def test_a_wider_level_is_a_wider_band(small: Surrogate) -> None:
    given = settings(small, fresh(5))
    narrow, wide = (small.predict(given, TIMES, level=level, judge=False).answers[0] for level in (0.5, 0.98))
    assert bool(((wide.upper - wide.lower) >= (narrow.upper - narrow.lower) - 1e-12).all())
    assert float((wide.upper - wide.lower).max()) > 1.5 * float((narrow.upper - narrow.lower).max())


def test_what_is_shown_keeps_the_laws_of_the_experiment(small: Surrogate) -> None:
    for peclet in fresh(40):
        found = small.predict(settings(small, peclet.reshape(1)), TIMES, judge=True)
        assert [told for kind, told in reasons(found.doubts) if kind == "law"] == []


def kinds(found: Prediction, member: int = 0) -> list[str]:
    return [kind for kind, _ in reasons(found.doubts, member)]


def test_it_abstains_outside_its_ranges_and_says_which(small: Surrogate) -> None:
    found = small.predict(settings(small, torch.tensor([50.0, 900.0])), TIMES, judge=False)
    assert found.abstained().tolist() == [False, True]
    assert ("range", "peclet = 900 lies outside the trained range, 3 to 500") in reasons(found.doubts, 1)


def test_it_abstains_where_the_band_is_wider_than_the_budget(small: Surrogate) -> None:
    given = settings(small, torch.tensor([50.0]))
    assert kinds(small.predict(given, TIMES, judge=False)) == []
    assert kinds(small.predict(given, TIMES, budget=1e-9, judge=False)) == ["width"]


def test_a_level_for_which_too_few_runs_were_calibrated_is_no_interval(small: Surrogate) -> None:
    found = small.predict(settings(small, torch.tensor([50.0])), TIMES, level=0.9999, judge=False)
    assert "width" in kinds(found)


def test_a_level_that_is_none_is_refused(small: Surrogate) -> None:
    with pytest.raises(ParameterError, match="level"):
        small.predict(settings(small, torch.tensor([50.0])), TIMES, level=1.5)


def test_an_answer_that_breaks_a_law_is_doubted(small: Surrogate) -> None:
    basis = small.emulators["concentration"].basis
    bent = basis._replace(mean=basis.mean + 0.3 * torch.sin(torch.linspace(0.0, 40.0, len(basis.mean))).double())
    emulator = small.emulators["concentration"]
    wrong = type(emulator)(emulator.kind, bent, emulator.regressor, emulator.profile, emulator.near, emulator.most,
                           emulator.conformal)  # fmt: skip
    given = settings(small, torch.tensor([50.0]))
    assert "law" in kinds(Surrogate(small.family, {"concentration": wrong}, {}).predict(given, TIMES))


def test_speed_is_held_against_the_solver(small: Surrogate) -> None:
    assert "never measured" in small.slow()
    slow = {"speed": {"ratio": 7.0, "solver_us": 70.0, "surrogate_us": 10.0, "batch": 64}}
    assert "less than 100" in Surrogate(small.family, small.emulators, slow).slow()
    quick = {"speed": {"ratio": 700.0, "solver_us": 7000.0, "surrogate_us": 10.0, "batch": 64}}
    assert Surrogate(small.family, small.emulators, quick).slow() == ""


@pytest.mark.parametrize("more", [{}, {"input": "leach"}, {"input": "pulse", "pulse_duration": 2000.0}], ids=str)
def test_tracer_is_conserved_to_rounding_and_amounts_are_the_solvers(small: Surrogate, more: dict[str, object]) -> None:
    given = settings(small, fresh(20), **more)
    found = small.predict(given, TIMES, level=0.98)
    truth = small.experiment.simulate(given, TIMES, tolerance=1e-6).outputs
    answers = {answer.output.name: answer for answer in found.answers}
    full = 0.3 * 2.0
    initial = full if more.get("input") == "leach" else 0.0
    values = {name: answer.output.values for name, answer in answers.items()}
    assert float((initial + values["inflow"] - values["outflow"] - values["storage"]).abs().max()) < 1e-14
    for name in ("inflow", "outflow", "storage"):
        assert float((values[name] - truth[name].values).abs().max()) < 5e-3 * full
        inside = (truth[name].values >= answers[name].lower - 1e-6) & (truth[name].values <= answers[name].upper + 1e-6)
        assert float(inside.all(1).double().mean()) > 0.8
    assert [told for k in range(20) for kind, told in reasons(found.doubts, k) if kind == "law"] == []
