"""Every regime there is: what it draws, solves and keeps."""

import pkgutil
from collections.abc import Mapping
from functools import cache

import pytest
import torch
from torch import Tensor

from physics.errors import ParameterError, SolverError
from physics.surrogate import regimes
from physics.surrogate.frames import fields_of
from physics.surrogate.generate import drawn
from physics.surrogate.regime import Invariant
from physics.surrogate.regimes import all_regimes, get

NAMES = list(all_regimes())
HELPERS = {"marching"}
RUNS, FRAMES = 2, 3
KEPT = [(name, each) for name, regime in all_regimes().items() for each in regime.invariants]
IDS = [f"{name}-{each.name}" for name, each in KEPT]
COARSE_ERROR = {"gray_scott": 0.6}  # half the grid loses its fronts


@cache
def solved(name: str) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first frames, the frames and the settings of a few runs."""
    start, settings = drawn(get(name), "test", range(RUNS), 5)
    return start, get(name).solve(start, settings, frames=FRAMES), settings


def part(settings: Mapping[str, Tensor], runs: slice) -> dict[str, Tensor]:
    return {name: value[runs] for name, value in settings.items()}


def vrmse(found: Tensor, true: Tensor) -> Tensor:
    error = (found - true).square().flatten(3).mean(-1)
    return (error / true.flatten(3).var(-1, correction=0)).sqrt()


def test_each_file_is_a_regime_of_its_name() -> None:
    files = {item.name for item in pkgutil.iter_modules(regimes.__path__)} - HELPERS
    assert set(NAMES) == files
    assert len(NAMES) == 7
    with pytest.raises(ParameterError, match="did you mean gray_scott"):
        get("grayscott")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_regime_says_of_itself(name: str) -> None:
    regime = get(name)
    assert regime.title
    assert regime.equation
    assert regime.frames == 28
    assert sorted(c for field in fields_of(regime).values() for c in field) == list(range(len(regime.channels)))
    assert {axis: len(points) for axis, points in regime.coordinates.items()} == {
        axis.name: axis.points for axis in regime.axes
    }
    for each in regime.ranges:
        assert each.reach[0] <= each.low < each.high <= each.reach[1]
        assert not each.log or each.reach[0] > 0.0
    assert any(each.reach != (each.low, each.high) for each in regime.ranges)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_drawn_within_and_beyond_their_ranges(name: str) -> None:
    regime = get(name)
    inside = regime.draw(200, torch.Generator().manual_seed(1))
    outside = regime.draw(200, torch.Generator().manual_seed(1), beyond=True)
    left = torch.zeros(200, dtype=torch.bool)
    for each in regime.ranges:
        assert bool(((inside[each.name] >= each.low) & (inside[each.name] <= each.high)).all())
        values = outside[each.name]
        assert bool(((values >= each.reach[0]) & (values <= each.reach[1])).all())
        left |= (values < each.low) | (values > each.high)
    assert bool(left.all())


@pytest.mark.parametrize("name", NAMES)
def test_a_run_moves_within_its_bounds_from_its_start(name: str) -> None:
    regime = get(name)
    start, values, _ = solved(name)
    assert values.shape == (RUNS, FRAMES, len(regime.channels), *regime.points)
    assert values.dtype == torch.float64
    assert torch.equal(values[:, 0], start)
    change = vrmse(values[:, :-1], values[:, 1:])
    assert float(change.mean()) > 0.03
    for channel, field in zip(regime.channels, values.unbind(2), strict=True):
        if channel.bounds is not None:
            assert channel.bounds[0] <= float(field.min())
            assert float(field.max()) <= channel.bounds[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_the_same_alone(name: str) -> None:
    start, values, settings = solved(name)
    alone = get(name).solve(start[1:], part(settings, slice(1, None)), frames=FRAMES)
    assert torch.allclose(alone, values[1:], rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_coarse_grid_comes_near(name: str) -> None:
    start, values, settings = solved(name)
    coarse = get(name).solve(start, settings, coarse=2, frames=FRAMES)
    assert torch.equal(coarse[:, 0], values[:, 0])
    error = float(vrmse(coarse[:, 1:], values[:, 1:]).mean())
    assert 0.0 < error < COARSE_ERROR.get(name, 0.05)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_is_told(name: str) -> None:
    start, _, settings = solved(name)
    broken = start.clone()
    broken[1, 0].view(-1)[3] = torch.nan
    with pytest.raises(SolverError, match=f"{name}: run 1 of 2 .* is not finite at frame 0"):
        get(name).solve(broken, settings, frames=2)


@pytest.mark.parametrize(("name", "kept"), KEPT, ids=IDS)
def test_frames_keep_what_they_should(name: str, kept: Invariant) -> None:
    start, values, settings = solved(name)
    defect = kept.defect(values, start[:, None], settings)
    assert defect.shape == (RUNS, FRAMES)
    assert float(defect.max()) < 0.1 * kept.tolerance
    single = values.to(torch.float32)
    assert float(kept.defect(single, single[:, :1], settings).max()) < kept.tolerance
    assert torch.allclose(kept.project(values, start[:, None], settings), values, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize(("name", "kept"), KEPT, ids=IDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_disturbed_frame_is_brought_back(name: str, kept: Invariant, dtype: torch.dtype) -> None:
    start, values, settings = solved(name)
    first = start[:, None].to(dtype)
    noise = torch.randn(values.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    disturbed = (values + 0.05 * values.std() * (noise + 0.5)).to(dtype)
    assert float(kept.defect(disturbed, first, settings).min()) > kept.tolerance
    back = kept.project(disturbed, first, settings)
    assert back.dtype == dtype
    assert float(kept.defect(back, first, settings).max()) < kept.tolerance
    again = kept.project(back, first, settings)
    assert torch.allclose(again, back, rtol=0.0, atol=1e-9 if dtype == torch.float64 else 1e-4)
    assert float((back - disturbed).norm()) <= 1.001 * float((values - disturbed).norm())


@pytest.mark.parametrize(("name", "kept"), KEPT, ids=IDS)
def test_a_projection_is_differentiable(name: str, kept: Invariant) -> None:
    regime = get(name)
    generator = torch.Generator().manual_seed(3)
    tiny = (10,) if len(regime.axes) == 1 else (6, 4)
    settings = regime.draw(1, generator)
    start, values = (
        torch.randn(1, frames, len(regime.channels), *tiny, generator=generator, dtype=torch.float64)
        for frames in (1, 2)
    )
    assert torch.autograd.gradcheck(
        lambda given: kept.project(given, start, settings), (values.requires_grad_(),), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "constant", "finer", "bound"),
    [("burgers", "_FINER", 8, 1e-3), ("advection_dispersion", "_FINER", 8, 2e-3)],
)
def test_the_reference_is_converged(
    name: str, constant: str, finer: int, bound: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, values, settings = solved(name)
    regime = get(name)
    monkeypatch.setattr(f"physics.surrogate.regimes.{name}.{constant}", finer)
    assert float(vrmse(values, regime.solve(start, settings, frames=FRAMES)).max()) < bound
