"""Regimes of which one channel is not seen."""

import json

import pytest
import torch

from evals.surrogate import hidden
from physics.surrogate.fields.model import Shape
from physics.surrogate.frames import Frames
from physics.surrogate.regimes import get
from tools.surrogate.data import make_data

TINY = {"latent": 8, "frame": 4, "tokens": 16, "given": 12, "blocks": 1, "backbone_layers": 1}


def test_a_hidden_channel_is_left_out_with_what_cannot_be_known():
    whole = get("klein_gordon")
    regime = hidden.partial(whole, "rate")
    assert [channel.name for channel in regime.channels] == ["field"]
    assert regime.invariants == ()
    assert whole.invariants
    settings = {each.name: torch.ones(3) for each in whole.ranges}
    frames = Frames(whole.name, torch.randn(3, 6, 2, 128), settings)
    left = hidden.partial_frames(frames, whole, "rate", 2)
    torch.testing.assert_close(left.values, frames.values[:, 2:, :1])
    with pytest.raises(ValueError, match="no channel pressure"):
        hidden.partial(whole, "pressure")


def test_a_memory_is_trained_and_judged_on_the_same_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(hidden, "HIDDEN", {"klein_gordon": "rate"})
    shapes = {"one": Shape(history=1, **TINY), "many": Shape(history=hidden.SEEN, memory=2, **TINY)}
    monkeypatch.setattr(hidden, "SHAPES", shapes)
    make_data(("klein_gordon",), tmp_path, counts={"train": 4, "test": 2})
    (tmp_path / "pace.json").write_text(json.dumps({"result": {"milliseconds": {"ours": 1500.0}}}))
    for shape in shapes:
        found = hidden.piece(tmp_path, shape, shape=shape, seed=0, data=tmp_path, minutes=0.1)
        assert found["steps"] == 4
        assert found["vrmse"]["klein_gordon"]["step"] > 0
    assert not list(tmp_path.glob("*.part"))
