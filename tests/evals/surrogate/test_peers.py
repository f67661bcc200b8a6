"""The peers of the surrogate of fields: shapes, and that each answers with its last frame's scale."""

import pytest
import torch

from evals.surrogate.peers import PEERS, Peer, Size
from physics.errors import ParameterError
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("name", ["burgers", "convection"])
def test_a_peer_maps_a_history_to_a_frame(kind, name):
    if kind != "unet":
        pytest.importorskip("neuralop", reason="neuraloperator is installed with the peers of the benchmarks")
    regime = get(name)
    frames = generate(regime, "train", 2, 0, frames=6)
    torch.manual_seed(0)
    peer = Peer(kind, regime, scales_of(frames), Size(4, (4, 3), 2))
    made = peer(frames.values[:, :4], frames.settings, name)
    assert made.shape == frames.values[:, 4].shape
    assert bool(made.isfinite().all())
    made.square().mean().backward()


def test_a_peer_that_is_none_is_refused():
    regime = get("burgers")
    with pytest.raises(ParameterError, match="fno, tfno, unet"):
        Peer("mlp", regime, scales_of(generate(regime, "train", 2, 0, frames=6)), Size(4))
