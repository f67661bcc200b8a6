"""A trained encoder in one file: its weights, and the card that says what they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from physics.errors import DataError
from physics.surrogate.embedding.encoder import Encoder, Shape
from physics.surrogate.embedding.features import PER_CHANNEL
from physics.surrogate.fields.training import checkpoint

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "encoder.safetensors"
VERSION = 1


def write(path: Path, encoder: Encoder, card: Mapping[str, Any]) -> None:
    """Write an encoder with its card, which gains its shape and a digest of its weights.

    Raises:
        DataError: the file cannot be written there.
    """
    tensors = encoder.state_dict()
    digest = checkpoint.fingerprint({name: value.flatten().tolist() for name, value in tensors.items()})
    told = {"version": VERSION, "kind": "encoder", "features": PER_CHANNEL, "shape": encoder.shape.as_dict()}
    checkpoint.save(path, tensors, {**told, "digest": digest, **card})


@lru_cache(4)
def read(path: Path = SHIPPED) -> tuple[Encoder, dict[str, Any]]:
    """Return the encoder of a file, ready to use, and its card.

    Raises:
        DataError: there is none, or it cannot be used; the sentence says why.
    """
    tensors, card = checkpoint.load(path)
    if card.get("kind") != "encoder" or card.get("version") != VERSION or card.get("features") != PER_CHANNEL:
        raise DataError(f"{path} is no encoder of this version; make it again with 'labwright surrogate encoder'")
    try:
        encoder = Encoder(Shape.from_dict(card["shape"]))
        encoder.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{path} is of another model ({' '.join(str(error).split())[:120]}); make it again") from error
    if not all(bool(part.isfinite().all()) for part in tensors.values()):
        raise DataError(f"{path} holds numbers that are not finite; make it again")
    return encoder.eval().requires_grad_(False), card
