"""The surrogate of fields: shapes, its start, its parts, and what its frames keep."""

import pytest
import torch

from physics.surrogate.fields.decoder import OperatorBlock
from physics.surrogate.fields.model import Scales, Shape, Surrogate
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.fields.spectral_basis import basis
from physics.surrogate.regimes import all_regimes

SMALL = Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, backbone_layers=1)
REGIMES = all_regimes()


def history(name: str, runs: int = 2) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    regime = REGIMES[name]
    generator = torch.Generator().manual_seed(3)
    settings = regime.draw(runs, generator)
    starts = [regime.start({k: v[i] for k, v in settings.items()}, generator) for i in range(runs)]
    return torch.stack(starts)[:, None].expand(-1, 4, *[-1] * (1 + len(regime.points))).float(), settings


def disturbed(model: torch.nn.Module) -> torch.nn.Module:
    """A model whose increments are not zero."""
    torch.manual_seed(5)
    for adapter in model.adapters.values():
        torch.nn.init.normal_(adapter.leave.weight, std=0.3)
    return model


@pytest.mark.parametrize("name", REGIMES)
def test_a_new_model_says_that_nothing_changes(name):
    frames, settings = history(name)
    model = Surrogate({name: REGIMES[name]}, SMALL)
    following = model.free(frames, settings, name)
    assert following.shape == frames[:, -1].shape
    assert torch.allclose(following, frames[:, -1], atol=1e-6)


@pytest.mark.parametrize("name", REGIMES)
def test_what_a_run_keeps_is_kept_by_its_prediction(name):
    frames, settings = history(name)
    regime = REGIMES[name]
    model = disturbed(Surrogate({name: regime}, SMALL)).eval()
    change = 0.05 * frames.flatten(3).std(-1).mean((0, 1)).clamp_min(1e-3)
    model.set_scales(name, Scales(torch.zeros_like(change), torch.ones_like(change), change))
    start = frames[:, 0].double()
    made = rollout(model, regime, frames, settings, 3, start)
    assert made.shape == (2, 3, *start.shape[1:])
    assert not torch.allclose(made[:, -1], start, atol=1e-6)
    for invariant in regime.invariants:
        assert float(invariant.defect(made, start[:, None], settings).max()) < 1e-9, invariant.name
    for index, channel in enumerate(regime.channels):
        if channel.bounds is not None and not regime.invariants:
            assert float(made[:, :, index].min()) >= channel.bounds[0]
            assert float(made[:, :, index].max()) <= channel.bounds[1]


@pytest.mark.parametrize(
    "part", [{"spectral_tokens": False}, {"conditioned": False}, {"adaptive_waves": True}, {"backbone": "attention"}]
)
def test_every_part_can_be_left_out_or_swapped(part):
    frames, settings = history("gray_scott", 1)
    model = disturbed(Surrogate({"gray_scott": REGIMES["gray_scott"]}, Shape(**{**SMALL.as_dict(), **part})))
    loss = model(frames, settings, "gray_scott").square().mean()
    loss.backward()
    assert bool(torch.isfinite(loss))


def test_without_conditioning_settings_do_not_matter_and_with_it_they_do():
    frames, settings = history("burgers", 1)
    other = {name: value * 2.0 for name, value in settings.items()}
    for conditioned in (True, False):
        torch.manual_seed(0)
        model = disturbed(
            Surrogate({"burgers": REGIMES["burgers"]}, Shape(**{**SMALL.as_dict(), "conditioned": conditioned}))
        )
        same = torch.equal(model(frames, settings, "burgers"), model(frames, other, "burgers"))
        assert same is not conditioned


def test_a_layer_of_the_decoder_commutes_with_shifts():
    torch.manual_seed(0)
    block, waves = OperatorBlock(6, 5), basis((16, 12), ("periodic", "periodic"), (8, 6))
    h, c = torch.randn(2, 16, 12, 6), torch.randn(2, 5)
    ends = ("periodic", "periodic")
    moved = block(h.roll((3, 5), (1, 2)), c, waves, ends)
    assert torch.allclose(moved, block(h, c, waves, ends).roll((3, 5), (1, 2)), atol=1e-4)
