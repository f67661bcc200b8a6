"""Gray-Scott as an experiment: balances, errors, words, what is refused and what is flagged."""

from pathlib import Path

import pytest
import torch

from physics import well
from physics.equations.gray_scott import march as gray_scott_march
from physics.equations.gray_scott.pattern import CLASSES
from physics.errors import InputError
from physics.experiments.gray_scott import EXPERIMENT, default_times, simulate
from physics.solution import Status
from physics.trajectory import trajectory_of

F64 = torch.float64
THE_WELL = [(0.014, 0.054), (0.098, 0.057), (0.029, 0.057), (0.058, 0.065), (0.018, 0.051), (0.030, 0.062)]
SMALL = {"size": 0.5, "cells": 32.0, "duration": 100.0}


def rates(pairs: list[tuple[float, float]]) -> dict[str, torch.Tensor]:
    feed, kill = (torch.tensor(column, dtype=F64) for column in zip(*pairs, strict=True))
    return {"feed": feed, "kill": kill}


@pytest.fixture(scope="module")
def wells():
    """The Well's square and its six pairs, for a while."""
    return simulate(rates(THE_WELL), torch.linspace(0, 60, 7, dtype=F64), tolerance=1e-5)


def test_balances_of_the_well_close_to_rounding(wells) -> None:
    assert wells.status is Status.CONVERGED
    assert [balance.name for balance in wells.balances] == ["A", "B"]
    for balance in wells.balances:
        assert balance.tolerance == 1e-12
        assert bool(balance.ok.all())
        assert float(balance.scale.min()) > (0.9 if balance.name == "A" else 0.05)


def test_balances_hold_at_every_time_for_curves_and_fields(wells) -> None:
    value = {name: output.values for name, output in wells.outputs.items()}
    grown = [value[name] - value[name][:, :1] for name in ("mean_a", "mean_b")]
    torch.testing.assert_close(grown[0], value["fed"] - value["reacted"], rtol=0, atol=1e-12)
    torch.testing.assert_close(grown[1], value["reacted"] - value["drained"], rtol=0, atol=1e-12)
    for name in ("a", "b"):
        assert value[name].shape == (6, 7, 128, 128)
        torch.testing.assert_close(value[name].mean((-2, -1)), value[f"mean_{name}"], rtol=0, atol=1e-13)
        assert list(wells.outputs[name].coordinates) == ["x", "y"]


def test_the_balance_is_that_of_the_equation() -> None:
    """d<A>/dt = -<A B^2> + F (1 - <A>), d<B>/dt = <A B^2> - (F + k) <B>, by central differences at 1e-9."""
    h = 0.01
    times = 50 + h * torch.arange(-2, 3, dtype=F64)
    run = simulate({"feed": 0.03, "kill": 0.06, **SMALL}, times, step=1.0)
    value = {name: output.values[0] for name, output in run.outputs.items()}
    made = float((value["a"][2] * value["b"][2] ** 2).mean())
    for name, rate in (
        ("mean_a", -made + 0.03 * (1 - float(value["mean_a"][2]))),
        ("mean_b", made - 0.09 * float(value["mean_b"][2])),
        ("reacted", made),
    ):
        curve = value[name]
        slope = float(8 * (curve[3] - curve[1]) - (curve[4] - curve[0])) / (12 * h)
        assert slope == pytest.approx(rate, abs=1e-9)


def test_the_error_estimate_is_honest() -> None:
    settings, times = {**rates(THE_WELL[:3]), **SMALL}, torch.tensor([40.0, 100.0], dtype=F64)
    truth = simulate(settings, times, step=0.125)
    for tolerance in (1e-4, 1e-6, 1e-8):
        run = simulate(settings, times, tolerance=tolerance).require()
        for name in ("mean_a", "mean_b", "reacted", "b"):
            gap = (run.outputs[name].values - truth.outputs[name].values).abs().max()
            claimed = run.outputs[name].error
            assert claimed is not None
            assert float(gap) <= 2 * float(claimed.max()) + 1e-12
        assert float(run.outputs["mean_b"].error.max()) <= tolerance


def test_the_wells_square_is_the_default() -> None:
    full = EXPERIMENT.read({"feed": "0.03", "kill": "0.062"})
    assert (full["size"], full["cells"], full["diffusion_a"], full["diffusion_b"]) == (2.0, 128.0, 2e-5, 1e-5)
    assert full["spots"] == 40
    assert len(default_times(full, 5)) == 5


def test_times_may_come_in_any_order() -> None:
    settings = {"feed": 0.03, "kill": 0.06, **SMALL}
    shuffled = simulate(settings, torch.tensor([30.0, 0.0, 30.0, 10.0], dtype=F64), step=2.0, frames=2)
    found = shuffled.outputs["mean_b"].values[0]
    assert float(found[0]) == float(found[2])
    assert float(found[3]) == float(simulate(settings, [10.0], step=2.0).outputs["mean_b"].values[0, 0])
    assert shuffled.outputs["b"].time.tolist() == [0.0, 30.0]


def test_the_file_says_that_both_axes_are_periodic(tmp_path: Path) -> None:
    settings = EXPERIMENT.read(EXPERIMENT.example)
    run = simulate(settings, torch.linspace(0, 20, 5, dtype=F64), step=2.0)
    well.write(tmp_path / "run.h5", trajectory_of(EXPERIMENT, settings, run))
    found = well.read(tmp_path / "run.h5")
    assert [(each.kind, each.axes) for each in found.boundaries] == [("periodic", ("x",)), ("periodic", ("y",))]
    assert all(bool(each.mask[0] & each.mask[-1]) and int(each.mask.sum()) == 2 for each in found.boundaries)
    assert torch.equal(found.fields["b"].values, run.outputs["b"].values)


