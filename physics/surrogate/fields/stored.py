"""A trained surrogate of fields in one file: its weights, and the card that says what they are.

The card names the model's shape, its regimes with grid, channels and ranges, the data, the seed, the cost and the
errors. A file that is cut off, of something else, or of regimes that the solvers know otherwise today is refused in
one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physics.errors import DataError, ParameterError
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.training import checkpoint
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "fields.safetensors"
VERSION = 1


def write(path: Path, model: Surrogate, card: Mapping[str, Any]) -> None:
    """Write a model with its card, which gains the model's shape and regimes.

    Raises:
        DataError: the file cannot be written there.
    """
    told = {"version": VERSION, "shape": model.shape.as_dict(), "regimes": _regimes(model.regimes), **card}
    checkpoint.save(path, model.state_dict(), told)


def read(path: Path = SHIPPED) -> tuple[Surrogate, dict[str, Any]]:
    """Return the model of a file, ready to predict, and its card.

    Raises:
        DataError: there is none, or it cannot be used; the sentence says why.
    """
    tensors, card = checkpoint.load(path)
    if card.get("version") != VERSION:
        raise DataError(f"{path} has the format {card.get('version')}, this program reads {VERSION}; train it again")
    try:
        regimes = {name: get(name) for name in card["regimes"]}
        shape = Shape.from_dict(card["shape"])
        model = Surrogate(regimes, shape)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError, ParameterError) as error:
        raise DataError(f"{path} is of another model ({' '.join(str(error).split())[:120]}); train it again") from error
    for name, told in _regimes(regimes).items():
        changed = [part for part, value in told.items() if card["regimes"][name].get(part) != value]
        if changed:
            raise DataError(f"{path}: {name} has other {', '.join(changed)} today than it was trained on; train again")
    if not all(bool(part.isfinite().all()) for part in tensors.values()):
        raise DataError(f"{path} holds numbers that are not finite; train it again")
    return model.eval().requires_grad_(False), card


def _regimes(regimes: Mapping[str, Regime]) -> dict[str, dict[str, Any]]:
    """Return what makes each regime another one, as JSON gives it back."""
    return {
        name: {
            "points": list(regime.points),
            "channels": [channel.name for channel in regime.channels],
            "ranges": [[each.name, each.low, each.high] for each in regime.ranges],
            "interval": regime.interval,
        }
        for name, regime in regimes.items()
    }
