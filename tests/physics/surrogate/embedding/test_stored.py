"""An encoder in a file: it comes back as it was, and another file is refused in one line."""

from pathlib import Path

import pytest
import torch

from physics.errors import DataError
from physics.surrogate.embedding import stored
from physics.surrogate.embedding.encoder import Encoder, Shape
from physics.surrogate.fields.training import checkpoint

SMALL = Shape(tokens=16, given=8, layers=1, size=12)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    encoder, path = Encoder(SMALL), tmp_path / "encoder.safetensors"
    stored.write(path, encoder, {"seed": 3})
    found, card = stored.read(path)
    assert card["seed"] == 3
    assert found.shape == SMALL
    assert all(torch.equal(value, found.state_dict()[name]) for name, value in encoder.state_dict().items())


def test_another_encoder_has_another_digest(tmp_path: Path) -> None:
    digests = set()
    for seed in range(2):
        torch.manual_seed(seed)
        stored.write(tmp_path / f"{seed}.safetensors", Encoder(SMALL), {})
        digests.add(stored.read(tmp_path / f"{seed}.safetensors")[1]["digest"])
    assert len(digests) == 2


def test_what_ships_is_small_and_has_a_card() -> None:
    encoder, card = stored.read()
    assert stored.SHIPPED.stat().st_size < 2_000_000
    assert 64 <= encoder.shape.size <= 128
    judged = card["same_set_first"]
    assert len(judged["encoder"]) == len(judged["fixed features"]) == len(card["learned_from"])


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    missing, cut, other = (tmp_path / name for name in ("missing", "cut", "other"))
    cut.write_bytes(stored.SHIPPED.read_bytes()[:5000])
    checkpoint.save(other, {"a": torch.ones(2)}, {"version": 1})
    for path, told in ((missing, "no such file"), (cut, "cut off or damaged"), (other, "no encoder of this version")):
        with pytest.raises(DataError, match=told):
            stored.read(path)