def test_words() -> None:
    run = simulate({**rates([(0.03, 0.05), (0.045, 0.09)]), **SMALL}, torch.tensor([400.0], dtype=F64), step=4.0)
    pattern = run.outputs["pattern"]
    assert pattern.labels == CLASSES
    assert pattern.labels[int(pattern.values[1])] == "dead"
    assert "died out in 1 of 2" in run.message
    assert float(run.outputs["wavelength"].values[1]) == 0.0
    limit = next(item for item in EXPERIMENT.limits if item.name == "richness")
    assert limit.value({"feed": 0.045, "kill": 0.09}) < limit.lower  # flagged before it is run


def test_a_coarse_grid_is_named() -> None:
    run = simulate({"feed": 0.03, "kill": 0.06, "size": 2.0, "cells": 32.0}, [60.0], step=2.0)
    assert "grid is coarse" in run.message
    limit = next(item for item in EXPERIMENT.limits if item.name == "points_per_front")
    settings = EXPERIMENT.read({"feed": "0.03", "kill": "0.06", "size": "2", "cells": "32"})
    assert limit.value(settings) < limit.lower


def test_a_run_that_diverges_says_where() -> None:
    initial = torch.ones(2, 2, 16, 16, dtype=F64)
    initial[1, 1] = 1e4
    settings = {"feed": torch.tensor([0.03, 0.03], dtype=F64), "kill": 0.06, "size": 0.25, "cells": 16.0}
    run = simulate(settings, torch.tensor([0.0, 5.0, 10.0], dtype=F64), initial=initial)
    assert run.status is Status.DIVERGED
    assert "member 1 of 2" in run.message
    assert "time 5" in run.message
    assert bool(torch.isfinite(run.outputs["mean_b"].values[0]).all())
    assert not bool(torch.isfinite(run.outputs["pattern"].values[1]))


def test_a_chaotic_run_says_so() -> None:
    run = simulate({"feed": 0.014, "kill": 0.054, "size": 1.0, "cells": 64.0}, [200.0, 4000.0])
    assert run.status is Status.CHAOTIC
    assert "member 0 of 1" in run.message
    assert "time" in run.message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kill": "0.06"}, "feed"),
        ({"feed": "0.03", "kill": "0.06", "diffusion_b": "-1e-5"}, "diffusion_b"),
        ({"feed": "0.03", "kill": "0.06", "diffusion_a": "0"}, "diffusion_a"),
        ({"feed": "0", "kill": "0.06"}, "feed"),
        ({"feed": "0.03", "kill": "-0.06"}, "kill"),
        ({"feed": "0.03 m", "kill": "0.06"}, "feed"),
        ({"feed": "0.03", "kill": "0.06", "cells": "33"}, "cells"),
        ({"feed": "0.03", "kill": "0.06", "cells": "32.5"}, "cells"),
        ({"feed": "0.03", "kill": "0.06", "cells": "100000"}, "cells"),
        ({"feed": "0.03", "kill": "0.06", "spot_width": "1.5"}, "spot_width"),
        ({"feed": "0.03", "kill": "0.06", "inoculum": "worms"}, "inoculum"),
        ({"feed": "0.03", "kill": "0.06", "feeds": "1"}, "did you mean feed"),
    ],
)
def test_bad_input_is_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        EXPERIMENT.read(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"times": []},
        {"times": [-1.0]},
        {"times": [1e9]},
        {"tolerance": 2.0},
        {"step": 50.0},
        {"initial": torch.ones(2)},
    ],
)
def test_bad_arguments_are_named(more: dict) -> None:
    with pytest.raises(InputError, match="gray_scott"):
        simulate({"feed": 0.03, "kill": 0.06, **SMALL}, **{"times": [1.0], **more})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 1e3}, "need 63248 cells a side, more than 1024; take a smaller size"),
        ({"size": 1e6, "cells": 32.0}, "spots of width 0.0379473 fall between points 31250 apart"),
        ({"size": 0.5, "spot_width": 1e-9}, "spots of width 1e-09 fall between points"),
        ({"size": torch.tensor([0.5, 0.02]), "spot_width": 0.01}, "levels a square of size 0.02 .* size above 0.028"),
        ({"size": 0.5, "diffusion_a": [2e-5, 1.0]}, "levels a square of size 0.5 within the unit of time"),
    ],
)
def test_a_square_that_shows_nothing_is_refused(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate({"feed": 0.03, "kill": 0.062} | given, [10.0], step=2.0)


def test_batches_must_agree() -> None:
    two, three = torch.full((2,), 0.03, dtype=F64), torch.full((3,), 0.06, dtype=F64)
    with pytest.raises(InputError, match="batches differ"):
        simulate({"feed": two, "kill": three, **SMALL}, [1.0])
    with pytest.raises(InputError, match="cells"):
        simulate({"feed": two, "kill": 0.06, "size": 0.5, "cells": torch.tensor([16.0, 32.0])}, [1.0])


def test_array_operations_give_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The march for other devices, here on the processor, through the whole run."""
    settings, times = {**rates(THE_WELL[:2]), **SMALL}, torch.tensor([10.0, 40.0], dtype=F64)
    compiled = simulate(settings, times)
    monkeypatch.setattr(gray_scott_march, "_threads", gray_scott_march._arrays)
    arrays = simulate(settings, times)
    for name, output in compiled.outputs.items():
        torch.testing.assert_close(output.values, arrays.outputs[name].values, rtol=0, atol=1e-12)


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    simulate({"feed": 0.03, "kill": 0.06, **SMALL}, progress=lambda done, word: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
